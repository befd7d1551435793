//go:build gc && !purego && !race && !msan && !asan

package cpu

// measureTicks reads the rate of the counter from the system.
func measureTicks() int64
