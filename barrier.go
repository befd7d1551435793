package zeropool

import (
	"sync"
	"sync/atomic"
)

// A heavy barrier makes every thread of the process execute a full memory fence
// before it returns. It takes the place of the fences that the owners of lanes
// do without: what an owner does often costs nothing, what thieves and sleepers
// do rarely costs a system call, and where another thread is on a CPU, an
// interrupt there.

// barrierReady says whether there is such a barrier in this process. It never
// changes back.
var barrierReady atomic.Bool

var barrier struct {
	register sync.Once
	count    atomic.Uint64 // barriers executed
	last     atomic.Int64  // ticks at the end of the last one
}

// barrierGap is the least time between two barriers of thieves, in nanoseconds.
const barrierGap = 20_000

// registerBarrier announces to the kernel that the process will use the barrier,
// and reports whether it may.
func registerBarrier() bool {
	barrier.register.Do(func() {
		if registerMembarrier() {
			barrierReady.Store(true)
			// Those who have looked for a barrier before, and found none, have seen
			// what the owners of shared lanes had stored by then.
			membarrier()
		}
	})
	return barrierReady.Load()
}

// heavyBarrier executes the barrier, and reports whether it did. Without must it
// does not if another one has been less than barrierGap ago. Where there is none
// it does nothing: then every lane is shared, and its owner executes a fence
// itself.
func heavyBarrier(must bool) bool {
	if !barrierReady.Load() {
		return true
	}
	if !must && ticks()-barrier.last.Load() < ticksOf(barrierGap) {
		return false
	}
	membarrier()
	barrier.count.Add(1)
	barrier.last.Store(ticks())
	return true
}
