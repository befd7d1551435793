// Package cpu has what is done with the CPU itself: reading its time counter, and
// waiting in a loop without standing in the way of others.
package cpu

import (
	"sync"
	"time"
)

// The twins of the assembly, see asm.go.

func relaxGeneric(n uint64) {
	for range n {
		SpinTurn()
	}
}

func ticksGeneric() int64 { return int64(time.Since(started)) }

var started = time.Now()

// SpinTurn belongs into every turn of a spin loop: assembly and small leaf
// functions have no safe point, so without it a spinning goroutine would hold up
// every stop-the-world. Its frame is large enough, and its body not a leaf, so
// that the compiler puts a stack check into its prologue.
//
//go:noinline
func SpinTurn() {
	var frame [192]byte
	touch(&frame)
}

//go:noinline
func touch(*[192]byte) {}

// ticksPerSecond is the rate of Ticks, measured once.
var ticksPerSecond = sync.OnceValue(measureTicks)

// TicksOf returns about how many ticks pass in d. The first call takes 90 µs on
// amd64, where the rate must be measured.
func TicksOf(d time.Duration) int64 {
	return int64(float64(ticksPerSecond()) * d.Seconds())
}

// DurationOf returns about how long it takes until that many ticks have passed.
func DurationOf(ticks int64) time.Duration {
	return time.Duration(float64(ticks) / float64(ticksPerSecond()) * float64(time.Second))
}
