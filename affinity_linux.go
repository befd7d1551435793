package zeropool

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// thread is what a pinned worker changed on its thread.
type thread struct {
	before unix.CPUSetDynamic // the affinity mask to restore
}

// canPin says whether this system can bind a thread to a CPU.
const canPin = true

// getAffinity returns the calling thread's mask, whatever the number of CPUs.
func getAffinity() (unix.CPUSetDynamic, error) {
	for n := 1024; ; n *= 2 {
		set := unix.NewCPUSet(n)
		err := unix.SchedGetaffinityDynamic(0, set)
		if err != unix.EINVAL || n >= 1<<20 {
			return set, err
		}
	}
}

// pin binds the calling thread, to which the goroutine is locked, to cpu.
func (t *thread) pin(cpu int) error {
	before, err := getAffinity()
	if err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	set := unix.NewCPUSet(max(cpu+1, 1024))
	set.Set(cpu)
	if err := unix.SchedSetaffinityDynamic(0, set); err != nil {
		return fmt.Errorf("sched_setaffinity to CPU %d: %w", cpu, err)
	}
	t.before = before
	if !pinned(cpu) {
		t.unpin()
		return fmt.Errorf("sched_setaffinity to CPU %d had no effect", cpu)
	}
	return nil
}

// pinned reports whether the calling thread may run on cpu and nowhere else.
func pinned(cpu int) bool {
	set, err := getAffinity()
	return err == nil && set.Count() == 1 && set.IsSet(cpu)
}

// unpin restores the mask that pin found.
func (t *thread) unpin() {
	if t.before != nil {
		_ = unix.SchedSetaffinityDynamic(0, t.before)
		t.before = nil
	}
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
