package zeropool

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool/internal/proven"
)

// The zero Future has ended without error, for every call on it.
func TestZeroFuture(t *testing.T) {
	var f Future
	if !f.Done() || f.Wait() != nil || f.WaitTimeout(0) != nil || f.WaitContext(t.Context()) != nil || f.Cancel() != 0 {
		t.Error("the zero Future is not done")
	}
	if done, total := f.Progress(); done != 0 || total != 0 {
		t.Errorf("progress of the zero Future: %d of %d", done, total)
	}
}

// Many goroutines wait for one Future that another one has submitted.
func TestWaitFromAnywhere(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		for range 30 {
			result, free := 0, make(chan struct{})
			f := p.Go(func() { <-free; result = 42 })
			var wg sync.WaitGroup
			ctx, cancel := context.WithCancel(t.Context())
			for i := range 32 {
				wg.Go(func() {
					var err error
					switch i % 4 {
					case 0:
						err = f.Wait()
					case 1:
						err = f.WaitContext(ctx)
					case 2:
						err = f.WaitTimeout(hangLimit)
					case 3:
						for !f.Done() {
							runtime.Gosched()
						}
					}
					if err != nil || result != 42 {
						t.Errorf("waiter %d: %v, result %d", i, err, result)
					}
				})
			}
			close(free)
			wg.Wait()
			cancel()
		}
	})
}

// TestWaitForAnothersTasks protects pipelines: a goroutine that waits for the tasks of
// another one makes sure once that the owner has noticed, and not for each task; and
// thieves take from the other end meanwhile.
func TestWaitForAnothersTasks(t *testing.T) {
	needLanes(t)
	p := newTestPool(t, unpinned(1)...)
	defer holdElsewhere(t, p)()
	runMany(t, p, 2*proven.Runs)
	l := ownLane(t, p)
	if l == nil {
		return
	}
	tasks := make([]countedTask, 100)
	futures := make([]Future, len(tasks))
	for i := range tasks {
		futures[i] = Submit(p, &tasks[i], (*countedTask).count)
	}
	var newest countedTask // as if the owner took the newest first
	if err := Submit(p, &newest, (*countedTask).count).Wait(); err != nil {
		t.Error(err)
	}
	before := l.seq.Load()
	var wg sync.WaitGroup
	wg.Go(func() {
		for i, f := range futures[:50] {
			if err := f.Wait(); err != nil || tasks[i].runs.Load() != 1 {
				t.Errorf("task %d: %v, ran %d times", i, err, tasks[i].runs.Load())
			}
		}
	})
	wg.Wait()
	if n := l.seq.Load() - before; n != 1 {
		t.Errorf("50 waits took %d handshakes with the owner, want 1", n)
	}
	if _, key, ok := l.findLast(); !ok || key != futures[len(futures)-1].key {
		t.Errorf("thieves find %#x, %v, not the task that is waited for last", key, ok)
	}
	for i, f := range futures {
		if err := f.Wait(); err != nil || tasks[i].runs.Load() != 1 {
			t.Errorf("task %d: %v, ran %d times", i, err, tasks[i].runs.Load())
		}
	}
}

// A Future says the same for ever, also when its record has served thousands of
// other tasks, and after Close.
func TestFutureAfterRecycling(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		type old struct {
			f    Future
			want error
		}
		var olds []old
		var c count
		boom := errors.New("boom")
		collect := func() {
			panicked := p.Go(func() { panic(boom) })
			exited := p.Go(runtime.Goexit)
			batch := SubmitBatch(p, make([]int, 3), func(*int) {})
			bad := SubmitBatch(p, make([]int, 3), func(*int) { panic(boom) })
			ok := Submit(p, &c, (*count).run)
			for _, f := range []Future{ok, batch, panicked, exited, bad} {
				olds = append(olds, old{f, f.Wait()})
			}
		}
		check := func() {
			t.Helper()
			for i, o := range olds {
				done, total := o.f.Progress()
				if !o.f.Done() || o.f.Wait() != o.want || o.f.WaitTimeout(0) != o.want || o.f.Cancel() != 0 || done != total || total == 0 {
					t.Fatalf("Future %d: done %v, %v, was %v; progress %d of %d", i, o.f.Done(), o.f.Wait(), o.want, done, total)
				}
			}
		}
		for range 5 {
			collect()
		}
		for range 20 {
			for range 1000 {
				Submit(p, &c, (*count).run)
			}
			for range 50 {
				SubmitBatch(p, make([]count, 5), (*count).run)
			}
			check()
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		check()
		for i, o := range olds {
			var pe *PanicError
			switch i % 5 {
			case 0, 1:
				if o.want != nil {
					t.Errorf("Future %d: %v", i, o.want)
				}
			case 2, 4:
				if !errors.As(o.want, &pe) || !errors.Is(o.want, boom) {
					t.Errorf("Future %d: %v", i, o.want)
				}
			case 3:
				if o.want != ErrGoexit {
					t.Errorf("Future %d: %v", i, o.want)
				}
			}
		}
	})
}

