package zeropool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool/internal/cpu"
)

// Stats tells at once, and exactly while nothing moves, what was submitted, is
// queued, runs, and was canceled, and at rest what has completed.
func TestStatsWhileHeld(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	if s := p.Stats(); s.Total.Submitted != 0 || s.Total.Running != 0 || len(s.Workers) != 2 {
		t.Errorf("a new pool: %+v", s)
	}
	release := hold(t, p)
	for range 10 {
		p.Go(func() {})
	}
	f := p.Go(func() {})
	f.Cancel()
	s := p.Stats().Total
	if s.Submitted != 13 || s.Running != 2 || s.Queued != 10 || s.Canceled != 1 || s.Completed != 0 {
		t.Errorf("2 running, 10 queued, 1 canceled: %+v", s)
	}
	release()
	s = atRest(t, p).Total
	if s.Submitted != 13 || s.Completed != 12 || s.Canceled != 1 || s.Helped != 0 {
		t.Errorf("12 completed, 1 canceled: %+v", s)
	}
}

// Counters add up after a mix of everything, in total and by worker.
func TestStatsAddUp(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		eachPool(t, func(t *testing.T, p *Pool) {
			var wg sync.WaitGroup
			stop := make(chan struct{})
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					// Taken at any moment, no counter has wrapped below zero.
					for _, w := range append(p.Stats().Workers, p.Stats().Total) {
						for _, n := range []uint64{w.Submitted, w.Completed, w.Panicked, w.Canceled, w.Stolen, w.Helped, w.Parked, w.Woken, w.Queued, w.Running} {
							if int64(n) < 0 {
								t.Errorf("%+v", w)
								return
							}
						}
					}
				}
			})
			var want uint64
			xs := make([]count, 100)
			for range 20 {
				g := p.NewGroup()
				Submit(p, &xs[0], (*count).run)
				p.Go(func() { panic("x") })
				p.Go(runtime.Goexit)
				SubmitBatch(p, xs, (*count).run)
				SubmitBatch(p, xs, (*count).run).Cancel()
				p.SubmitMixed([]Task{Bind(&xs[0], (*count).run), Bind(&xs[1], func(*count) { panic("mixed") })})
				SubmitTo(g, &xs[1], (*count).run)
				g.Go(func() { panic("y") })
				p.Go(func() {}).Cancel()
				ForEach(p, xs, (*count).run)
				p.For(1000, func(lo, hi int) {})
				p.Go(func() { p.Go(func() {}).Wait() }).Wait()
				g.Wait()
				want += 1 + 1 + 1 + 100 + 100 + 2 + 2 + 1 + 100 + 1000 + 2
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			close(stop)
			wg.Wait()
			checkAtRest(t, p)
			s := p.Stats()
			if s.Total.Submitted != want {
				t.Errorf("%d tasks counted of %d", s.Total.Submitted, want)
			}
			var sum WorkerStats
			for _, w := range s.Workers {
				sum.Completed += w.Completed
				sum.Panicked += w.Panicked
				sum.Stolen += w.Stolen
				sum.Parked += w.Parked
				sum.Woken += w.Woken
				if w.Queued != 0 || w.Running != 0 {
					t.Errorf("at rest: %+v", w)
				}
			}
			if ended := s.Total.Completed + s.Total.Panicked; sum.Completed+sum.Panicked+s.Total.Helped != ended {
				t.Errorf("%d by workers and %d by helpers of %d", sum.Completed+sum.Panicked, s.Total.Helped, ended)
			}
			if sum.Parked != s.Total.Parked || sum.Woken != s.Total.Woken || sum.Stolen > s.Total.Stolen {
				t.Errorf("workers: %+v, total: %+v", sum, s.Total)
			}
			// After Close nothing is accepted, so nothing is counted.
			p.Go(func() {})
			SubmitBatch(p, xs, (*count).run)
			ForEach(p, xs, (*count).run)
			if again := p.Stats().Total; again != s.Total {
				t.Errorf("after Close: %+v, was %+v", again, s.Total)
			}
		})
	})
}

