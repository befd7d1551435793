package zeropool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/proven"
)

// Loops in elements of loops, on the goroutines that run the outer ones.
func TestNestedLoops(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		for _, n := range []int{3, 40} {
			cells := make([][]count, n)
			err := ForEach(p, cells, func(row *[]count) {
				*row = make([]count, n)
				if err := ForEach(p, *row, func(c *count) {
					if err := p.For(n, func(lo, hi int) { c.runs.Add(int32(hi - lo)) }); err != nil {
						panic(err)
					}
				}); err != nil {
					panic(err)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range cells {
				for k := range cells[i] {
					if got := cells[i][k].runs.Load(); got != int32(n) {
						t.Fatalf("cell %d,%d: %d of %d", i, k, got, n)
					}
				}
			}
		}
	})
}

// Loops inside tasks run completely and block nobody for good, however many
// tasks have one.
func TestLoopsInTasks(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		fs := make([]Future, 50)
		sums := make([]atomic.Int64, len(fs))
		for i := range fs {
			fs[i] = p.Go(func() {
				if err := p.For(10_000, func(lo, hi int) { sums[i].Add(int64(hi - lo)) }); err != nil {
					panic(err)
				}
			})
		}
		for i, f := range fs {
			if err := f.Wait(); err != nil || sums[i].Load() != 10_000 {
				t.Fatalf("task %d: %v, %d", i, err, sums[i].Load())
			}
		}
	})
}

// Heavy elements are shared, also if they panic: while the caller is stuck in one, workers
// do the others.
func TestForEachSharesHeavyWork(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	p := newTestPool(t, unpinned(3, quiet)...)
	for round := range 10 {
		fail := round%2 == 1
		const n = 64
		var ended, others atomic.Int32
		rest := make(chan struct{})
		stuck := atomic.Bool{}
		heavy := func(x *int) {
			if ended.Add(1) < n/2 {
				for i := range 200_000 { // long enough to be worth sharing
					*x = max(*x, i)
				}
				if fail {
					panic("heavy")
				}
				return
			}
			// The first to come here waits for all others.
			if stuck.CompareAndSwap(false, true) {
				<-rest
				return
			}
			if others.Add(1) == n-n/2 {
				close(rest)
			}
		}
		proven.NoteLong(funcOf(heavy).code, false) // the loop is to find out
		err := ForEach(p, make([]int, n), heavy)
		if _, failed := err.(*PanicError); failed != fail || !fail && err != nil {
			t.Fatal(err)
		}
		if raceEnabled && fail {
			break
		}
	}
}

// TestLoopDoesNotTrustItsFirstElement protects short loops over long elements: that the
// first one is short, as an empty file is, says nothing of the others, so the caller looks
// at the clock after the next one and does not keep all of them for itself.
func TestLoopDoesNotTrustItsFirstElement(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	p := newTestPool(t, unpinned(3, quiet)...)
	var begun atomic.Int32
	var alone atomic.Int32
	if err := ForEach(p, make([]int, 4), func(x *int) {
		switch n := begun.Add(1); {
		case n == 2:
			for i := range 200_000 { // long enough to make the others worth sharing
				*x = max(*x, i)
			}
		case n > 2 && bytes.Contains(debug.Stack(), []byte("driveAlone")):
			alone.Add(1)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if n := alone.Load(); n != 0 {
		t.Errorf("the second element took long, and the caller ran %d more alone", n)
	}
}

// TestLoopOfLongFunctionBeginsShared protects loops over a few long elements, again and
// again: when elements of a function have taken long the next loop over it does not run its
// first one alone, and when they have been short, it does.
func TestLoopOfLongFunctionBeginsShared(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	loop := func(worthwhile, long int64, fn func()) {
		t.Helper()
		p := newTestPool(t, unpinned(3)...)
		p.times.worthwhile, p.times.long = worthwhile, long
		if err := ForEach(p, make([]int, 2), func(*int) { fn() }); err != nil {
			t.Fatal(err)
		}
		p.Close() // until then a worker may be about to note how long its element took
	}
	for round := range 3 {
		loop(0, -1, func() {}) // shared after the first element, and each takes long
		var both sync.WaitGroup
		both.Add(2)
		loop(math.MaxInt64, math.MaxInt64, func() { // hangs unless both run at the same time
			both.Done()
			both.Wait()
		})
		loop(0, math.MaxInt64, func() {}) // no element takes long
		var alone atomic.Int32
		loop(math.MaxInt64, math.MaxInt64, func() {
			if bytes.Contains(debug.Stack(), []byte("driveAlone")) {
				alone.Add(1)
			}
		})
		if n := alone.Load(); n != 2 {
			t.Errorf("round %d: the elements have been short, and of the next two %d were run alone", round, n)
		}
	}
}

// Loops of several goroutines at a time on small queues each run completely,
// and none mixes with another.
func TestLoopsTogether(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		p := newTestPool(t, unpinned(2, WithQueueCapacity(2))...)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				xs := make([]square, 3000)
				for i := range xs {
					xs[i].in = i
				}
				for round := 1; round <= 30; round++ {
					if err := ForEach(p, xs, (*square).run); err != nil {
						t.Error(err)
						return
					}
					for i := range xs {
						if xs[i].out != round*i*i {
							t.Errorf("element %d: %d", i, xs[i].out)
							return
						}
					}
				}
			})
		}
		wg.Wait()
	})
}

