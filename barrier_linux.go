package zeropool

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// The private expedited barrier of membarrier(2), since Linux 4.14.
const (
	membarrierExpedited         = 1 << 3
	membarrierRegisterExpedited = 1 << 4
)

func registerMembarrier() bool {
	_, _, errno := syscall.Syscall(unix.SYS_MEMBARRIER, membarrierRegisterExpedited, 0, 0)
	return errno == 0
}

// membarrier does not block, so the scheduler need not know. Should the call be
// forbidden after it has been registered, stopping the world does the same: it
// waits until every goroutine has come to a safe point, and owners have none
// between two steps that need the barrier between them.
func membarrier() {
	if _, _, errno := syscall.RawSyscall(unix.SYS_MEMBARRIER, membarrierExpedited, 0, 0); errno != 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
	}
}
