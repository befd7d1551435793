package chunk

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
)

// The schedules that the rules of this package lead to, computed with a virtual
// clock: no machine's speed or noise is in them.

// What the simulated machine takes, in ns.
const (
	simClaim     = 100  // a claim after somebody else's: two cache lines from another core
	simNextClaim = 20   // one after the own
	simWake      = 5000 // a wake; the woken worker wakes the next
)

// A profile makes the times of n tasks, in ns.
type profile struct {
	name        string
	times       func(n int) []int64
	loop, batch float64 // the worst ratio to the ideal schedule that is accepted
}

// anyRatio is for work whose first long element comes without warning, many of
// them side by side: a range that was claimed for short elements holds them all,
// and nobody can take a part of it back. All that holds then is that the plain loop
// is no faster.
const anyRatio = math.MaxFloat64

func timesBy(time func(i, n int) int64) func(n int) []int64 {
	return func(n int) []int64 {
		ts := make([]int64, n)
		for i := range ts {
			ts[i] = time(i, n)
		}
		return ts
	}
}

// mixedTimes makes one task in every so many 10,000 times as long as the others, at
// random places.
func mixedTimes(every int) func(n int) []int64 {
	return func(n int) []int64 {
		random := rand.New(rand.NewPCG(uint64(n), uint64(every)))
		return timesBy(func(int, int) int64 {
			if random.IntN(every) == 0 {
				return 100_000
			}
			return 10
		})(n)
	}
}

func geometric(i, n int) int64 {
	t := 10.0
	for range 4 * i * 100 / n {
		t *= 1.02329299 // 100 of these are a factor of 10
	}
	return int64(t)
}

// stretch makes m long tasks in the middle of short ones.
func stretch(m int) func(n int) []int64 {
	return timesBy(func(i, n int) int64 {
		if i >= n/2 && i < n/2+m {
			return 100_000
		}
		return 10
	})
}

// Of schedules that do not know the times beforehand none can promise less than
// 2: what is started last may be the longest. What is above 2 here are loops of
// 1,000 elements or fewer, of which the caller has run a good part before it
// knows what they cost.
var profiles = []profile{
	{"10 ns", timesBy(func(int, int) int64 { return 10 }), 1.2, 2.4},
	{"1 µs", timesBy(func(int, int) int64 { return 1000 }), 1.1, 1.1},
	{"100 µs", timesBy(func(int, int) int64 { return 100_000 }), 2.4, 1.6},
	{"10 ns and 100 µs mixed, half of each", mixedTimes(2), 2.4, 1.5},
	{"10 ns and 100 µs mixed, 1 in 100 long", mixedTimes(100), 2.4, 1.5},
	{"10 ns and 100 µs mixed, 1 in 10,000 long", mixedTimes(10_000), 1.6, 2.4},
	{"increasing from 10 ns to 100 µs", timesBy(func(i, n int) int64 { return 10 + int64(i)*100_000/int64(n) }), 1.5, 1.5},
	{"decreasing from 100 µs to 10 ns", timesBy(func(i, n int) int64 { return 10 + int64(n-i)*100_000/int64(n) }), 2, 1.1},
	{"increasing geometrically", timesBy(geometric), 1.9, 1.6},
	{"decreasing geometrically", timesBy(func(i, n int) int64 { return geometric(n-1-i, n) }), 2, 1.1},
	{"one long last", timesBy(func(i, n int) int64 {
		if i == n-1 {
			return int64(n) * 1000 / 4
		}
		return 1000
	}), 2, 2},
	{"long, then short", timesBy(func(i, n int) int64 {
		if i < n/2 {
			return 100_000
		}
		return 10
	}), 2.2, 1.3},
	{"one short, then long", timesBy(func(i, n int) int64 {
		if i == 0 {
			return 10
		}
		return 100_000
	}), 2.4, 1.4},
	{"short, then long", timesBy(func(i, n int) int64 {
		if i < n/2 {
			return 10
		}
		return 100_000
	}), 8, 1.3},
	{"100 long in the middle", stretch(100), anyRatio, anyRatio},
	{"1,000 long in the middle", stretch(1000), anyRatio, anyRatio},
}

// A simWorker is one goroutine that works on the batch.
type simWorker struct {
	free  int64 // when it is free next
	chunk int
}