// A task that returns an error has failed, whatever the error: also one that another task
// of its own was withdrawn with, or another pool was closed with.
func TestStatsOfBorrowedErrors(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	for i, want := range []error{ErrCanceled, ErrClosed} {
		g := p.NewGroup()
		g.GoErr(func() error { return want })
		for _, err := range []error{p.GoErr(func() error { return want }).Wait(), g.Wait()} {
			if err != want {
				t.Errorf("%v came back as %v", want, err)
			}
		}
		if s := p.Stats().Total; s.Canceled != 0 || s.Panicked != uint64(2*i+2) {
			t.Errorf("%d tasks failed, and count as %d failed and %d canceled", 2*i+2, s.Panicked, s.Canceled)
		}
	}
}

// Counters only grow, for every worker and in total, at any two moments under load:
// a scraper takes a fall for a new process.
func TestStatsOnlyGrow(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		var wg sync.WaitGroup
		look := make(chan struct{}, 1) // one that looks without a pause would keep one P to itself
		wg.Go(func() {
			before := p.Stats()
			for range look {
				now := p.Stats()
				for i := range append(now.Workers, now.Total) {
					a, b := before.Total, now.Total
					if i < len(now.Workers) {
						a, b = before.Workers[i], now.Workers[i]
					}
					if b.Submitted < a.Submitted || b.Completed < a.Completed || b.Panicked < a.Panicked || b.Canceled < a.Canceled ||
						b.Stolen < a.Stolen || b.Helped < a.Helped || b.Parked < a.Parked || b.Woken < a.Woken ||
						b.PinsTaken < a.PinsTaken || b.PinsRefused < a.PinsRefused || b.PinsLost < a.PinsLost || b.PinnedFor < a.PinnedFor {
						t.Errorf("worker %d of %d: counters fell from\n%+v to\n%+v", i, len(now.Workers), a, b)
						return
					}
				}
				before = now
			}
		})
		var users sync.WaitGroup
		for range 3 {
			users.Go(func() {
				xs := make([]count, 100)
				g := p.NewGroup()
				for i := range 100 {
					for j := range 20 {
						Submit(p, &xs[j], (*count).run)
						remind(look)
					}
					Submit(p, &xs[0], (*count).run).Cancel()
					p.Go(func() { panic("x") })
					SubmitTo(g, &xs[1], (*count).run)
					remind(look)
					SubmitBatch(p, xs, (*count).run).Cancel()
					ForEach(p, xs, (*count).run)
					remind(look)
					if i%10 == 0 {
						p.Go(func() { runtime.Goexit() }).WaitContext(t.Context())
					}
					g.Wait()
				}
			})
		}
		users.Wait()
		close(look)
		wg.Wait()
	})
}

