package bench

import (
	"fmt"
	"sync"

	"github.com/zeropool-go/zeropool"
)

// The workloads of this file fork: a function submits a part of its work, does
// the rest itself, and waits for that part. There is no channel among their
// baselines: with every worker in a wait, nobody would serve it.

// A call is the params of one call of a function that forks. Its tree of calls
// is in one array, in the order in which plain calls reach it.
type call struct {
	sum   uint64
	n     int16 // which each call writes for those that it makes
	step  int16 // by how much less a gets; b gets one less
	turns int32 // how long a leaf computes
	a, b  *call // nil in a leaf
}

// leaf does the work of a call that makes no others.
func (c *call) leaf() {
	x := uint64(c.n)
	for range c.turns {
		x = x*spinFactor + spinTerm
	}
	c.sum = x
}

// prepare writes the params of the calls that c makes.
func (c *call) prepare() {
	c.a.n, c.b.n = c.n-c.step, c.n-1
}

// calls is the function without forks.
func calls(c *call) {
	if c.a == nil {
		c.leaf()
		return
	}
	c.prepare()
	calls(c.a)
	calls(c.b)
	c.sum = c.a.sum + c.b.sum
}

// forks returns the function that forks at every call that is not a leaf.
func forks(p *zeropool.Pool) func(c *call) {
	var fork func(c *call)
	fork = func(c *call) {
		if c.a == nil {
			c.leaf()
			return
		}
		c.prepare()
		f := zeropool.Submit(p, c.a, fork)
		fork(c.b)
		must(f.Wait())
		c.sum = c.a.sum + c.b.sum
	}
	return fork
}

// spawns is the function that starts a goroutine at every call that is not a
// leaf.
func spawns(c *call) {
	if c.a == nil {
		c.leaf()
		return
	}
	c.prepare()
	var done sync.WaitGroup
	done.Go(func() { spawns(c.a) })
	spawns(c.b)
	done.Wait()
	c.sum = c.a.sum + c.b.sum
}

// A grove is a tree of calls.
type grove struct {
	all   []call // the first is the root
	forks int
}

// sprout adds a call. The array has room for all: it never moves.
func (g *grove) sprout(c call) *call {
	g.all = append(g.all, c)
	return &g.all[len(g.all)-1]
}

// fibonacci makes the calls that compute the nth number of the sequence.
func fibonacci(n int) *grove {
	size := make([]int, max(n+1, 2))
	size[0], size[1] = 1, 1
	for i := 2; i <= n; i++ {
		size[i] = 1 + size[i-1] + size[i-2]
	}
	g := &grove{all: make([]call, 0, size[n])}
	var grow func(n int) *call
	grow = func(n int) *call {
		c := g.sprout(call{n: int16(n), step: 2})
		if n < 2 {
			return c
		}
		c.a, c.b = grow(n-2), grow(n-1)
		g.forks++
		return c
	}
	grow(n)
	return g
}

// onGrove makes the instance that computes the tree by fn.
func onGrove(g *grove, fn func(root *call)) Instance {
	op := func() { fn(&g.all[0]) }
	return Instance{Op: op, Verify: func() error {
		calls(&g.all[0])
		want := make([]uint64, len(g.all))
		for i := range g.all {
			want[i], g.all[i].sum = g.all[i].sum, ^uint64(0)
			if i > 0 {
				g.all[i].n = -1
			}
		}
		op()
		for i := range g.all {
			if g.all[i].sum != want[i] {
				return fmt.Errorf("call %d of %d has a wrong result", i, len(g.all))
			}
		}
		return nil
	}}
}

// forking returns the workloads of this file.
func forking() []Workload { return []Workload{fib(22)} }

// fib forks at every call, with next to nothing to do in each. The goroutine
// that measures is the one that forks.
func fib(n int) Workload {
	g := fibonacci(n)
	return Workload{
		Name:    fmt.Sprintf("fib-%d", n),
		Title:   fmt.Sprintf("fib(%d) with a fork and a join at every call, params from an array: time per fork, of %s", n, thousands(g.forks)),
		Tasks:   g.forks,
		Further: true,
		Variants: func(e *Env) []Variant {
			return []Variant{
				{Ours, e.Pool(func(p *zeropool.Pool) Instance { return onGrove(g, forks(p)) })},
				{Calls, plain(onGrove(g, calls))},
				{Goroutines, plain(onGrove(g, spawns))},
			}
		},
	}
}
