package zeropool

import (
	"context"
	"runtime"
	"testing"
	"time"
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

// noStandIns waits until no stand-in has a place that a Wait lent: one that is about to
// give it back may still take a task.
func noStandIns(t *testing.T, p *Pool) {
	t.Helper()
	eventually(t, func() bool {
		p.roster.mu.Lock()
		defer p.roster.mu.Unlock()
		return p.roster.used.Load() == 0
	}, func() string { return "a stand-in keeps a place that nobody lends" })
}

// With a context that cannot end WaitContext is Wait: the waiter runs the task itself,
// which a context that can end forbids.
func TestWaitContextThatCannotEndIsWait(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	type place struct{ id uint64 }
	where := func(w *place) { w.id = goroutineID() }
	var w place
	for range 2 * provenRuns { // until where is known to return
		Submit(p, &w, where).Wait()
	}
	noStandIns(t, p)
	release := hold(t, p)
	defer release()
	open, cancel := context.WithCancel(t.Context())
	defer cancel()
	me := goroutineID()
	for _, c := range []struct {
		ctx  context.Context
		here bool
	}{{context.Background(), true}, {context.WithoutCancel(open), true}, {open, false}} {
		if err := Submit(p, &w, where).WaitContext(c.ctx); err != nil || (w.id == me) != c.here {
			t.Errorf("%v: %v, run by the waiter: %t", c.ctx, err, w.id == me)
		}
	}
}
