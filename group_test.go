package zeropool

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zeropool-go/zeropool/internal/proven"
)

// Tasks add tasks to their own group while several goroutines wait for it, and
// others add to it from outside.
func TestGroupGrows(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		for range 20 {
			g := p.NewGroup()
			var runs atomic.Int64
			var grow func(depth int)
			grow = func(depth int) {
				runs.Add(1)
				if depth > 0 {
					g.Go(func() { grow(depth - 1) })
					g.Go(func() { grow(depth - 1) })
				}
			}
			g.Go(func() { grow(7) })
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					for range 50 {
						g.Go(func() { runs.Add(1) })
					}
					if err := g.Wait(); err != nil {
						t.Error(err)
					}
				})
			}
			if err := g.WaitContext(t.Context()); err != nil {
				t.Error(err)
			}
			wg.Wait()
			if err := g.Wait(); err != nil || runs.Load() != 255+150 {
				t.Fatalf("%v, %d runs", err, runs.Load())
			}
		}
	})
}

// Groups in tasks of groups, each waited for inside its task.
func TestGroupInTask(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		var leaves atomic.Int64
		var descend func(depth int) error
		descend = func(depth int) error {
			if depth == 0 {
				leaves.Add(1)
				return nil
			}
			g := p.NewGroup()
			var inner [3]error
			for i := range inner {
				g.Go(func() { inner[i] = descend(depth - 1) })
			}
			return errors.Join(append(inner[:], g.Wait())...)
		}
		if err := descend(5); err != nil || leaves.Load() != 243 {
			t.Errorf("%v, %d leaves", err, leaves.Load())
		}
	})
}

// A panic or Goexit in one task of a group is what Wait tells, to all who ask
// before the next use, and the other tasks run all the same; the next use
// begins without error.
func TestGroupErrors(t *testing.T) {
	boom := errors.New("boom")
	eachPool(t, func(t *testing.T, p *Pool) {
		g := p.NewGroup()
		var runs atomic.Int32
		for i := range 100 {
			g.Go(func() {
				runs.Add(1)
				if i == 50 {
					panic(boom)
				}
			})
		}
		err := g.Wait()
		var pe *PanicError
		if !errors.As(err, &pe) || !errors.Is(err, boom) || runs.Load() != 100 {
			t.Fatalf("%v, %d of 100 tasks ran", err, runs.Load())
		}
		for range 3 {
			if again := g.Wait(); again != err {
				t.Errorf("Wait again: %v", again)
			}
			if again := g.WaitContext(t.Context()); again != err {
				t.Errorf("WaitContext again: %v", again)
			}
		}
		// The next use starts clean.
		g.Go(func() {})
		if err := g.Wait(); err != nil {
			t.Errorf("reused: %v", err)
		}
		g.Go(runtime.Goexit)
		g.Go(func() { runs.Add(1) })
		if err := g.Wait(); err != ErrGoexit || runs.Load() != 101 {
			t.Errorf("Goexit: %v, %d tasks ran", err, runs.Load())
		}
		var x int
		SubmitTo(g, &x, func(x *int) { *x = 1 })
		if err := g.Wait(); err != nil || x != 1 {
			t.Errorf("reused: %v, %d", err, x)
		}
	})
}

// WaitContext leaves a group when its context is canceled, and the group's
// tasks and the next Wait are not disturbed.
func TestGroupWaitContextLeaves(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	g := p.NewGroup()
	free := make(chan struct{})
	started := make(chan struct{})
	g.Go(func() { close(started); <-free })
	<-started
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if err := g.WaitContext(ctx); err != context.Canceled {
			t.Errorf("%v", err)
		}
	}
	close(free)
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// A group of a closed pool says so, and stays usable.
func TestGroupAfterClose(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	g := p.NewGroup()
	g.Go(func() {})
	p.Close()
	if err := g.Wait(); err != nil {
		t.Errorf("tasks added before Close: %v", err)
	}
	var c count
	for range 3 {
		SubmitTo(g, &c, (*count).run)
		g.Go(c.run)
		if err := g.Wait(); err != ErrClosed {
			t.Errorf("tasks added after Close: %v", err)
		}
	}
	if c.runs.Load() != 0 {
		t.Error("a task ran after Close")
	}
}

