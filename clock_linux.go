package zeropool

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelClock reads one of the kernel's clocks, in nanoseconds, or 0. In a bubble
// of testing/synctest package time has a clock of its own.
func kernelClock(clock uintptr) int64 {
	var ts unix.Timespec
	if _, _, errno := syscall.RawSyscall(unix.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0
	}
	return ts.Nano()
}

// monotonic returns the kernel's monotonic clock.
func monotonic() int64 { return kernelClock(unix.CLOCK_MONOTONIC) }

// tellsBubbles says whether inBubble does.
const tellsBubbles = true

// inBubble reports whether the calling goroutine is in a bubble of
// testing/synctest: time stands in the year 2000 there.
func inBubble() bool {
	now := kernelClock(unix.CLOCK_REALTIME)
	d := now - time.Now().UnixNano()
	return now != 0 && (d > int64(time.Hour) || d < -int64(time.Hour))
}