// A sim is a batch with a virtual clock.
type sim struct {
	times   []int64
	at      int // the cursor
	workers []simWorker
	claimer int   // who claimed last
	awake   int64 // when the worker woken last is up
	width   int
}

// wake wakes n workers from the time now on, one after the other.
func (s *sim) wake(n int, now int64) {
	s.awake = max(s.awake, now)
	for range n {
		s.awake += simWake
		s.workers = append(s.workers, simWorker{s.awake, 1})
	}
}

func (s *sim) run(n int) (took int64) {
	s.at += n
	return sum(s.times[s.at-n : s.at])
}

// join lets the workers work on what is left and returns when the last has ended.
func (s *sim) join() (end int64) {
	for s.at < len(s.times) {
		i := 0
		for k := range s.workers {
			if s.workers[k].free < s.workers[i].free {
				i = k
			}
		}
		w := &s.workers[i]
		if i == s.claimer {
			w.free += simNextClaim
		} else {
			w.free += simClaim
		}
		s.claimer = i
		k := Claim(len(s.times)-s.at, w.chunk, 2*s.width)
		took := s.run(k)
		w.chunk = Next(w.chunk, k, took, Time.Nanoseconds())
		w.free += took
		end = max(end, w.free)
	}
	return end
}

// simLoop does the whole of a loop with that many workers.
func simLoop(times []int64, workers int) (end int64) {
	s := &sim{times: times, width: workers + 1}
	now, chunk := int64(0), 1
	for {
		chunk = min(chunk, len(times)-s.at)
		took := s.run(chunk)
		now += took
		left := len(times) - s.at
		if left == 0 {
			return now
		}
		next, share := AfterAlone(chunk, s.at, left, now, took, WorthWaking.Nanoseconds())
		if share {
			s.workers = []simWorker{{now, 1}}
			s.wake(workers, now)
			return max(now, s.join())
		}
		chunk = Early(next, s.at, left)
	}
}

// simBatch does the whole of a batch, its submitter waiting for it.
func simBatch(times []int64, workers int) int64 {
	s := &sim{times: times, width: workers + 1, workers: make([]simWorker, 1, workers+1)}
	s.workers[0].chunk = 1
	s.wake(workers, 0)
	return s.join()
}

func sum(times []int64) (sum int64) {
	for _, t := range times {
		sum += t
	}
	return sum
}

// ideal is the shortest that any schedule could take that wakes workers from
// time start on.
func ideal(times []int64, workers int, start int64) int64 {
	sum := sum(times)
	best := sum
	for w := 1; w <= workers; w++ {
		// w workers and the caller end together at t: (w+1)t - Σ arrivals = sum.
		all := int64(w)*start + simWake*int64(w)*int64(w+1)/2
		if t := (sum + all) / int64(w+1); t >= start+int64(w)*simWake {
			best = min(best, t)
		}
	}
	return max(best, slices.Max(times))
}

// TestSchedule compares the schedules of loops and batches with the ideal one. The
// table of docs/design.md has the worst ratios: those that the code leads to now.
func TestSchedule(t *testing.T) {
	const some = 1000 // ns that do not matter: a few claims
	page, err := os.ReadFile("../../docs/design.md")
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a test binary may run far from the tree
		t.Fatal(err)
	}
	compare := err == nil && runtime.GOARCH == "amd64" // others may round otherwise
	for _, p := range profiles {
		loop, batch := worst{}, worst{}
		for _, n := range []int{4, 10, 100, 1000, 10_000, 100_000} {
			times := p.times(n)
			serial := sum(times)
			for _, w := range []int{2, 4, 8, 64} {
				l, b := simLoop(times, w), simBatch(times, w)
				loop.add(float64(l)/float64(some+ideal(times, w, WorthWaking.Nanoseconds()/2)), n, w)
				batch.add(float64(b)/float64(some+ideal(times, w, 0)), n, w)
				if l > serial+serial/20+some {
					t.Errorf("%s: %d tasks with %d workers: %d ns, a plain loop %d", p.name, n, w, l, serial)
				}
			}
		}
		t.Logf("%-40s worst ratio of loops %v, of batches %v", p.name, loop, batch)
		if loop.ratio > p.loop || batch.ratio > p.batch {
			t.Errorf("%s: loops %v, at most %v; batches %v, at most %v", p.name, loop, p.loop, batch, p.batch)
		}
		if row := fmt.Sprintf("\n| %s | %v | %v |\n", p.name, loop, batch); compare && !bytes.Contains(page, []byte(row)) {
			t.Errorf("section 6 of docs/design.md has not this row: %s", row)
		}
	}
}

