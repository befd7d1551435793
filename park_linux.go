package zeropool

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A worker that is locked to its thread sleeps in a futex: the system call
// leaves the thread where it is, where a channel would cost the scheduler two
// hand-overs.

const (
	futexWaitPrivate = 0 | 128 // FUTEX_WAIT | FUTEX_PRIVATE_FLAG
	futexWakePrivate = 1 | 128 // FUTEX_WAKE | FUTEX_PRIVATE_FLAG
)

// futexWait blocks while the word says asleep, for at most d unless d is 0.
//
// It goes through syscall.Syscall6, which tells the scheduler: a raw system
// call would hold up every stop-the-world for as long as it sleeps.
func (k *parker) futexWait(d time.Duration) {
	if d != 0 {
		ts := unix.NsecToTimespec(int64(d))
		syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&k.word)), futexWaitPrivate, asleep, uintptr(unsafe.Pointer(&ts)), 0, 0)
		return
	}
	for k.word.Load() == asleep {
		syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&k.word)), futexWaitPrivate, asleep, 0, 0, 0)
	}
}

// futexWake wakes the worker that is in futexWait. It never blocks, so the
// scheduler need not know.
func (k *parker) futexWake() {
	syscall.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&k.word)), futexWakePrivate, 1, 0, 0, 0)
}
