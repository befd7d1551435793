package zeropool

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/proven"
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
