package zeropool

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/proven"
)

// Close runs everything that was accepted, without anybody waiting for it.
func TestCloseDrains(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		eachPool(t, func(t *testing.T, p *Pool) {
			cs := make([]count, 3000)
			g := p.NewGroup()
			for i := range cs[:1000] {
				switch i % 3 {
				case 0:
					Submit(p, &cs[i], (*count).run)
				case 1:
					p.Go(cs[i].run)
				case 2:
					SubmitTo(g, &cs[i], (*count).run)
				}
			}
			f := SubmitBatch(p, cs[1000:2000], (*count).run)
			tasks := make([]Task, 1000)
			for i := range tasks {
				tasks[i] = Bind(&cs[2000+i], (*count).run)
			}
			p.SubmitMixed(tasks)
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			for i := range cs {
				cs[i].once(t, fmt.Sprint("task ", i))
			}
			if !f.Done() || f.Wait() != nil || g.Wait() != nil {
				t.Error("a Future is not done after Close")
			}
			checkAtRest(t, p)
		})
	})
}

// Tasks that were accepted before Close may find the pool closed when they
// submit; what they wait for still ends.
func TestCloseWhileTasksSubmit(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		var ran, refused atomic.Int32
		for range 500 {
			p.Go(func() {
				f := p.Go(func() { ran.Add(1) })
				b := SubmitBatch(p, make([]int, 2), func(*int) {})
				switch err := f.Wait(); err {
				case nil:
				case ErrClosed:
					refused.Add(1)
				default:
					panic(err)
				}
				if err := b.Wait(); err != nil && err != ErrClosed {
					panic(err)
				}
				if err := ForEach(p, make([]int, 10), func(*int) {}); err != nil && err != ErrClosed {
					panic(err)
				}
			})
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if ran.Load()+refused.Load() != 500 || p.Stats().Total.Panicked != 0 {
			t.Errorf("%d ran, %d were refused of 500: %+v", ran.Load(), refused.Load(), p.Stats().Total)
		}
	})
}

// After Close every call answers ErrClosed and runs nothing, what it returns
// has ended, and Close and Shutdown may be called again.
func TestAfterClose(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		var c count
		tried, ok := TrySubmit(p, &c, (*count).run)
		if !ok {
			t.Error("TrySubmit says that the queues of a closed pool are full")
		}
		g := p.NewGroup()
		SubmitTo(g, &c, (*count).run)
		for i, f := range []Future{
			tried, Submit(p, &c, (*count).run), p.Go(c.run),
			SubmitBatch(p, make([]count, 100), func(*count) { c.run() }),
			p.SubmitMixed([]Task{Bind(&c, (*count).run)}),
		} {
			if !f.Done() || f.Wait() != ErrClosed || f.WaitTimeout(0) != ErrClosed || f.WaitContext(t.Context()) != ErrClosed || f.Cancel() != 0 {
				t.Errorf("form %d: done %v, %v", i, f.Done(), f.Wait())
			}
			if done, total := f.Progress(); done != total {
				t.Errorf("form %d: progress %d of %d", i, done, total)
			}
		}
		if err := ForEach(p, make([]count, 100), func(*count) { c.run() }); err != ErrClosed {
			t.Errorf("ForEach: %v", err)
		}
		if err := p.For(100, func(lo, hi int) { c.run() }); err != ErrClosed {
			t.Errorf("For: %v", err)
		}
		if err := g.Wait(); err != ErrClosed {
			t.Errorf("Group: %v", err)
		}
		for range 3 {
			if err := p.Close(); err != nil {
				t.Errorf("Close again: %v", err)
			}
			if err := p.Shutdown(t.Context()); err != nil {
				t.Errorf("Shutdown again: %v", err)
			}
		}
		if c.runs.Load() != 0 {
			t.Error("a task ran after Close")
		}
		if p.Workers() != len(p.Plan().Workers) {
			t.Error("the plan is gone")
		}
	})
}

// Every call of Close returns when everything has ended, not before.
func TestCloseTogether(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		for range 20 {
			p := mustNew(t, unpinned(2)...)
			var ended atomic.Int32
			for range 100 {
				p.Go(func() { runtime.Gosched(); ended.Add(1) })
			}
			var wg sync.WaitGroup
			for i := range 6 {
				wg.Go(func() {
					var err error
					if i%2 == 0 {
						err = p.Close()
					} else {
						err = p.Shutdown(context.Background())
					}
					if err != nil || ended.Load() != 100 {
						t.Errorf("%v after %d of 100 tasks", err, ended.Load())
					}
				})
			}
			wg.Wait()
			checkAtRest(t, p)
		}
	})
}

