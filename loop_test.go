package zeropool

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
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

// Heavy elements are shared: while the caller is stuck in one, workers do the
// others.
func TestForEachSharesHeavyWork(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	p := newTestPool(t, unpinned(3)...)
	for range 10 {
		const n = 64
		var ended, others atomic.Int32
		rest := make(chan struct{})
		stuck := atomic.Bool{}
		err := ForEach(p, make([]int, n), func(x *int) {
			if ended.Add(1) < n/2 {
				for i := range 200_000 { // long enough to be worth sharing
					*x = max(*x, i)
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
		})
		if err != nil {
			t.Fatal(err)
		}
		if raceEnabled {
			break
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
