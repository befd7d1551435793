// Package topology finds out how the CPUs of a machine are grouped into cores,
// caches, packages and NUMA nodes, which of them this process may use, and
// plans which worker of a pool belongs on which.
//
// [Detect] describes the running machine, [Read] a captured one from its sys/
// and proc/ directories, and [ReadCPUID] one from CPUID dumps. All three give a
// [Topology], from which [Topology.Plan] makes a [Plan]. [DetectConditions] and
// [ReadConditions] tell what else limits its CPUs at the moment, in [Conditions].
//
// # Where the facts come from
//
// On Linux the kernel's sibling masks decide who shares a core, a cluster, a
// die, a package or a cache. The masks themselves are the labels: the ids that
// the kernel gives beside them (core_id, physical_package_id, the id of a
// cache) repeat, have holes, or are missing, and are never used. The files are
//
//	sys/devices/system/cpu/{online,present}        which CPUs there are; cpuN/online without them
//	sys/devices/system/cpu/cpuN/topology/          masks, the *_cpus names before the *_siblings
//	sys/devices/system/cpu/cpuN/cache/indexN/      level and type, never the index
//	sys/devices/system/node/nodeN/                 CPUs, memory, distances
//	sys/devices/cpu_{core,atom,lowpower}/cpus      kinds of cores; else MIDR, capacity, frequencies
//	sys/devices/system/cpu/{isolated,nohz_full}    CPUs set aside at boot
//	proc/self/{cgroup,mountinfo,status}            cpuset, quota, affinity
//
// A mask that is unusable or leaves out its own CPU is replaced by its twin in
// list format. A die is reported only where dies differ from packages and
// cores, a cluster only where clusters differ from cores, dies and packages.
// The quota is the tightest of the process's cgroup and of all its ancestors.
// On the running machine the allowed CPUs are those of the affinity mask, which
// the kernel keeps within the cpuset. [Topology.Refresh] reads again what can
// change while a process runs.
//
// Detect executes CPUID on amd64 as a second opinion. When the two differ,
// sysfs wins and Source and Warnings say so; when sysfs shows neither siblings
// nor caches, as in some sandboxes, CPUID is used.
//
// # Warnings
//
// Each warning begins with an id that does not change between versions:
//
//	W-BAD-FILE         a file is malformed, too large or unreadable
//	W-CGROUP           a cgroup file is malformed, or the cgroup cannot be seen
//	W-SYSFS-CONFLICT   two sources contradict each other; the text says which is used
//	W-NO-TOPOLOGY      nothing tells how CPUs are grouped
//	W-NUMA-AMBIGUOUS   nodes overlap, or leave CPUs out
//	W-MEMONLY          nodes without CPUs
//	W-MIXED-KINDS      cores of several kinds
//	W-OFFLINE-SIBLING  CPUs are offline
//	W-ISOLATED         allowed CPUs are isolated from the scheduler
//	W-AFFINITY-NARROW  the affinity mask is narrower than the cpuset
//	W-QUOTA-PARENT     an ancestor's quota is the tightest
//	W-SMT-HIDDEN       a virtual machine that shows no SMT
//
// Plans have further ones of their own.
//
// No input makes this package panic: lines and their number are bounded, far
// above what a kernel writes, and so are files, and what cannot be used is named
// in a warning or an error.
package topology
