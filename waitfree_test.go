package zeropool

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool/internal/proven"
	"github.com/zeropool-go/zeropool/internal/stack"
)

// wakeUps returns how often runners of p have been woken, or told to look again.
func wakeUps(p *Pool) uint64 {
	s := p.Stats()
	n := uint64(0)
	for _, w := range s.Workers {
		n += w.Woken
	}
	return n
}

// A wait that may give up wakes no worker for nothing: neither for a task that a worker
// runs already, nor when it gives up.
func TestFreeWaitsWakeNobody(t *testing.T) {
	p := newTestPool(t, unpinned(4)...)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	open, cancel := context.WithCancel(t.Context())
	defer cancel()
	free := make(chan struct{})
	begun := make(chan struct{})
	running := p.Go(func() { close(begun); <-free })
	<-begun
	allIdleParked(p, 3)
	before := wakeUps(p)
	for range 50 {
		if running.WaitTimeout(time.Microsecond) != context.DeadlineExceeded || running.WaitContext(ended) != context.Canceled {
			t.Fatal("the task has ended")
		}
	}
	if n := wakeUps(p) - before; n != 0 {
		t.Errorf("%d wake-ups of workers for a task that runs", n)
	}
	close(free)
	if err := running.WaitContext(open); err != nil {
		t.Error(err)
	}
	allIdleParked(p, 4)
	before = wakeUps(p)
	for range 50 {
		if running.WaitTimeout(time.Hour) != nil || running.WaitContext(open) != nil {
			t.Fatal("the task has failed")
		}
	}
	if n := wakeUps(p) - before; n != 0 {
		t.Errorf("%d wake-ups of workers for a task that has ended", n)
	}
}

// A wait that may give up wakes no worker for a task that nobody has begun either: a
// stand-in runs it, and a worker is woken by the submission only, if by anybody.
func TestFreeWaitsLeaveTasksToStandIns(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	open, cancel := context.WithCancel(t.Context())
	defer cancel()
	const rounds = 100
	for what, wait := range map[string]func(f Future) error{
		"WaitContext": func(f Future) error { return f.WaitContext(open) },
		"WaitTimeout": func(f Future) error { return f.WaitTimeout(time.Hour) },
	} {
		allIdleParked(p, 1)
		before := wakeUps(p)
		for range rounds {
			if err := wait(p.Go(func() {})); err != nil {
				t.Fatal(what, err)
			}
		}
		allIdleParked(p, 1)
		if n := wakeUps(p) - before; n > rounds {
			t.Errorf("%s: the worker was woken %d times for %d tasks", what, n, rounds)
		}
		release := hold(t, p)
		defer release()
		before = wakeUps(p)
		for range rounds { // nobody else is there to run it
			if err := wait(p.Go(func() {})); err != nil {
				t.Fatal(what, err)
			}
		}
		if n := wakeUps(p) - before; n != 0 {
			t.Errorf("%s: %d wake-ups of a worker that is in a task", what, n)
		}
		release()
	}
}

// allIdleParked waits until so many workers of p are parked, and nobody looks for work.
func allIdleParked(p *Pool, workers int) {
	for {
		p.roster.mu.Lock()
		n := 0
		for _, r := range p.roster.parked {
			if r.worker != nil {
				n++
			}
		}
		nobody := p.roster.poller.Load() == nil
		p.roster.mu.Unlock()
		if n >= workers && nobody {
			return
		}
		runtime.Gosched()
	}
}

// standInsAtWork returns how many stand-ins of p are not spare ones.
func standInsAtWork(p *Pool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.standIns) - len(p.spares)
}

// standInsParked returns how many stand-ins of p are parked: they have places that nobody
// lends any more, or are about to be woken.
func standInsParked(p *Pool) (n int) {
	p.roster.mu.Lock()
	defer p.roster.mu.Unlock()
	for _, r := range p.roster.parked {
		if r.worker == nil {
			n++
		}
	}
	return n
}

// noStandIns waits until all stand-ins are spare ones: one that is about to end its work
// may still take a task.
func noStandIns(t *testing.T, p *Pool) {
	t.Helper()
	eventually(t, func() bool { return standInsAtWork(p) == 0 },
		func() string { return "a stand-in works though nobody waits" })
}

