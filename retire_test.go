package zeropool

import (
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/zeropool-go/zeropool/topology"
)

// Workers that have retired come back for what nobody else runs, and Close waits
// for them to have run it.
func TestRetiredWorkersComeBack(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	for name, opts := range map[string][]Option{
		"unpinned": unpinned(2, WithQueueCapacity(64)),
		"pinned":   {WithWorkers(1), WithQueueCapacity(64)},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTestPool(t, opts...)
			p.later.tiny = math.MaxInt64 // whatever they take, tasks are tiny
			retired := false
			submitted := int32(0)
			var c count
			for rounds := 0; !retired; rounds++ {
				if rounds == 10_000 {
					t.Fatal("no worker has retired")
				}
				for range 1000 {
					Submit(p, &c, (*count).run)
				}
				submitted += 1000
				for c.runs.Load() != submitted { // nobody waits for them: workers must come
					retired = retired || p.later.retired.Load() != 0
					runtime.Gosched()
				}
			}
			for range 1000 {
				Submit(p, &c, (*count).run)
			}
			p.Close()
			if got := c.runs.Load(); got != submitted+1000 {
				t.Errorf("%d of %d tasks run", got, submitted+1000)
			}
			if s := p.Stats().Total; s.Submitted != s.Completed {
				t.Errorf("%+v", s)
			}
		})
	}
}

// The timer wakes a retired worker when the work does not go on without it, and
// forgets that anybody has retired when there is none.
func TestTimerAfterRetiring(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	defer hold(t, p)()
	p.later.retired.Store(1)
	if !p.putsOff() {
		t.Error("a wake is not put off while workers are retired")
	}
	p.wakeNow()
	if p.later.retired.Load() != 0 {
		t.Error("retired without work")
	}
}

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

// The timer may be armed again, and fire, while it still looks around.
func TestTimerFiresTwiceAtOnce(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			for range 1000 {
				p.wakeNow()
			}
		})
	}
	for range 1000 {
		Submit(p, nil, nothing)
	}
	both.Wait()
}
