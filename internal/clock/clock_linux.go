// Package clock reads the clocks of the system, also in a bubble of testing/synctest,
// where package time has one of its own.
package clock

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// read reads one of the kernel's clocks, in nanoseconds, or 0.
func read(clock uintptr) int64 {
	var ts unix.Timespec
	if _, _, errno := syscall.RawSyscall(unix.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0
	}
	return ts.Nano()
}

// Monotonic returns a clock that measures time, in nanoseconds.
func Monotonic() int64 { return read(unix.CLOCK_MONOTONIC) }

// Wall returns the time of day, in nanoseconds since 1970, or 0 if it is not known.
func Wall() int64 { return read(unix.CLOCK_REALTIME) }
