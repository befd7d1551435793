package bench

import (
	"reflect"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// TestFreshStores protects what the row first-burst says: that no pool has seen
// the function. Two functions with the same code would be one to a pool.
func TestFreshStores(t *testing.T) {
	seen := map[uintptr]bool{reflect.ValueOf(store).Pointer(): true}
	all := freshStores()
	for i, f := range all {
		code := reflect.ValueOf(f).Pointer()
		if seen[code] {
			t.Fatalf("function %d has the code of another", i)
		}
		seen[code] = true
		var c cell
		if f(&c); c.value != answer {
			t.Errorf("function %d does something else", i)
		}
	}
	if len(all) != freshCount {
		t.Errorf("%d functions, want %d", len(all), freshCount)
	}
}

// TestFreshEnough protects the same in a run: all rounds and the checks around
// them need a function each.
func TestFreshEnough(t *testing.T) {
	e, err := NewEnv(zeropool.WithWorkers(1), zeropool.WithPlacement(topology.Unpinned))
	if err != nil {
		t.Fatal(err)
	}
	w := firstBurst(10)
	starts := 0
	w.Variants = func(*Env) []Variant {
		cells := make([]cell, w.Tasks)
		return []Variant{{Ours, plain(freshly(cells, func() (func(func(*cell)), func()) {
			starts++
			return func(fn func(*cell)) { serialLoop(cells, fn) }, func() {}
		}))}}
	}
	set := tiny
	set.Rounds, set.Budget = 10*freshRounds, time.Hour
	r, err := Measure(w, e, set, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The warm-up runs until warmUps tasks are done, which are few in each burst
	// here and 1,000 in the benchmark.
	warm := (warmUps + w.Tasks - 1) / w.Tasks
	if starts -= warm - warmUps/1000; starts > freshCount || r.Ours().Count != freshRounds {
		t.Errorf("%d functions were needed of %d, in %d rounds", starts, freshCount, r.Ours().Count)
	}
}

// TestBefore checks that each Op of a prepared workload has its own Before and
// After, within the turn, and that a turn has as many as the workload says.
func TestBefore(t *testing.T) {
	e, err := NewEnv(zeropool.WithWorkers(1), zeropool.WithPlacement(topology.Unpinned))
	if err != nil {
		t.Fatal(err)
	}
	ops, befores, afters, awake := 0, 0, 0, false
	w := Workload{Name: "prepared", Tasks: warmUps, Samples: 3, Variants: func(*Env) []Variant {
		return []Variant{{Ours, func() (Instance, error) {
			return Instance{
				Before: func() {
					if befores++; !awake || befores != afters+1 {
						t.Errorf("awake %v, Before number %d after %d Afters", awake, befores, afters)
					}
				},
				Op: func() {
					if ops++; befores != ops || afters != ops-1 {
						t.Errorf("Op number %d after %d Befores and %d Afters", ops, befores, afters)
					}
				},
				After: func() { afters++ },
				Wake:  func() { awake = true },
				Rest:  func() { awake = false },
				Stop:  func() {},
			}, nil
		}}}
	}}
	if _, err := Measure(w, e, tiny, nil); err != nil {
		t.Fatal(err)
	}
	// One to check, one to warm up, the rounds, and one to count allocations.
	if want := 1 + 1 + tiny.Rounds*w.Samples + 1; ops != want || afters != ops {
		t.Errorf("%d Ops and %d Afters, want %d", ops, afters, want)
	}
}
