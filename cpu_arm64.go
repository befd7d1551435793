//go:build !purego && !race && !msan && !asan

package zeropool

// measureTicks reads the rate of the counter from the system.
func measureTicks() int64

// hasCPUNumber says whether cpuNumber may be called: no register that user code
// may read tells it.
const hasCPUNumber = false

func cpuNumber() uint64 { return 0 }
