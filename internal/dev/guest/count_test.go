//go:build linux

package guest

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// A bough is the params of a task that splits itself in two, or works.
type bough struct {
	pool   *zeropool.Pool
	depth  int
	leaves int // below it, when it has ended
	sum    uint64
	a, b   *bough
}

// grow makes a whole tree, so that the tasks allocate nothing.
func grow(p *zeropool.Pool, depth int) *bough {
	b := &bough{pool: p, depth: depth}
	if depth > 0 {
		b.a, b.b = grow(p, depth-1), grow(p, depth-1)
	}
	return b
}

func (b *bough) work() {
	b.sum = spinOff(500)
	b.leaves = 1
}

// byJoin and bySubmit fork the two halves.
func (b *bough) byJoin() {
	if b.depth == 0 {
		b.work()
		return
	}
	if err := zeropool.Join(b.pool, b.a, (*bough).byJoin, b.b, (*bough).byJoin); err != nil {
		panic(err)
	}
	b.leaves = b.a.leaves + b.b.leaves
}

func (b *bough) bySubmit() {
	if b.depth == 0 {
		b.work()
		return
	}
	f := zeropool.Submit(b.pool, b.b, (*bough).bySubmit)
	b.a.bySubmit()
	if err := f.Wait(); err != nil {
		panic(err)
	}
	b.leaves = b.a.leaves + b.b.leaves
}

// spinOff computes n steps that nobody needs.
func spinOff(n int) uint64 {
	x := uint64(n) + 1
	for range n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

type grain struct {
	runs int
	sum  uint64
}

func (g *grain) run() {
	g.sum = spinOff(500)
	g.runs++
}

func grains(t *testing.T, gs []grain, want int) {
	t.Helper()
	for i := range gs {
		if gs[i].runs != want {
			t.Errorf("task %d of %d ran %d times instead of %d", i, len(gs), gs[i].runs, want)
			return
		}
	}
}

// asleep waits until nothing is queued, running or looked for: every worker parks.
func asleep(p *zeropool.Pool) {
	for {
		s := p.Stats().Total
		if s.Queued+s.Running == 0 && s.Parked-s.Woken == uint64(p.Workers()) {
			return
		}
		runtime.Gosched()
	}
}

const (
	// The dearest way of a task, through an inbox and a group, takes 11 locked
	// instructions, and a Wait that parks a few more.
	perTask = 16
	// What a theft, a barrier, a wake and a sleep cost besides, mutexes included.
	perEvent = 32
)

// What each task costs is counted, with one worker, eight, 64 and as many as
// there are CPUs, for what programs do with a pool. Nothing is timed: the CPUs are
// emulated. What is promised: the locked instructions of a task, and of each
// theft, barrier, wake and sleep, are limited by numbers that do not depend on how
// many CPUs and workers there are.
func TestCounts(t *testing.T) {
	m, c := theMachine(t), theCounter(t)
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the collector's stores are not the pool's
	const depth, burst, bursts, elements, submitters = 11, 256, 4, 4096, 16

	works := []struct {
		name  string
		tasks int
		run   func(p *zeropool.Pool)
	}{
		{"fork by Join", 1<<depth - 1, func(p *zeropool.Pool) {
			root := grow(p, depth)
			c.start()
			root.byJoin()
			c.stop()
			if root.leaves != 1<<depth {
				t.Errorf("a tree of %d leaves instead of %d", root.leaves, 1<<depth)
			}
		}},
		{"fork by Submit", 1<<depth - 1, func(p *zeropool.Pool) {
			root := grow(p, depth)
			c.start()
			root.bySubmit()
			c.stop()
			if root.leaves != 1<<depth {
				t.Errorf("a tree of %d leaves instead of %d", root.leaves, 1<<depth)
			}
		}},
		{"bursts", burst * bursts, func(p *zeropool.Pool) {
			gs, fs := make([]grain, burst), make([]zeropool.Future, burst)
			for round := range bursts {
				asleep(p)
				if round == 0 {
					c.start()
				} else {
					c.resume(false)
				}
				for i := range gs {
					fs[i] = zeropool.Submit(p, &gs[i], (*grain).run)
				}
				for i := range fs {
					if err := fs[i].Wait(); err != nil {
						t.Error(err)
					}
				}
				c.stop()
			}
			grains(t, gs, bursts)
		}},
		{"ForEach", elements, func(p *zeropool.Pool) {
			gs := make([]grain, elements)
			c.start()
			if err := zeropool.ForEach(p, gs, (*grain).run); err != nil {
				t.Error(err)
			}
			c.stop()
			grains(t, gs, 1)
		}},
		{"For", elements, func(p *zeropool.Pool) {
			gs := make([]grain, elements)
			c.start()
			if err := p.For(elements, func(lo, hi int) {
				for i := range gs[lo:hi] {
					gs[lo+i].run()
				}
			}); err != nil {
				t.Error(err)
			}
			c.stop()
			grains(t, gs, 1)
		}},
		{"16 submitters", submitters * 128, func(p *zeropool.Pool) {
			gs := make([]grain, submitters*128)
			var wg sync.WaitGroup
			c.start()
			for mine := range slices.Chunk(gs, 128) {
				wg.Go(func() {
					var fs [32]zeropool.Future
					for some := range slices.Chunk(mine, len(fs)) {
						for i := range some {
							fs[i] = zeropool.Submit(p, &some[i], (*grain).run)
						}
						for i := range some {
							if err := fs[i].Wait(); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			wg.Wait()
			c.stop()
			grains(t, gs, 1)
		}},
	}

	sizes := slices.DeleteFunc([]int{1, 8, 64}, func(n int) bool { return n >= len(m.allowed) })
	sizes = append(sizes, len(m.allowed))
	t.Log("| work | workers | instructions a task | locked a task | lines moved a task | lines shared | thefts | barriers | wakes | parks | system calls |")
	for _, w := range works {
		for _, workers := range sizes {
			p, err := zeropool.New(zeropool.WithPlacement(topology.PerThread), zeropool.WithWorkers(workers), zeropool.WithQueueCapacity(64))
			if err != nil {
				t.Fatal(err)
			}
			w.run(p) // for the first time a function is run by a stand-in, see docs/design.md, proven
			asleep(p)
			before := p.Stats().Total
			w.run(p)
			n, s := c.sum(t), p.Stats().Total
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			per := func(x uint64) string { return fmt.Sprintf("%.2f", float64(x)/float64(w.tasks)) }
			thefts, parks := s.Stolen-before.Stolen, s.Parked-before.Parked
			t.Logf("| %s | %d | %s | %s | %s | %d | %d | %d | %d | %d | %d |", w.name, workers, per(n.pool.instructions), per(n.pool.locked),
				per(n.pool.moved), n.pool.shared, thefts, n.barriers, n.wakes, parks, n.syscalls)
			if limit := perTask*uint64(w.tasks) + perEvent*(thefts+n.barriers+n.wakes+parks); n.pool.locked > limit {
				t.Errorf("%s, %d workers: %d locked instructions for %d tasks, more than %d: %+v", w.name, workers, n.pool.locked, w.tasks, limit, n)
			}
		}
	}
}
