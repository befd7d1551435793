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
			free := make(chan struct{})
			var blocked atomic.Int32
			block := p.NewGroup()
			for range p.Workers() {
				block.Go(func() { blocked.Add(1); <-free })
			}
			for int(blocked.Load()) < p.Workers() {
				runtime.Gosched()
			}
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
			close(free)
			if err := g.Wait(); err != nil || later.runs.Load() != 1 {
				t.Errorf("limit %d: later task: %v, ran %d times", limit, err, later.runs.Load())
			}
			if err := errors.Join(block.Wait(), other.Wait()); err != nil || others.runs.Load() != 50 {
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
