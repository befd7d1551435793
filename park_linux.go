package zeropool

import (
	"math"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	futexWaitPrivate = 0 | 128 // FUTEX_WAIT | FUTEX_PRIVATE_FLAG
	futexWakePrivate = 1 | 128 // FUTEX_WAKE | FUTEX_PRIVATE_FLAG
)

// parker blocks one worker until another goroutine wakes it. A worker that is
// locked to its thread sleeps in a futex: the system call leaves the thread
// where it is, where a channel would cost the scheduler two hand-overs. Others
// use a channel.
type parker struct {
	word   atomic.Uint32 // wakeAwake or wakeAsleep
	thread bool          // sleep in a futex
	ch     chan struct{}
}

const (
	wakeAwake  = 0
	wakeAsleep = 1
)

func (k *parker) init(thread bool) {
	k.thread = thread
	k.ch = make(chan struct{}, 1)
}

// announce says that the worker is about to sleep. The caller re-checks every
// source of work between announce and sleep.
func (k *parker) announce() { k.word.Store(wakeAsleep) }

// asleep reports whether nobody has called wake since announce.
func (k *parker) asleep() bool { return k.word.Load() == wakeAsleep }

// retract takes announce back. A wake that comes too late for it is dropped.
func (k *parker) retract() {
	if k.word.Swap(wakeAwake) == wakeAwake && !k.thread {
		<-k.ch
	}
}

// sleep blocks until wake is called after announce.
//
// The wait goes through syscall.Syscall6, which tells the scheduler: a raw
// system call would hold up every stop-the-world for as long as it sleeps.
func (k *parker) sleep() {
	if !k.thread {
		<-k.ch
		return
	}
	for k.word.Load() == wakeAsleep {
		syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&k.word)), futexWaitPrivate, wakeAsleep, 0, 0, 0)
	}
}

// sleepFor is sleep for at most d, and reports whether wake was called.
func (k *parker) sleepFor(d time.Duration) bool {
	if !k.thread {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-k.ch:
			return true
		case <-t.C:
			return false
		}
	}
	if k.word.Load() == wakeAsleep {
		ts := unix.NsecToTimespec(min(int64(d), math.MaxInt32))
		syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&k.word)), futexWaitPrivate, wakeAsleep, uintptr(unsafe.Pointer(&ts)), 0, 0)
	}
	return k.word.Load() == wakeAwake
}

// wake ends the sleep that announce began, and reports whether there was one.
func (k *parker) wake() bool {
	if k.word.Swap(wakeAwake) != wakeAsleep {
		return false
	}
	if k.thread {
		// It never blocks, so the scheduler need not know.
		syscall.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&k.word)), futexWakePrivate, 1, 0, 0, 0)
	} else {
		k.ch <- struct{}{}
	}
	return true
}
