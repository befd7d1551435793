package zeropool

import (
	"errors"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// Elements that submit batches themselves, and wait for them.
func TestBatchInBatch(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		const width, depth = 4, 4
		var leaves atomic.Int32
		var descend func(level int) error
		descend = func(level int) error {
			if level == 0 {
				leaves.Add(1)
				return nil
			}
			errs := make([]error, width)
			f := SubmitBatch(p, errs, func(err *error) { *err = descend(level - 1) })
			return errors.Join(append(errs, f.Wait())...)
		}
		if err := descend(depth); err != nil {
			t.Fatal(err)
		}
		if n := leaves.Load(); n != 256 {
			t.Errorf("%d leaves", n)
		}
	})
}

// Progress may lag behind by what a worker has claimed at once, but never goes
// back and never runs ahead.
func TestBatchProgress(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	step := make(chan struct{})
	f := SubmitBatch(p, make([]int, 10), func(*int) { <-step })
	last := 0
	for ended := range 10 {
		done, total := f.Progress()
		if done < last || done > ended || total != 10 || f.Done() {
			t.Fatalf("progress %d of %d, was %d; at most %d tasks have ended; done: %v", done, total, last, ended, f.Done())
		}
		last = done
		step <- struct{}{}
	}
	if err := f.Wait(); err != nil {
		t.Fatal(err)
	}
	if done, total := f.Progress(); done != 10 || total != 10 {
		t.Errorf("progress %d of %d at the end", done, total)
	}
}

// Cancel of a batch that runs ends the elements that have not begun, says how
// many, and leaves those that have begun to end in peace.
func TestBatchCancelPart(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	var begun atomic.Int32
	started := make(chan struct{}, 1000)
	free := make(chan struct{})
	xs := make([]count, 1000)
	f := SubmitBatch(p, xs, func(c *count) { begun.Add(1); c.run(); started <- struct{}{}; <-free })
	<-started
	n := f.Cancel()
	if n < 900 || n > 999 {
		t.Errorf("Cancel of a batch of 1000 with 2 elements begun = %d", n)
	}
	if f.Cancel() != 0 {
		t.Error("second Cancel found more")
	}
	if f.Done() {
		t.Error("a batch ended before the elements that had begun")
	}
	close(free)
	if err := f.Wait(); err != ErrCanceled {
		t.Errorf("batch with canceled elements: %v", err)
	}
	ran := 0
	for i := range xs {
		ran += int(xs[i].runs.Load())
	}
	if ran+n != len(xs) || int32(ran) != begun.Load() {
		t.Errorf("%d ran, %d canceled of %d", ran, n, len(xs))
	}
	if s := atRest(t, p).Total; s.Canceled != uint64(n) || s.Completed != uint64(ran) {
		t.Errorf("%d ran, %d canceled: %+v", ran, n, s)
	}
}

// Cancel of a batch of which nothing has begun ends it at once, though every
// worker is busy, and its params are never touched.
func TestBatchCancelAll(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	release := hold(t, p)
	defer release()
	xs := make([]square, 100)
	f := SubmitBatch(p, xs, (*square).run)
	g := p.SubmitMixed([]Task{Bind(&xs[0], (*square).run), Bind(&xs[1], (*square).run)})
	if n := f.Cancel() + g.Cancel(); n != 102 {
		t.Errorf("Cancel = %d of 102", n)
	}
	if err := f.Wait(); err != ErrCanceled || !f.Done() {
		t.Error(err)
	}
	if err := g.Wait(); err != ErrCanceled {
		t.Error(err)
	}
	release()
	p.Close()
	for i := range xs {
		if xs[i] != (square{}) {
			t.Fatal("the params of a canceled task were touched")
		}
	}
}