// A group in which each task adds the next one before it ends is never complete
// on the way.
func TestGroupEndsLast(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	p := newTestPool(t, unpinned(1)...)
	g := p.NewGroup()
	left := stressRounds(200000)
	var over atomic.Bool
	var step func(*int)
	step = func(n *int) {
		if *n--; *n == 0 {
			over.Store(true)
			return
		}
		SubmitTo(g, n, step)
	}
	SubmitTo(g, &left, step)
	for !g.ended() {
	}
	if !over.Load() {
		t.Error("the group seemed complete between two tasks")
	}
	if err := g.Wait(); err != nil || !over.Load() {
		t.Errorf("%v, over: %v", err, over.Load())
	}
}

// Waiting for a group inside one of its own tasks could never end: it is an error at
// once, in the task itself and in a task that runs underneath it on the same
// goroutine, whoever runs them.
func TestGroupWaitsForItself(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		g, other := p.NewGroup(), p.NewGroup()
		for range 2 {
			var err, ctxErr error
			g.Go(func() { err, ctxErr = g.Wait(), g.WaitContext(t.Context()) })
			if werr := g.Wait(); werr != nil || err != ErrOwnGroup || ctxErr != ErrOwnGroup {
				t.Errorf("inside the task: %v, %v; outside: %v", err, ctxErr, werr)
			}
			// Other groups may be waited for.
			g.Go(func() { other.Go(func() {}); err = other.Wait() })
			if werr := g.Wait(); werr != nil || err != nil {
				t.Errorf("another group: %v, %v", err, werr)
			}
		}
	})
}

// The panic handler is called before the task has ended: it would wait for ever too.
func TestGroupWaitsForItselfInHandler(t *testing.T) {
	var g *Group
	var err error
	p := newTestPool(t, unpinned(1, WithPanicHandler(func(*PanicError) { err = g.Wait() }))...)
	g = p.NewGroup()
	g.Go(func() { panic("boom") })
	var pe *PanicError
	if werr := g.Wait(); !errors.As(werr, &pe) || err != ErrOwnGroup {
		t.Errorf("in the handler: %v; outside: %v", err, werr)
	}
	if g.Go(func() { err = nil }); g.Wait() != nil || err != nil { // nobody is inside a task of g any more
		t.Errorf("afterwards: %v", err)
	}
}

