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
// read until the time was up. The caller's thread is not touched.
func scanCPUID(cpus []int, limit time.Duration) (out []cpuidCPU, err error) {
	start := time.Now()
	err = onEachCPU(cpus, func(id int) bool {
		out = append(out, decodeCPUID(id, cpuidHere()))
		return time.Since(start) <= limit
	})
	return out, err
}

// dumpCPUID executes CPUID on each of the given CPUs and returns the dumps.
func dumpCPUID(cpus []int) (map[int][]byte, error) {
	dumps := map[int][]byte{}
	err := onEachCPU(cpus, func(id int) bool {
		here := cpuidHere()
		dumps[id] = recordCPUID(func(leaf, sub uint32) (r cpuidRegs) {
			// The leaves of hypervisors are above the highest of the processor.
			if leaf == hypervisorLeaf {
				r.eax, r.ebx, r.ecx, r.edx = cpuidex(leaf, sub)
				return r
			}
			return here(leaf, sub)
		})
		return true
	})
	return dumps, err
}

// onEachCPU calls f on a thread of its own that is pinned to one CPU after the
// other, until f returns false. CPUs that cannot be reached are left out.
func onEachCPU(cpus []int, f func(id int) bool) (err error) {
	onOwnThread(func() { err = visitOnThisThread(cpus, f) })
	return err
}

// visitOnThisThread pins the thread to one CPU after the other and puts its mask
// back.
func visitOnThisThread(cpus []int, f func(id int) bool) error {
	saved, err := maskOf(0)
	if err != nil {
		return err
	}
	mask := unix.NewCPUSet(max(len(saved)*64, slices.Max(append(slices.Clone(cpus), 0))+1))
	for _, id := range cpus {
		mask.Zero()
		mask.Set(id)
		if err := unix.SchedSetaffinityDynamic(0, mask); err != nil {
			continue
		}
		// Sandboxes accept the call and do nothing.
		if currentCPU() == id && !f(id) {
			break
		}
	}
	if err := unix.SchedSetaffinityDynamic(0, saved); err != nil {
		return fmt.Errorf("topology: the affinity mask of the scanning thread could not be restored: %w", err)
	}
	return nil
}

// currentCPU returns the CPU that the thread runs on, or -1.
func currentCPU() int {
	var cpu uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); errno != 0 {
		return -1
	}
	return int(cpu)
}
