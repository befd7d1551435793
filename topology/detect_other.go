//go:build !linux

package topology

import (
	"runtime"

	"github.com/klauspost/cpuid/v2"
)

// detect knows the number of CPUs and what the processor says about the CPU it
// happens to run on. No CPU number is trustworthy for pinning.
func detect() (*Topology, error) {
	n := runtime.NumCPU()
	t := &Topology{Source: "runtime (number of CPUs)", noPin: "no thread can be pinned on " + runtime.GOOS}
	threads := 1
	if k := cpuid.CPU.ThreadsPerCore; k > 1 && cpuid.CPU.LogicalCores == n && n%k == 0 {
		threads = k
		t.Source = "runtime (number of CPUs); klauspost/cpuid (threads per core; neighbours are taken as siblings)"
	}
	for i := range n {
		c := unknownCPU(i, true)
		c.Core, c.Allowed = i/threads, true
		t.CPUs = append(t.CPUs, c)
	}
	t.describe()
	t.Warnings = []string{"W-NO-TOPOLOGY " + runtime.GOOS + " does not tell how its CPUs are grouped; only their number is known"}
	return t, nil
}