// remind lets the goroutine that waits for c have one more look, and does not wait for it.
func remind(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// What a worker has run in a lane stays counted for it when the lane, full of tasks
// that have failed, is replaced while a task in it still runs.
func TestStatsOfReplacedLane(t *testing.T) {
	p := newTestPool(t, unpinned(1, WithQueueCapacity(minSlots), quiet)...)
	const panics = 4 * minSlots
	nothing, boom := func() {}, func() { panic("x") }
	for range 100 {
		p.Go(nothing).Wait() // until a waiter may run it itself
	}
	var inner Future
	var before, after Stats
	p.Go(func() {
		for range 100 {
			p.Go(nothing).Wait() // earns the worker its lane
		}
		inner = p.Go(func() {
			for range 8 {
				p.Go(nothing).Wait()
			}
			before = p.Stats()
			for range panics {
				p.Go(boom).Wait()
			}
			after = p.Stats()
		})
	})
	eventually(t, func() bool { s := p.Stats().Total; return s.Panicked == panics && s.Running+s.Queued == 0 }, func() string { return "the tasks do not end" })
	if err := inner.Wait(); err != nil {
		t.Fatal(err)
	}
	if a, b := before.Workers[0], after.Workers[0]; b.Submitted < a.Submitted || b.Completed < a.Completed || b.Panicked < a.Panicked {
		t.Errorf("the worker's counters fell from\n%+v to\n%+v", a, b)
	}
	if a, b := before.Total, after.Total; b.Helped < a.Helped || b.Completed != a.Completed || b.Panicked != a.Panicked+panics {
		t.Errorf("%d panics later the total is\n%+v, was\n%+v", panics, b, a)
	}
}

// What a worker's lane or a loop's caller has begun, and others go on with, counts as
// running where it runs, and nowhere when it has ended.
func TestStatsOfHandedWork(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	workerRuns := func(want uint64) {
		t.Helper()
		if n := atRest(t, p).Workers[0].Running; n != want {
			t.Errorf("the worker counts %d running tasks, not %d", n, want)
		}
	}
	task := p.Go(func() {
		for range 2 * pushesForLane { // handed to stand-ins, as the function is not known
			_ = Submit(p, nil, func(*int) {}).Wait()
		}
	})
	for !task.Done() {
		runtime.Gosched()
	}
	workerRuns(0)
	setProcs(t, 2)
	p.times.worthwhile = 0 // so a loop is shared after its first range
	loop := make(chan struct{})
	held := make(chan struct{})
	go func() {
		defer close(loop)
		var shared atomic.Bool
		_ = p.For(1000, func(lo, hi int) {
			if r := p.currentRunner(); r != nil && r.worker != nil && shared.CompareAndSwap(false, true) {
				close(held)
			}
			for lo > 0 && !shared.Load() { // until the worker has come
				runtime.Gosched()
			}
		})
	}()
	<-held
	<-loop
	workerRuns(0)
}

// A task that is handed over is running, and not queued, until it ends: also while the
// stand-in has not begun it. Shutdown goes by that.
func TestHandedTaskIsRunning(t *testing.T) {
	setProcs(t, 1) // so that no stand-in begins before the caller pauses
	p := newTestPool(t, unpinned(1)...)
	release := hold(t, p)
	defer release()
	_, held := p.Load()
	free := make(chan struct{})
	end := sync.OnceFunc(func() { close(free) })
	defer end()
	f := p.Go(func() { <-free })
	l := f.lane()
	s := l.slot(f.key)
	v, acc := p.takeBack(l, s, f.key)
	if v == 0 {
		t.Fatal("somebody has taken the task")
	}
	p.handTask(l, s, v, acc, nil)
	if queued, running := p.Load(); queued != 0 || running != held+1 {
		t.Errorf("%d queued, %d running, of them %d from before", queued, running, held)
	}
	end()
	if err := f.Wait(); err != nil {
		t.Error(err)
	}
	release()
	atRest(t, p)
}

// What exporters ask for beside the counters.
func TestAccessors(t *testing.T) {
	p := newTestPool(t, unpinned(2, WithName("one"), WithQueueCapacity(100))...)
	if p.Name() != "one" || p.QueueCapacity() != 128 || p.Placement() != "unpinned" {
		t.Errorf("%q, %d, %q", p.Name(), p.QueueCapacity(), p.Placement())
	}
	if Version() == "" {
		t.Error("no version")
	}
}

// The thread of a worker is told while it is pinned, and only then.
func TestStatsThread(t *testing.T) {
	p := newTestPool(t, WithWorkers(1), WithPinning(Hold))
	w := p.Stats().Workers[0]
	if (w.Thread != 0) != (w.Pinned == 1) {
		t.Errorf("thread %d of a worker with Pinned %d", w.Thread, w.Pinned)
	}
	if w.Thread != 0 {
		if name, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/comm", w.Thread)); err == nil && !strings.HasPrefix(string(name), "zp/") {
			t.Errorf("thread %d is %q", w.Thread, name)
		}
	}
	u := newTestPool(t, unpinned(1)...)
	if n := u.Stats().Workers[0].Thread; n != 0 {
		t.Errorf("a worker without a CPU tells the thread %d", n)
	}
}

// A snapshot, a plan and a panic are readable in a log.
func TestLogValues(t *testing.T) {
	p := newTestPool(t, unpinned(2, quiet)...)
	var out bytes.Buffer
	err := p.Go(func() { panic("boom") }).Wait()
	var e *PanicError
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("now", "pool", p.Stats(), "plan", p.Plan(), "task", e)
	for _, want := range []string{"pool.submitted=1", "pool.pinnedFor=0s", `plan.cpus="[-1 -1]"`, "task.panic=boom", "task.stack="} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, out.String())
		}
	}
}

