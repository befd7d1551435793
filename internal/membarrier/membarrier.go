// Package membarrier makes every thread of the process execute a full memory fence.
//
// Such a heavy barrier takes the place of fences that others do without: what is done
// often costs nothing, what is done rarely costs a system call, and where another
// thread is on a CPU, an interrupt there.
package membarrier

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeropool-go/zeropool/internal/cpu"
)

// Ready says whether there is such a barrier in this process. Only tests change it
// back.
var Ready atomic.Bool

var (
	registered sync.Once
	count      atomic.Uint64 // barriers executed
	last       atomic.Int64  // ticks at the end of the last one
)

// gap is the least time between two barriers that may be left out.
const gap = 20 * time.Microsecond

// Register announces to the kernel that the process will use the barrier, and reports
// whether it may. The first call takes milliseconds.
func Register() bool {
	registered.Do(func() {
		if register() {
			Ready.Store(true)
			// Those who have looked for a barrier before, and found none, have seen
			// what the others had stored by then.
			execute()
		}
	})
	return Ready.Load()
}

// Heavy executes the barrier, and reports whether it did. Without must it does not if
// another one has been less than 20 µs ago. Where there is none it does nothing, and
// returns true: there everybody executes fences of his own.
func Heavy(must bool) bool {
	if !Ready.Load() {
		return true
	}
	if !must && cpu.Ticks()-last.Load() < cpu.TicksOf(gap) {
		return false
	}
	execute()
	count.Add(1)
	last.Store(cpu.Ticks())
	return true
}

// Count returns how many barriers Heavy has executed in this process.
func Count() uint64 { return count.Load() }