// WaitTimeout returns no sooner than its time unless the task has ended,
// whatever wakes the waiter meanwhile; a time of zero or less only looks; and
// the task goes on after its waiter has left.
func TestWaitTimeout(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	free := make(chan struct{})
	started := make(chan struct{})
	f := p.Go(func() { close(started); <-free })
	<-started
	for _, d := range []time.Duration{0, -1, -time.Hour} {
		if err := f.WaitTimeout(d); err != context.DeadlineExceeded {
			t.Errorf("WaitTimeout(%v) = %v", d, err)
		}
	}
	// The limit is a lower bound, whatever else wakes the waiter meanwhile.
	const d = 30 * time.Millisecond
	stop := make(chan struct{})
	var noise sync.WaitGroup
	noise.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				p.Go(func() {}).WaitTimeout(time.Second)
			}
		}
	})
	begin := time.Now()
	if err := f.WaitTimeout(d); err != context.DeadlineExceeded || time.Since(begin) < d {
		t.Errorf("WaitTimeout(%v) = %v after %v", d, err, time.Since(begin))
	}
	close(stop)
	noise.Wait()
	if f.Done() {
		t.Error("the task ended with its waiter's patience")
	}
	close(free)
	if err := f.WaitTimeout(hangLimit); err != nil {
		t.Error(err)
	}
	if err := f.WaitTimeout(-1); err != nil {
		t.Errorf("WaitTimeout(-1) of an ended task: %v", err)
	}
}