// A loop that a stand-in drives is counted right though that ends before the loop does: a
// task has ended its goroutine, and there are enough stand-ins.
func TestLoopOutlivesItsStandIn(t *testing.T) {
	p := newTestPool(t, unpinned(2, quiet)...)
	for range stressRounds(12) { // one shows the fault three times of four
		var wg sync.WaitGroup
		free := make(chan struct{})
		for range 2 * maxSpares {
			wg.Go(func() { _ = p.Go(func() { <-free }).WaitTimeout(time.Hour) })
		}
		eventually(t, func() bool { return p.Stats().Total.Running == 2*maxSpares }, func() string { return "the tasks do not begin" })
		for loop := range 4 {
			wg.Go(func() {
				_ = p.For(2000, func(lo, hi int) {
					for start := cpu.Ticks(); cpu.DurationOf(cpu.Ticks()-start) < time.Duration(hi-lo)*2*time.Microsecond; {
					}
					if (lo+loop)%7 == 3 {
						runtime.Goexit()
					}
				})
			})
		}
		close(free)
		wg.Wait()
		atRest(t, p)
	}
}

// Loops over as many elements as an int can count, which end early, bring the counters
// beyond 2^64. What runs then is counted all the same, and Shutdown does not wait for it.
func TestStatsBeyondAllCounts(t *testing.T) {
	watch(t)
	const running = 3
	p := newTestPool(t, unpinned(running)...)
	for range 2 { // to 2^64-2
		if err := p.ForErr(t.Context(), math.MaxInt, func(int, int) error { return failedAt(0) }); err != failedAt(0) {
			t.Error(err)
		}
	}
	begun, over := make(chan struct{}), make(chan struct{})
	for range running {
		p.Go(func() { begun <- struct{}{}; <-over })
	}
	for range running {
		<-begun
	}
	if s := p.Stats().Total; s.Running != running || s.Queued != 0 {
		t.Errorf("%d tasks run, counted are %d, and %d queued", running, s.Running, s.Queued)
	}
	if q, r := p.Load(); q != 0 || r != running {
		t.Errorf("%d tasks run, Load says %d, and %d queued", running, r, q)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Shutdown(ctx); err != context.Canceled {
		t.Errorf("Shutdown beside tasks that run: %v", err)
	}
	close(over)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// Elements of a loop that never begin are counted as begun by nobody else: they were from
// the beginning of the loop.
func TestStatsOfSkippedElements(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	nobody := func(*int) {}
	b := p.newBatch(workOf(elements{}, make([]int, 10), nobody), 10)
	b.by = &p.driven
	if !p.accept(10) {
		t.Fatal("closed")
	}
	b.by.count(&b.by.begun, 10)
	b.refs.Store(2)
	p.skip(b, 10, errStopped)
	b.release()
	if given := p.driven.given.load(); given != 0 {
		t.Errorf("%d elements were given to somebody", given)
	}
	checkAtRest(t, p)
}

// A task that runs a loop over all that an int can count, as one does that its context is
// to end, is counted, and Shutdown does not wait for it.
func TestStatsOfEndlessLoop(t *testing.T) {
	watch(t)
	p := newTestPool(t, unpinned(1)...)
	begun, over := make(chan struct{}), make(chan struct{})
	f := p.Go(func() {
		_ = p.ForErr(t.Context(), math.MaxInt, func(int, int) error {
			begun <- struct{}{}
			<-over
			return failedAt(0)
		})
	})
	<-begun
	if s, want := p.Stats().Total, uint64(math.MaxInt)+1; s.Running != want {
		t.Errorf("%d tasks run, counted are %d", want, s.Running)
	}
	if _, r := p.Load(); r < math.MaxInt {
		t.Errorf("Load says that %d tasks run", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Shutdown(ctx); err != context.Canceled {
		t.Errorf("Shutdown beside a loop that runs: %v", err)
	}
	close(over)
	if err := f.Wait(); err != nil {
		t.Error(err)
	}
}
