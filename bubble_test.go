//go:build linux

package zeropool

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// useFromBubble uses a pool in every way that can block; what blocks is a task that
// sleeps, or one that nobody has begun.
func useFromBubble(t *testing.T, p *Pool) {
	// A task that lasts: its waiter parks. Nothing counts on how long.
	pause := func() { time.Sleep(time.Millisecond) }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 10 {
		g := p.NewGroup()
		g.Go(pause)
		running := p.Go(pause)
		for !running.Done() && p.Stats().Total.Running == 0 {
		}
		for i, err := range []error{
			running.Wait(),
			g.Wait(),
			p.Go(pause).Wait(),
			p.Go(pause).WaitContext(ctx),
			p.Go(pause).WaitTimeout(time.Hour),
			SubmitBatch(p, make([]int, 3), func(*int) { pause() }).Wait(),
			ForEach(p, make([]int, 3), func(*int) { pause() }),
		} {
			if err != nil {
				t.Errorf("wait %d: %v", i, err)
			}
		}
		for range 8 { // a lane of its own
			p.Go(func() {})
		}
		<-p.Go(pause).DoneChan()
	}
}

// A pool of the process may be used inside a bubble of testing/synctest, before,
// during and after others use it: nothing of a bubble is kept, nobody outside
// touches what belongs to one.
func TestBubbleUsesPoolOutside(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	for range 3 {
		synctest.Test(t, func(t *testing.T) { useFromBubble(t, p) })
		useFromBubble(t, p)
	}
}

// Workers outside of the bubble may end the context of a group of the bubble, and wait
// for its end: its channel is of no bubble, where one of the bubble would take the
// process down.
func TestBubbleGroupContext(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	synctest.Test(t, func(t *testing.T) {
		for range 5 {
			g, ctx := p.NewGroupContext(t.Context())
			ctx.Done() // would make its channel, of the bubble
			var begun atomic.Int32
			g.GoErr(func() error { begun.Add(1); <-ctx.Done(); return ctx.Err() })
			g.GoErr(func() error { begun.Add(1); return failedAt(3) })
			for begun.Load() < 2 { // workers run them
				runtime.Gosched()
			}
			<-ctx.Done()
			if err := g.Wait(); err != failedAt(3) || context.Cause(ctx) != err {
				t.Errorf("%v, cause %v", err, context.Cause(ctx))
			}
		}
	})
}

// Default may be called first in a bubble: the pool belongs to the process.
func TestBubbleStartsDefault(t *testing.T) {
	if !asChild(t) { // in this process, another test may have started it
		return
	}
	synctest.Test(t, func(t *testing.T) {
		if err := Default().Go(func() {}).Wait(); err != nil {
			t.Error(err)
		}
	})
	useFromBubble(t, Default())
	synctest.Test(t, func(t *testing.T) { useFromBubble(t, Default()) })
}

// A pool that is made, used and closed in a bubble works; while it is idle, its
// workers are durably blocked, so that the bubble's clock goes on. It is the first
// pool of its process once.
func TestBubbleOwnsPool(t *testing.T) {
	if !asChild(t) {
		return
	}
	for name, opts := range map[string][]Option{
		"default": nil, "unpinned": unpinned(2), "hold": {WithPinning(Hold)}, "no spin": {WithSpin(0)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, err := New(opts...)
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				time.Sleep(time.Hour)
				useFromBubble(t, p)
				synctest.Wait()
				if err := p.Go(func() { time.Sleep(time.Hour) }).WaitTimeout(time.Minute); err != context.DeadlineExceeded {
					t.Errorf("after a minute of an hour: %v", err)
				}
				if d := time.Since(begin); d < time.Hour+time.Minute {
					t.Errorf("the bubble's clock says %v", d)
				}
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A poller that saw work while it spun, and did not get it, sleeps all the same: the
// clock of a bubble waits for it. Without assembly the pool's clock is below 0 there.
func TestBubblePollerSleepsAfterFalseAlarm(t *testing.T) {
	watch(t)
	synctest.Test(t, func(t *testing.T) {
		p, err := New(unpinned(1)...)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the worker sleeps
		r := &runner{pool: p}
		r.parker.Init(false, true)
		ro := &p.roster
		ro.poller.Store(r)
		p.gate.And(^uint64(gateSleeping))
		p.board.count.Add(1)
		r.poll()
		p.board.count.Add(-1)
		go r.poll()
		synctest.Wait()
		if n := len(ro.parked); n != 2 || ro.parked[1] != r {
			t.Fatalf("%d of 2 runners sleep", n)
		}
		ro.mu.Lock()
		ro.parked = ro.parked[:1]
		ro.mu.Unlock()
		r.parker.Wake()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}
