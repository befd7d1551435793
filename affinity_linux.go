package zeropool

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// thread is what a pinned worker changed on its thread.
type thread struct {
	before unix.CPUSetDynamic // the affinity mask to restore
	id     atomic.Int32       // the kernel's number of the thread while it is pinned; -1 when it could not be
}

// canPin says whether this system can bind a thread to a CPU.
const canPin = true

// getAffinity returns a thread's mask, 0 being the calling one, whatever the
// number of CPUs.
func getAffinity(thread int) (unix.CPUSetDynamic, error) {
	for n := 1024; ; n *= 2 {
		set := unix.NewCPUSet(n)
		err := unix.SchedGetaffinityDynamic(thread, set)
		if err != unix.EINVAL || n >= 1<<20 {
			return set, err
		}
	}
}

// pin binds the calling thread, to which the goroutine is locked, to cpu.
func (t *thread) pin(cpu int) error {
	before, err := getAffinity(0)
	if err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	set := unix.NewCPUSet(max(cpu+1, 1024))
	set.Set(cpu)
	if err := unix.SchedSetaffinityDynamic(0, set); err != nil {
		return fmt.Errorf("sched_setaffinity to CPU %d: %w", cpu, err)
	}
	t.before = before
	// Some sandboxes say yes and do nothing.
	t.id.Store(int32(unix.Gettid()))
	if t.lost(cpu) {
		t.unpin()
		return fmt.Errorf("sched_setaffinity to CPU %d had no effect", cpu)
	}
	return nil
}

// fail notes that pin has failed, for lost.
func (t *thread) fail() { t.id.Store(-1) }

// lost reports whether the thread is no longer bound to cpu: the kernel moves it
// when the CPU goes offline or leaves the cpuset. It may be called from any
// thread.
func (t *thread) lost(cpu int) bool {
	id := t.id.Load()
	if id <= 0 {
		return id < 0
	}
	set, err := getAffinity(int(id))
	return err != nil || set.Count() != 1 || !set.IsSet(cpu)
}

// unpin restores the mask that pin found.
func (t *thread) unpin() {
	if t.id.Load() > 0 {
		t.id.Store(0)
	}
	if t.before != nil {
		_ = unix.SchedSetaffinityDynamic(0, t.before)
		t.before = nil
	}
}

// currentCPU returns the CPU that the calling thread runs on, which may change
// at any moment, or -1.
func currentCPU() int {
	var cpu uint32
	if _, _, errno := syscall.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); errno != 0 {
		return -1
	}
	return int(cpu)
}

// setName names the calling thread as top -H and perf show it: 15 bytes count.
func setName(name string) {
	var b [16]byte
	copy(b[:15], name)
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&b[0])), 0, 0, 0)
}

// onMainThread reports whether the calling thread is the process's first one,
// whose mask and name tools take for the whole process's.
func onMainThread() bool { return unix.Gettid() == unix.Getpid() }
