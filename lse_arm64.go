//go:build !purego && !race && !msan && !asan

package zeropool

import "golang.org/x/sys/cpu"

// hasLSE tells the assembly to use one CASAL where older CPUs need an
// exclusive pair.
//
//lint:ignore U1000 read by queue_arm64.s
var hasLSE = cpu.ARM64.HasATOMICS