// Close cannot wait for the task that calls it. Wherever the task runs, it says
// so at once.
func TestCloseFromTask(t *testing.T) {
	for name, call := range map[string]func(p *Pool, closing func()) error{
		"worker": func(p *Pool, closing func()) error {
			done := make(chan struct{})
			f := p.Go(func() { defer close(done); closing() })
			<-done
			return f.Wait()
		},
		"waiter":      func(p *Pool, closing func()) error { return p.Go(closing).Wait() },
		"WaitContext": func(p *Pool, closing func()) error { return p.Go(closing).WaitContext(context.Background()) },
		"ForEach": func(p *Pool, closing func()) error {
			return ForEach(p, make([]int, 1), func(*int) { closing() })
		},
		"For": func(p *Pool, closing func()) error { return p.For(1, func(int, int) { closing() }) },
		"batch": func(p *Pool, closing func()) error {
			return SubmitBatch(p, make([]int, 1), func(*int) { closing() }).Wait()
		},
		"group": func(p *Pool, closing func()) error {
			g := p.NewGroup()
			g.Go(closing)
			return g.Wait()
		},
		"nested": func(p *Pool, closing func()) error {
			return p.Go(func() {
				if err := p.Go(func() { ForEach(p, make([]int, 1), func(*int) { closing() }) }).Wait(); err != nil {
					panic(err)
				}
			}).Wait()
		},
		"trusted": func(p *Pool, closing func()) error {
			fn := func(f *func()) {
				if *f != nil {
					(*f)()
				}
			}
			for range 3000 {
				Submit(p, new(func()), fn).Wait()
			}
			return Submit(p, &closing, fn).Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, opts := range [][]Option{nil, unpinned(1), unpinned(3)} {
				p := mustNew(t, opts...)
				release := func() {}
				if name == "waiter" {
					release = hold(t, p) // so that no worker gets the task
				}
				var inside error
				var rest count
				err := call(p, func() {
					Submit(p, &rest, (*count).run)
					inside = p.Close()
					if f := Submit(p, &rest, (*count).run); f.Wait() != ErrClosed {
						panic("submission after Close")
					}
				})
				release()
				if err != nil || inside == nil {
					t.Errorf("task: %v, Close inside it: %v", err, inside)
				}
				// From outside one can wait for the rest.
				if err := p.Close(); err != nil {
					t.Error(err)
				}
				rest.once(t, "the task submitted before Close")
				checkAtRest(t, p)
			}
		})
	}
}

// Submitters of every kind race with Close: each task runs, or its Future says
// that the pool was closed.
func TestCloseRacesWithSubmitters(t *testing.T) {
	rounds := 20 * stressFactor()
	if raceEnabled || testing.Short() {
		rounds = 3 * stressFactor()
	}
	eachProcs(t, func(t *testing.T) {
		for _, policy := range []WhenFull{Help, Block, Reject} {
			for _, capacity := range []int{2, 1024} {
				for round := range rounds {
					opts := unpinned(1+round%3, WithQueueCapacity(capacity), WithWhenFull(policy))
					if round%5 == 0 {
						opts = []Option{WithQueueCapacity(capacity), WithWhenFull(policy)}
					}
					closeRace(t, mustNew(t, opts...), round)
				}
			}
		}
	})
}

