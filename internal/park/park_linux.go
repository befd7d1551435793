package park

import (
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	hasFutex         = true
	futexWaitPrivate = 0 | 128 // FUTEX_WAIT | FUTEX_PRIVATE_FLAG
	futexWakePrivate = 1 | 128 // FUTEX_WAKE | FUTEX_PRIVATE_FLAG
)

// futexWait blocks while the word has that value, for at most d unless d is 0.
//
// It goes through syscall.Syscall6, which tells the scheduler: a raw system
// call would hold up every stop-the-world for as long as it sleeps.
func futexWait(word *atomic.Uint32, value uintptr, d time.Duration) {
	if d != 0 {
		ts := unix.NsecToTimespec(int64(d))
		syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWaitPrivate, value, uintptr(unsafe.Pointer(&ts)), 0, 0)
		return
	}
	syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWaitPrivate, value, 0, 0, 0)
}

// futexWake wakes the goroutine that is in futexWait. It never blocks, so the
// scheduler need not know.
func futexWake(word *atomic.Uint32) {
	syscall.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWakePrivate, 1, 0, 0, 0)
}

// newTimer returns a timerfd that the network poller watches, or nil.
func newTimer() (*os.File, int) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, 0
	}
	return os.NewFile(uintptr(fd), "zeropool timer"), fd
}

// setTimer makes a timer of newTimer readable after d.
func setTimer(fd int, d time.Duration) {
	it := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	_, _, _ = syscall.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(fd), 0, uintptr(unsafe.Pointer(&it)), 0, 0, 0)
}

// fireTimer makes a timer of newTimer readable now. The kernel is told how often it is to
// have fired (TFD_IOC_SET_TICKS). Set to now it would program the clock of the CPU and wait
// for its interrupt, which takes longer than all the rest of a wake; but where the kernel
// does not know that call there is no other way.
func fireTimer(fd int) {
	if _, _, errno := syscall.RawSyscall(unix.SYS_IOCTL, uintptr(fd), setTicks, uintptr(unsafe.Pointer(&oneTick))); errno != 0 {
		setTimer(fd, time.Nanosecond)
	}
}

var (
	setTicks uintptr = 0x40085400 // TFD_IOC_SET_TICKS; on mips and ppc64 it is no call of a timerfd's, which fails
	oneTick  uint64  = 1
)

// waitTimer blocks until the timer is readable, and resets it.
func waitTimer(f *os.File) {
	var b [8]byte
	_, _ = f.Read(b[:])
}
