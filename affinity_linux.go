package zeropool

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// thread is what a pinned worker changed on its thread.
type thread struct {
	before unix.CPUSetDynamic // the affinity mask to restore
	name   [16]byte           // the name to restore
	id     atomic.Int32       // the kernel's number of the thread
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

// pin binds the calling thread, to which the goroutine is locked, to cpu, and
// names it. Unless foreign, it refuses a CPU that is not in the thread's mask:
// somebody has taken it from the process.
func (t *thread) pin(cpu int, foreign bool, name string) error {
	before, err := getAffinity(0)
	if err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	if !foreign && !before.IsSet(cpu) {
		return fmt.Errorf("CPU %d is not in the affinity mask of the process any more", cpu)
	}
	set := unix.NewCPUSet(max(cpu+1, 1024))
	set.Set(cpu)
	if err := unix.SchedSetaffinityDynamic(0, set); err != nil {
		return fmt.Errorf("sched_setaffinity to CPU %d: %w", cpu, err)
	}
	t.before = before
	t.id.Store(int32(unix.Gettid()))
	// Some sandboxes say yes and do nothing, and some refuse to tell of threads by
	// their number.
	if now, err := getAffinity(0); err != nil || !only(now, cpu) {
		_ = unix.SchedSetaffinityDynamic(0, before)
		return fmt.Errorf("sched_setaffinity to CPU %d had no effect", cpu)
	}
	_ = unix.Prctl(unix.PR_GET_NAME, uintptr(unsafe.Pointer(&t.name[0])), 0, 0, 0)
	setName(name)
	return nil
}

func only(set unix.CPUSetDynamic, cpu int) bool { return set.Count() == 1 && set.IsSet(cpu) }

// unpin restores the mask and the name that pin found, by the number of the thread:
// a task may have unlocked the goroutine from it. It reports whether the thread was
// still bound to cpu; if not, the system or its operator has given it another mask,
// which stays.
func (t *thread) unpin(cpu int) bool {
	id := int(t.id.Load())
	if unix.Gettid() == id {
		setName(unix.ByteSliceToString(t.name[:]))
	}
	if !t.has(cpu) {
		return false
	}
	_ = unix.SchedSetaffinityDynamic(id, t.before)
	return true
}

// has reports whether the thread is bound to cpu, as far as the system tells. It may
// be called from any thread.
func (t *thread) has(cpu int) bool {
	now, err := getAffinity(int(t.id.Load()))
	return err != nil || only(now, cpu)
}

// number returns the kernel's number of the thread that was pinned last.
func (t *thread) number() int { return int(t.id.Load()) }

// setName names the calling thread as top -H and perf show it: 15 bytes count.
func setName(name string) {
	var b [16]byte
	copy(b[:15], name)
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&b[0])), 0, 0, 0)
}

// currentCPU returns the CPU on which the caller runs, or -1.
func currentCPU() int {
	var cpu uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); errno != 0 {
		return -1
	}
	return int(cpu)
}

// onMainThread reports whether the calling thread is the process's first one,
// whose mask and name tools take for the whole process's.
func onMainThread() bool { return unix.Gettid() == unix.Getpid() }
