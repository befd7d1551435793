// Package report shows a topology and the plan on it to people and programs:
// as text, JSON, SVG and HTML. Equal input gives equal bytes.
package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/zeropool-go/zeropool/topology"
)

// Report is a machine with a plan for it.
type Report struct {
	Topology *topology.Topology
	Plan     topology.Plan
	Request  topology.Request // what the plan was made from

	// Conditions are shown where they are not nil; set them before writing.
	Conditions *topology.Conditions

	state   []state       // parallel to Topology.CPUs
	workers map[int][]int // by OS CPU number
	why     map[int]string
	tree    *box
	count   counts
}

// state is what a CPU is to the plan; the order is that of legends.
type state uint8

const (
	working   state = iota // has a worker
	sibling                // its core has a worker on another thread
	free                   // usable, without a worker
	isolated               // isolcpus
	forbidden              // outside the cpuset or the affinity mask
	offline
	stateCount
)

// stateNames are the words of the legend; stateRoles fit into the cell of a CPU.
var (
	stateNames = [stateCount]string{"worker", "SMT sibling, left free", "usable, no worker", "isolated", "barred from this process", "offline"}
	stateRoles = [stateCount]string{"", "smt", "free", "isol.", "barred", "off"}
)

// counts are the totals of the summary; a level that the machine does not have
// counts 0.
type counts struct {
	drawers, books, packages, nodes, dies, l3, clusters, cores, cpus, online int
	perCore, leastPerCore                                                    int // online threads on one core, the most and the least
	byState                                                                  [stateCount]int
	usableCores                                                              int
}

// New makes the plan of the request and prepares the report. A nil topology is
// shown as a machine without CPUs.
func New(t *topology.Topology, r topology.Request) *Report {
	if t == nil {
		t = &topology.Topology{}
	}
	rep := &Report{Topology: t, Plan: t.PlanFor(r), Request: r}
	rep.classify()
	rep.tree = buildTree(t)
	rep.tally()
	return rep
}

func (r *Report) classify() {
	r.workers, r.why = make(map[int][]int), make(map[int]string)
	for _, w := range r.Plan.Workers {
		if w.CPU >= 0 {
			r.workers[w.CPU] = append(r.workers[w.CPU], w.Worker)
			r.why[w.CPU] = "worker " + strconv.Itoa(w.Worker) + ", " + w.Why
		}
	}
	for _, e := range r.Plan.Excluded {
		r.why[e.CPU] = e.Why
	}
	isolatedCPU := make(map[int]bool)
	for _, id := range r.Topology.Isolated {
		isolatedCPU[id] = true
	}
	busyCore := make(map[int]bool)
	for i := range r.Topology.CPUs {
		if c := &r.Topology.CPUs[i]; len(r.workers[c.ID]) > 0 && c.Core >= 0 {
			busyCore[c.Core] = true
		}
	}
	r.state = make([]state, len(r.Topology.CPUs))
	for i := range r.Topology.CPUs {
		c := &r.Topology.CPUs[i]
		switch {
		case len(r.workers[c.ID]) > 0:
			r.state[i] = working
		case !c.Online:
			r.state[i] = offline
		case !c.Allowed:
			r.state[i] = forbidden
		case isolatedCPU[c.ID]:
			r.state[i] = isolated
		case busyCore[c.Core]:
			r.state[i] = sibling
		default:
			r.state[i] = free
		}
		r.count.byState[r.state[i]]++
	}
}

func (r *Report) tally() {
	c := &r.count
	seen := [levelCount]map[int]int{}
	for l := range seen {
		seen[l] = make(map[int]int)
	}
	usable := make(map[int]bool)
	loose := 0
	for i := range r.Topology.CPUs {
		cpu := &r.Topology.CPUs[i]
		c.cpus++
		if !cpu.Online {
			continue
		}
		c.online++
		for l := range seen {
			if label := level(l).label(cpu); label >= 0 {
				seen[l][label]++
			}
		}
		if cpu.Core < 0 {
			loose++
		}
		if s := r.state[i]; s <= free {
			usable[coreKey(cpu)] = true
		}
	}
	c.drawers, c.books = len(seen[levelDrawer]), len(seen[levelBook])
	c.packages, c.nodes, c.dies = len(seen[levelPackage]), len(r.Topology.Nodes), len(seen[levelDie])
	c.l3, c.clusters, c.cores = len(seen[levelL3]), len(seen[levelCluster]), len(seen[levelCore])+loose
	c.usableCores = len(usable)
	c.perCore, c.leastPerCore = 1, math.MaxInt
	for _, n := range seen[levelCore] {
		c.perCore, c.leastPerCore = max(c.perCore, n), min(c.leastPerCore, n)
	}
}

