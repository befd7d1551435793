package membarrier

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// The private expedited barrier of membarrier(2), since Linux 4.14.
const (
	expedited         = 1 << 3
	registerExpedited = 1 << 4
)

func register() bool {
	_, _, errno := syscall.Syscall(unix.SYS_MEMBARRIER, registerExpedited, 0, 0)
	return errno == 0
}

// execute does not block, so the scheduler need not know. Should the call be
// forbidden after it has been registered, stopping the world does the same: it
// waits until every goroutine has come to a safe point. Who counts on the barrier has
// none between two steps that need it between them.
func execute() {
	if _, _, errno := syscall.RawSyscall(unix.SYS_MEMBARRIER, expedited, 0, 0); errno != 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
	}
}
