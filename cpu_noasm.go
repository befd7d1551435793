//go:build !gc || (!amd64 && !arm64) || purego || race || msan || asan

package zeropool

func relax(n uint64)      { relaxGeneric(n) }
func ticks() int64        { return ticksGeneric() }
func measureTicks() int64 { return 1e9 }
