package bench

import (
	"fmt"
	"sync"
	"time"

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

// forks returns the function that forks at every call that is not a leaf. Like the plain
// calls it reaches the params in the order of the array: otherwise half of what is
// measured is the memory.
func forks(p *zeropool.Pool) func(c *call) {
	var fork func(c *call)
	fork = func(c *call) {
		if c.a == nil {
			c.leaf()
			return
		}
		c.prepare()
		f := zeropool.Submit(p, c.b, fork)
		fork(c.a)
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
	done.Go(func() { spawns(c.b) })
	spawns(c.a)
	done.Wait()
	c.sum = c.a.sum + c.b.sum
}

// A grove is a tree of calls.
type grove struct {
	all []call // the first is the root
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

// fibForks returns the number of forks in the calls that compute the nth number
// of the sequence.
func fibForks(n int) int {
	a, b := 0, 0 // of the one before, of this one
	for i := 2; i <= n; i++ {
		a, b = b, 1+a+b
	}
	return b
}

// balanced makes a tree of calls of that depth, whose leaves compute for some
// turns.
func balanced(depth, turns int) *grove {
	g := &grove{all: make([]call, 0, 2<<depth-1)}
	var grow func(n int) *call
	grow = func(n int) *call {
		c := g.sprout(call{n: int16(n), step: 1})
		if n == 0 {
			c.turns = int32(turns)
			return c
		}
		c.a, c.b = grow(n-1), grow(n-1)
		return c
	}
	grow(depth)
	return g
}

// forking returns the workloads of this file.
func forking() []Workload {
	return []Workload{fib(22), sharedFib(27), forkTree(14), quicksort(2_000_000), nQueens()}
}

// fib forks at every call, with next to nothing to do in each. The goroutine
// that measures is the one that forks.
func fib(n int) Workload {
	forkCount := fibForks(n)
	return Workload{
		Name:    fmt.Sprintf("fib-%d", n),
		Title:   fmt.Sprintf("fib(%d) with a fork and a join at every call, params from an array: time per fork, of %s", n, thousands(forkCount)),
		Tasks:   forkCount,
		Further: true,
		Variants: func(e *Env) []Variant {
			g := fibonacci(n)
			return []Variant{
				{Ours, e.Pool(func(p *zeropool.Pool) Instance { return onGrove(g, forks(p)) })},
				{Calls, plain(onGrove(g, calls))},
				{Goroutines, plain(onGrove(g, spawns))},
			}
		},
	}
}

// sharedFib is large enough for workers to share. Its root is a task, and the
// goroutine that measures does not help: with one worker, one goroutine is at
// work.
func sharedFib(n int) Workload {
	forkCount := fibForks(n)
	return Workload{
		Name:    fmt.Sprintf("fib-%d", n),
		Title:   fmt.Sprintf("fib(%d) with a fork and a join at every call, on workers only: time per fork, of %s", n, thousands(forkCount)),
		Tasks:   forkCount,
		Further: true,
		Heavy:   true,
		Variants: func(e *Env) []Variant {
			g := fibonacci(n)
			return append(byWorkers(e, g), Variant{Calls, plain(onGrove(g, calls))})
		},
	}
}

// ForkTreeLeaf is how long a leaf of the workload fork-tree computes.
const ForkTreeLeaf = 2 * time.Microsecond

// forkTree has leaves that are worth sharing, likewise on workers only.
func forkTree(depth int) Workload {
	leaves := 1 << depth
	return Workload{
		Name:    "fork-tree",
		Title:   fmt.Sprintf("a tree of forks with %s leaves of %d µs, on workers only: time per leaf", thousands(leaves), ForkTreeLeaf.Microseconds()),
		Tasks:   leaves,
		Further: true,
		Heavy:   true,
		Variants: func(e *Env) []Variant {
			g := balanced(depth, TurnsIn(ForkTreeLeaf))
			return append(byWorkers(e, g), Variant{Calls, plain(onGrove(g, calls))}, Variant{Goroutines, plain(onGrove(g, spawns))})
		},
	}
}

// byWorkers makes the variants that compute a tree by a pool, and by a pool with
// one worker: the ratio of the two is the inverse of the speed-up.
func byWorkers(e *Env, g *grove) []Variant {
	instance := func(p *zeropool.Pool) Instance { return onGrove(g, onWorkers(p, forks(p))) }
	variants := []Variant{{Ours, e.Pool(instance)}}
	if e.Workers > 1 {
		one := *e
		one.SetWorkers(1)
		variants = append(variants, Variant{OneWorker, one.Pool(instance)})
	}
	return variants
}

// onWorkers returns the function that has a worker run fn, and waits in a way
// that does not help.
func onWorkers(p *zeropool.Pool, fn func(*call)) func(*call) {
	ended := make(chan struct{}, 1)
	root := func(c *call) {
		defer func() { ended <- struct{}{} }() // the results tell whether it failed
		fn(c)
	}
	return func(c *call) {
		zeropool.Submit(p, c, root)
		<-ended
	}
}
