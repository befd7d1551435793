package zeropool

import (
	"context"
	"runtime"
	"testing"

	"github.com/zeropool-go/zeropool/topology"
)

// A function that has exited once is never trusted again: waiters leave it to
// other goroutines for ever.
type untrusted struct{ exit bool }

func (u *untrusted) run() {
	if u.exit {
		runtime.Goexit()
	}
}

var staticRanges = func(lo, hi int) {}

func spinABit(c *count) {
	for range 20_000 {
		c.runs.Load()
	}
}

// allocForms are the ways to submit and wait, none of which allocates.
func allocForms(p *Pool) map[string]func() {
	var c count
	var u untrusted
	batch, huge := make([]count, 200), make([]count, 20_000)
	heavy := make([]count, 50)
	us := make([]untrusted, 200)
	g := p.NewGroup()
	ctx := context.Background()
	return map[string]func(){
		"Submit+Wait":        func() { Submit(p, &c, (*count).run).Wait() },
		"Submit+WaitContext": func() { Submit(p, &c, (*count).run).WaitContext(ctx) },
		"Submit 100, then Wait": func() {
			var fs [100]Future
			for i := range fs {
				fs[i] = Submit(p, &c, (*count).run)
			}
			for i := range fs {
				fs[i].Wait()
			}
		},
		"TrySubmit+Wait": func() {
			if f, ok := TrySubmit(p, &c, (*count).run); ok {
				f.Wait()
			}
		},
		"untrusted Submit+Wait":       func() { Submit(p, &u, (*untrusted).run).Wait() },
		"SubmitBatch+Wait":            func() { SubmitBatch(p, batch, (*count).run).Wait() },
		"SubmitBatch+WaitContext":     func() { SubmitBatch(p, batch, (*count).run).WaitContext(ctx) },
		"long SubmitBatch+Wait":       func() { SubmitBatch(p, huge, (*count).run).Wait() },
		"untrusted SubmitBatch+Wait":  func() { SubmitBatch(p, us, (*untrusted).run).Wait() },
		"two SubmitBatch+Wait":        func() { f := SubmitBatch(p, batch, (*count).run); SubmitBatch(p, huge, (*count).run).Wait(); f.Wait() },
		"SubmitMixed+Wait":            func() { p.SubmitMixed([]Task{Bind(&c, (*count).run), Bind(&c, (*count).run)}).Wait() },
		"SubmitTo+Group.Wait":         func() { SubmitTo(g, &c, (*count).run); SubmitTo(g, &c, (*count).run); g.Wait() },
		"untrusted Group":             func() { SubmitTo(g, &u, (*untrusted).run); SubmitTo(g, &u, (*untrusted).run); g.Wait() },
		"ForEach":                     func() { ForEach(p, batch, (*count).run) },
		"heavy ForEach":               func() { ForEach(p, heavy, spinABit) },
		"untrusted ForEach":           func() { ForEach(p, us, (*untrusted).run) },
		"For":                         func() { p.For(1_000_000, staticRanges) },
		"Done, Progress, WaitTimeout": func() { f := Submit(p, &c, (*count).run); f.Done(); f.Progress(); f.WaitTimeout(-1); f.Wait() },
	}
}

// steady measures until the result is good enough: how often records, waiters
// and stand-ins are made before there are enough of them depends on how many
// happened to be in use at a time, but it ends.
func steady(f func(), good float64, measure func() float64) float64 {
	n := measure()
	for try := 0; try < 100 && n > good; try++ {
		for range 100 {
			f()
		}
		n = measure()
	}
	return n
}

func TestZeroAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, opts := range map[string][]Option{
		"pinned":       nil,
		"unpinned":     unpinned(2),
		"one worker":   unpinned(1),
		"small queues": unpinned(2, WithQueueCapacity(2)),
		"block":        {WithPlacement(topology.PerThread), WithWhenFull(Block)},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTestPool(t, opts...)
			p.Go((&untrusted{true}).run).Wait()
			Submit(p, &untrusted{true}, (*untrusted).run).Wait()
			for form, f := range allocForms(p) {
				if n := steady(f, 0, func() float64 { return testing.AllocsPerRun(100, f) }); n != 0 {
					t.Errorf("%s: %v allocations", form, n)
				}
				// The same with all processors; a stray one of the runtime's own
				// does not count.
				const runs = 500
				n := steady(f, runs/10, func() float64 {
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					for range runs {
						f()
					}
					runtime.ReadMemStats(&after)
					return float64(after.Mallocs - before.Mallocs)
				})
				if n > runs/10 {
					t.Errorf("%s: %v allocations in %d runs with all processors", form, n, runs)
				}
			}
		})
	}
}

// New functions, not yet trusted, cost no allocation either.
func TestZeroAllocationsOfNewFunctions(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	p := newTestPool(t, unpinned(1)...)
	var u untrusted
	for range 100 { // stand-ins and agents are made
		Submit(p, &u, func(*untrusted) {}).Wait()
	}
	if n := testing.AllocsPerRun(20, func() { Submit(p, &u, func(*untrusted) {}).Wait() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
