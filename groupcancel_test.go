package zeropool

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
)

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
// and Cancel withdraws it: neither its submitter nor the feeder has it in hand while it
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
