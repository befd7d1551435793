package topology

import "github.com/klauspost/cpuid/v2"

// Detect reads the machine this process runs on. The work takes a millisecond or
// more and the result does not change by itself: call it once, share the Topology,
// and use Refresh to follow what changes.
//
// On Linux the facts come from sysfs, procfs and the cgroup file system, the
// allowed CPUs from the process's affinity mask. On amd64 CPUID is executed on
// up to 64 of the allowed CPUs, on a thread of its own, as a second opinion, or
// instead of sysfs where that is missing or masked. Elsewhere only the number
// of CPUs and the processor's name are known.
//
// Source says what was used and Warnings what is doubtful. The error is for a
// system on which not even the number of CPUs can be found. Detect is safe for
// concurrent use.
func Detect() (*Topology, error) { return detect() }

// describe adds what the processor says about itself.
func (t *Topology) describe() {
	if t.Model == "" {
		t.Model = cpuid.CPU.BrandName
	}
	if t.CacheLine == 0 {
		t.CacheLine = max(cpuid.CPU.CacheLine, 0)
	}
	t.VM = t.VM || cpuid.CPU.VM()
	t.Hypervisor = cpuid.CPU.HypervisorVendorString
}