func closeRace(t *testing.T, p *Pool, round int) {
	const each = 150
	var wg sync.WaitGroup
	// account checks one submission of n tasks that counted their runs.
	account := func(form string, err error, cs []count) {
		for i := range cs {
			n := cs[i].runs.Load()
			if err == nil && n != 1 || err != nil && (n != 0 || err != ErrClosed && err != ErrFull) {
				t.Errorf("%s: %v, but task %d of %d ran %d times", form, err, i, len(cs), n)
				return
			}
		}
	}
	start := make(chan struct{})
	submitter := func(submit func(i int)) {
		wg.Go(func() {
			<-start
			for i := range each {
				submit(i)
			}
		})
	}
	single, closures := make([]count, each), make([]count, each)
	tried, batches, mixed := make([]count, each), make([][]count, each), make([][]count, each)
	fs := make([][5]Future, each)
	submitter(func(i int) { fs[i][0] = Submit(p, &single[i], (*count).run) })
	submitter(func(i int) { fs[i][1] = p.Go(closures[i].run) })
	submitter(func(i int) {
		var ok bool
		if fs[i][2], ok = TrySubmit(p, &tried[i], (*count).run); !ok {
			fs[i][2] = rejectedFuture
		}
	})
	submitter(func(i int) {
		batches[i] = make([]count, 1+i%10)
		fs[i][3] = SubmitBatch(p, batches[i], (*count).run)
	})
	submitter(func(i int) {
		mixed[i] = make([]count, 1+i%10)
		var tasks []Task
		for k := range mixed[i] {
			tasks = append(tasks, Bind(&mixed[i][k], (*count).run))
		}
		fs[i][4] = p.SubmitMixed(tasks)
	})
	submitter(func(i int) {
		cs := make([]count, 1+i*10)
		account("ForEach", ForEach(p, cs, (*count).run), cs)
	})
	submitter(func(i int) {
		g := p.NewGroup()
		var c [1]count
		SubmitTo(g, &c[0], (*count).run)
		account("Group", g.Wait(), c[:])
	})
	submitter(func(i int) {
		cs := make([]count, 1)
		account("Wait", Submit(p, &cs[0], (*count).run).Wait(), cs)
	})
	closed := make(chan error, 1)
	go func() {
		<-start
		for range round * 7 % 200 {
			runtime.Gosched()
		}
		closed <- p.Close()
	}()
	close(start)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	wg.Wait()
	for i := range fs {
		for form, f := range fs[i] {
			if !f.Done() {
				t.Fatalf("form %d: a Future is not done after Close", form)
			}
		}
		account("Submit", fs[i][0].Wait(), single[i:i+1])
		account("Go", fs[i][1].Wait(), closures[i:i+1])
		account("TrySubmit", fs[i][2].Wait(), tried[i:i+1])
		account("SubmitBatch", fs[i][3].Wait(), batches[i])
		account("SubmitMixed", fs[i][4].Wait(), mixed[i])
	}
	checkAtRest(t, p)
}

// Submitters that wait for room are released by Close.
func TestCloseReleasesBlockedSubmitters(t *testing.T) {
	for range 50 {
		p := mustNew(t, unpinned(1, WithQueueCapacity(2), WithWhenFull(Block))...)
		release := hold(t, p)
		queued := fill(p)
		var cs [4]count
		var errs [4]error
		var wg sync.WaitGroup
		for i := range cs {
			wg.Go(func() { errs[i] = Submit(p, &cs[i], (*count).run).Wait() })
		}
		eventually(t, func() bool { return p.blocked.Load() == uint32(len(cs)) }, func() string { return "submitters do not block" })
		closed := make(chan error)
		go func() { closed <- p.Close() }()
		wg.Wait() // although no worker can make room
		release()
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		for i := range cs {
			if errs[i] != ErrClosed || cs[i].runs.Load() != 0 {
				t.Errorf("blocked submitter: %v, ran %d times", errs[i], cs[i].runs.Load())
			}
		}
		for _, f := range queued {
			if err := f.Wait(); err != nil {
				t.Error(err)
			}
		}
		checkAtRest(t, p)
	}
}

// Shutdown with enough time runs everything that was accepted and returns no
// error.
func TestShutdownInTime(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
		defer cancel()
		cs := make([]count, 1000)
		for i := range cs {
			Submit(p, &cs[i], (*count).run)
		}
		if err := p.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		for i := range cs {
			cs[i].once(t, "a task")
		}
	})
}

