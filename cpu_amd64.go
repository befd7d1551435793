//go:build !purego && !race && !msan && !asan

package zeropool

import (
	"runtime"
	"slices"
	"time"
)

// measureTicks compares the time-stamp counter with the clock, three times for
// 30 microseconds, and takes the median: the machine may take the CPU away
// within one.
func measureTicks() int64 {
	var rates [3]int64
	for i := range rates {
		t0, c0 := time.Now(), ticks()
		for time.Since(t0) < 30*time.Microsecond {
		}
		c1, d := ticks(), time.Since(t0)
		rates[i] = int64(float64(c1-c0) / d.Seconds())
	}
	slices.Sort(rates[:])
	return max(rates[1], 1)
}

// hasCPUNumber says whether cpuNumber may be called.
var hasCPUNumber = runtime.GOOS == "linux" && hasRDPID()

// cpuNumber reads what the kernel has left in the CPU for RDPID: on Linux the
// CPU's number in the lower 12 bits. The goroutine may be elsewhere by the time
// it is used.
func cpuNumber() uint64

// hasRDPID reports whether the CPU has the instruction.
func hasRDPID() bool
