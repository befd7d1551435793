package bench

import (
	"fmt"
	"slices"
	"time"
)

// cell is the params of a tiny task.
type cell struct{ value int64 }

const answer = 42

// store is the tiny task. It is called through this variable, so that no
// variant can inline it.
var store = func(c *cell) { c.value = answer }

// verifyCells does op and checks that it reached every cell.
func verifyCells(cells []cell, op func()) func() error {
	return func() error {
		clear(cells)
		op()
		for i := range cells {
			if cells[i].value != answer {
				return fmt.Errorf("task %d of %d was not run", i, len(cells))
			}
		}
		return nil
	}
}

// spin is the params of a heavy task: some pure computation.
type spin struct {
	turns int
	x     uint64
}

const (
	spinFactor = 6364136223846793005
	spinTerm   = 1442695040888963407
)

// compute is the heavy task: a chain of multiplications, with no memory traffic
// that would let CPUs get in each other's way.
var compute = func(s *spin) {
	x := s.x
	for range s.turns {
		x = x*spinFactor + spinTerm
	}
	s.x = x
}

// turnsPerMicrosecond is how far compute gets, undisturbed.
var turnsPerMicrosecond int

// calibrate measures turnsPerMicrosecond: the best of several tries, because
// whatever else the machine does only makes one longer.
func calibrate() {
	const turns = 50_000
	var tries [15]time.Duration
	for i := range tries {
		s := spin{turns: turns}
		t := time.Now()
		compute(&s)
		tries[i] = max(time.Since(t), 1)
	}
	turnsPerMicrosecond = max(int(turns*time.Microsecond/slices.Min(tries[:])), 1)
}

// evenly makes 1,000 heavy tasks of 16 µs.
func evenly() []spin { return spins(1000, 16, 16) }

// firstHalf makes as much work, most of it in the first half.
func firstHalf() []spin { return spins(1000, 28, 4) }

// spins makes n heavy tasks, the first half of them of as many microseconds as first says.
func spins(n, first, second int) []spin {
	s := make([]spin, n)
	for i := range s {
		µs := first
		if i >= len(s)/2 {
			µs = second
		}
		s[i] = spin{turns: µs * turnsPerMicrosecond, x: uint64(i)}
	}
	return s
}

// verifySpins does op and compares every result with the serial one.
func verifySpins(s []spin, op func()) func() error {
	return func() error {
		want := slices.Clone(s)
		serialLoop(want, compute)
		op()
		for i := range s {
			if s[i] != want[i] {
				return fmt.Errorf("task %d of %d has a wrong result", i, len(s))
			}
		}
		return nil
	}
}
