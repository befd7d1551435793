package topology

// Topology is a machine as this process sees it. A Topology returned by
// Detect, Read, ReadCPUID or Refresh is complete; nothing in this package changes
// it later, so it may be shared between goroutines that only read it.
type Topology struct {
	CPUs     []CPU    // every present CPU, offline ones included, by ascending ID
	Nodes    []Node   // NUMA nodes by ascending ID; empty when the machine reports none
	Quota    float64  // CPUs of time per second of wall clock that the cgroups allow; 0 = no limit
	Source   string   // where the facts come from: "sysfs", "cpuid", ... and what the others say
	Model    string   // processor model as the vendor names it, or ""
	Warnings []string // each begins with a stable id such as W-SYSFS-CONFLICT

	Caches    []Cache // data and unified caches of levels 1 to 3
	CacheLine int     // bytes in a line of the first-level data cache, or 0 when unknown

	// Affinity and Cpuset tell who disallows a CPU: Affinity holds the CPUs of
	// the process's affinity mask, Cpuset those that its cpuset cgroup grants.
	// nil = not known, and then nothing is disallowed by it. See Grants for CPUs
	// outside the mask.
	Affinity []int
	Cpuset   []int

	Isolated []int  // CPUs taken from the scheduler by isolcpus= or an isolated cpuset partition
	NohzFull []int  // CPUs that run without the periodic tick (nohz_full=)
	SMT      string // the kernel's SMT control: "on", "off", "forceoff", "notsupported", "notimplemented", or "" when unknown

	QuotaPath   string // file that holds the tightest quota, relative to the root; "" without a quota
	QuotaParent bool   // the tightest quota is an ancestor's, not the process's own cgroup's

	VM         bool   // the processor reports a hypervisor
	Hypervisor string // name of the hypervisor, or "" when unknown

	noPin string    // why threads of this system cannot be pinned, or ""
	start []int     // CPUs of the mask that the process started with; nil = not known
	live  refresher // reads again what can change; nil for what is not the running system
}

// Cache is one data or unified cache.
type Cache struct {
	Level int   // 1, 2 or 3
	Label int   // the label in CPU.L1d, CPU.L2 or CPU.L3, according to Level
	Bytes int64 // size in bytes, or Unknown
}