// The context ends while tasks run, are queued, and a batch is half done.
func TestShutdownCuts(t *testing.T) {
	for _, workers := range []int{1, 2} {
		for _, early := range []bool{true, false} {
			p := mustNew(t, unpinned(workers)...)
			free := make(chan struct{})
			var started sync.WaitGroup
			started.Add(1)
			var begun atomic.Int32
			half := SubmitBatch(p, make([]count, 100), func(c *count) {
				if begun.Add(1) == 1 {
					started.Done()
				}
				<-free
			})
			started.Wait()
			eventually(t, func() bool { return begun.Load() == int32(workers) }, func() string { return "no second worker joins" })
			var rest [10]count
			var fs []Future
			g := p.NewGroup()
			for i := range rest {
				fs = append(fs, Submit(p, &rest[i], (*count).run), SubmitBatch(p, rest[i:i+1], (*count).run))
				SubmitTo(g, &rest[i], (*count).run)
			}
			ctx, cancel := context.WithCancel(t.Context())
			if early {
				cancel()
			} else {
				go func() { // while Shutdown waits, or is about to
					for p.gate.Load()&gateEnding == 0 {
						runtime.Gosched()
					}
					cancel()
				}()
			}
			if err := p.Shutdown(ctx); err != context.Canceled {
				t.Errorf("Shutdown that cut work: %v", err)
			}
			for i, f := range fs {
				if err := f.Wait(); err != ErrClosed {
					t.Errorf("queued submission %d: %v", i, err)
				}
			}
			if err := g.Wait(); err != ErrClosed {
				t.Errorf("queued group: %v", err)
			}
			if half.Done() {
				t.Error("a batch ended while elements of it run")
			}
			close(free)
			if err := half.Wait(); err != ErrClosed {
				t.Errorf("half a batch: %v", err)
			}
			if err := p.Close(); err != nil {
				t.Errorf("Close after Shutdown: %v", err)
			}
			checkAtRest(t, p)
			for i := range rest {
				if rest[i].runs.Load() != 0 {
					t.Error("a task that was cut ran")
				}
			}
			if s := p.Stats().Total; s.Completed > 100 || s.Canceled < 30 {
				t.Errorf("%+v", s)
			}
		}
	}
}

// Shutdown says whether it cut work, also if the workers end as it does so.
func TestShutdownTellsWhatItCut(t *testing.T) {
	for range 300 * stressFactor() {
		p := mustNew(t, unpinned(1)...)
		started, ready := make(chan struct{}), make(chan struct{})
		var last Future
		p.Go(func() {
			close(started)
			<-ready
			for !last.Done() {
				runtime.Gosched()
			}
		})
		<-started
		for range 10 {
			last = p.Go(func() {})
		}
		close(ready)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := p.Shutdown(ctx)
		if cut := last.Wait() == ErrClosed; cut != (err != nil) && cut {
			t.Fatalf("Shutdown cut tasks and returned %v", err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if err := p.Shutdown(ctx); err != nil {
			t.Fatalf("Shutdown of a pool that has ended, after another one that has cut tasks: %v", err)
		}
		checkAtRest(t, p)
	}
}

// A task hangs for ever: Shutdown returns with its context, and so do loops.
func TestShutdownWithHangingTask(t *testing.T) {
	p := mustNew(t, unpinned(1)...)
	never := make(chan struct{})
	defer close(never)
	started := make(chan struct{})
	p.Go(func() { close(started); <-never })
	<-started
	queued := p.Go(func() {})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := p.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := queued.Wait(); err != ErrClosed {
		t.Error(err)
	}
}

// Shutdown in the midst of a loop cuts it, whoever works on it.
func TestShutdownCutsLoops(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		for _, form := range []func(p *Pool, fn func(*struct{})) error{
			func(p *Pool, fn func(*struct{})) error { return ForEach(p, make([]struct{}, 1<<30), fn) },
			func(p *Pool, fn func(*struct{})) error {
				return p.For(1<<30, func(lo, hi int) {
					for range hi - lo {
						fn(nil)
					}
				})
			},
			func(p *Pool, fn func(*struct{})) error { return SubmitBatch(p, make([]struct{}, 1<<30), fn).Wait() },
		} {
			p := mustNew(t, unpinned(2)...)
			ctx, cancel := context.WithCancel(t.Context())
			var ran atomic.Int64
			result := make(chan error)
			reached := make(chan struct{})
			go func() {
				result <- form(p, func(*struct{}) {
					if ran.Add(1) == 100 {
						close(reached)
					}
					runtime.Gosched()
				})
			}()
			<-reached
			go cancel()
			shut := p.Shutdown(ctx)
			if loop := <-result; shut != context.Canceled || loop != ErrClosed {
				t.Errorf("Shutdown: %v, loop: %v after %d of 2^30 elements", shut, loop, ran.Load())
			}
			p.Close()
			checkAtRest(t, p)
		}
	})
}

