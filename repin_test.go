//go:build linux

package zeropool

import (
	"runtime"
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/topology"
)

// A worker that could not be pinned again, after a task had ended its thread, is
// not shown as pinned.
func TestPlanTellsOfWorkersNotPinnedAgain(t *testing.T) {
	p, err := New(WithWorkers(1), WithPlacement(topology.PerCore))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Plan().Workers[0].CPU == topology.Unknown {
		t.Skip("workers are not pinned here")
	}
	p.workers[0].thread.fail()
	plan := p.Plan()
	if a := plan.Workers[0]; a.CPU != topology.Unknown || a.Core != topology.Unknown || !strings.Contains(a.Why, "lost") {
		t.Errorf("the plan says %+v", a)
	}
	if len(plan.Warnings) == 0 {
		t.Error("no warning")
	}
}

// A worker whose new thread could not be bound to its CPU, after a task had ended
// the old one, does not give up: its next thread is bound again.
func TestWorkerIsPinnedAgain(t *testing.T) {
	p, err := New(WithWorkers(1), WithPlacement(topology.PerCore), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	cpu := p.Plan().Workers[0].CPU
	if cpu == topology.Unknown {
		t.Skip("workers are not pinned here")
	}
	const nowhere = 1 << 16 // no machine has this CPU
	w := p.workers[0]
	// replaceThread ends the worker's thread with a task that changes the CPU that
	// the worker wants from one to another, and returns when the next is in place.
	replaceThread := func(from, to int) {
		f := p.Go(func() {
			if w.cpu == from {
				w.cpu = to
			}
			runtime.Goexit()
		})
		for !f.Done() { // Wait might take the task away from the worker
			runtime.Gosched()
		}
		for g := p.Go(func() {}); !g.Done(); {
			runtime.Gosched()
		}
	}
	replaceThread(cpu, nowhere)
	if got := p.Plan().Workers[0].CPU; got != topology.Unknown {
		t.Fatalf("the plan says CPU %d", got)
	}
	replaceThread(nowhere, cpu)
	if got := p.Plan().Workers[0].CPU; got != cpu {
		t.Errorf("the plan says CPU %d, not %d", got, cpu)
	}
}
