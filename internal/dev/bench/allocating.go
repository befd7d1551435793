package bench

import (
	"fmt"

	"github.com/zeropool-go/zeropool"
)

// What an allocating task allocates: about as much as a thumbnail of a picture
// does, or the syntax tree of a file.
const (
	blockBytes   = 512 << 10
	smallObjects = 7000
)

// object is a small object, which the collector has to follow.
type object struct {
	next  *object
	value byte
}

// allocate is the task: everything it allocates is garbage at its end.
var allocate = func(c *cell) {
	block := make([]byte, blockBytes)
	var list *object
	for i := range smallObjects {
		block[i*(blockBytes/smallObjects)] = 1
		list = &object{list, byte(i)}
	}
	sum := 0
	for i := 0; list != nil; i, list = i+1, list.next {
		sum += int(block[i*(blockBytes/smallObjects)])
	}
	if sum == smallObjects {
		c.value = answer
	}
}

// allocating is tasks that keep the collector at work all the time.
func allocating(n int) Workload {
	return Workload{
		Name:   "allocating",
		Title:  fmt.Sprintf("%d tasks submitted one by one, each allocates half a megabyte and %s small objects", n, thousands(smallObjects)),
		Tasks:  n,
		Rounds: fewRounds,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, n)
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				futures := make([]zeropool.Future, n)
				return onCells(cells, func() { submitAll(p, cells, futures, allocate) })
			})}
			return append([]Variant{ours}, others(e, func(r *Runner[cell]) Instance {
				return onCells(cells, func() { r.Each(cells, allocate) })
			}, e.Peers.Cells, channelPeer[cell](), goroutinePeer[cell](), serialPeer[cell]())...)
		},
	}
}
