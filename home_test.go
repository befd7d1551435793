package zeropool

import (
	"testing"

	"github.com/zeropool-go/zeropool/topology"
)

// A CPU without a worker of its own has a home as near as there is one.
func TestHomes(t *testing.T) {
	machine := &topology.Topology{}
	cpu := func(id, core, l3, node int) {
		machine.CPUs = append(machine.CPUs, topology.CPU{ID: id, Core: core, L3: l3, Node: node})
	}
	cpu(0, 0, 0, 0)
	cpu(1, 0, 0, 0)                                                 // sibling of 0
	cpu(2, 1, 0, 0)                                                 // same L3
	cpu(3, 2, 1, 0)                                                 // same node only
	cpu(4, 3, 2, 1)                                                 // worker 1
	cpu(5, 4, 2, 1)                                                 // its L3
	cpu(6, topology.Unknown, topology.Unknown, topology.Unknown)    // nothing known
	cpu(4097, topology.Unknown, topology.Unknown, topology.Unknown) // beyond what the register tells
	p := &Pool{workers: []*worker{{index: 0, cpu: 0}, {index: 1, cpu: 4}}}
	if !hasCPUNumber {
		t.Skip("this CPU or build does not tell its number")
	}
	p.setHomes(machine)
	for id, want := range []int{0, 0, 0, 0, 1, 1} {
		if got := p.homes[id].index; got != want {
			t.Errorf("CPU %d: worker %d, want %d", id, got, want)
		}
	}
	for id, w := range p.homes {
		if w == nil {
			t.Errorf("CPU %d has no home", id)
		}
	}
	p.setHomes(nil)
	if w := p.home(); w == nil {
		t.Error("no home on an unknown machine")
	}
}