// Pools are closed while their workers sleep, look for work, or are at it.
func TestCloseInEveryState(t *testing.T) {
	var c count
	eachProcs(t, func(t *testing.T) {
		for round := range 100 * stressFactor() {
			for _, spin := range []time.Duration{0, 100 * time.Microsecond} {
				opts := unpinned(1+round%3, WithSpin(spin))
				if round%2 == 0 {
					opts = []Option{WithSpin(spin)}
				}
				p := mustNew(t, opts...)
				switch round % 5 {
				case 0: // they have just begun
				case 1: // they sleep
					allParked(p)
				case 4: // they sleep, or one naps lightly
					eventually(t, func() bool { return p.gate.Load()&gateSleeping != 0 }, func() string { return "workers do not become idle" })
				case 2: // they have just ended a task
					Submit(p, &c, (*count).run).Wait()
				case 3: // they are busy
					for range 10 {
						Submit(p, &c, (*count).run)
					}
				}
				if err := p.Close(); err != nil {
					t.Fatal(err)
				}
				checkAtRest(t, p)
			}
		}
	})
}

// Once Shutdown has returned nothing of the pool begins any more, whoever waits for
// it: nothing is queued, and no more tasks run in the end than had ended or were
// running at that moment.
func TestNothingBeginsAfterShutdown(t *testing.T) {
	for round := range stressRounds(200) {
		p := mustNew(t, unpinned(2)...)
		var ran [4]atomic.Int64
		work := func(c *atomic.Int64) {
			for range 200 {
				runtime.Gosched()
			}
			c.Add(1)
		}
		var fs []Future
		var wg sync.WaitGroup
		g := p.NewGroup()
		for range 100 {
			fs = append(fs, Submit(p, &ran[0], work))
			SubmitTo(g, &ran[1], work)
		}
		fs = append(fs, SubmitBatch(p, make([]int, 100), func(*int) { work(&ran[2]) }))
		wg.Go(func() { g.Wait() })
		wg.Go(func() { ForEach(p, make([]int, 100), func(*int) { work(&ran[3]) }) })
		wg.Go(func() {
			for _, f := range fs {
				f.Wait()
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		for range round % 10 {
			runtime.Gosched()
		}
		cancel()
		err := p.Shutdown(ctx)
		s := p.Stats().Total
		if s.Queued != 0 {
			t.Errorf("round %d: Shutdown has returned %v, %d tasks are queued: %+v", round, err, s.Queued, s)
		}
		wg.Wait()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		all := uint64(0)
		for i := range ran {
			all += uint64(ran[i].Load())
		}
		if all > s.Completed+s.Running {
			t.Errorf("round %d: %d tasks ran, %d had ended and %d were running when Shutdown returned", round, all, s.Completed, s.Running)
		}
		checkAtRest(t, p)
		if t.Failed() {
			return
		}
	}
}

// Shutdown whose context has ended waits for nobody, also if an element exits meanwhile
// and leaves the others of its range to another goroutine: these are not running for a
// moment, and then they may wait for what follows Shutdown.
func TestShutdownWhileElementExits(t *testing.T) {
	watch(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for round := range stressRounds(300) {
		p := mustNew(t, unpinned(1)...)
		var begun, exits atomic.Bool
		over := make(chan struct{})
		xs := make([]int, 3000) // so that the last two are in one range
		xs[len(xs)-2], xs[len(xs)-1] = 1, 2
		f := SubmitBatch(p, xs, func(what *int) {
			switch *what {
			case 1:
				begun.Store(true)
				for !exits.Load() {
					runtime.Gosched()
				}
				for range 100 * (round % 100) {
					exits.Load()
				}
				runtime.Goexit()
			case 2:
				<-over
			}
		})
		for !begun.Load() {
			runtime.Gosched()
		}
		exits.Store(true)
		if err := p.Shutdown(ctx); err != ctx.Err() && !f.Done() {
			t.Errorf("round %d: Shutdown has returned %v, and a batch has not ended", round, err)
		}
		close(over)
		if err := f.Wait(); err != ErrGoexit && err != ErrClosed { // if they were not in one range
			t.Errorf("round %d: %v", round, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// When Shutdown has returned, a task is either done or one that Stats counts as
// running: none is in between.
func TestShutdownAgreesWithStats(t *testing.T) {
	for round := range stressRounds(200) {
		p := mustNew(t, unpinned(2)...)
		free := make(chan struct{})
		var fs []Future
		for range 100 {
			fs = append(fs, p.Go(func() { <-free }))
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for j := i; j < len(fs); j += 4 {
					fs[j].Wait()
				}
			})
		}
		for range round % 10 {
			runtime.Gosched()
		}
		cancel()
		p.Shutdown(ctx)
		before := p.Stats().Total
		undone := uint64(0)
		for _, f := range fs {
			if !f.Done() {
				undone++
			}
		}
		after := p.Stats().Total
		if undone > before.Running || undone < after.Running || before.Queued != 0 {
			t.Errorf("round %d: %d tasks are not done, %d were running before and %d after, %d queued", round, undone, before.Running, after.Running, before.Queued)
		}
		close(free)
		wg.Wait()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		checkAtRest(t, p)
		if t.Failed() {
			return
		}
	}
}

// Close inside a task of another pool waits for what the pool runs, whoever has begun it.
func TestCloseInOtherPoolsTask(t *testing.T) {
	q := newTestPool(t, unpinned(1)...)
	if err := q.GoErr(func() error {
		p := mustNew(t, unpinned(2)...)
		_ = p.Go(func() {}).Wait() // handed to a stand-in
		_ = ForEach(p, make([]int, 100), func(*int) {})
		begun := make(chan struct{})
		var closing atomic.Bool
		running := p.Go(func() {
			close(begun)
			for p.gate.Load()&gateClosed == 0 {
				runtime.Gosched()
			}
			closing.Store(true)
		})
		<-begun
		if err := p.Close(); err != nil || !closing.Load() || !running.Done() {
			t.Errorf("%v; the task has ended: %v", err, running.Done())
		}
		return nil
	}).Wait(); err != nil {
		t.Error(err)
	}
}

// A loop whose caller waits, because a stand-in runs it, is none that the caller runs: so
// Close inside a task of another pool does not take it for one of its own.
func TestCloseInOtherPoolsTaskDuringLoop(t *testing.T) {
	p, q := mustNew(t, unpinned(2)...), newTestPool(t, unpinned(1)...)
	begun, goesOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	loop := make(chan error)
	go func() {
		fn := func(*int) { once.Do(func() { close(begun) }); <-goesOn }
		proven.Forget(funcOf(fn).code)
		loop <- ForEach(p, make([]int, 100), fn)
	}()
	<-begun
	p.mu.Lock()
	if p.helped() {
		t.Error("the caller of a loop that a stand-in runs counts as running it")
	}
	p.mu.Unlock()
	close(goesOn)
	if err := <-loop; err != nil {
		t.Error(err)
	}
	if err := q.GoErr(p.Close).Wait(); err != nil {
		t.Error(err)
	}
}

// A submitter that has not seen Close pushes a task when all goroutines of the pool have
// ended, and somebody else finds it who waits for its Group: it ends with ErrClosed.
func TestLateTaskFoundByGroup(t *testing.T) {
	watch(t)
	p := newTestPool(t, unpinned(1)...)
	g := p.NewGroup()
	g.added.Add(1) // as Group.submit does first
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	l := p.workers[0].inbox.Load()
	key, ok := l.pushInbox(funcOf(nothing), nil, grouped, g)
	if !ok {
		t.Fatal("an inbox is full that nobody has used")
	}
	g.handOut(false)
	p.published(p.gate.Load(), l, l.slot(key), key)
	if err := g.Wait(); err != ErrClosed {
		t.Errorf("Wait: %v", err)
	}
}

// Shutdown has nothing to say of a pool that is idle, though its context has ended.
func TestShutdownOfIdlePool(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 50 {
		p := newTestPool(t, unpinned(2)...)
		if err := p.Go(func() {}).Wait(); err != nil {
			t.Error(err)
		}
		if err := p.Shutdown(ctx); err != nil {
			t.Fatalf("nothing was cut off: %v", err)
		}
	}
}

// A batch that Close has missed is run to its end though the workers have ended, and whoever
// waits for it only looks: the stand-in that gets it does not leave it to others.
func TestLateBatchIsRun(t *testing.T) {
	watch(t)
	p := newTestPool(t, unpinned(1)...)
	allAsleep(t, p)
	p.times.turn = 0 // then runners leave a batch after each range
	cs := make([]count, 1000)
	n := len(cs)
	p.batched.Add(uint64(n)) // as accept does, before it looks whether the pool is closed
	p.batches.Add(1)
	closed := make(chan error)
	go func() { closed <- p.Close() }()
	eventually(t, func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.live == 0 }, func() string { return "the worker does not end" })
	b := p.newBatch(workOf(elements{}, cs, (*count).run), n)
	b.width = p.width()
	b.refs.Store(2) // one of the stand-in
	f := Future{at: unsafe.Pointer(b), key: b.state.Load(), n: n}
	p.post(b, 0)
	p.hand(job{span: span{b: b}})
	for !f.Done() {
		runtime.Gosched()
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	for i := range cs {
		cs[i].once(t, fmt.Sprint("element ", i))
	}
}