// worst is the largest ratio and where it was found.
type worst struct {
	ratio   float64
	n, with int
}

func (w *worst) add(ratio float64, n, with int) {
	if ratio > w.ratio {
		*w = worst{ratio, n, with}
	}
}

func (w worst) String() string {
	return fmt.Sprintf("%.2f (%d tasks, %d workers)", w.ratio, w.n, w.with)
}

// No chunk is ever smaller than one element because its length has overflowed: then a loop
// would go back, or never end.
func TestChunksDoNotOverflow(t *testing.T) {
	for _, chunk := range []int{math.MaxInt, math.MaxInt/2 + 1, math.MaxInt/4 + 1, math.MaxInt / 3} {
		if next := Next(chunk, chunk, 0, 8000); next < chunk {
			t.Fatalf("after a quick chunk of %d comes one of %d", chunk, next)
		}
		if next, _ := AfterAlone(chunk, chunk, 1, 1, 1, math.MaxInt64); next < 1 {
			t.Fatalf("alone, after a chunk of %d comes one of %d", chunk, next)
		}
	}
}

// A loop shares what is left once it has run for a while and the rest is worth
// waking somebody, and its chunks stay bounded until then.
func TestAfterAlone(t *testing.T) {
	// A clock that stands still must not let the chunk overflow.
	chunk := 1
	for done := 1; done < math.MaxInt/2; done += chunk {
		next, share := AfterAlone(chunk, done, math.MaxInt-done, 0, 0, 8000)
		if share || next < 1 {
			t.Fatalf("after %d: next %d, share %v", done, next, share)
		}
		chunk = next
		if chunk >= 1<<19 {
			break
		}
	}
	// Elements that became slower count with their present speed.
	if _, share := AfterAlone(10, 1000, 1000, 6000, 500, 8000); !share {
		t.Error("1,000 elements that take 6 ticks each are not worth sharing")
	}
	if _, share := AfterAlone(10, 1000, 16, 6000, 5000, 8000); !share {
		t.Error("16 elements that take 500 ticks each are not worth sharing")
	}
	if _, share := AfterAlone(10, 1000, 16, 6000, 60, 8000); share {
		t.Error("16 elements that take 6 ticks each are worth sharing")
	}
}

// Chunks double while they take less than half the time aimed at, halve when
// they take more than twice, and do not grow by a chunk that was cut short.
func TestNextChunk(t *testing.T) {
	for _, c := range []struct {
		chunk, ran int
		took       int64
		want       int
	}{
		{1, 1, 10, 2}, {64, 64, 3999, 128}, {64, 64, 4000, 64}, {64, 64, 16_000, 64}, {64, 64, 16_001, 31},
		{64, 10, 10, 64}, // there was no more to be had
		{64, 10, 20_000, 4},
		{1, 1, 1_000_000, 1},
		{1 << 20, 1 << 20, 1 << 40, 1}, // at once, not by half each time: the next look comes after an element
	} {
		if got := Next(c.chunk, c.ran, c.took, 8000); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// However short the elements, a chunk is not longer than what minEach allows, so
// that it cannot grow beyond an int and the loop looks at the clock again.
func TestChunksOfNothingAreBounded(t *testing.T) {
	const worthwhile = 8000
	chunk, done := 1, 0
	for range 64 {
		done += chunk
		next, share := AfterAlone(chunk, done, math.MaxInt-done, 1, 0, worthwhile)
		if share || next < 1 || float64(next) > worthwhile/minEach {
			t.Fatalf("after %d elements in chunks of up to %d: share %v, next chunk %d", done, chunk, share, next)
		}
		chunk = next
	}
}

// A claim is never empty while there is something left, never more than is left, and
// never more than was asked for.
func TestClaimSize(t *testing.T) {
	for left := 1; left < 300; left++ {
		for chunk := 1; chunk < 3000; chunk += 1 + chunk/8 {
			for _, part := range []int{1, 2, 4, 8, 512} {
				if k := Claim(left, chunk, part); k < 1 || k > left || k > chunk {
					t.Fatalf("of %d, %d wanted, 1/%d at most: gave %d", left, chunk, part, k)
				}
			}
		}
	}
}
