//go:build gc && (amd64 || arm64) && !purego && !race && !msan && !asan

package cpu

// Relax works like relaxGeneric: it tells the CPU, n <= 64 times, that this is
// a spin loop. The loop calls SpinTurn too.
func Relax(n uint64)

// Ticks works like ticksGeneric: it reads the CPU's time counter. TicksOf tells its
// rate. Counters of different CPUs may differ by a little; nothing but decisions
// about speed may hang on them.
func Ticks() int64
