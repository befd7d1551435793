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

// spinTurn belongs into every turn of a spin loop: assembly and small leaf
// functions have no safe point, so without it a spinning goroutine would hold up
// every stop-the-world. Its frame is large enough, and its body not a leaf, so
// that the compiler puts a stack check into its prologue.
//
//go:noinline
func spinTurn() {
	var frame [192]byte
	touch(&frame)
}

//go:noinline
func touch(*[192]byte) {}

var started = time.Now()

func ticksGeneric() int64 { return int64(time.Since(started)) }

// ticksPerSecond is the rate of ticks, measured once.
var ticksPerSecond = sync.OnceValue(measureTicks)

func ticksOf(d time.Duration) int64 {
	return int64(float64(ticksPerSecond()) * d.Seconds())
}

func durationOf(ticks int64) time.Duration {
	return time.Duration(float64(ticks) / float64(ticksPerSecond()) * float64(time.Second))
}