// WaitTimeout gives up on batches and on tasks that are still queued, and what
// it gave up on runs later all the same.
func TestWaitTimeoutBatchAndQueued(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	release := hold(t, p)
	defer release()
	free := make(chan struct{})
	batch := SubmitBatch(p, make([]int, 10), func(*int) { <-free })
	queued := p.Go(func() { <-free })
	for range 3 {
		if err := errors.Join(batch.WaitTimeout(time.Millisecond), queued.WaitTimeout(time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	}
	close(free)
	release()
	if err := errors.Join(batch.Wait(), queued.Wait()); err != nil {
		t.Error(err)
	}
}

// WaitContext leaves a task, a batch or a group when its context is canceled,
// before the call or during it; the task goes on; and what has ended is told
// even if the context is canceled.
func TestWaitContext(t *testing.T) {
	cause := errors.New("cause")
	eachPool(t, func(t *testing.T, p *Pool) {
		free := make(chan struct{})
		ran := false
		f := p.Go(func() { <-free; ran = true })
		batch := SubmitBatch(p, make([]int, 4), func(*int) { <-free })
		g := p.NewGroup()
		g.Go(func() { <-free })
		gone, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		for _, wait := range []func(context.Context) error{f.WaitContext, batch.WaitContext, g.WaitContext} {
			if err := wait(gone); err != context.Canceled {
				t.Errorf("with a canceled context: %v", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			result := make(chan error)
			go func() { result <- wait(ctx) }()
			runtime.Gosched()
			cancel()
			if err := <-result; err != context.Canceled {
				t.Errorf("canceled while waiting: %v", err)
			}
		}
		close(free)
		for _, wait := range []func(context.Context) error{f.WaitContext, batch.WaitContext, g.WaitContext} {
			if err := wait(t.Context()); err != nil {
				t.Error(err)
			}
			if err := wait(gone); err != nil {
				t.Errorf("ended task, canceled context: %v", err)
			}
		}
		if !ran {
			t.Error("the task did not go on after its waiter had left")
		}
	})
}

// WaitContext inside a task, on one worker, to a depth: each waiter stays free
// to leave, so others run the tasks.
func TestNestedWaitContext(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		var down func(depth int) error
		down = func(depth int) error {
			if depth == 0 {
				return nil
			}
			var inner error
			err := p.Go(func() { inner = down(depth - 1) }).WaitContext(t.Context())
			return errors.Join(err, inner)
		}
		if err := down(500); err != nil {
			t.Error(err)
		}
		// All levels leave when the context ends, though the last task goes on.
		ctx, cancel := context.WithCancel(t.Context())
		free := make(chan struct{})
		bottom := make(chan struct{})
		var left atomic.Int32
		var step func(depth int)
		step = func(depth int) {
			if depth == 0 {
				close(bottom)
				<-free
				return
			}
			switch p.Go(func() { step(depth - 1) }).WaitContext(ctx) {
			case context.Canceled:
				left.Add(1)
			case nil: // the level below has left already
			}
		}
		f := p.Go(func() { step(20) })
		go func() { <-bottom; cancel() }()
		if err := f.Wait(); err != nil || left.Load() == 0 {
			t.Errorf("%v, %d waiters left", err, left.Load())
		}
		close(free)
	})
}

// The queue is full of tasks that cannot go on yet: Wait runs the one it waits
// for, not the first.
func TestWaitRunsItsOwnTask(t *testing.T) {
	for _, wait := range []struct {
		name string
		wait func(Future) error
	}{
		{"Wait", Future.Wait},
		{"WaitContext", func(f Future) error { return f.WaitContext(context.Background()) }},
		{"WaitTimeout", func(f Future) error { return f.WaitTimeout(hangLimit) }},
	} {
		t.Run(wait.name, func(t *testing.T) {
			p := newTestPool(t, unpinned(2, WithQueueCapacity(8))...)
			release := hold(t, p)
			free := make(chan struct{})
			defer close(free)
			defer release()
			for range 15 {
				p.Go(func() { <-free })
			}
			ran := false
			last := p.Go(func() { ran = true })
			if err := wait.wait(last); err != nil || !ran {
				t.Errorf("%v, ran: %v", err, ran)
			}
		})
	}
	t.Run("batch", func(t *testing.T) {
		p := newTestPool(t, unpinned(2, WithQueueCapacity(8))...)
		release := hold(t, p)
		free := make(chan struct{})
		defer close(free)
		defer release()
		for range 13 {
			p.Go(func() { <-free })
		}
		xs := make([]int, 100)
		if err := SubmitBatch(p, xs, func(x *int) { *x++ }).Wait(); err != nil || xs[99] != 1 {
			t.Error(err, xs[99])
		}
	})
	t.Run("group", func(t *testing.T) {
		p := newTestPool(t, unpinned(2, WithQueueCapacity(32))...)
		release := hold(t, p)
		free := make(chan struct{})
		defer close(free)
		defer release()
		g := p.NewGroup()
		var c count
		for range 10 {
			p.Go(func() { <-free })
			SubmitTo(g, &c, (*count).run)
		}
		if err := g.Wait(); err != nil || c.runs.Load() != 10 {
			t.Error(err, c.runs.Load())
		}
	})
}

// Tasks that are queued while everybody waits run at once.
func TestSubmitWhileAllWait(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	for range 500 {
		free := make(chan struct{})
		blocked := p.Go(func() { <-free })
		outer := p.Go(func() { blocked.Wait() })
		result := make(chan error)
		go func() { result <- outer.Wait() }()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { p.Go(func() {}).Wait() })
		}
		wg.Wait()
		p.Go(func() { close(free) })
		if err := <-result; err != nil {
			t.Fatal(err)
		}
	}
}

