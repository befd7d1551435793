package zeropool

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/proven"
	"github.com/zeropool-go/zeropool/topology"
)

// TestNoWakeUpIsLost submits single tasks, which nobody waits for through a
// Future, at every moment of a worker's falling asleep. A lost wake-up leaves a
// task behind, and the test hangs.
func TestNoWakeUpIsLost(t *testing.T) {
	// More than workers and submitter, so that no wake is put off.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	for _, workers := range []int{1, 2} {
		for _, pinned := range []bool{false, true} {
			for _, spin := range []time.Duration{0, time.Microsecond} {
				t.Run(fmt.Sprintf("workers=%d/pinned=%v/spin=%v", workers, pinned, spin), func(t *testing.T) {
					opts := []Option{WithWorkers(workers), WithSpin(spin)}
					if !pinned {
						opts = unpinned(workers, WithSpin(spin))
					}
					p := newTestPool(t, opts...)
					allAsleep(t, p)
					p.times.poll = 0 // who finds nothing falls asleep at once
					rng := rand.New(rand.NewPCG(6, uint64(workers)))
					var c count
					for i := range int32(stressRounds(5000)) {
						Submit(p, &c, (*count).run)
						for turns := 1; c.runs.Load() == i; turns++ {
							cpu.SpinTurn()
							if turns%4096 == 0 {
								runtime.Gosched()
							}
						}
						busy(rng.IntN(1 << rng.IntN(9)))
					}
				})
			}
		}
	}
}

