//go:build !gc || (!amd64 && !arm64) || purego || race || msan || asan

package cpu

// Relax is what it is in asm.go.
func Relax(n uint64) { relaxGeneric(n) }

// Ticks is what it is in asm.go, but that a bubble of testing/synctest has ticks of
// its own.
func Ticks() int64 { return ticksGeneric() }

func measureTicks() int64 { return 1e9 }