// Cancel of a queued task ends it at once with ErrCanceled, counts it once,
// never touches its params, and gives its room in the queue back.
func TestCancelQueued(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	release := hold(t, p)
	defer release()
	params := &square{in: 3}
	f := Submit(p, params, (*square).run)
	var c count
	tail := Submit(p, &c, (*count).run)
	if done, total := f.Progress(); done != 0 || total != 1 {
		t.Errorf("progress of a queued task: %d of %d", done, total)
	}
	if n := f.Cancel(); n != 1 {
		t.Errorf("Cancel = %d", n)
	}
	if n := f.Cancel(); n != 0 {
		t.Errorf("second Cancel = %d", n)
	}
	if err := f.Wait(); err != ErrCanceled || !f.Done() || params.out != 0 {
		t.Errorf("canceled task: %v, done %v, result %d", err, f.Done(), params.out)
	}
	// Canceled tasks make room: the queue takes its capacity again.
	for range 3000 {
		if f := Submit(p, &c, (*count).run); f.Cancel() != 1 {
			t.Fatal("Cancel of a task that nobody can have begun")
		}
	}
	release()
	if err := tail.Wait(); err != nil || tail.Cancel() != 0 || c.runs.Load() != 1 {
		t.Errorf("%v, ran %d times", err, c.runs.Load())
	}
	if s := atRest(t, p).Total; s.Canceled != 3001 {
		t.Errorf("%+v", s)
	}
}

// Cancel leaves a task alone that has begun, and says so.
func TestCancelRunning(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	started, free := make(chan struct{}), make(chan struct{})
	f := p.Go(func() { close(started); <-free })
	<-started
	if n := f.Cancel(); n != 0 || f.Done() {
		t.Errorf("Cancel of a running task = %d", n)
	}
	close(free)
	if err := f.Wait(); err != nil {
		t.Error(err)
	}
}

// Whenever Cancel comes, a task either runs once or is canceled once, and Wait
// tells which.
func TestCancelRaces(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		eachPool(t, func(t *testing.T, p *Pool) {
			n := 3000
			cs := make([]count, n)
			canceled := make([]int, n)
			fs := make([]Future, n)
			for i := range cs {
				fs[i] = Submit(p, &cs[i], (*count).run)
				if i%2 == 0 {
					canceled[i] = fs[i].Cancel()
				} else if i > 8 {
					canceled[i-8] += fs[i-8].Cancel()
				}
			}
			for i := range cs {
				err := fs[i].Wait()
				if want := int32(1 - canceled[i]); cs[i].runs.Load() != want || (err == ErrCanceled) != (want == 0) || err != nil && err != ErrCanceled {
					t.Fatalf("task %d: ran %d times, canceled %d times, %v", i, cs[i].runs.Load(), canceled[i], err)
				}
			}
		})
	})
}

// Several goroutines cancel the same Futures: each withdrawal is counted once.
func TestCancelTogether(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	for range 200 {
		var withdrawn, ran atomic.Int64
		f := Submit(p, &ran, func(n *atomic.Int64) { n.Add(1) })
		b := SubmitBatch(p, make([]struct{}, 500), func(*struct{}) { ran.Add(1) })
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { withdrawn.Add(int64(f.Cancel())); withdrawn.Add(int64(b.Cancel())) })
		}
		wg.Wait()
		f.Wait()
		b.Wait()
		if n := ran.Load() + withdrawn.Load(); n != 501 {
			t.Fatalf("%d ran and %d were withdrawn of 501", ran.Load(), withdrawn.Load())
		}
	}
}

// A thousand futures, one after the other.
func TestWaitForMany(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		p := newTestPool(t, unpinned(2)...)
		for range 20 {
			xs := make([]square, 1000)
			fs := make([]Future, len(xs))
			for i := range xs {
				xs[i].in = i
				fs[i] = Submit(p, &xs[i], (*square).run)
			}
			for i := range xs {
				j := (i * 7919) % len(xs)
				if err := fs[j].Wait(); err != nil || xs[j].out != j*j {
					t.Fatalf("task %d: %v, %d", j, err, xs[j].out)
				}
			}
		}
	})
}

// All workers wait inside their tasks for tasks that are queued: somebody runs
// what they wait for, and what others wait for.
func TestAllWorkersWait(t *testing.T) {
	for _, workers := range []int{1, 2, 4} {
		p := newTestPool(t, unpinned(workers)...)
		for range 200 {
			var inner [4]Future
			ready := make(chan struct{})
			m := newMeeting(workers)
			var outer []Future
			for i := range workers {
				outer = append(outer, p.Go(func() {
					m.meet()
					<-ready
					inner[i].Wait()
				}))
			}
			<-m.all
			for i := range inner {
				inner[i] = p.Go(func() { runtime.Gosched() })
			}
			close(ready)
			for _, f := range append(outer, inner[:]...) {
				if err := f.Wait(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