// The task underneath runs on the same goroutine because its function is known to
// return, and it belongs to no group.
func TestGroupWaitsForItselfUnderneath(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	g := p.NewGroup()
	type waiter struct {
		g   *Group
		err error
	}
	wait := func(w *waiter) {
		if w.g != nil {
			w.err = w.g.Wait()
		}
	}
	for range 2 * proven.Runs {
		if err := Submit(p, &waiter{}, wait).WaitContext(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w := waiter{g: g}
	ended := make(chan struct{})
	g.Go(func() {
		defer close(ended)
		Submit(p, &w, wait).Wait()
	})
	<-ended // no place is lent meanwhile, so nobody else runs the task inside
	if err := g.Wait(); err != nil || w.err != ErrOwnGroup {
		t.Errorf("underneath: %v; outside: %v", w.err, err)
	}
}

// A task of a group whose goroutine gets a new lane while it runs, because failed tasks
// fill the old one, is inside the group still: Wait there would never return.
func TestOwnGroupAfterNewLane(t *testing.T) {
	p := newTestPool(t, unpinned(1, WithQueueCapacity(minSlots))...)
	fail := func() {
		for range 3 * minSlots {
			_ = p.GoErr(func() error { return failedAt(0) }).Wait()
		}
	}
	fail()
	g := p.NewGroup()
	var own error
	call := func(f *func()) { (*f)() }
	none := func() {}
	for range 3 * minSlots { // until call is known to return, so that Wait calls it here
		SubmitTo(g, &none, call)
		_ = g.Wait()
	}
	task := func() {
		fail()
		own = g.Wait()
	}
	SubmitTo(g, &task, call)
	if err := g.Wait(); err != nil || own != ErrOwnGroup {
		t.Errorf("inside: %v; outside: %v", own, err)
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// A goroutine that runs tasks of its Group is inside of it also when its lane has been taken
// over meanwhile: Wait there would not return otherwise.
func TestOwnGroupWhileLaneIsWanted(t *testing.T) {
	needBarrier(t)
	p := newTestPool(t, unpinned(1, WithQueueCapacity(minSlots))...)
	g := p.NewGroup()
	call := func(f *func()) { (*f)() }
	fail := func(*struct{}) error { return failedAt(0) }
	none := func() {}
	for range 3 * minSlots { // until they are known to return, so that Wait calls them here
		SubmitTo(g, &none, call)
		_ = g.Wait()
		_ = SubmitErr(p, nil, fail).Wait()
	}
	var own error
	failures := 0
	task := func() {
		for range failures {
			_ = SubmitErr(p, nil, fail).Wait()
		}
		p.mu.Lock()
		for range 3 { // the first look only notes what the owner has done
			p.takeOverAt = -1 << 62
			p.takeOver()
		}
		p.mu.Unlock()
		own = g.Wait()
	}
	for _, failures = range []int{0, 3 * minSlots} { // which have the lane replaced
		SubmitTo(g, &task, call)
		if err := g.Wait(); err != nil || own != ErrOwnGroup {
			t.Errorf("after %d failures: inside: %v; outside: %v", failures, own, err)
		}
	}
}

// Wait runs the tasks of its Group that nobody has begun, also of a goroutine without a lane,
// whose tasks are in inboxes: the worker is busy, and the goroutine that waits is the one
// that runs them. Inside of them Wait returns ErrOwnGroup, and afterwards it does not,
// whatever the task did.
func TestOwnGroupInInboxes(t *testing.T) {
	p := newTestPool(t, unpinned(1, WithQueueCapacity(minSlots/2))...) // too small for lanes
	g := p.NewGroup()
	call := func(f *func()) { (*f)() }
	exits := func(exit *bool) {
		if *exit {
			runtime.Goexit()
		}
	}
	none, no, yes := func() {}, false, true
	for range 2 * proven.Runs { // until they are known to return
		_ = Submit(p, &none, call).Wait()
		_ = Submit(p, &no, exits).Wait()
	}
	release := hold(t, p)
	defer release()
	var own error
	var who uint64
	task := func() { own, who = g.Wait(), runnerID() }
	for range 3 {
		own, who = nil, 0
		SubmitTo(g, &task, call)
		if err := g.Wait(); err != nil || own != ErrOwnGroup {
			t.Errorf("inside: %v; outside: %v", own, err)
		}
		if hasIdentity && who != identity() {
			t.Error("another goroutine runs the task, while this one waits")
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		SubmitTo(g, &yes, exits)
		_ = g.Wait()
	}()
	<-ended
	if err := g.Wait(); err != ErrGoexit || g.inside[0].Load() != 0 {
		t.Errorf("of a task that exits: %v; a goroutine that has ended is still inside of the group: %v", err, g.inside[0].Load() != 0)
	}
}

// Of the goroutines that wait for one Group, each is inside of it while it runs tasks of it:
// Wait returns ErrOwnGroup there, and only there.
func TestManyWaitForOneGroup(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	call := func(f *func()) { (*f)() }
	none := func() {}
	for range 2 * proven.Runs { // until it is known to return
		_ = Submit(p, &none, call).Wait()
	}
	defer hold(t, p)()
	g := p.NewGroup()
	waiters := 2 * len(g.inside) // more than the Group knows of at a time
	errs, outside := make([]error, waiters), make([]error, waiters)
	begun, end := make(chan struct{}, waiters), make(chan struct{})
	var ended sync.WaitGroup
	for i := range waiters {
		ended.Go(func() {
			task := func() {
				begun <- struct{}{}
				<-end
				errs[i] = g.Wait()
			}
			SubmitTo(g, &task, call)
			outside[i] = g.Wait()
		})
		<-begun
	}
	close(end)
	ended.Wait()
	for i := range waiters {
		if errs[i] != ErrOwnGroup || outside[i] != nil {
			t.Errorf("goroutine %d: inside: %v; outside: %v", i, errs[i], outside[i])
		}
	}
}

// A submitter that finds the queues full runs tasks of its own. Inside those of a Group, Wait
// returns ErrOwnGroup. A stand-in runs them if the Group knows of as many goroutines as it
// can already.
func TestOwnGroupOfHelper(t *testing.T) {
	p := newTestPool(t, unpinned(1, WithQueueCapacity(minSlots))...)
	call := func(f *func()) { (*f)() }
	none := func() {}
	for range 3 * proven.Runs { // until it is known to return
		_ = Submit(p, &none, call).Wait()
	}
	defer hold(t, p)()
	g, me := p.NewGroup(), runnerID()
	var here, all, wrong atomic.Int32
	task := func() {
		all.Add(1)
		if runnerID() == me {
			here.Add(1)
		}
		if g.Wait() != ErrOwnGroup {
			wrong.Add(1)
		}
	}
	const n = 4 * minSlots
	for _, other := range []uint64{0, 1} {
		for i := range g.inside {
			g.inside[i].Store(other)
		}
		here.Store(0)
		for range n {
			SubmitTo(g, &task, call)
		}
		if (hasIdentity && other == 0) != (here.Load() > 0) {
			t.Errorf("%d tasks ran here; others are inside: %v", here.Load(), other != 0)
		}
		for i := range g.inside {
			if g.inside[i].Swap(0) != other {
				t.Error("the submitter is inside of the Group still")
			}
		}
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	}
	if all.Load() != 2*n || wrong.Load() != 0 {
		t.Errorf("%d of %d tasks ran; for %d of them Wait did not return ErrOwnGroup", all.Load(), 2*n, wrong.Load())
	}
}

// A Group is at work while a task of it runs, and not while all are queued: then somebody
// who waits for it may have to see to it.
func TestGroupAtWork(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	release := hold(t, p)
	g := p.NewGroup()
	begun, goesOn := make(chan struct{}), make(chan struct{})
	for range 2 * pushesForLane { // some in an inbox, some in a lane
		g.Go(func() { begun <- struct{}{}; <-goesOn })
	}
	if g.atWork() {
		t.Error("all tasks are queued, and the group is at work")
	}
	release()
	<-begun
	if !g.atWork() {
		t.Error("a task runs, and the group is not at work")
	}
	close(goesOn)
	go func() {
		for range begun {
		}
	}()
	if err := g.Wait(); err != nil || g.atWork() {
		t.Errorf("%v; at work: %v", err, g.atWork())
	}
	close(begun)
}

// An error that no Wait has returned is not lost when another task is added after a
// Wait that found none.
func TestGroupErrorIsToldOnce(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	g := p.NewGroup()
	var last error
	for i := range 3 {
		if err := g.result(); err != last { // of a Wait that looks late
			t.Fatalf("round %d: Wait returns %v, want %v", i, err, last)
		}
		last = failedAt(i)
		g.fail(last)
		if i == 0 {
			g.fail(failedAt(7)) // not the first
		}
		g.Go(func() {})
		if err := g.Wait(); err != last {
			t.Fatalf("round %d: Wait returns %v, want %v", i, err, last)
		}
		g.Go(func() {})
		last = nil
		if err := g.Wait(); err != nil {
			t.Fatalf("round %d: Wait returns %v a second time", i, err)
		}
	}
}

// Who waits for a Group gets on although a stand-in of an earlier wait of its is at work
// for somebody who wants it to get on: its tasks are found wherever they are queued, those
// too that are added meanwhile.
func TestGroupWaitPastStranger(t *testing.T) {
	watch(t)
	p := newTestPool(t, unpinned(1)...)
	orders := make(chan func())
	go func() { // another goroutine, which owns a lane
		for range 2 * pushesForLane {
			_ = Submit(p, nil, nothing).Wait()
		}
		for f := range orders {
			f()
		}
	}()
	defer close(orders)
	other := func(f func()) {
		done := make(chan struct{})
		orders <- func() { f(); close(done) }
		<-done
	}
	goesOn, ended := make(chan struct{}), make(chan struct{})
	task := p.Go(func() { // on the only worker
		strangers := p.NewGroup()
		ctx, cancel := context.WithCancel(context.Background())
		other(func() { strangers.Go(func() { cancel(); <-goesOn; close(ended) }) })
		if err := strangers.WaitContext(ctx); err != context.Canceled {
			t.Error(err)
		}
		for _, wait := range []func(g *Group) error{(*Group).Wait, func(g *Group) error { return g.WaitContext(t.Context()) }} {
			g := p.NewGroup()
			var ran count
			other(func() {
				SubmitTo(g, &ran, (*count).run)
				g.Go(func() { SubmitTo(g, &ran, (*count).run) })
			})
			if err := wait(g); err != nil || ran.runs.Load() != 2 {
				t.Errorf("%v, %d of 2 tasks ran", err, ran.runs.Load())
			}
		}
		close(goesOn)
	})
	for !task.Done() { // nobody helps
		runtime.Gosched()
	}
	<-ended
}

// A task that a submitter runs while it makes room, and that ends its goroutine, leaves
// the Group without the task that was to be added, and not without an end.
func TestGroupSubmitterEnds(t *testing.T) {
	p := newTestPool(t, unpinned(1, WithQueueCapacity(minSlots))...)
	var exits atomic.Bool
	run := func(*struct{}) {
		if exits.CompareAndSwap(true, false) {
			runtime.Goexit()
		}
	}
	for range 3 * proven.Runs {
		_ = Submit(p, nil, run).Wait()
	}
	defer hold(t, p)()
	g := p.NewGroup()
	died := make(chan struct{})
	go func() {
		defer close(died)
		for range minSlots + pushesForLane {
			_ = Submit(p, nil, run).Wait()
		}
		for range minSlots - 2 {
			Submit(p, nil, run)
		}
		exits.Store(true)
		for exits.Load() {
			SubmitTo(g, nil, run)
		}
	}()
	<-died
	for range 2 {
		if err := g.Wait(); err != nil && err != ErrGoexit {
			t.Error(err)
		}
	}
}

// Cancel withdraws what is queued, leaves alone what runs and what other groups have,
// and later tasks run.
func TestGroupCancel(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		if p.capacity < 8 {
			t.Skip("a submitter would wait for room")
		}
		for _, limit := range []int{0, 2} {
			g, other := p.NewGroup(), p.NewGroup()
			g.SetLimit(limit)
			release := hold(t, p)
			var runs, others, later count
			for range 50 {
				SubmitTo(g, &runs, (*count).run)
				SubmitTo(other, &others, (*count).run)
			}
			if n := g.Cancel(); n != 50 {
				t.Errorf("limit %d: Cancel withdrew %d of 50", limit, n)
			}
			if n := g.Cancel(); n != 0 {
				t.Errorf("limit %d: Cancel again withdrew %d", limit, n)
			}
			if err := g.Wait(); err != ErrCanceled || runs.runs.Load() != 0 {
				t.Errorf("limit %d: %v, %d ran", limit, err, runs.runs.Load())
			}
			SubmitTo(g, &later, (*count).run)
			release()
			if err := g.Wait(); err != nil || later.runs.Load() != 1 {
				t.Errorf("limit %d: later task: %v, ran %d times", limit, err, later.runs.Load())
			}
			if err := other.Wait(); err != nil || others.runs.Load() != 50 {
				t.Errorf("limit %d: the other group: %v, %d ran", limit, err, others.runs.Load())
			}
		}
	})
}

// Every task of a group that is canceled while tasks come and go has run or been
// withdrawn, once, also if one of its own tasks cancels it.
func TestGroupCancelCounts(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		for round := range 50 {
			g := p.NewGroup()
			g.SetLimit(round % 3)
			var runs, withdrawn atomic.Int64
			for i := range 200 {
				g.Go(func() {
					runs.Add(1)
					if i%40 == 7 {
						withdrawn.Add(int64(g.Cancel()))
					}
				})
			}
			withdrawn.Add(int64(g.Cancel()))
			err := g.Wait()
			if runs.Load()+withdrawn.Load() != 200 || (err == ErrCanceled) != (withdrawn.Load() > 0) {
				t.Fatalf("%d ran, %d were withdrawn: %v", runs.Load(), withdrawn.Load(), err)
			}
		}
	})
}

// A task that is added while Cancel counts the tasks that waited for the limit as ended
// begins or is withdrawn too, although nothing of the group runs that could let it begin.
func TestGroupCancelWhileOneIsAdded(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	g := p.NewGroup()
	g.SetLimit(1)
	free, begun := make(chan struct{}), make(chan struct{})
	g.Go(func() { close(begun); <-free })
	<-begun
	var withdrawn, later count
	for range 3 {
		SubmitTo(g, &withdrawn, (*count).run)
	}
	g.cancel = func(error) { // called in the middle
		g.cancel = nil
		close(free)
		for g.finished.Load() == 0 {
			runtime.Gosched()
		}
		SubmitTo(g, &later, (*count).run)
	}
	n := g.Cancel()
	err := g.Wait()
	if n += int(later.runs.Load()); err != ErrCanceled || n != 4 || withdrawn.runs.Load() != 0 {
		t.Errorf("%v, %d of 4 were withdrawn or are the later one, %d others ran", err, n, withdrawn.runs.Load())
	}
}

// The context ends with the first failure as its cause, before Wait returns it; and
// when Wait returns.
func TestGroupContext(t *testing.T) {
	boom := errors.New("boom")
	eachPool(t, func(t *testing.T, p *Pool) {
		for name, fail := range map[string]func(*Group){
			"error": func(g *Group) { g.GoErr(func() error { return boom }) },
			"panic": func(g *Group) { g.Go(func() { panic(boom) }) },
		} {
			g, ctx := p.NewGroupContext(t.Context())
			g.GoErr(func() error { <-ctx.Done(); return ctx.Err() })
			fail(g)
			// The first task waits for the end of the context, so Wait returns only after it.
			if err := g.Wait(); !errors.Is(err, boom) {
				t.Errorf("%s: %v", name, err)
			}
			if err := context.Cause(ctx); !errors.Is(err, boom) {
				t.Errorf("%s: cause %v", name, err)
			}
		}
		g, ctx := p.NewGroupContext(t.Context())
		g.GoErr(ctx.Err)
		if err := g.Wait(); err != nil || ctx.Err() != context.Canceled {
			t.Errorf("after Wait: %v, %v", err, ctx.Err())
		}
		parent, cancel := context.WithCancel(t.Context())
		g, ctx = p.NewGroupContext(parent)
		g.GoErr(func() error { <-ctx.Done(); return ctx.Err() })
		cancel()
		if err := g.Wait(); err != context.Canceled {
			t.Errorf("parent ended: %v", err)
		}
	})
}

// A task beyond a limit that nobody can queue because every queue is full has not begun,
// and Cancel withdraws it: neither its submitter nor the feeder holds it while it
// waits for room. Tasks that were withdrawn keep neither of them waiting, nor later ones.
func TestGroupCancelWithoutRoom(t *testing.T) {
	for _, fed := range []bool{false, true} {
		p := newTestPool(t, unpinned(1, WithQueueCapacity(2), WithWhenFull(Block))...)
		release := hold(t, p)
		defer release()
		g := p.NewGroup()
		g.SetLimit(1)
		m := g.limit.Load()
		var withdrawn, later count
		if fed {
			SubmitTo(g, &withdrawn, (*count).run) // queued
			SubmitTo(g, &withdrawn, (*count).run) // waits for the limit
		}
		queued := fill(p)
		returned := make(chan struct{})
		go func() {
			defer close(returned)
			if !fed {
				SubmitTo(g, &withdrawn, (*count).run)
				return
			}
			m.mu.Lock()
			m.n = 2
			m.mu.Unlock()
			g.begin(m, false, false) // as if another task had ended
		}()
		eventually(t, func() bool { return p.blocked.Load() == 1 }, func() string { return "nobody waits for room" })
		want := 1
		if fed {
			want = 2
		}
		if n := g.Cancel(); n != want {
			t.Errorf("fed %t: Cancel withdrew %d of %d", fed, n, want)
		}
		<-returned
		eventually(t, func() bool { return p.blocked.Load() == 0 }, func() string { return "somebody waits for room for ever" })
		if err := g.Wait(); err != ErrCanceled {
			t.Errorf("fed %t: %v", fed, err)
		}
		release()
		for _, f := range queued {
			f.Wait()
		}
		SubmitTo(g, &later, (*count).run)
		if err := g.Wait(); err != nil || later.runs.Load() != 1 || withdrawn.runs.Load() != 0 {
			t.Errorf("fed %t: %v, %d later tasks ran, %d withdrawn ones", fed, err, later.runs.Load(), withdrawn.runs.Load())
		}
	}
}

// Cancel waits for a task that somebody is about to queue, and finds it even if there is
// no room and it goes back; meanwhile no other task begins.
func TestGroupCancelWhileOneMoves(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	release := hold(t, p)
	defer release()
	g := p.NewGroup()
	g.SetLimit(1)
	m := g.limit.Load()
	var withdrawn count
	SubmitTo(g, &withdrawn, (*count).run) // queued
	for range 2 {
		SubmitTo(g, &withdrawn, (*count).run) // wait for the limit
	}
	m.mu.Lock()
	m.n = 2
	m.mu.Unlock()
	task, ok := m.next(g, false)
	if !ok {
		t.Fatal("no task may begin")
	}
	canceled := make(chan int, 1)
	go func() { canceled <- g.Cancel() }()
	eventually(t, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.list.Len() == 0
	}, func() string { return "Cancel does not empty the list" })
	m.putBack(task, false)
	if _, ok := m.next(g, false); ok {
		t.Fatal("a task begins while Cancel is at work")
	}
	if n := <-canceled; n != 3 {
		t.Errorf("Cancel withdrew %d of 3", n)
	}
	if err := g.Wait(); err != ErrCanceled || withdrawn.runs.Load() != 0 {
		t.Errorf("%v, %d ran", err, withdrawn.runs.Load())
	}
}

