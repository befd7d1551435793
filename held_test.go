package zeropool

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// visit is a task that tells when it has begun and ends when it is let go.
type visit struct {
	begun, free chan struct{}
	end         func()
	ended       atomic.Bool
}

func (v *visit) run() {
	close(v.begun)
	<-v.free
	v.ended.Store(true)
	if v.end != nil {
		v.end()
	}
}

// heldBySomebody starts a task that its waiter runs: the workers of p are
// occupied until release is called. It returns when the task has begun.
func heldBySomebody(t *testing.T, p *Pool, end func()) (v *visit, f Future, waited chan error, release func()) {
	t.Helper()
	release = hold(t, p)
	v = &visit{begun: make(chan struct{}), free: make(chan struct{}), end: end}
	run := (*visit).run
	observe(funcOf(run).code, provenRuns)
	f = Submit(p, v, run)
	waited = make(chan error, 1)
	go func() {
		err := ErrGoexit // unless Wait returns
		defer func() { waited <- err }()
		err = f.Wait()
	}()
	<-v.begun
	if p.workers[0].ring.allFree() {
		t.Fatal("the waiter does not hold a slot")
	}
	return v, f, waited, release
}

func heldPool(t *testing.T, opts ...Option) *Pool {
	t.Helper()
	p, err := New(append([]Option{WithWorkers(1), WithQueueCapacity(2)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// A slot whose task its waiter runs is room: it does not make the queue full.
func TestHeldSlotIsRoom(t *testing.T) {
	for _, policy := range []WhenFull{Help, Block, Reject} {
		t.Run(policy.String(), func(t *testing.T) {
			p := heldPool(t, WithWhenFull(policy))
			v, f, waited, release := heldBySomebody(t, p, nil)
			var cs [3]count
			var fs [2]Future
			for i := range fs {
				var ok bool
				if fs[i], ok = TrySubmit(p, &cs[i], (*count).run); !ok {
					t.Fatalf("task %d refused: capacity 2, nothing queued but %d", i, i)
				}
			}
			if _, ok := TrySubmit(p, &cs[2], (*count).run); ok {
				t.Fatal("three tasks in a queue of two")
			}
			if f.Done() {
				t.Error("the task is done while it runs")
			}
			if s := p.Stats().Total; s.Running != 2 || s.Queued != 2 || s.Submitted != 4 {
				t.Errorf("%+v", s)
			}
			release()
			for i, f := range fs {
				if err := f.Wait(); err != nil {
					t.Error(err)
				}
				cs[i].once(t, "task")
			}
			close(v.free)
			if err := <-waited; err != nil || !f.Done() {
				t.Error(err, f.Done())
			}
			if s := atRest(t, p).Total; s.Submitted != 4 || s.Completed != 4 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A submitter that waits for room gets the slot as soon as its task has begun.
func TestHeldSlotEndsBlocking(t *testing.T) {
	p := heldPool(t, WithWhenFull(Block))
	release := hold(t, p)
	run := (*visit).run
	observe(funcOf(run).code, provenRuns)
	vs := [2]*visit{}
	fs := [2]Future{}
	for i := range vs {
		vs[i] = &visit{begun: make(chan struct{}), free: make(chan struct{})}
		fs[i] = Submit(p, vs[i], run)
	}
	var c count
	blocked := make(chan Future)
	go func() { blocked <- Submit(p, &c, (*count).run) }()
	for p.blocked.Load() == 0 {
		runtime.Gosched()
	}
	waited := make(chan error, 1)
	go func() { waited <- fs[0].Wait() }() // the oldest: room is made in order
	f := <-blocked                         // though neither task has ended
	release()
	close(vs[1].free)
	if err := f.Wait(); err != nil {
		t.Error(err)
	}
	c.once(t, "the blocked task")
	close(vs[0].free)
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

// However a task that its waiter runs ends, and whether or not its slot has been
// taken over meanwhile, its Future says so and the slot serves on.
func TestHeldTaskFails(t *testing.T) {
	cause := errors.New("cause")
	for _, c := range []struct {
		name string
		end  func()
		want error
	}{
		{"panic", func() { panic(cause) }, cause},
		{"Goexit", runtime.Goexit, ErrGoexit},
	} {
		for _, displaced := range []bool{false, true} {
			name := c.name
			if displaced {
				name += ", displaced"
			}
			t.Run(name, func(t *testing.T) {
				p := heldPool(t, WithPanicHandler(func(*PanicError) {}))
				defer func() { // for the tests that follow
					trials.Lock()
					defer trials.Unlock()
					delete(trials.exited, funcOf((*visit).run).code)
				}()
				v, f, waited, release := heldBySomebody(t, p, c.end)
				var cs [8]count
				if displaced {
					for i := range 2 {
						if _, ok := TrySubmit(p, &cs[i], (*count).run); !ok {
							t.Fatal("refused")
						}
					}
				}
				close(v.free)
				if err := <-waited; !errors.Is(err, c.want) {
					t.Errorf("Wait: %v, want %v", err, c.want)
				}
				if err := f.Wait(); !errors.Is(err, c.want) {
					t.Errorf("second Wait: %v, want %v", err, c.want)
				}
				release()
				for i := range cs {
					if displaced && i < 2 {
						continue
					}
					if err := Submit(p, &cs[i], (*count).run).Wait(); err != nil {
						t.Error(err)
					}
				}
				p.Close()
				for i := range cs {
					cs[i].once(t, "task")
				}
				if err := f.Wait(); !errors.Is(err, c.want) {
					t.Errorf("Wait after other uses: %v, want %v", err, c.want)
				}
				if s := p.Stats().Total; s.Submitted != 10 || s.Completed != 9 || s.Panicked != 1 || s.Running != 0 || s.Queued != 0 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// Close returns only when the tasks that waiters run have ended, displaced or
// not.
func TestCloseWaitsForHeldTasks(t *testing.T) {
	for _, displaced := range []bool{false, true} {
		p := heldPool(t)
		v, _, waited, release := heldBySomebody(t, p, nil)
		var cs [2]count
		if displaced {
			for i := range cs {
				Submit(p, &cs[i], (*count).run)
			}
		}
		release()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := p.Shutdown(ctx); err != context.Canceled {
			t.Errorf("displaced %v: Shutdown while a waiter runs a task: %v", displaced, err)
		}
		closed := make(chan bool)
		go func() {
			p.Close()
			closed <- v.ended.Load()
		}()
		for live := 1; live > 0; runtime.Gosched() { // the workers end without it
			p.mu.Lock()
			live = p.live
			if live == 0 && p.ended() {
				t.Errorf("displaced %v: the pool has ended before the task while a waiter runs a task", displaced)
			}
			p.mu.Unlock()
		}
		close(v.free)
		if !<-closed {
			t.Errorf("displaced %v: Close returned before the task had ended", displaced)
		}
		if err := <-waited; err != nil {
			t.Error(err)
		}
	}
}

// Another goroutine that waits for a task which its first waiter runs is woken.
func TestSecondWaiterOfHeldTask(t *testing.T) {
	p := heldPool(t)
	v, f, waited, release := heldBySomebody(t, p, nil)
	defer release()
	second := make(chan error)
	go func() { second <- f.WaitContext(t.Context()) }()
	for p.gate.Load() < gateWaiter {
		runtime.Gosched()
	}
	close(v.free)
	for _, c := range []chan error{waited, second} {
		if err := <-c; err != nil {
			t.Error(err)
		}
	}
}

// Waits nested deeper than the queue is long displace one another.
func TestHeldDeeply(t *testing.T) {
	p := heldPool(t)
	defer hold(t, p)()
	type level struct {
		left int
		sum  *int
	}
	var descend func(l *level)
	descend = func(l *level) {
		*l.sum++
		if l.left > 0 {
			if err := Submit(p, &level{l.left - 1, l.sum}, descend).Wait(); err != nil {
				t.Error(err)
			}
		}
	}
	observe(funcOf(descend).code, provenRuns)
	sum := 0
	if err := Submit(p, &level{1000, &sum}, descend).Wait(); err != nil || sum != 1001 {
		t.Error(err, sum)
	}
	if p.displaced.Load() != 0 {
		t.Errorf("%d waiters displaced", p.displaced.Load())
	}
}

// Between its two CASes a submitter owns a position whose slot is still held for
// an earlier one: that position is about to be published, not gone.
func TestPositionBehindHeldSlot(t *testing.T) {
	for _, start := range []uint64{0, 6, ^uint64(0) - 7} {
		q := &newTestRing(2, start).ring
		fill := func(pos uint64) {
			q.slot(pos).task.fn = funcOf(nothing)
			publish(q, pos, 1)
		}
		var out task
		pos, _ := claim(q, 2)
		fill(pos)
		fill(pos + 1)
		if !q.takeAt(pos, &out) {
			t.Fatal("not there")
		}
		q.slot(pos).seq.Store(heldBy(pos))
		if got := q.look(pos); got != gone {
			t.Errorf("held position looks %v", got)
		}
		if _, got := claim(q, 1); got != 0 {
			t.Error("claimed a held slot as if it were free")
		}
		next := pos + 2
		if !q.tail.CompareAndSwap(next, next+1) {
			t.Fatal("tail")
		}
		if got := q.look(next); got != blank {
			t.Errorf("position behind a held slot looks %v", got)
		}
		if at, got, _ := q.dequeue(q.head.Load(), &out, 1); at != pos+1 || got != 1 {
			t.Errorf("dequeued %d at %d", got, at)
		}
		if at, got, st := q.dequeue(next, &out, 1); at != next || got != 0 || st != pending {
			t.Errorf("dequeue: %d at %d, status %v, want pending", got, at, st)
		}
		if !q.hasWork() || q.queued() != 1 || q.oldest() != next {
			t.Errorf("hasWork %v, queued %d, oldest %d", q.hasWork(), q.queued(), q.oldest())
		}
		q.slot(next).seq.Store(next)
		fill(next)
		if at, got, _ := q.dequeue(next, &out, 1); at != next || got != 1 {
			t.Errorf("dequeued %d at %d", got, at)
		}
		// A slot held for a later lap: the earlier position is long gone.
		q.slot(next).seq.Store(heldBy(next))
		if got := q.look(pos); got != gone {
			t.Errorf("a lap behind the held position looks %v", got)
		}
	}
}

// Waiters and the submitters that displace them, on slots that are always in the
// way.
func TestHeldSlotsUnderBlock(t *testing.T) {
	p := newTestPool(t, append(unpinned(1), WithQueueCapacity(2), WithWhenFull(Block))...)
	defer hold(t, p)()
	observe(funcOf((*count).run).code, provenRuns)
	rounds := 20_000 * stressFactor()
	if testing.Short() {
		rounds /= 4
	}
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			var c count
			for range rounds {
				if err := Submit(p, &c, (*count).run).Wait(); err != nil {
					t.Error(err)
				}
			}
			if got := c.runs.Load(); got != int32(rounds) {
				t.Errorf("%d of %d tasks run", got, rounds)
			}
		})
	}
	all.Wait()
}

// A slot that was held at the first look and is free at the second is room.
func TestRoomBetweenTwoLooks(t *testing.T) {
	p := heldPool(t, WithWhenFull(Block))
	v, _, waited, release := heldBySomebody(t, p, nil)
	defer release()
	var c count
	Submit(p, &c, (*count).run) // the slot at tail is now the held one
	q := &p.workers[0].ring
	if _, got := claim(q, 1); got != 0 {
		t.Fatal("claimed")
	}
	close(v.free)
	<-waited
	pos, ok := p.claimHeld(q)
	if !ok {
		t.Fatal("no room although the slot at tail was held, then free")
	}
	q.slot(pos).task.fn = funcOf(nothing)
	publish(q, pos, 1)
}

// A task that its waiter runs may close another pool that has work.
func TestCloseOfAnotherPoolInsideHeldTask(t *testing.T) {
	outer := heldPool(t)
	defer hold(t, outer)()
	var c count
	task := func(c *count) {
		inner, err := New(unpinned(1)...)
		if err != nil {
			t.Error(err)
			return
		}
		for range 1000 {
			Submit(inner, c, (*count).run)
		}
		if err := inner.Close(); err != nil || c.runs.Load() != 1000 {
			t.Errorf("Close: %v; %d of 1000 run", err, c.runs.Load())
		}
	}
	observe(funcOf(task).code, provenRuns)
	if err := Submit(outer, &c, task).Wait(); err != nil {
		t.Error(err)
	}
}

// Close of its own pool inside such a task says so.
func TestCloseInsideHeldTask(t *testing.T) {
	p := heldPool(t)
	release := hold(t, p)
	defer release()
	var c count
	task := func(*count) {
		if err := p.Close(); err != errOwnTask {
			t.Errorf("Close: %v", err)
		}
	}
	observe(funcOf(task).code, provenRuns)
	if err := Submit(p, &c, task).Wait(); err != nil {
		t.Error(err)
	}
}

// A task that has been taken and not begun is not completed for Stats.
func TestStatsBeforeHolding(t *testing.T) {
	p := heldPool(t, quiet)
	release := hold(t, p)
	f := Submit(p, &count{}, (*count).run)
	var tk task
	q, pos := f.take(&tk)
	n := q.heldRuns(pos)
	store(n, n.Load()+1) // runHeld, as far as the first of holdSlot's stores
	if s := p.Stats().Total; s.Completed != 0 {
		t.Errorf("%+v", s)
	}
	q.slot(pos).seq.Store(heldBy(pos)) // the second
	p.unwoundHeld(q, pos, &tk, "panic")
	release()
	p.Close()
	if s := p.Stats().Total; s.Submitted != s.Completed+s.Panicked+s.Canceled {
		t.Errorf("at rest: %+v", s)
	}
}
