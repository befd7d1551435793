package topology

import (
	"fmt"
	"slices"
	"strings"
)

// scanCPUs is the number of CPUs that are asked for a second opinion.
const scanCPUs = 64

// cpuidCPUs returns the CPUs on which CPUID is executed: some of the allowed
// ones, without those that are isolated or tickless; all of the allowed ones
// where sysfs does not do.
func (t *Topology) cpuidCPUs() []int {
	avoid := setOf(append(slices.Clone(t.Isolated), t.NohzFull...))
	var ask, allowed []int
	for _, c := range t.CPUs {
		if !c.Allowed {
			continue
		}
		allowed = append(allowed, c.ID)
		if len(ask) < scanCPUs && !avoid.has(c.ID) {
			ask = append(ask, c.ID)
		}
	}
	if len(ask) > 0 && t.masked() {
		return allowed
	}
	return ask
}

// secondOpinion compares sysfs with what CPUID told on some CPUs, and takes
// CPUID's word where sysfs has no caches or no siblings, or no kinds of cores. That
// needs an answer of every allowed CPU. It reports whether it did.
func (t *Topology) secondOpinion(cpus []cpuidCPU, r *reader) bool {
	if len(cpus) == 0 {
		return false
	}
	quiet := newReader(r.src)
	other := fromCPUID(cpus, quiet)
	allowed := 0
	for _, c := range t.CPUs {
		if c.Allowed {
			allowed++
		}
	}
	whole := len(cpus) == allowed
	if !t.masked() {
		t.crossCheck(other, r)
		if !whole || !t.adoptKinds(other) {
			return false
		}
		t.Source += "; kinds of cores from CPUID"
		t.warnMixedKinds(r)
		return true
	}
	if !whole || slices.ContainsFunc(quiet.warnings, isNoTopology) {
		return false
	}
	t.adopt(other)
	t.Source = "cpuid"
	r.warn("W-NO-TOPOLOGY", "%s: siblings or caches are missing or masked; those of CPUID are used", cpuDir)
	return true
}

func isNoTopology(w string) bool { return warningID(w) == "W-NO-TOPOLOGY" }

// masked reports whether sysfs gave no more than a list of CPUs.
func (t *Topology) masked() bool { return len(t.Caches) == 0 }

// adopt takes the groups of another reading of the same CPUs.
func (t *Topology) adopt(o *Topology) {
	pos := map[int]*CPU{}
	for i := range o.CPUs {
		pos[o.CPUs[i].ID] = &o.CPUs[i]
	}
	next := 0
	for _, c := range o.CPUs {
		next = max(next, c.Core+1)
	}
	for i := range t.CPUs {
		c := &t.CPUs[i]
		n := pos[c.ID]
		if n == nil {
			if c.Online {
				c.Core = next
				next++
			}
			continue
		}
		c.Core, c.L1d, c.L2, c.L3 = n.Core, n.L1d, n.L2, n.L3
		c.Cluster, c.Die, c.Package, c.Efficiency = n.Cluster, n.Die, n.Package, n.Efficiency
		if len(t.Nodes) == 0 {
			c.Node = n.Node
		}
	}
	t.Caches = o.Caches
	if len(t.Nodes) == 0 {
		t.Nodes = o.Nodes
	}
}

// adoptKinds takes the kinds of cores of another reading of the same CPUs, unless
// this one has kinds itself. It reports whether there were any.
func (t *Topology) adoptKinds(o *Topology) bool {
	known := func(c CPU) bool { return c.Efficiency != Unknown }
	if slices.ContainsFunc(t.CPUs, known) || !slices.ContainsFunc(o.CPUs, known) {
		return false
	}
	for _, c := range o.CPUs {
		if mine := t.lookup(c.ID); mine != nil {
			mine.Efficiency = c.Efficiency
		}
	}
	return true
}

// crossCheck compares how sysfs and CPUID group the CPUs that CPUID was
// executed on.
func (t *Topology) crossCheck(o *Topology, r *reader) {
	var differ []string
	for _, l := range []struct {
		name  string
		field func(*CPU) *int
	}{
		{"cores", func(c *CPU) *int { return &c.Core }},
		{"L3 domains", func(c *CPU) *int { return &c.L3 }},
		{"packages", func(c *CPU) *int { return &c.Package }},
	} {
		ours, theirs, same := t.compareGroups(o, l.field)
		if !same {
			differ = append(differ, fmt.Sprintf("%s (%d against %d)", l.name, ours, theirs))
		}
	}
	if len(differ) == 0 {
		t.Source += "; CPUID agrees"
		return
	}
	what := strings.Join(differ, ", ")
	t.Source += "; CPUID differs on " + what
	r.warn("W-SYSFS-CONFLICT", "sysfs and CPUID differ on %s; sysfs is used", what)
}

// compareGroups counts the groups of one level among o's CPUs in both readings
// and reports whether they divide them alike.
func (t *Topology) compareGroups(o *Topology, field func(*CPU) *int) (ours, theirs int, same bool) {
	there, back := map[int]int{}, map[int]int{}
	same = true
	k := 0
	for i := range t.CPUs {
		if k == len(o.CPUs) {
			break
		}
		if t.CPUs[i].ID != o.CPUs[k].ID {
			continue
		}
		a, b := *field(&t.CPUs[i]), *field(&o.CPUs[k])
		k++
		if v, ok := there[a]; ok && v != b {
			same = false
		}
		if v, ok := back[b]; ok && v != a {
			same = false
		}
		there[a], back[b] = b, a
	}
	return len(there), len(back), same
}

// DumpCPUID executes CPUID on the CPUs of this machine, whose topology t is, on
// which [Detect] would execute it, and returns by OS CPU number the dump that
// [ReadCPUID] reads. It holds only what Detect asks for, so no serial number.
// CPUs that the process may not use any more are left out. The error is for
// systems and builds in which CPUID is not executed.
func DumpCPUID(t *Topology) (map[int][]byte, error) { return dumpCPUID(t.cpuidCPUs()) }
