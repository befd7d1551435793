package zeropool

import (
	"sync"
	"time"
)

// The twins of the assembly, see cpu_asm.go.

func relaxGeneric(n uint64) {
	for range n {
		spinTurn()
	}
}

//go:noinline
func spinTurn() {}

var started = time.Now()

func ticksGeneric() int64 { return int64(time.Since(started)) }

// ticksPerSecond is the rate of ticks, measured once.
var ticksPerSecond = sync.OnceValue(measureTicks)

func ticksOf(d time.Duration) int64 {
	return int64(float64(ticksPerSecond()) * d.Seconds())
}