// Whenever Cancel comes, each element of a batch either ran once or is among
// those that Cancel counted, and Wait tells ErrCanceled if and only if there
// are such.
func TestBatchCancelRaces(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		for round := range 300 {
			xs := make([]count, 200+round)
			f := SubmitBatch(p, xs, (*count).run)
			for range round % 7 {
				runtime.Gosched()
			}
			n := f.Cancel()
			err := f.Wait()
			ran := 0
			for i := range xs {
				switch xs[i].runs.Load() {
				case 0:
				case 1:
					ran++
				default:
					t.Fatalf("element %d ran more than once", i)
				}
			}
			if ran+n != len(xs) || (err == ErrCanceled) != (n > 0) || n == 0 && err != nil {
				t.Fatalf("%d ran, %d canceled of %d: %v", ran, n, len(xs), err)
			}
		}
	})
}

// Many goroutines submit batches at once: the records are recycled under them.
func TestBatchRecycling(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		eachPool(t, func(t *testing.T, p *Pool) {
			var wg sync.WaitGroup
			for range 6 {
				wg.Go(func() {
					var old []Future
					for round := range 200 * stressFactor() {
						xs := make([]square, 1+round%17)
						for i := range xs {
							xs[i].in = i
						}
						f := SubmitBatch(p, xs, (*square).run)
						if round%3 == 0 {
							for _, o := range old {
								if !o.Done() || o.Wait() != nil || o.Cancel() != 0 {
									t.Error("an ended batch came back to life")
								}
							}
						}
						if err := f.Wait(); err != nil {
							t.Error(err)
							return
						}
						for i := range xs {
							if xs[i].out != i*i {
								t.Errorf("element %d: %d", i, xs[i].out)
								return
							}
						}
						if len(old) < 50 {
							old = append(old, f)
						}
					}
				})
			}
			wg.Wait()
		})
	})
}

// Uneven work is shared, not dealt out: a worker stuck in one element keeps
// nothing else.
func TestBatchUnevenWork(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	for range 50 {
		var others atomic.Int32
		const n = 1000
		rest := make(chan struct{})
		xs := make([]int, n)
		for i := range xs {
			xs[i] = i
		}
		f := SubmitBatch(p, xs, func(x *int) {
			if *x == 0 {
				<-rest
				return
			}
			if others.Add(1) == n-1 {
				close(rest)
			}
		})
		if err := f.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// Short tasks at the end of a long batch are claimed one by one by many workers.
func TestBatchOfTinyTasksOnManyWorkers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(16))
	p := newTestPool(t, unpinned(16)...)
	xs := make([]int32, 1<<18)
	for round := range int32(20) {
		if err := SubmitBatch(p, xs, func(x *int32) { *x++ }).Wait(); err != nil {
			t.Fatal(err)
		}
		for i := range xs {
			if xs[i] != round+1 {
				t.Fatalf("round %d: element %d ran %d times", round+1, i, xs[i])
			}
		}
	}
}

// Whoever finds no reference left comes too late, even if the state still says
// pending: somebody is about to use the batch again.
func TestNoReferenceToRecycledBatch(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	b := p.newBatch(work{fn: funcOf(nothing)}, 1)
	if b.refs.Load() != 0 {
		t.Fatal("a new batch has references")
	}
	if b.retain(b.state.Load()) || b.refs.Load() != 0 {
		t.Errorf("a reference to a batch that has been recycled: %d", b.refs.Load())
	}
}

// Ranges of a batch that several goroutines claim, few elements at a time, are
// disjoint and leave nothing out.
func TestRangesCoverOnce(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	const goroutines = 4
	n := 100 * stressRounds(10000)
	claimed := make([]uint8, n)
	for width := 1; width <= 4; width++ {
		for chunk := 1; chunk <= 4; chunk++ {
			b := &batch{n: n, pool: new(Pool), width: width}
			b.prev, b.next = b, b // on a board
			clear(claimed)
			var lists [goroutines][][2]int
			var wg sync.WaitGroup
			for g := range goroutines {
				wg.Go(func() {
					for {
						lo, hi := b.claimRange(chunk, 2*b.width)
						if lo == hi {
							return
						}
						lists[g] = append(lists[g], [2]int{lo, hi})
					}
				})
			}
			wg.Wait()
			for _, list := range lists {
				for _, r := range list {
					if r[0] < 0 || r[0] >= r[1] || r[1] > n || r[1]-r[0] > chunk {
						t.Fatalf("a claim of %d from %d elements gave [%d,%d)", chunk, n, r[0], r[1])
					}
					for i := r[0]; i < r[1]; i++ {
						claimed[i]++
					}
				}
			}
			for i, times := range claimed {
				if times != 1 {
					t.Fatalf("width %d, chunk %d: element %d of %d was claimed %d times", width, chunk, i, n, times)
				}
			}
		}
	}
}

