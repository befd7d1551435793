package topology

import (
	"slices"
	"sync"
)

// system is where the facts about the running system come from.
type system struct {
	source
	affinity func() []int              // the process's affinity mask; nil = not known
	cpuset   func() []int              // what the kernel lets the process ask for; nil = not known
	detect   func() (*Topology, error) // all of it
}

func runningSystem() system {
	return system{rootSource{}, affinityList, kernelCpuset, detect}
}

// live is what Refresh needs of an earlier reading of the running system. It does
// not change once it is in a Topology.
type live struct {
	system
	online    string   // the list of online CPUs, read before the CPUs were
	warnings  []string // those that do not come from the limits
	fromCPUID bool     // CPUID said where the allowed CPUs are, or of which kind

	memberships   []membership
	mounts        []mount
	mountWarnings []string
}

// newLive notes what a reading was made from. The warnings are those of the
// hardware.
func newLive(from system, online string, c *cgroups, warnings []string) *live {
	return &live{system: from, online: online, warnings: warnings, memberships: c.memberships, mounts: c.mounts, mountWarnings: c.mountWarnings}
}

func (l *live) refresh(t *Topology) (*Topology, error) {
	affinity := l.affinity()
	if onlineText(l) != l.online || t.unseen(affinity) {
		return l.detect()
	}
	r, release := shortReader(l)
	defer release()
	c := &cgroups{reader: r, mounts: l.mounts, mountWarnings: l.mountWarnings}
	whole := c.readMemberships()
	now := l
	if !slices.Equal(c.memberships, l.memberships) {
		c.mounts, c.mountWarnings = nil, nil
		c.readMountTable()
		now = newLive(l.system, l.online, c, l.warnings)
		now.fromCPUID = l.fromCPUID
	}
	c.compare(whole)
	n := *t
	n.CPUs = slices.Clone(t.CPUs)
	n.live = now
	limits := readLimits(c, affinity, l.cpuset)
	limits.apply(&n)
	n.Warnings = slices.Concat(l.warnings, c.mountWarnings, c.flush())
	switch {
	case t.sameLimits(&n) && now == l:
		return t, nil
	case l.fromCPUID && t.gained(&n):
		return l.detect()
	}
	return &n, nil
}

// onlineText returns the list of online CPUs as it stands in its file, or "".
func onlineText(src source) string {
	r, release := shortReader(src)
	defer release()
	text, err := r.text(cpuDir + "/online")
	if err != nil {
		return ""
	}
	return text
}

// shortReader returns a reader that is needed for a short time only, and what
// ends it.
func shortReader(src source) (r *reader, release func()) {
	buf := shortBuffers.Get().([]byte)
	return &reader{src: src, buf: buf, warned: map[string]int{}}, func() { shortBuffers.Put(buf) }
}

var shortBuffers = sync.Pool{New: func() any { return newReader(nil).buf }}

// unseen reports whether an affinity mask has a CPU that t does not know as
// online, other than those it already had when t was read.
func (t *Topology) unseen(affinity []int) bool {
	for _, cpu := range affinity {
		if c := t.lookup(cpu); (c == nil || !c.Online) && !slices.Contains(t.Affinity, cpu) {
			return true
		}
	}
	return false
}

// sameLimits reports whether two readings of a machine have the same limits.
func (t *Topology) sameLimits(o *Topology) bool {
	return t.Quota == o.Quota && t.QuotaPath == o.QuotaPath && t.QuotaParent == o.QuotaParent &&
		slices.Equal(t.Affinity, o.Affinity) && slices.Equal(t.Cpuset, o.Cpuset) &&
		slices.Equal(t.Isolated, o.Isolated) && slices.Equal(t.Warnings, o.Warnings)
}

// gained reports whether o allows a CPU that t does not.
func (t *Topology) gained(o *Topology) bool {
	for i := range o.CPUs {
		if o.CPUs[i].Allowed && !t.CPUs[i].Allowed {
			return true
		}
	}
	return false
}