// coreKey identifies the core of a CPU; a CPU without a label is a core.
func coreKey(c *topology.CPU) int {
	if c.Core >= 0 {
		return c.Core
	}
	return -2 - c.ID
}

// pinned reports whether the plan pins its workers.
func (r *Report) pinned() bool { return len(r.workers) > 0 }

// summary is the machine in one line.
func (r *Report) summary() string {
	c := &r.count
	var parts []string
	add := func(n int, one, many, suffix string) {
		if n == 1 {
			parts = append(parts, "1 "+one+suffix)
		} else if n > 1 {
			parts = append(parts, strconv.Itoa(n)+" "+many+suffix)
		}
	}
	add(c.drawers, "drawer", "drawers", "")
	add(c.books, "book", "books", "")
	add(c.packages, "package", "packages", "")
	add(c.nodes, "NUMA node", "NUMA nodes", "")
	add(c.dies, "die", "dies", "")
	add(c.l3, "L3 domain", "L3 domains", r.cacheSuffix(3))
	add(c.clusters, "cluster", "clusters", "")
	add(c.cores, "core", "cores", "")
	add(c.cpus, "CPU", "CPUs", "")
	switch {
	case c.perCore > c.leastPerCore:
		parts[len(parts)-1] += fmt.Sprintf(" (%d to %d per core)", c.leastPerCore, c.perCore)
	case c.perCore > 1:
		parts[len(parts)-1] += fmt.Sprintf(" (%d per core)", c.perCore)
	}
	if len(parts) == 0 {
		return "no CPU is known"
	}
	return strings.Join(parts, ", ")
}

// cacheSuffix is " of SIZE" when all caches of the level are of one size.
func (r *Report) cacheSuffix(level int) string {
	sizes := r.cacheSizes(level)
	if len(sizes) != 1 {
		return ""
	}
	return " of " + bytesText(sizes[0].bytes)
}

type sizeCount struct {
	bytes int64
	n     int
}

// cacheSizes counts the caches of a level by size, largest first.
func (r *Report) cacheSizes(level int) []sizeCount {
	n := make(map[int64]int)
	for _, c := range r.Topology.Caches {
		if c.Level == level && c.Bytes > 0 {
			n[c.Bytes]++
		}
	}
	out := make([]sizeCount, 0, len(n))
	for b, k := range n {
		out = append(out, sizeCount{b, k})
	}
	slices.SortFunc(out, func(x, y sizeCount) int { return cmp.Compare(y.bytes, x.bytes) })
	return out
}

// cachesText is every cache level in one line, or "".
func (r *Report) cachesText() string {
	var parts []string
	for level, name := range []string{1: "L1d", 2: "L2", 3: "L3"} {
		for i, s := range r.cacheSizes(level) {
			text := fmt.Sprintf("%d × %s", s.n, bytesText(s.bytes))
			if i == 0 {
				parts = append(parts, name+" "+text)
			} else {
				parts[len(parts)-1] += " + " + text
			}
		}
	}
	if len(parts) > 0 && r.Topology.CacheLine > 0 {
		parts = append(parts, fmt.Sprintf("lines of %d bytes", r.Topology.CacheLine))
	}
	return strings.Join(parts, ", ")
}

// planText is the plan in one line.
func (r *Report) planText() string {
	n := len(r.Plan.Workers)
	s := fmt.Sprintf("%s: %s", r.Request.Placement, plural(n, "worker", "workers"))
	if !r.pinned() {
		return s + ", not pinned"
	}
	cores, nodes := make(map[int]bool), make(map[int]bool)
	for i := range r.Topology.CPUs {
		if c := &r.Topology.CPUs[i]; r.state[i] == working {
			cores[coreKey(c)] = true
			if c.Node >= 0 {
				nodes[c.Node] = true
			}
		}
	}
	s += " on " + plural(len(cores), "core", "cores")
	if len(r.Topology.Nodes) > 1 && len(nodes) > 0 {
		s += " of " + plural(len(nodes), "node", "nodes")
	}
	return s
}

// timeText is the CPU time that the process may use.
func (r *Report) timeText() string {
	t := r.Topology
	s := "no quota"
	if t.Quota > 0 {
		s = quotaText(t.Quota) + " CPUs"
		var where []string
		if t.QuotaPath != "" {
			where = append(where, t.QuotaPath)
		}
		if t.QuotaParent {
			where = append(where, "set on a parent of this cgroup")
		}
		if len(where) > 0 {
			s += " (" + strings.Join(where, ", ") + ")"
		}
	}
	if r.Request.GOMAXPROCS > 0 {
		s += ", GOMAXPROCS " + strconv.Itoa(r.Request.GOMAXPROCS)
	}
	return s
}

