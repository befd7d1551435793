//go:build gc && !purego && !race && !msan && !asan

package cpu

import (
	"slices"
	"time"

	"github.com/zeropool-go/zeropool/internal/clock"
)

// measureTicks compares the time-stamp counter with the clock, three times for
// 30 microseconds, and takes the median: the machine may take the CPU away
// within one.
func measureTicks() int64 {
	const span = int64(30 * time.Microsecond)
	var rates [3]int64
	for i := range rates {
		t0, c0 := clock.Monotonic(), Ticks()
		t1 := t0
		for t1-t0 < span {
			t1 = clock.Monotonic()
		}
		rates[i] = int64(float64(Ticks()-c0) / float64(t1-t0) * float64(time.Second))
	}
	slices.Sort(rates[:])
	return max(rates[1], 1)
}