// A panic in one element of a loop is what the loop returns, and every other
// element runs all the same; each panic is counted.
func TestLoopPanics(t *testing.T) {
	boom := errors.New("boom")
	eachPool(t, func(t *testing.T, p *Pool) {
		for _, n := range []int{1, 2, 100, 20_000} {
			for _, bad := range []int{0, n / 2, n - 1} {
				xs := make([]count, n)
				err := ForEach(p, xs, func(c *count) {
					c.run()
					if c == &xs[bad] {
						panic(boom)
					}
				})
				var pe *PanicError
				if !errors.As(err, &pe) || !errors.Is(err, boom) {
					t.Fatalf("ForEach with a panic in element %d of %d: %v", bad, n, err)
				}
				for i := range xs {
					xs[i].once(t, fmt.Sprintf("element %d of %d beside a panic", i, n))
				}
				var covered atomic.Int64
				err = p.For(n, func(lo, hi int) {
					covered.Add(int64(hi - lo))
					if lo <= bad && bad < hi {
						panic(boom)
					}
				})
				if !errors.Is(err, boom) || covered.Load() != int64(n) {
					t.Fatalf("For with a panic at %d of %d: %v, covered %d", bad, n, err, covered.Load())
				}
			}
		}
		// Every element panics: one error comes back, all are counted.
		before := atRest(t, p).Total.Panicked
		err := ForEach(p, make([]int, 300), func(*int) { panic(boom) })
		if !errors.Is(err, boom) {
			t.Error(err)
		}
		if after := atRest(t, p).Total.Panicked; after-before != 300 {
			t.Errorf("%d panics counted of 300", after-before)
		}
	})
}

// A Goexit in one element of a loop gives ErrGoexit, and every other element
// runs all the same.
func TestLoopGoexit(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		for _, n := range []int{1, 2, 100, 20_000} {
			for _, bad := range []int{0, n / 2, n - 1} {
				xs := make([]count, n)
				err := ForEach(p, xs, func(c *count) {
					c.run()
					if c == &xs[bad] {
						runtime.Goexit()
					}
				})
				if err != ErrGoexit {
					t.Fatalf("ForEach with a Goexit in element %d of %d: %v", bad, n, err)
				}
				for i := range xs {
					xs[i].once(t, fmt.Sprintf("element %d of %d beside a Goexit", i, n))
				}
				var covered atomic.Int64
				err = p.For(n, func(lo, hi int) {
					covered.Add(int64(hi - lo))
					if lo <= bad && bad < hi {
						runtime.Goexit()
					}
				})
				if err != ErrGoexit || covered.Load() != int64(n) {
					t.Fatalf("For with a Goexit at %d of %d: %v, covered %d", bad, n, err, covered.Load())
				}
			}
		}
		if err := ForEach(p, make([]int, 100), func(*int) { runtime.Goexit() }); err != ErrGoexit {
			t.Error(err)
		}
	})
}

// Loops whose length leaves no room for the arithmetic on it.
func TestForHugeRanges(t *testing.T) {
	p := newTestPool(t, unpinned(3)...)
	for _, n := range []int{math.MaxInt, math.MaxInt - 1, math.MaxInt/2 + 1, math.MaxInt32, math.MaxInt>>32 + 1} {
		for range 20 {
			var sum atomic.Int64
			if err := p.For(n, func(lo, hi int) { sum.Add(int64(hi - lo)) }); err != nil || sum.Load() != int64(n) {
				t.Fatalf("For(%d) covered %d: %v", n, sum.Load(), err)
			}
		}
	}
	if math.MaxInt > 1<<40 {
		big := make([]struct{}, 1<<30) // no memory: elements of no size
		var calls atomic.Int32
		f := SubmitBatch(p, big, func(*struct{}) { calls.Add(1); runtime.Gosched() })
		f.Cancel()
		if err := f.Wait(); err != ErrCanceled {
			t.Error(err)
		}
	}
}

