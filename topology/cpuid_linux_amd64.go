//go:build !purego

package topology

import (
	"fmt"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// scanCPUID executes CPUID on each of the given CPUs and returns what it could
// read until the time was up. It works on a thread of its own, pinned to one
// CPU after the other; the caller's thread is not touched.
func scanCPUID(cpus []int, limit time.Duration) (out []cpuidCPU, err error) {
	onOwnThread(func() { out, err = scanOnThisThread(cpus, limit) })
	return out, err
}

// scanOnThisThread pins the thread to one CPU after the other and puts its mask
// back.
func scanOnThisThread(cpus []int, limit time.Duration) (out []cpuidCPU, err error) {
	saved, err := maskOf(0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if restoreErr := unix.SchedSetaffinityDynamic(0, saved); err == nil && restoreErr != nil {
			err = fmt.Errorf("topology: the affinity mask of the scanning thread could not be restored: %w", restoreErr)
		}
	}()
	start := time.Now()
	mask := unix.NewCPUSet(max(len(saved)*64, slices.Max(append(cpus, 0))+1))
	for _, id := range cpus {
		mask.Zero()
		mask.Set(id)
		if err := unix.SchedSetaffinityDynamic(0, mask); err != nil {
			continue
		}
		// Sandboxes accept the call and do nothing.
		if currentCPU() != id {
			continue
		}
		out = append(out, decodeCPUID(id, cpuidHere()))
		if time.Since(start) > limit {
			break
		}
	}
	return out, nil
}

// currentCPU returns the CPU that the thread runs on, or -1.
func currentCPU() int {
	var cpu uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); errno != 0 {
		return -1
	}
	return int(cpu)
}