// A submitter that finds the queues full and runs tasks of its own has not added its task
// to the Group yet: one of those that it runs may wait for the Group.
func TestHelperMayWaitForGroup(t *testing.T) {
	watch(t)
	p := newTestPool(t, unpinned(1, WithQueueCapacity(minSlots))...)
	for range 10 { // for a lane
		_ = p.Go(func() {}).Wait()
	}
	defer hold(t, p)()
	g := p.NewGroup()
	g.Go(func() {})
	waited := make(chan error, 1)
	p.Go(func() { waited <- g.Wait() })
	for range 4 * minSlots {
		g.Go(func() {})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

// A task that is to be added when there is room is not added, and nobody is at work on it.
func TestTaskThatWaitsForRoomIsNotAdded(t *testing.T) {
	watch(t)
	for _, policy := range []WhenFull{Help, Block} {
		p := newTestPool(t, unpinned(1, WithQueueCapacity(2), WithWhenFull(policy))...)
		free := make(chan struct{})
		stranger := func() { <-free }
		release := hold(t, p)
		for ok := true; ok; {
			_, ok = TrySubmit(p, &stranger, func(f *func()) { (*f)() })
		}
		g := p.NewGroup()
		added := make(chan struct{})
		go func() {
			defer close(added)
			for range 5 {
				g.Go(func() {})
			}
		}()
		// Under Help strangers begin in the submitter's place.
		eventually(t, func() bool { return p.blocked.Load() == 1 && !g.atWork() },
			func() string { return "a task of the Group is at work, but they only wait for room" })
		close(free)
		release()
		<-added
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// Group.Wait does without those who may have to wait for its caller, also while a task of
// the Group waits for room: that one is not at work either.
func TestGroupWaitWhileItsTaskWaitsForRoom(t *testing.T) {
	watch(t)
	for _, policy := range []WhenFull{Help, Block} {
		p := newTestPool(t, unpinned(1, WithQueueCapacity(2), WithWhenFull(policy))...)
		free, begun, add := make(chan struct{}), make(chan struct{}), make(chan struct{})
		g := p.NewGroup()
		g.Go(func() {
			close(begun)
			<-add
			for range 3 {
				g.Go(func() {})
			}
		})
		<-begun
		for range 2 { // one for the place of the task, one for that of Wait
			p.Go(func() { <-free })
		}
		close(add)
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		close(free)
	}
}

// An error is told by the next Wait, also one of a task that was added before the last Wait
// and waited for room: it was not added for that Wait.
func TestErrorOfTaskThatWaitedForRoom(t *testing.T) {
	watch(t)
	first := errors.New("first")
	for _, second := range []error{errors.New("second"), nil} {
		p := newTestPool(t, unpinned(1, WithQueueCapacity(2), WithWhenFull(Block))...)
		g := p.NewGroup()
		g.GoErr(func() error { return first })
		eventually(t, g.ended, func() string { return "the first task does not end" })
		release := hold(t, p)
		fill(p)
		added := make(chan struct{})
		go func() {
			defer close(added)
			g.GoErr(func() error { return second })
		}()
		eventually(t, func() bool { return p.blocked.Load() == 1 }, func() string { return "nobody waits for room" })
		if err := g.Wait(); err != first {
			t.Errorf("before the second task is added Wait returns %v", err)
		}
		release()
		<-added
		if err := g.Wait(); err != second {
			t.Errorf("after that Wait returns %v", err)
		}
	}
}

// An error that comes after a Wait has returned another one is not lost, whoever of the two
// was counted first.
func TestErrorAfterToldOne(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	first, second := errors.New("first"), errors.New("second")
	g := p.NewGroup()
	g.GoErr(func() error { return first })
	g.added.Add(1) // a task that is added while the Wait is about to return
	g.failure.Store(&groupFailure{err: first})
	g.failure.Load().told.Store(true)
	g.fail(second)
	g.end()
	if err := g.Wait(); err != second {
		t.Errorf("Wait returns %v", err)
	}
}