// A loop whose chunks could be longer than an int holds ends: none of them has become
// shorter than one element by overflowing.
func TestForHugeRangesAlone(t *testing.T) {
	alone := newTestPool(t, unpinned(1)...)
	alone.times.worthwhile = math.MaxInt64 // it is never worth waking a worker
	for _, n := range []int{math.MaxInt, math.MaxInt - 1, math.MaxInt/2 + 2} {
		sum := 0
		if err := alone.For(n, func(lo, hi int) {
			if lo == sum && hi > lo {
				sum = hi
			}
		}); err != nil || sum != n {
			t.Errorf("For(%d) covered %d: %v", n, sum, err)
		}
	}
}

// errLoops are the loops that end early, over n elements whose ranges are of length 1
// where ranges are the caller's.
func errLoops(p *Pool, n int) map[string]func(ctx context.Context, fn func(i int) error) error {
	return errLoopsOf[returning](p, n)
}

// exitingLoops are errLoops for functions that may call runtime.Goexit: what a pool
// knows of a function it knows by its code, so theirs has code of its own, which has
// exited before.
func exitingLoops(p *Pool, n int) map[string]func(ctx context.Context, fn func(i int) error) error {
	loops := errLoopsOf[exiting](p, n)
	var wg sync.WaitGroup
	for _, loop := range loops {
		wg.Go(func() {
			loop(context.Background(), func(int) error { runtime.Goexit(); return nil })
		})
	}
	wg.Wait()
	return loops
}

// The compiler makes code for each size of a type parameter.
type (
	returning [1]byte
	exiting   [2]byte
)

func errLoopsOf[K any](p *Pool, n int) map[string]func(ctx context.Context, fn func(i int) error) error {
	is := make([]int, n)
	for i := range is {
		is[i] = i
	}
	return map[string]func(context.Context, func(int) error) error{
		"ForEachErr": func(ctx context.Context, fn func(int) error) error {
			return ForEachErr(ctx, p, is, func(i *int) error { return fn(*i) })
		},
		"ForErr": func(ctx context.Context, fn func(int) error) error {
			return p.ForErr(ctx, n, func(lo, hi int) error {
				for i := lo; i < hi; i++ {
					if err := fn(i); err != nil {
						return err
					}
				}
				return nil
			})
		},
		"MapErr": func(ctx context.Context, fn func(int) error) error {
			return MapErr(ctx, p, is, make([]int, n), func(i *int) (int, error) { return *i, fn(*i) })
		},
	}
}

type failedAt int

func (f failedAt) Error() string { return fmt.Sprint("failed at ", int(f)) }

func spinFor(n int) {
	for range n {
		cpu.Relax(1)
	}
}

// The error is that of the lowest element that fails, as in a plain loop, whatever
// mixture of errors, panics and Goexits there is; all elements below it have run, and
// none has run twice.
func TestErrLoopsLowestFailure(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		const n = 3000
		for _, lowest := range []int{0, 1, 77, 1500, n - 1} {
			for kind := range 3 {
				for name, loop := range exitingLoops(p, n) {
					runs := make([]atomic.Int32, n)
					err := loop(t.Context(), func(i int) error {
						runs[i].Add(1)
						spinFor(20)
						if i < lowest || (i-lowest)%7 != 0 {
							return nil
						}
						switch ((i-lowest)/7 + kind) % 3 {
						case 0:
							return failedAt(i)
						case 1:
							panic(failedAt(i))
						}
						runtime.Goexit()
						return nil
					})
					var at failedAt
					var pe *PanicError
					switch kind {
					case 0, 1:
						if !errors.As(err, &at) || int(at) != lowest || errors.As(err, &pe) != (kind == 1) {
							t.Fatalf("%s, lowest %d, kind %d: %v", name, lowest, kind, err)
						}
					case 2:
						if err != ErrGoexit {
							t.Fatalf("%s, lowest %d: %v, want ErrGoexit", name, lowest, err)
						}
					}
					for i := range runs {
						if c := runs[i].Load(); c > 1 || i <= lowest && c == 0 {
							t.Fatalf("%s, lowest %d: element %d ran %d times", name, lowest, i, c)
						}
					}
				}
			}
		}
	})
}