// reasonCount groups the CPUs of a plan that were left out for one reason.
type reasonCount struct {
	why  string
	cpus []int
}

// reasons groups the exclusions by reason, in the order of the states of their
// CPUs; SMT siblings count as one reason whichever CPU they belong to.
func (r *Report) reasons() []reasonCount {
	var out []reasonCount
	at := make(map[string]int)
	for _, e := range r.Plan.Excluded {
		why := e.Why
		if rest, ok := strings.CutPrefix(why, "SMT sibling of CPU "); ok {
			_, tail, _ := strings.Cut(rest, ", ")
			why = "SMT sibling of a CPU " + tail
		}
		i, ok := at[why]
		if !ok {
			i = len(out)
			at[why] = i
			out = append(out, reasonCount{why: why})
		}
		out[i].cpus = append(out[i].cpus, e.CPU)
	}
	stateOf := make(map[int]state)
	for i := range r.Topology.CPUs {
		stateOf[r.Topology.CPUs[i].ID] = r.state[i]
	}
	slices.SortStableFunc(out, func(x, y reasonCount) int {
		return cmp.Compare(stateOf[x.cpus[0]], stateOf[y.cpus[0]])
	})
	return out
}

// warnings are those of the machine, then those of the plan.
func (r *Report) warnings() []string {
	return slices.Concat(r.machineWarnings(), r.Plan.Warnings)
}

// machineWarnings are those of the topology, then those of the conditions.
func (r *Report) machineWarnings() []string {
	if r.Conditions == nil {
		return r.Topology.Warnings
	}
	return slices.Concat(r.Topology.Warnings, r.Conditions.Warnings)
}

// kind names the kind of a core, or "" on a machine with one kind.
func kind(c *topology.CPU) string {
	switch {
	case c.Efficiency < 0:
		return ""
	case c.Efficiency == 0:
		return "P"
	case c.Efficiency == 1:
		return "E"
	default:
		return "E" + strconv.Itoa(c.Efficiency)
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func quotaText(q float64) string {
	return strconv.FormatFloat(math.Round(q*100)/100, 'f', -1, 64)
}

// bytesText writes a size in binary units with at most two decimals.
func bytesText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	f, u := float64(n), 0
	for f >= 1024 && u < len(units)-1 {
		f /= 1024
		u++
	}
	return strconv.FormatFloat(math.Round(f*100)/100, 'f', -1, 64) + " " + units[u]
}

func ghz(khz int) string {
	return strconv.FormatFloat(math.Round(float64(khz)/1e4)/100, 'f', 2, 64) + " GHz"
}

// cpusText names CPUs, with their number where there are many.
func cpusText(ids []int) string {
	switch {
	case len(ids) <= 4:
		return cpuList(ids)
	default:
		return strconv.Itoa(len(ids)) + " " + cpuList(ids)
	}
}

// cpuList names CPUs.
func cpuList(ids []int) string {
	if len(ids) == 1 {
		return "CPU " + strconv.Itoa(ids[0])
	}
	return "CPUs " + strides(ids)
}

// strides is ranges with regular steps in the way of taskset, as in 0-28:4.
func strides(ids []int) string { return stridesOf(ids, "") }

// stridesOf is strides with a prefix to every number, as in w0-w28:4.
func stridesOf(ids []int, prefix string) string {
	const least = 4 // numbers that make a regular step worth its own notation
	var b strings.Builder
	for i := 0; i < len(ids); {
		j, step := i, 0
		if i+1 < len(ids) {
			step = ids[i+1] - ids[i]
		}
		for j+1 < len(ids) && ids[j+1]-ids[j] == step {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(prefix + strconv.Itoa(ids[i]))
		switch {
		case step == 1:
			b.WriteString("-" + prefix + strconv.Itoa(ids[j]))
		case j-i+1 >= least:
			b.WriteString("-" + prefix + strconv.Itoa(ids[j]) + ":" + strconv.Itoa(step))
		default:
			j = i
		}
		i = j + 1
	}
	return b.String()
}

// ranges writes ascending numbers in the kernel's list form: 0-3,8.
func ranges(ids []int) string {
	return rangesOf(ids, "")
}

// rangesOf is ranges with a prefix to every number, as in w0-w3.
func rangesOf(ids []int, prefix string) string {
	var b strings.Builder
	for i := 0; i < len(ids); {
		j := i
		for j+1 < len(ids) && ids[j+1] == ids[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(prefix + strconv.Itoa(ids[i]))
		if j > i {
			b.WriteString("-" + prefix + strconv.Itoa(ids[j]))
		}
		i = j + 1
	}
	return b.String()
}