// A waiter that parks while all workers are in tasks leaves the pool a poller, whatever
// the stand-ins do that were handed a task and are about to end: or a task that is
// submitted afterwards, and that nobody waits for, would never begin.
func TestParkedWaiterLeavesAPoller(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	freeWorker, onWorker := make(chan struct{}), make(chan struct{})
	running := p.Go(func() { close(onWorker); <-freeWorker })
	<-onWorker

	// A stand-in runs a task whose waiter has given up.
	freeHanded, by := make(chan struct{}), make(chan *runner)
	handed := p.Go(func() { by <- p.currentRunner(); <-freeHanded })
	ctx, giveUp := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() { gaveUp <- handed.WaitContext(ctx) }()
	handedTo := <-by
	giveUp()
	if err := <-gaveUp; err != context.Canceled {
		t.Fatal(err)
	}

	// Another goroutine parks.
	ended := make(chan error)
	go func() { ended <- running.Wait() }()
	eventually(t, func() bool { return p.roster.poller.Load() != nil || p.gate.Load()&gateSleeping != 0 },
		func() string { return "a goroutine in a Wait does not lend its place" })

	// The stand-in ends its task and is a spare one again.
	close(freeHanded)
	eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return slices.ContainsFunc(p.spares, func(s *standIn) bool { return &s.runner == handedTo })
	}, func() string { return "the stand-in does not end with the task that it was handed" })

	begun := make(chan struct{})
	p.Go(func() { close(begun) })
	<-begun
	close(freeWorker)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// With a context that cannot end WaitContext is Wait: the waiter runs the task itself,
// which a context that can end forbids.
func TestWaitContextThatCannotEndIsWait(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	type place struct{ id uint64 }
	where := func(w *place) { w.id = stack.GoroutineID() }
	var w place
	for range 2 * proven.Runs { // until where is known to return
		Submit(p, &w, where).Wait()
	}
	noStandIns(t, p)
	release := hold(t, p)
	defer release()
	open, cancel := context.WithCancel(t.Context())
	defer cancel()
	me := stack.GoroutineID()
	for _, c := range []struct {
		ctx  context.Context
		here bool
	}{{context.Background(), true}, {context.WithoutCancel(open), true}, {open, false}} {
		if err := Submit(p, &w, where).WaitContext(c.ctx); err != nil || (w.id == me) != c.here {
			t.Errorf("%v: %v, run by the waiter: %t", c.ctx, err, w.id == me)
		}
	}
}

// Who asks again and again whether a batch has ended gets one stand-in for it, not one for
// each question.
func TestPollingBatchNeedsOneStandIn(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	defer hold(t, p)()
	noStandIns(t, p)
	goesOn := make(chan struct{})
	f := SubmitBatch(p, make([]int, 100), func(*int) { <-goesOn })
	for range 50 {
		if err := f.WaitTimeout(time.Nanosecond); err != context.DeadlineExceeded {
			t.Fatal(err)
		}
	}
	p.roster.mu.Lock()
	n := -p.roster.places.Load() // nobody lends one
	p.roster.mu.Unlock()
	if n != 1 {
		t.Errorf("%d stand-ins are, or will be, at work", n)
	}
	close(goesOn)
	if err := f.Wait(); err != nil {
		t.Error(err)
	}
}

// As many tasks begin as there are workers and goroutines that are blocked in a Wait:
// that many tasks meet, all of them must be there before one of them ends. Should a
// waiter keep its place, they wait for good, which watch ends.
func TestWaitersLendTheirPlaces(t *testing.T) {
	for _, c := range [][2]int{{1, 1}, {1, 2}, {1, 4}, {2, 2}, {2, 4}, {3, 1}, {3, 2}, {3, 4}} {
		workers, waiters := c[0], c[1]
		t.Run(fmt.Sprintf("%d workers, %d waiters", workers, waiters), func(t *testing.T) {
			p := newTestPool(t, unpinned(workers)...)
			for range stressRounds(500) {
				m := newMeeting(workers + waiters)
				fs := make([]Future, m.want)
				for i := range fs {
					fs[i] = p.Go(m.meet)
				}
				var wg sync.WaitGroup
				for i := range waiters {
					wg.Go(func() {
						if err := fs[i].Wait(); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
			}
		})
	}
}