// TestNoWaiterIsForgotten ends tasks at every moment of their waiter's falling
// asleep. A forgotten waiter hangs.
func TestNoWaiterIsForgotten(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	p := newTestPool(t, unpinned(1)...)
	type long struct {
		turns int
		begun atomic.Bool
	}
	rng := rand.New(rand.NewPCG(7, 0))
	for range stressRounds(4000) {
		l := &long{turns: rng.IntN(1 << rng.IntN(17))} // well beyond the turns for which the waiter watches
		f := Submit(p, l, func(l *long) {
			l.begun.Store(true)
			busy(l.turns)
		})
		for turns := 1; !l.begun.Load(); turns++ { // or the waiter would run it
			cpu.SpinTurn()
			if turns%4096 == 0 {
				runtime.Gosched()
			}
		}
		if err := f.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWokenRunBeforeThePollerNaps protects whom a task has woken by other means than a
// Future: the worker that has run it lets them run before it looks for more in a spin, and
// naps. With one P they would wait for both.
func TestWokenRunBeforeThePollerNaps(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	p := newTestPool(t, unpinned(1)...)
	allAsleep(t, p)
	p.times.late = math.MaxInt64  // where the system lets a yield take long, pollers do not yield
	p.times.yield = math.MaxInt64 // nor do runners after the last task of a queue
	const rounds = 100
	ended, late := make(chan struct{}), 0
	for range rounds {
		p.Go(func() { ended <- struct{}{} })
		<-ended
		if p.gate.Load()&gateSleeping != 0 { // it naps
			late++
		}
	}
	if late > rounds/2 { // the system may take the CPU away in between
		t.Errorf("in %d of %d rounds the worker napped before whom its task has woken", late, rounds)
	}
}

// TestOnlySubmittersAreInTheWay protects the second worker of a burst: that it runs on the
// CPU of some submitter of long ago is no reason to nap, if a runner has woken it.
func TestOnlySubmittersAreInTheWay(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	allAsleep(t, p)
	waker := make(chan int64)
	p.Go(func() { waker <- p.roster.waker.Load() })
	if cpu := <-waker; cpu != -1 {
		t.Errorf("a runner wakes another one, which takes the submitter on CPU %d for who has woken it", cpu)
	}
}

// A burst of a function that has never run costs its submitter one hand-over: the
// stand-in runs as many of the burst as it takes until the submitter may run the rest.
func TestNewFunctionIsHandedOverOnce(t *testing.T) {
	if !hasIdentity {
		t.Skip("nobody owns a lane")
	}
	p := newTestPool(t, unpinned(1)...)
	release := hold(t, p)
	defer release()
	const n = 500
	var cs [n]count
	var fs [n]Future
	for i := range cs {
		fs[i] = Submit(p, &cs[i], func(c *count) { c.runs.Add(1) })
	}
	if err := fs[0].Wait(); err != nil {
		t.Fatal(err)
	}
	code := fs[n-1].lane().slot(fs[n-1].key).fn.code
	eventually(t, func() bool { return proven.Is(code) }, func() string { return "nobody runs more of the function" })
	for i, f := range fs {
		if err := f.Wait(); err != nil || cs[i].runs.Load() != 1 {
			t.Fatalf("task %d: %v, ran %d times", i, err, cs[i].runs.Load())
		}
	}
	own := uint64(0)
	for _, l := range *p.lanes.Load() {
		if !l.inbox {
			own += l.completed.load()
		}
	}
	if own < n-proven.Runs-pushesForLane {
		t.Errorf("the submitter has run %d of %d", own, n)
	}
}

// A yield that takes longer than it can where a P is free says that the Ps are saturated:
// then nobody yields for a while.
func TestLateYield(t *testing.T) {
	p := new(Pool)
	p.times.late = math.MaxInt64
	if p.letRun(); p.roster.isSaturated(cpu.Ticks()) {
		t.Error("a yield that takes no longer than it may counts as saturated Ps")
	}
	p.times.late = -1
	if p.letRun(); p.roster.saturated.Load() == 0 {
		t.Error("a yield that takes long counts as saturated Ps never")
	}
	const till = math.MaxInt64 - 1
	p.roster.saturated.Store(till)
	if p.letRun(); p.roster.saturated.Load() != till {
		t.Error("somebody yields while the Ps are saturated")
	}
}

// Where the Ps are saturated, a poller that naps comes late, and one that is woken does not.
func TestSaturatedPollerParks(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	allAsleep(t, p)
	p.times.poll = cpu.TicksOf(time.Hour) // it would nap for as long
	p.roster.saturated.Store(math.MaxInt64)
	for range 10 {
		if err := p.Go(func() {}).Wait(); err != nil {
			t.Error(err)
		}
	}
	allAsleep(t, p)
}

// asleepTwo makes two runners that are no goroutines the only ones that sleep in p, whose
// workers are held, and says that the Ps are saturated.
func asleepTwo(t *testing.T, p *Pool) {
	t.Helper()
	release := hold(t, p)
	ro := &p.roster
	ro.mu.Lock()
	for range 2 {
		r := &runner{pool: p}
		r.parker.Init(false, false)
		r.parker.Announce()
		ro.parked = append(ro.parked, r)
	}
	ro.poller.Store(nil)
	p.gate.Or(gateSleeping)
	ro.mu.Unlock()
	ro.saturated.Store(math.MaxInt64)
	t.Cleanup(func() {
		ro.mu.Lock()
		ro.parked = nil
		ro.poller.Store(nil)
		p.gate.And(^uint64(gateSleeping))
		ro.mu.Unlock()
		release()
	})
}

// asleepNow returns how many runners are parked, and what the next submission finds.
func asleepNow(p *Pool) (parked int, poller, sleeping bool) {
	ro := &p.roster
	ro.mu.Lock()
	defer ro.mu.Unlock()
	return len(ro.parked), ro.poller.Load() != nil, p.gate.Load()&gateSleeping != 0
}

// Where the Ps are saturated, who has been woken may have to wait for its turn: each
// submission wakes another runner, as long as there are any.
func TestSaturatedSubmittersWakeOneEach(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	asleepTwo(t, p)
	for i, left := range []int{1, 0} {
		p.Go(func() {})
		if parked, poller, sleeping := asleepNow(p); parked != left || poller != (left == 0) || sleeping == poller {
			t.Errorf("submission %d leaves %d runners parked, a poller: %v, the pool asleep: %v", i+1, parked, poller, sleeping)
		}
	}
}

// A runner that is no poller, and there is none, wakes another one if there is more work
// than it takes: who has submitted a batch looks at the gate only once.
func TestSaturatedRunnerWakesAnother(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	asleepTwo(t, p)
	r := &runner{pool: p}
	r.found()
	if parked, _, _ := asleepNow(p); parked != 2 {
		t.Errorf("%d runners are parked: one has been woken for nothing", parked)
	}
	p.gate.And(^uint64(gateSleeping))
	p.Go(func() {})
	p.gate.Or(gateSleeping)
	r.found()
	if parked, _, sleeping := asleepNow(p); parked != 1 || !sleeping {
		t.Errorf("%d runners are parked, the pool asleep: %v, and there is more work", parked, sleeping)
	}
}

// Nor is the wake of a stand-in lost that is one too many by then: it has another one woken.
func TestSaturatedStandInHandsOn(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	asleepTwo(t, p)
	r := &runner{pool: p}
	r.lease.cpu.Store(topology.Unknown)
	for _, work := range []bool{false, true} {
		if work {
			p.gate.And(^uint64(gateSleeping))
			p.Go(func() {})
			p.gate.Or(gateSleeping)
		}
		p.roster.mu.Lock()
		p.roster.places.Store(-1)
		p.roster.mu.Unlock()
		if again := r.idle(); again {
			t.Error("a stand-in that is one too many goes on")
		}
		if _, poller, _ := asleepNow(p); poller != work {
			t.Errorf("there is a poller: %v, there is work: %v", poller, work)
		}
	}
}
