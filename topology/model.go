package topology

import "log/slog"

// Unknown marks an integer field of CPU, Node or Assignment that could not be
// determined, or a level of the hierarchy that the machine does not have.
const Unknown = -1

// CPU is one logical CPU (a hardware thread) and the groups it belongs to.
//
// Core, L1d, L2, L3, Cluster, Die, Package, Book and Drawer are labels: CPUs that carry the
// same label share that level, and the number itself means nothing else. ID and
// Node are the kernel's own numbers. Every group field may be Unknown.
type CPU struct {
	ID      int // the operating system's CPU number
	Core    int // physical core; CPUs with equal Core are SMT siblings
	L1d     int // first-level data (or unified) cache
	L2      int // second-level cache
	L3      int // third-level cache: the L3 domain (a CCX on AMD)
	Cluster int // group between core and die, where the kernel reports one
	Die     int // die, only where dies are distinct from packages
	Package int // physical package (socket)
	Book    int // group of packages on s390, else Unknown
	Drawer  int // group of books on s390, else Unknown
	Node    int // NUMA node

	Online  bool // the kernel can schedule on it
	Allowed bool // online, and inside this process's affinity mask and cpuset

	Efficiency int // 0 = most performant kind of core, larger = more efficient; Unknown when all cores are of one kind or the kind is not known
	Capacity   int // the kernel's cpu_capacity (1024 = the most capable core), or Unknown
	MaxKHz     int // maximum frequency in kHz, or Unknown
}

// Node is one NUMA node.
type Node struct {
	ID        int   // the kernel's node number
	CPUs      []int // OS CPU numbers, ascending; empty for a memory-only node
	MemBytes  int64 // installed memory in bytes, or Unknown
	Distances []int // SLIT distances to Topology.Nodes, in that order; nil when not reported
}

// Placement selects which CPUs Plan gives to workers, and in which order.
type Placement uint8

const (
	// PerCore is the default: one worker per allowed physical core,
	// performance cores first, spread over L3 domains and nodes.
	PerCore Placement = iota
	// PerThread uses every allowed hardware thread: first one per core, in the
	// order of PerCore, then the SMT siblings.
	PerThread
	// Compact fills the cores of one L3 domain and node before the next.
	Compact
	// Scatter spreads over nodes, packages, L3 domains and cores, in that order.
	Scatter
	// Unpinned leaves every worker to the operating system's scheduler.
	Unpinned
)

// Assignment says where one worker runs.
type Assignment struct {
	Worker int    // index of the worker in its pool, from 0
	CPU    int    // OS CPU number the worker is pinned to, or Unknown when it is not pinned
	Core   int    // label of that CPU's core, as in CPU.Core
	L3     int    // label of that CPU's L3 domain, as in CPU.L3
	Node   int    // NUMA node of that CPU
	Why    string // the reason in words
}

// Exclusion says why one CPU has no worker.
type Exclusion struct {
	CPU int    // OS CPU number
	Why string // the reason in words
}

// Plan is the placement of a pool's workers on a machine.
type Plan struct {
	Workers  []Assignment
	Excluded []Exclusion // every present CPU without a worker, one reason each
	Warnings []string    // each begins with a stable id such as W-QUOTA
}

// LogValue shows the plan as a group to log/slog: each worker's CPU in order,
// Unknown for a worker that is not pinned, the CPUs left out, and the warnings.
func (p Plan) LogValue() slog.Value {
	cpus := make([]int, len(p.Workers))
	for i, a := range p.Workers {
		cpus[i] = a.CPU
	}
	excluded := make([]int, len(p.Excluded))
	for i, e := range p.Excluded {
		excluded[i] = e.CPU
	}
	return slog.GroupValue(slog.Any("cpus", cpus), slog.Any("excluded", excluded), slog.Any("warnings", p.Warnings))
}

// Request describes a plan in more detail than Topology.Plan does.
type Request struct {
	Placement  Placement
	Workers    int   // wanted number of workers, at most 1<<20; 0 = choose
	CPUs       []int // use exactly these CPUs, in this order, one worker each (repeated when Workers exceeds them), as far as Topology.Grants; nil = choose
	Taken      []int // CPUs that carry a worker of another pool of this process; used only when no other core is left
	GOMAXPROCS int   // the runtime's processor limit; 0 = not considered
}
