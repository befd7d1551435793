// Package clock reads the monotonic clock of the system, also in a bubble of
// testing/synctest, where package time has one of its own.
package clock

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Monotonic returns a clock that measures time, in nanoseconds, or 0.
func Monotonic() int64 {
	var ts unix.Timespec
	if _, _, errno := syscall.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0
	}
	return ts.Nano()
}
