//go:build linux

package zeropool

import (
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
