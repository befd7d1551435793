package zeropool

import (
	"sync"
	"testing"

	"github.com/zeropool-go/zeropool/topology"
)

// BenchmarkInstructions has the paths that ci/instructions counts the
// instructions of: each does the same work every time, on one goroutine, and
// reads no clock. What is counted is the difference between runs of N and of 2N
// turns, so that starting and ending cancel out.
func BenchmarkInstructions(b *testing.B) {
	b.Run("submit-wait", func(b *testing.B) {
		b.Run("zeropool", func(b *testing.B) {
			p := onePool(b)
			var c int64
			for range b.N {
				if err := Submit(p, &c, countTask).Wait(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("channel", func(b *testing.B) {
			ch := oneChannel(b)
			var c int64
			var done sync.WaitGroup
			for range b.N {
				done.Add(1)
				ch <- chanTask{countTask, &c, &done}
				done.Wait()
			}
		})
	})
	b.Run("foreach", func(b *testing.B) {
		var cells [instructionTasks]int64
		b.Run("zeropool", func(b *testing.B) {
			p := onePool(b)
			for range b.N {
				if err := ForEach(p, cells[:], countTask); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("channel", func(b *testing.B) {
			ch := oneChannel(b)
			var done sync.WaitGroup
			for range b.N {
				done.Add(len(cells))
				for i := range cells {
					ch <- chanTask{countTask, &cells[i], &done}
				}
				done.Wait()
			}
		})
		b.Run("serial", func(b *testing.B) {
			for range b.N {
				for i := range cells {
					countTask(&cells[i])
				}
			}
		})
	})
}

// instructionTasks is the length of the loop.
const instructionTasks = 1000

// countTask is called through a variable, so that nothing inlines it.
var countTask = func(c *int64) { *c++ }

type chanTask struct {
	fn     func(*int64)
	params *int64
	done   *sync.WaitGroup
}

// onePool has one worker, which is as many as a caller on one CPU can use.
func onePool(b *testing.B) *Pool {
	p, err := New(WithWorkers(1), WithPlacement(topology.Unpinned))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close() })
	return p
}

// oneChannel is a channel with one goroutine that runs what it carries.
func oneChannel(b *testing.B) chan<- chanTask {
	ch := make(chan chanTask, defaultCapacity)
	b.Cleanup(func() { close(ch) })
	go func() {
		for t := range ch {
			t.fn(t.params)
			t.done.Done()
		}
	}()
	return ch
}
