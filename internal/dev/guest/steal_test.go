//go:build linux

package guest

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
	"golang.org/x/sys/unix"
)

// currentCPU returns the CPU that the caller runs on: always the same one inside
// the tasks of one pinned worker.
func currentCPU() int {
	var cpu uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); errno != 0 {
		panic(errno)
	}
	return int(cpu)
}

// holder is a task that keeps its worker busy until it is released.
type holder struct {
	holding chan int // gets the worker's CPU
	release map[int]chan struct{}
}

func (h *holder) run() {
	cpu := currentCPU()
	h.holding <- cpu
	<-h.release[cpu]
}

// loot is a task that notes when its turn came.
type loot struct {
	queue int // the worker whose queue it was put into
	cpu   int // where it ran
	turn  *atomic.Int32
	order []*loot
	done  *sync.WaitGroup
}

func (l *loot) run() {
	l.cpu = currentCPU()
	l.order[l.turn.Add(1)-1] = l
	l.done.Done()
}

// Every worker but one is busy and every queue is full. The one must empty its
// own queue first, then the others', in the order of their distance; but that it now and
// then begins a search elsewhere, never twice in a row. The queue of the submitter belongs
// to no worker, so its turn may be at any time.
func TestStealsFromNearestFirst(t *testing.T) {
	m := theMachine(t)
	// A submitter wakes workers at once if there is a P to run them.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(len(m.allowed) + 2))
	const capacity = 64
	p, err := zeropool.New(zeropool.WithPlacement(topology.PerThread),
		zeropool.WithWorkers(len(m.allowed)), zeropool.WithQueueCapacity(capacity), zeropool.WithSpin(0), zeropool.WithPinning(zeropool.Hold))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	plan := p.Plan()

	h := &holder{holding: make(chan int), release: map[int]chan struct{}{}}
	for _, a := range plan.Workers {
		h.release[a.CPU] = make(chan struct{})
	}
	defer func() {
		for _, c := range h.release {
			close(c)
		}
	}()
	held := map[int]bool{}
	for range plan.Workers {
		zeropool.Submit(p, h, (*holder).run)
	}
	for range plan.Workers {
		held[<-h.holding] = true
	}
	for _, a := range plan.Workers {
		if !held[a.CPU] {
			t.Fatalf("worker %d should be on CPU %d; held are %v", a.Worker, a.CPU, held)
		}
	}

	thieves, turns := 0, 0
	for i, thief := range plan.Workers {
		if i%max(len(plan.Workers)/8, 1) != 0 {
			continue
		}
		thieves++
		// Having found nothing to steal it begins its next search with the nearest.
		before := p.Stats().Workers[i]
		h.release[thief.CPU] <- struct{}{}
		for n := 0; p.Stats().Workers[i].Parked == before.Parked; n++ {
			if n == 1e6 {
				t.Fatalf("worker %d, planned on CPU %d, has nothing to do and does not park", i, thief.CPU)
			}
			runtime.Gosched()
		}
		zeropool.Submit(p, h, (*holder).run)
		<-h.holding

		var turn atomic.Int32
		var done sync.WaitGroup
		// A queue that many held tasks fill is replaced by another, and then both
		// hold tasks that wait.
		order := make([]*loot, 2*capacity*(len(plan.Workers)+1))
		filled := map[int]bool{}
		queues := p.Stats().Workers
		for n := 0; ; n++ {
			l := &loot{turn: &turn, order: order, done: &done}
			done.Add(1)
			if _, ok := zeropool.TrySubmit(p, l, (*loot).run); !ok {
				done.Done()
				order = order[:n]
				break
			}
			now := p.Stats().Workers
			l.queue = slices.IndexFunc(plan.Workers, func(a topology.Assignment) bool {
				return now[a.Worker].Submitted != queues[a.Worker].Submitted
			})
			queues = now
			filled[l.queue] = true
		}
		for _, a := range plan.Workers {
			if !filled[a.Worker] {
				t.Fatalf("%d tasks leave the queue of worker %d empty", len(order), a.Worker)
			}
		}
		h.release[thief.CPU] <- struct{}{}
		done.Wait()
		zeropool.Submit(p, h, (*holder).run)
		<-h.holding

		distance := func(l *loot) int { return m.distance(thief.CPU, plan.Workers[l.queue].CPU) }
		nearest := make([]int, len(order)) // of the queues that have tasks left
		for n, least := len(order)-1, math.MaxInt; n >= 0; n-- {
			if order[n].queue >= 0 {
				least = min(least, distance(order[n]))
			}
			nearest[n] = least
		}
		elsewhere := false
		for n, l := range order {
			if l.cpu != thief.CPU {
				t.Errorf("worker %d on CPU %d: task %d ran on CPU %d", i, thief.CPU, n, l.cpu)
			}
			if l.queue < 0 {
				continue
			}
			far := distance(l) > nearest[n]
			if far && elsewhere {
				t.Errorf("worker %d on CPU %d: task %d comes from the queue of worker %d, at distance %d, and there were some at distance %d, as for the one before",
					i, thief.CPU, n, l.queue, distance(l), nearest[n])
			}
			if elsewhere = far; far {
				turns++
			}
		}
	}
	t.Logf("%d thieves, %d queues each, from the nearest to the farthest; %d tasks of searches that began elsewhere", thieves, len(plan.Workers), turns)
}
