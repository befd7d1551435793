package bench

import (
	"fmt"
	"slices"
	"sync"

	"github.com/zeropool-go/zeropool"
)

// A counted is a cell whose task counts itself as done: nobody waits for its Future.
type counted struct {
	cell *cell
	done *sync.WaitGroup
}

var storeCounted = func(c *counted) {
	store(c.cell)
	c.done.Done()
}

// rounds is what one does who waits for a few tasks at a time by other means than theirs.
func rounds(n, each int) Workload {
	return Workload{
		Name:  fmt.Sprintf("rounds-%d", each),
		Title: fmt.Sprintf("%s tiny tasks, %d submitted and waited for by a WaitGroup at a time", thousands(n), each),
		Tasks: n,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, n)
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				var done sync.WaitGroup
				tasks := make([]counted, n)
				for i := range tasks {
					tasks[i] = counted{&cells[i], &done}
				}
				return onCells(cells, func() {
					for lo := 0; lo < n; lo += each {
						done.Add(each)
						for i := range each {
							zeropool.Submit(p, &tasks[lo+i], storeCounted)
						}
						done.Wait()
					}
				})
			})}
			return append([]Variant{ours}, others(e, func(r *Runner[cell]) Instance {
				return onCells(cells, func() {
					for lo := 0; lo < n; lo += each {
						r.Each(cells[lo:lo+each], store)
					}
				})
			}, e.Peers.Cells, channelPeer[cell](), goroutinePeer[cell](), serialPeer[cell]())...)
		},
	}
}

// heavyRounds is what a program does whose steps are a few long tasks each: a worker is
// needed at once each time, on another CPU than that of the goroutine that waits.
func heavyRounds(n, each, µs int) Workload {
	return Workload{
		Name:   fmt.Sprintf("heavy-rounds-%d", each),
		Title:  fmt.Sprintf("%s equal tasks of %s µs, %d in one batch at a time", thousands(n), thousands(µs), each),
		Tasks:  n,
		Rounds: fewRounds,
		Heavy:  true,
		Variants: func(e *Env) []Variant {
			tasks := spins(n, µs, µs)
			on := func(op func(some []spin)) Instance {
				all := func() {
					for some := range slices.Chunk(tasks, each) {
						op(some)
					}
				}
				return Instance{Op: all, Verify: verifySpins(tasks, all)}
			}
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				return on(func(some []spin) { must(zeropool.SubmitBatch(p, some, compute).Wait()) })
			})}
			return append([]Variant{ours}, others(e, func(r *Runner[spin]) Instance {
				return on(func(some []spin) { r.DoAll(some, compute) })
			}, e.Peers.Spins, channelPeer[spin](), goroutinePeer[spin](), serialPeer[spin]())...)
		},
	}
}
