package place

import (
	"maps"
	"testing"

	"github.com/zeropool-go/zeropool/topology"
)

// The CPUs of a plan are in use from Workers to Release, counted by worker; a request that
// is refused leaves no trace.
func TestInUse(t *testing.T) {
	machine, err := Detect()
	if err != nil {
		t.Skip(err)
	}
	before := InUse()
	var plans []topology.Plan
	for range 3 {
		plan, _, err := Workers(Request{Workers: 2, Placed: true, Machine: machine})
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, plan)
	}
	want := maps.Clone(before)
	for _, plan := range plans {
		for _, cpu := range CPUs(plan) {
			want[cpu]++
		}
	}
	if got := InUse(); !maps.Equal(got, want) {
		t.Errorf("in use: %v, want %v", got, want)
	}
	if _, _, err := Workers(Request{CPUs: []int{1 << 20}}); err == nil {
		t.Error("a CPU that does not exist was given")
	}
	if got := InUse(); !maps.Equal(got, want) {
		t.Errorf("in use after a refusal: %v, want %v", got, want)
	}
	for _, plan := range plans {
		Release(CPUs(plan))
	}
	if got := InUse(); !maps.Equal(got, before) {
		t.Errorf("in use in the end: %v, were %v", got, before)
	}
}

// A plan without CPUs says why, for each worker.
func TestUnpinned(t *testing.T) {
	plan := Unpinned(3, "because")
	if len(plan.Workers) != 3 || len(CPUs(plan)) != 0 {
		t.Fatalf("%+v", plan)
	}
	for i, a := range plan.Workers {
		if a.Worker != i || a.CPU != topology.Unknown || a.Why != "because" {
			t.Errorf("worker %d: %+v", i, a)
		}
	}
	if n := len(Unpinned(0, "").Workers); n < 1 {
		t.Errorf("GOMAXPROCS is %d", n)
	}
}