// The first failure ends the loop: of very many long elements only some run.
func TestErrLoopsEndEarly(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		const n = 1 << 20
		for name, loop := range errLoops(p, n) {
			var runs atomic.Int64
			err := loop(t.Context(), func(i int) error {
				runs.Add(1)
				if i == 100 {
					return failedAt(i)
				}
				spinFor(1000)
				return nil
			})
			if err != failedAt(100) {
				t.Errorf("%s: %v", name, err)
			}
			if runs.Load() == n {
				t.Errorf("%s: all elements ran", name)
			}
		}
	})
}

// A loop heeds the failure of its first element, and the end of the context there,
// before it begins another one: also if that element took so long that what is left is
// worth sharing.
func TestErrLoopsEndAtOnce(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		for name, loop := range exitingLoops(p, 1000) {
			for _, spins := range []int{0, 50_000} {
				var runs atomic.Int64
				err := loop(t.Context(), func(i int) error { runs.Add(1); spinFor(spins); return failedAt(i) })
				if err != failedAt(0) || runs.Load() != 1 {
					t.Errorf("%s: %v, %d ran", name, err, runs.Load())
				}
				runs.Store(0)
				err = loop(t.Context(), func(i int) error { runs.Add(1); spinFor(spins); panic(failedAt(i)) })
				if !errors.Is(err, failedAt(0)) || runs.Load() != 1 {
					t.Errorf("%s, panic: %v, %d ran", name, err, runs.Load())
				}
				runs.Store(0)
				err = loop(t.Context(), func(i int) error { runs.Add(1); spinFor(spins); runtime.Goexit(); return nil })
				if err != ErrGoexit || runs.Load() != 1 {
					t.Errorf("%s, Goexit: %v, %d ran", name, err, runs.Load())
				}
				ctx, cancel := context.WithCancel(t.Context())
				runs.Store(0)
				err = loop(ctx, func(int) error { runs.Add(1); spinFor(spins); cancel(); return nil })
				if err != context.Canceled || runs.Load() != 1 {
					t.Errorf("%s, context: %v, %d ran", name, err, runs.Load())
				}
			}
		}
	})
}

// A context that has ended before lets nothing run; one that ends during the loop
// ends it, with the first elements run; one that ends with the last element changes
// nothing.
func TestErrLoopsContext(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		const n = 1 << 20
		why := context.Canceled
		for name, loop := range errLoops(p, n) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := loop(ctx, func(int) error { t.Error("an element ran"); return nil }); err != why {
				t.Errorf("%s, ended before: %v", name, err)
			}

			ctx, cancel = context.WithCancel(t.Context())
			runs := make([]atomic.Bool, n)
			count := 0
			err := loop(ctx, func(i int) error {
				runs[i].Store(true)
				if i == 1000 {
					cancel()
				}
				spinFor(200)
				return nil
			})
			for count < n && runs[count].Load() {
				count++
			}
			if err != why || count == n || count <= 1000 {
				t.Errorf("%s, ended during: %v, the first %d ran", name, err, count)
			}
			for i := count; i < n; i++ {
				if runs[i].Load() {
					t.Fatalf("%s: element %d ran, %d did not", name, i, count)
				}
			}

			// An error of an element comes before the context's.
			ctx, cancel = context.WithCancel(t.Context())
			if err := loop(ctx, func(i int) error { cancel(); return failedAt(i) }); err != failedAt(0) {
				t.Errorf("%s, ended and failed: %v", name, err)
			}
		}
		for name, loop := range errLoops(p, 10) {
			ctx, cancel := context.WithCancel(t.Context())
			var left atomic.Int32
			left.Store(10)
			err := loop(ctx, func(i int) error {
				if left.Add(-1) == 0 {
					cancel()
				}
				return nil
			})
			if err != nil || left.Load() != 0 {
				t.Errorf("%s, ended with the last element: %v, %d left", name, err, left.Load())
			}
			cancel()
		}
	})
}

