//go:build linux

package zeropool

import (
	"context"
	"math"
	"runtime"
	"strings"
	"sync"
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
// touches what belongs to one, whatever time the bubble's clock shows.
func TestBubbleUsesPoolOutside(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	for i := range 3 {
		now := time.Now()
		synctest.Test(t, func(t *testing.T) {
			if i == 0 {
				time.Sleep(time.Until(now))
			}
			useFromBubble(t, p)
		})
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

// In a bubble a submitter that waits for room does not look at the queues again and again,
// each time a millisecond of the bubble's time later: a day would take minutes.
func TestBubbleSubmitterWaitsForRoom(t *testing.T) {
	watch(t)
	for _, policy := range []WhenFull{Help, Block} {
		synctest.Test(t, func(t *testing.T) {
			p, err := New(unpinned(1, WithQueueCapacity(2), WithWhenFull(policy))...)
			if err != nil {
				t.Fatal(err)
			}
			var ran count
			for range 2 * minSlots {
				p.Go(func() {
					time.Sleep(24 * time.Hour)
					ran.run()
				})
			}
			if err := p.Close(); err != nil || ran.runs.Load() != 2*minSlots {
				t.Errorf("%v: %d of %d tasks ran, %v", policy, ran.runs.Load(), 2*minSlots, err)
			}
		})
	}
}

// A limit that is set while a submitter finds the queues full counts for its task too: one
// of the group that has begun meanwhile is the only one at work. It is in a bubble, so that
// a submitter that waits for room does not look again and again.
func TestLimitOfTaskThatWaitedForRoom(t *testing.T) {
	watch(t)
	for _, policy := range []WhenFull{Help, Block} {
		if policy == Help && !hasIdentity {
			continue // nobody has tasks of his own
		}
		synctest.Test(t, func(t *testing.T) {
			p, err := New(unpinned(2, WithQueueCapacity(minSlots), WithWhenFull(policy))...)
			if err != nil {
				t.Fatal(err)
			}
			for range 10 { // for a lane
				_ = p.Go(func() {}).Wait()
			}
			release := hold(t, p)
			g := p.NewGroup()
			var late count
			// occupy sets a limit of 1, and has one task of the group at work.
			occupy := func() {
				g.SetLimit(1)
				m := g.limit.Load()
				g.add()
				m.list.Push(groupTask{})
				if _, ok := m.next(g, false); !ok {
					t.Error("nothing of the group is at work, and no task of it may begin")
				}
			}
			if policy == Help { // the submitter runs the oldest of its own tasks
				p.Go(occupy)
			}
			fill(p)
			added := make(chan struct{})
			submit := func() {
				SubmitTo(g, &late, (*count).run)
				close(added)
			}
			if policy == Help {
				submit()
			} else {
				go submit()
				synctest.Wait()
				occupy()
			}
			release()
			<-added
			synctest.Wait()
			if late.runs.Load() > 0 {
				t.Errorf("%v: two tasks are at work under a limit of 1", policy)
			}
			m := g.limit.Load()
			m.moving.Add(-1)
			g.endUnbegun(1)
			g.changed()
			if err := g.Wait(); err != nil {
				t.Error(err)
			}
			late.once(t, "the task that waited")
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// waitsForRoom returns when n submitters wait for room.
func waitsForRoom(p *Pool, n uint32) {
	for p.blocked.Load() < n {
		runtime.Gosched()
	}
}

// A submitter in a bubble, whose own lane is full, hears of a slot that becomes free in an
// inbox: it does not look again by itself, neither with a pool of the bubble, whose time
// stands still meanwhile, nor with one outside, for whose tasks the bubble's time does not
// go on.
func TestBubbleSubmitterHearsOfRoom(t *testing.T) {
	watch(t)
	opts := unpinned(2, WithQueueCapacity(minSlots), WithWhenFull(Block))
	// All tasks wait for their submitter, but one: when that ends there is room.
	submit := func(p *Pool, waits func(*int), end *sync.Mutex) {
		Submit(p, nil, waits)
		Submit(p, end, func(end *sync.Mutex) { end.Lock() })
		for p.Stats().Total.Running < 2 {
			runtime.Gosched()
		}
		for ok := true; ok; {
			_, ok = TrySubmit(p, nil, waits)
		}
		Submit(p, nil, waits)
	}
	t.Run("pool of the bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, err := New(opts...)
			if err != nil {
				t.Fatal(err)
			}
			var end sync.Mutex
			end.Lock()
			submitted := make(chan struct{})
			go func() {
				submit(p, func(*int) { <-submitted }, &end)
				close(submitted)
			}()
			asleep(p, "park.(*Waiter).Sleep(")
			end.Unlock()
			<-submitted
			p.Close()
		})
	})
	t.Run("pool outside", func(t *testing.T) {
		p := newTestPool(t, opts...)
		var submitted, end sync.Mutex // of no bubble, unlike a channel
		submitted.Lock()
		end.Lock()
		go func() {
			asleep(p, "park.(*Waiter).sleepBetween(")
			end.Unlock()
		}()
		synctest.Test(t, func(t *testing.T) {
			submit(p, func(*int) { submitted.Lock(); defer submitted.Unlock() }, &end)
			submitted.Unlock()
		})
	})
}

// Room may come from a lane that has been replaced, too: what is left in those counts.
func TestBubbleSubmitterHearsOfReplacedLanes(t *testing.T) {
	watch(t)
	synctest.Test(t, func(t *testing.T) {
		p, err := New(unpinned(1, WithQueueCapacity(minSlots), WithWhenFull(Block))...)
		if err != nil {
			t.Fatal(err)
		}
		gate := make(chan struct{})
		p.Go(func() { <-gate })
		synctest.Wait()
		go func() {
			var ran count
			push := func() Future { return Submit(p, &ran, (*count).run) }
			for range 10 { // for a lane
				push().Cancel()
			}
			for range 2 { // lanes that are replaced with tasks in them
				for i := range minSlots {
					if f := push(); i%4 == 0 {
						f.Cancel()
					}
				}
			}
			for range minSlots { // one that is full of failures
				push().Cancel()
			}
			for range 5 * minSlots {
				push()
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait() // it waits for room
		close(gate)
	})
}

// asleep returns when a submitter waits for room, and a goroutine is in that function, so
// that it does not look for room any more.
func asleep(p *Pool, function string) {
	for buf := make([]byte, 1<<20); p.blocked.Load() == 0 || !strings.Contains(string(buf[:runtime.Stack(buf, true)]), function); {
		runtime.Gosched()
	}
}

// More tasks run than are queued, and wait for what their submitter is to do next: it gets
// room from a bubble too, though no time passes there to make it impatient.
func TestBubbleSubmitterIsImpatient(t *testing.T) {
	watch(t)
	const workers, capacity = 40, 32
	p := newTestPool(t, unpinned(workers, WithQueueCapacity(capacity), WithWhenFull(Block))...)
	synctest.Test(t, func(t *testing.T) {
		var submitted sync.Mutex // of no bubble, unlike a channel
		submitted.Lock()
		waits := func(*int) { submitted.Lock(); defer submitted.Unlock() }
		for i := range workers {
			Submit(p, nil, waits)
			for p.Stats().Total.Running < uint64(i+1) {
				runtime.Gosched()
			}
		}
		for range workers*capacity - 2 { // fewer than may be queued
			Submit(p, nil, waits)
		}
		submitted.Unlock()
	})
}

// A submitter that waited for room, and whose group has got a limit meanwhile, has no use
// for the room that it was told of: others have heard of it too.
func TestBubbleRoomIsNotLost(t *testing.T) {
	watch(t)
	synctest.Test(t, func(t *testing.T) {
		p, err := New(unpinned(2, WithQueueCapacity(2), WithWhenFull(Block))...)
		if err != nil {
			t.Fatal(err)
		}
		submitted := make(chan struct{})
		waits := func() { <-submitted }
		g := p.NewGroup()
		g.Go(waits)
		p.Go(waits)
		for p.Stats().Total.Running < 2 {
			runtime.Gosched()
		}
		var last Future
		for {
			f, ok := TrySubmit(p, &submitted, func(c *chan struct{}) { <-*c })
			if !ok {
				break
			}
			last = f
		}
		go g.Go(func() {})
		waitsForRoom(p, 1)
		go func() {
			p.Go(waits)
			close(submitted)
		}()
		waitsForRoom(p, 2)
		g.SetLimit(1)
		synctest.Wait()
		if err := last.Wait(); err != nil { // a stand-in runs it: room for one
			t.Error(err)
		}
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		p.Close()
	})
}

// A loop in a bubble ends with its context, on a pool outside too, whose goroutines must
// not touch the context's channel.
func TestBubbleLoopContext(t *testing.T) {
	watch(t)
	p := newTestPool(t, unpinned(2)...)
	synctest.Test(t, func(t *testing.T) {
		for range 100 { // on stand-ins, until the function is proven
			var ran atomic.Int32
			if err := ForEachErr(t.Context(), p, make([]int, 3), func(*int) error { ran.Add(1); return nil }); err != nil || ran.Load() != 3 {
				t.Errorf("%v, %d of 3", err, ran.Load())
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var calls atomic.Int64
		go func() {
			for calls.Load() < 1000 {
				runtime.Gosched()
			}
			cancel()
		}()
		err := p.ForErr(ctx, math.MaxInt, func(lo, hi int) error {
			calls.Add(1)
			for i := range hi - lo {
				runtime.KeepAlive(i)
			}
			return nil
		})
		if err != context.Canceled {
			t.Errorf("a loop whose context has ended: %v", err)
		}
	})
}

// A submitter to a Group with a limit does not wait for room any more once the task is
// withdrawn. It is in a bubble, so that it does not look again by itself.
func TestWithdrawnTaskNeedsNoRoom(t *testing.T) {
	watch(t)
	for _, policy := range []WhenFull{Help, Block} {
		synctest.Test(t, func(t *testing.T) {
			p, err := New(unpinned(1, WithQueueCapacity(minCapacity), WithWhenFull(policy))...)
			if err != nil {
				t.Fatal(err)
			}
			release := hold(t, p)
			free := make(chan struct{})
			for ok := true; ok; {
				_, ok = TrySubmit(p, nil, func(*struct{}) { <-free })
			}
			g := p.NewGroup()
			g.SetLimit(1)
			added := make(chan struct{})
			go func() {
				g.Go(func() {})
				close(added)
			}()
			synctest.Wait()
			if n := g.Cancel(); n != 1 {
				t.Errorf("%d tasks were withdrawn", n)
			}
			<-added
			close(free)
			release()
			if err := g.Wait(); err != ErrCanceled {
				t.Error(err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
