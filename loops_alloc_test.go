package zeropool

import (
	"context"
	"runtime"
	"testing"
)

func (c *count) runErr() error        { c.runs.Add(1); return nil }
func (c *count) get() int             { return int(c.runs.Load()) }
func (c *count) getErr() (int, error) { return int(c.runs.Load()), nil }

var staticRangesErr = func(lo, hi int) error { return nil }

func addCount(r int, c *count) int { return r + int(c.runs.Load()) }
func addSlow(r int, c *count) int  { spinFor(20); return addCount(r, c) }
func add(a, b int) int             { return a + b }

// Loops with errors, Map, Reduce, Join, and groups with limits allocate nothing on
// success: not one allocation in 10,000 runs, with all processors.
func TestZeroAllocationsOfTypedLoops(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	p := newTestPool(t, unpinned(2)...)
	cs, out := make([]count, 200), make([]int, 200)
	var a, b count
	g := p.NewGroup()
	g.SetLimit(1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for form, f := range map[string]func(){
		"ForEachErr":                             func() { ForEachErr(context.Background(), p, cs, (*count).runErr) },
		"ForEachErr with a context that can end": func() { ForEachErr(ctx, p, cs, (*count).runErr) },
		"ForErr":                                 func() { p.ForErr(ctx, 1000, staticRangesErr) },
		"Map":                                    func() { Map(p, cs, out, (*count).get) },
		"MapErr":                                 func() { MapErr(ctx, p, cs, out, (*count).getErr) },
		"Reduce":                                 func() { Reduce(p, cs, 0, addCount, add) },
		"shared Reduce":                          func() { Reduce(p, cs, 0, addSlow, add) },
		"Join":                                   func() { Join(p, &a, (*count).run, &b, (*count).run) },
		"Group with a limit": func() {
			for range 5 {
				SubmitErrTo(g, &a, (*count).runErr)
			}
			g.Wait()
		},
		"Group.Cancel": func() { SubmitTo(g, &a, (*count).run); g.Cancel(); g.Wait() },
	} {
		const runs = 10_000
		mallocs := func() float64 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range runs {
				f()
			}
			runtime.ReadMemStats(&after)
			return float64(after.Mallocs - before.Mallocs)
		}
		if form == "Group.Cancel" { // the error is kept
			if n := steady(f, runs, mallocs); n > runs {
				t.Errorf("%s: %v allocations in %d runs", form, n, runs)
			}
			continue
		}
		if n := steady(f, 0, mallocs); n != 0 {
			t.Errorf("%s: %v allocations in %d runs", form, n, runs)
		}
	}
}
