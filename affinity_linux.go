package zeropool

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// thread is what a pinned worker changed on its thread. What it needs to do so it keeps,
// so that a lease allocates once only.
type thread struct {
	before unix.CPUSetDynamic // the affinity mask to restore
	mask   unix.CPUSetDynamic // of one CPU
	now    unix.CPUSetDynamic // the mask that was read last
	name   [16]byte           // the name to restore
	own    [16]byte           // the name while it is pinned: 15 bytes count, and a 0
	id     atomic.Int32       // the kernel's number of the thread
	time   unix.Timespec      // what cpuTime has read
}

// canPin says whether this system can bind a thread to a CPU.
const canPin = true

// maxCPUs is twice as many as Linux can be built for (CONFIG_NR_CPUS).
const maxCPUs = 1 << 14

// getAffinity reads a thread's mask into set; 0 is the calling thread.
func getAffinity(thread int, set *unix.CPUSetDynamic) error {
	if *set == nil {
		*set = unix.NewCPUSet(maxCPUs)
	}
	return unix.SchedGetaffinityDynamic(thread, *set)
}

// pin binds the calling thread, to which the goroutine is locked, to cpu, and
// names it. Unless foreign, it refuses a CPU that is not in the thread's mask:
// somebody has taken it from the process.
func (t *thread) pin(cpu int, foreign bool, name string) error {
	if err := getAffinity(0, &t.before); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	if !foreign && !t.before.IsSet(cpu) {
		return fmt.Errorf("CPU %d is not in the affinity mask of the process any more", cpu)
	}
	if t.mask == nil {
		t.mask = unix.NewCPUSet(maxCPUs)
	}
	t.mask.Zero()
	t.mask.Set(cpu)
	if err := unix.SchedSetaffinityDynamic(0, t.mask); err != nil {
		return fmt.Errorf("sched_setaffinity to CPU %d: %w", cpu, err)
	}
	t.id.Store(int32(unix.Gettid()))
	// Some sandboxes say yes and do nothing, and some refuse to tell of threads by
	// their number.
	if err := getAffinity(0, &t.now); err != nil || !only(t.now, cpu) {
		_ = unix.SchedSetaffinityDynamic(0, t.before)
		return fmt.Errorf("sched_setaffinity to CPU %d had no effect", cpu)
	}
	_ = unix.Prctl(unix.PR_GET_NAME, uintptr(unsafe.Pointer(&t.name[0])), 0, 0, 0)
	copy(t.own[:15], name)
	setName(&t.own)
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
		setName(&t.name)
	}
	if err := getAffinity(id, &t.now); err == nil && !only(t.now, cpu) {
		return false
	}
	_ = unix.SchedSetaffinityDynamic(id, t.before)
	return true
}

// has reports whether the thread is bound to cpu, as far as the system tells. It may
// be called from any thread.
func (t *thread) has(cpu int) bool {
	var now unix.CPUSetDynamic
	return getAffinity(int(t.id.Load()), &now) != nil || only(now, cpu)
}

// cpuTime returns how long the calling thread has run on a CPU, in nanoseconds, as far as
// the system tells.
func (t *thread) cpuTime() int64 {
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t.time)
	return t.time.Nano()
}

// number returns the kernel's number of the thread that was pinned last.
func (t *thread) number() int { return int(t.id.Load()) }

// setName names the calling thread as top -H and perf show it. The name is not on the
// stack, which may move before the kernel reads the number that is its address.
func setName(name *[16]byte) {
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0, 0, 0)
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