// The largest batch there can be, claimed in chunks as large as they can get.
func TestRangesOfHugeBatches(t *testing.T) {
	for _, n := range []int{math.MaxInt, math.MaxInt - 1} {
		for _, chunk := range []int{math.MaxInt, math.MaxInt/2 + 1, math.MaxInt / 3} {
			b := &batch{n: n, pool: new(Pool), width: 1}
			next := 0
			for next < n {
				b.prev, b.next = b, b // on a board, even if it has left that
				lo, hi := b.claimRange(chunk, 2*b.width)
				if lo != next || hi <= lo || hi > n {
					t.Fatalf("%d of %d elements are left, a claim of %d gave [%d,%d)", n-next, n, chunk, lo, hi)
				}
				next = hi
			}
			for range 3 {
				b.prev, b.next = b, b
				if lo, hi := b.claimRange(chunk, 2*b.width); lo != hi {
					t.Fatalf("nothing is left of %d elements, a claim of %d gave [%d,%d)", n, chunk, lo, hi)
				}
			}
		}
	}
}

// A batch has not ended while one of its elements runs, whichever it is and
// although all have been claimed.
func TestBatchEndsLast(t *testing.T) {
	for last := range 4 {
		p := newTestPool(t, unpinned(4)...)
		m := newMeeting(4)
		free := make(chan struct{})
		xs := []int{0, 1, 2, 3}
		f := SubmitBatch(p, xs, func(x *int) {
			m.meet()
			if *x == last {
				<-free
			}
		})
		<-m.all
		eventually(t, func() bool { done, _ := f.Progress(); return done >= 3 }, func() string { return "three elements never end" })
		if done, total := f.Progress(); f.Done() || done != 3 || total != 4 {
			t.Errorf("element %d runs: done %v, progress %d of %d", last, f.Done(), done, total)
		}
		close(free)
		if err := f.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// A batch counts as one that is on the board before it is there: Shutdown looks once, and
// who looks while others come and go must not miss one.
func TestBatchIsCountedFirst(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	defer hold(t, p)()
	p.board.mu.Lock()
	var f Future
	done := make(chan struct{})
	go func() {
		defer close(done)
		f = SubmitBatch(p, make([]int, 3), func(*int) {})
	}()
	eventually(t, func() bool { return p.board.count.Load() == 1 }, func() string { return "a batch is listed before it is counted" })
	p.board.mu.Unlock()
	<-done
	if err := f.Wait(); err != nil {
		t.Error(err)
	}
}

// A failed batch is kept by its Future, for the error; its list of tasks is not.
func TestFailedBatchKeepsNoTasks(t *testing.T) {
	p := newTestPool(t, append(unpinned(1), quiet)...)
	f := p.SubmitMixed([]Task{Bind(nil, func(*struct{}) { panic("of a task") })})
	if err := f.Wait(); err == nil {
		t.Fatal("no error")
	}
	b := f.batch()
	eventually(t, func() bool { return b.refs.Load() == 0 }, func() string { return "somebody keeps the batch" })
	if err := p.Close(); err != nil { // who has dropped the last reference has come to its end
		t.Fatal(err)
	}
	if b.tasks != nil {
		t.Errorf("a list of %d tasks is kept", cap(b.tasks))
	}
}