// Where nobody could help, as on one CPU, a loop looks at its context as often as elsewhere:
// its chunks do not grow for ever.
func TestErrLoopsContextOnOneCPU(t *testing.T) {
	watch(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	p := newTestPool(t, unpinned(1)...)
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	body := func(lo, hi int) error {
		for i := range hi - lo {
			runtime.KeepAlive(i)
		}
		if calls++; calls == 1000 {
			cancel()
		}
		return nil
	}
	if err := p.ForErr(ctx, math.MaxInt, body); err != context.Canceled || calls != 1000 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// Loops inside elements of loops fail alone, and hand their error on.
func TestErrLoopsNested(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		for name, outer := range errLoops(p, 40) {
			for inside, inner := range errLoops(p, 50) {
				err := outer(t.Context(), func(i int) error {
					err := inner(t.Context(), func(j int) error {
						spinFor(50)
						if i >= 20 && j >= 30 {
							return failedAt(100*i + j)
						}
						return nil
					})
					if (err != nil) != (i >= 20) {
						t.Errorf("%s in %s, %d: %v", inside, name, i, err)
					}
					return err
				})
				if err != failedAt(2030) {
					t.Errorf("%s in %s: %v", inside, name, err)
				}
			}
		}
	})
}

// The end of the context of a batch that has ended already is no failure of it, whoever
// still looks at the batch: it is used again.
func TestContextAfterTheEnd(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	ctx, cancel := context.WithCancel(t.Context())
	run := (*count).runErr
	var c count
	b := p.newBatch(work{body: elementsErr{}, fn: *(**funcval)(unsafe.Pointer(&run)), base: unsafe.Pointer(&c), stop: ctx.Done(), early: true}, 1)
	b.width = 1
	b.refs.Store(3)
	p.batched.Add(1)
	p.batches.Add(1)
	acc := &p.helper().account
	p.post(b, 0)
	p.join(b, acc, false, toTheEnd)
	cancel()
	p.join(b, acc, false, toTheEnd)
	if f := b.failure.Load(); f != nil || c.runs.Load() != 1 {
		t.Errorf("%+v, %d ran", f, c.runs.Load())
	}
}

// A callerContext is a context whose methods may be called by one goroutine only.
type callerContext struct {
	context.Context
	t      *testing.T
	caller uint64
}

func (c *callerContext) here() {
	if runnerID() != c.caller {
		c.t.Error("a method of the context is called by another goroutine than the caller of the loop")
	}
}

func (c *callerContext) Err() error            { c.here(); return c.Context.Err() }
func (c *callerContext) Done() <-chan struct{} { c.here(); return c.Context.Done() }

// The methods of a user's context are called by the goroutine that has passed it, never
// by a worker: one that panics, or exits, would take the worker along.
func TestContextIsTheCallers(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	p.times.worthwhile = 0 // shared after the first range
	for name, loop := range errLoops(p, 1000) {
		ctx, cancel := context.WithCancel(t.Context())
		var begun atomic.Int32
		if err := loop(&callerContext{ctx, t, runnerID()}, func(int) error {
			if begun.Add(1) == 100 {
				cancel()
			}
			return nil
		}); err != context.Canceled && begun.Load() != 1000 {
			t.Errorf("%s: %v after %d elements", name, err, begun.Load())
		}
		cancel()
	}
}

// The loops with errors answer ErrClosed on a closed pool and run nothing.
func TestErrLoopsAfterClose(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	p.Close()
	for name, loop := range errLoops(p, 3) {
		if err := loop(t.Context(), func(int) error { t.Error("an element ran"); return nil }); err != ErrClosed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s did not panic", what)
		}
	}()
	f()
}

// Wrong arguments of the loops with errors, Map, Reduce and Join panic at the
// call.
func TestErrLoopsBadCalls(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	ctx := t.Context()
	mustPanic(t, "nil function", func() { ForEachErr[int](ctx, p, nil, nil) })
	mustPanic(t, "nil pool", func() { ForEachErr(ctx, nil, []int{1}, func(*int) error { return nil }) })
	mustPanic(t, "nil body", func() { p.ForErr(ctx, 1, nil) })
	mustPanic(t, "negative n", func() { p.ForErr(ctx, -1, func(lo, hi int) error { return nil }) })
	mustPanic(t, "nil Map", func() { Map[int, int](p, nil, nil, nil) })
	mustPanic(t, "short out", func() { Map(p, []int{1, 2}, []int{0}, func(i *int) int { return *i }) })
	mustPanic(t, "short out", func() {
		MapErr(ctx, p, []int{1, 2}, []int{0}, func(i *int) (int, error) { return *i, nil })
	})
	mustPanic(t, "nil merge", func() { Reduce(p, []int{1}, 0, func(r int, i *int) int { return r }, nil) })
	mustPanic(t, "nil function of Join", func() { Join[int, int](p, nil, nil, nil, func(*int) {}) })
}
