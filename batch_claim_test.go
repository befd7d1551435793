package zeropool

import (
	"math"
	"runtime"
	"sync"
	"testing"
)

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
