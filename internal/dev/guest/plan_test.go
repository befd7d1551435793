//go:build linux

package guest

import (
	"runtime"
	"slices"
	"testing"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// planned starts a pool and returns the CPUs of its workers, all of which must
// be pinned, each to an allowed CPU of its own.
func planned(t *testing.T, m *machine, placement topology.Placement, workers int) []int {
	t.Helper()
	p, err := zeropool.New(zeropool.WithPlacement(placement), zeropool.WithWorkers(workers))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var cpus []int
	for _, a := range p.Plan().Workers {
		if !slices.Contains(m.allowed, a.CPU) {
			t.Fatalf("%v: worker %d on CPU %d (-1 = not pinned: %s), allowed are %v", placement, a.Worker, a.CPU, a.Why, m.allowed)
		}
		if slices.Contains(cpus, a.CPU) {
			t.Fatalf("%v: two workers on CPU %d", placement, a.CPU)
		}
		cpus = append(cpus, a.CPU)
	}
	return cpus
}

// The plans fit the machine. That workers run where the plan says is checked by
// the tests of the pool, which ci/vm runs as well.
func TestPlan(t *testing.T) {
	m := theMachine(t)
	cores := count(m.allowed, m.coreOf)
	nodes := count(m.allowed, m.nodeOf)

	limit := runtime.GOMAXPROCS(0)
	for placement, places := range map[topology.Placement]int{
		topology.PerCore: cores, topology.Compact: cores, topology.Scatter: cores, topology.PerThread: len(m.allowed),
	} {
		cpus := planned(t, m, placement, 0)
		if want := min(m.workers(places), limit); len(cpus) != want {
			t.Errorf("%v: %d workers, should be %d (GOMAXPROCS is %d)", placement, len(cpus), want, limit)
		}
		if used := count(cpus, m.coreOf); used != min(len(cpus), cores) {
			t.Errorf("%v: %d workers on %d cores: CPUs %v", placement, len(cpus), used, cpus)
		}
	}

	// One worker more for each core than there are cores.
	if cpus := planned(t, m, topology.PerCore, len(m.allowed)); len(cpus) != len(m.allowed) || count(cpus[:cores], m.coreOf) != cores {
		t.Errorf("%d workers: CPUs %v", len(m.allowed), cpus)
	}
	for _, placement := range []topology.Placement{topology.PerCore, topology.Scatter} {
		if cpus := planned(t, m, placement, nodes); count(cpus, m.nodeOf) != nodes {
			t.Errorf("%v: %d workers are not spread over %d nodes: CPUs %v", placement, nodes, nodes, cpus)
		}
		if m.l3 != "none" {
			domains := count(m.allowed, m.l3Of)
			if cpus := planned(t, m, placement, domains); count(cpus, m.l3Of) != domains {
				t.Errorf("%v: %d workers are not spread over %d L3 domains: CPUs %v", placement, domains, domains, cpus)
			}
		}
	}
	// As many as fit into the fullest node stay in one.
	fits := 0
	for node := range max(len(m.nodes), 1) {
		fits = max(fits, count(keep(m.allowed, func(cpu int) bool { return m.nodeOf(cpu) == node }), m.coreOf))
	}
	if cpus := planned(t, m, topology.Compact, fits); count(cpus, m.nodeOf) != 1 {
		t.Errorf("compact: %d workers on several nodes: CPUs %v", fits, cpus)
	}
}
