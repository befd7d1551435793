//go:build gc && (amd64 || arm64) && !purego && !race && !msan && !asan

package zeropool

// relax works like relaxGeneric: it tells the CPU, n <= 64 times, that this is
// a spin loop.
func relax(n uint64)

// ticks works like ticksGeneric: it reads the CPU's time counter, whose rate
// ticksPerSecond tells. Counters of different CPUs may differ by a little;
// nothing but decisions about speed may hang on them.
func ticks() int64
