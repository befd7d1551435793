package topology

import (
	"slices"
	"strings"
)

// limits is what keeps a process from CPUs and from their time. All of it can
// change while the process runs, and none of it tells how CPUs are grouped.
type limits struct {
	*cgroups
	affinity []int // CPUs of the affinity mask; nil = not known
	granted  []int // CPUs that the cpuset grants; nil = not known
}

// readLimits reads the cpuset of the cgroups, or asks the kernel for it where no
// file tells; a nil ask = nobody to ask.
func readLimits(c *cgroups, affinity []int, ask func() []int) *limits {
	l := &limits{cgroups: c, affinity: affinity}
	if set, ok := c.cpuset(); ok {
		l.granted = set.slice()
	} else if ask != nil {
		l.granted = ask()
	}
	return l
}

// usable returns the CPUs that are in the mask and the cpuset, as far as these are
// known; the mask alone where they contradict each other.
func (l *limits) usable() cpuSet {
	mask, cpuset := setOf(l.affinity), setOf(l.granted)
	switch {
	case mask.empty():
		return cpuset
	case !mask.meets(cpuset):
		return mask
	}
	for i := range mask {
		if i < len(cpuset) {
			mask[i] &= cpuset[i]
		} else {
			mask[i] = 0
		}
	}
	return mask
}

// apply writes the limits into t, over those of an earlier reading.
func (l *limits) apply(t *Topology) {
	t.Quota, t.QuotaPath, t.QuotaParent = 0, "", false
	l.quota(t)
	t.Affinity, t.Cpuset, t.Isolated = l.affinity, l.granted, nil
	if set, ok := l.list(cpuDir + "/isolated"); ok && !set.empty() {
		t.Isolated = set.slice()
	}
	t.settleAllowed(l.reader)
}

// Grants reports whether a thread of this process may be pinned to an OS CPU
// number if the program names that CPU: it is allowed, or it is online, in the
// cpuset, and has been outside the affinity mask since the process started.
// Isolated CPUs are often so, and a thread may widen its own mask as far as the
// cpuset goes. A CPU that was in the mask at the start and is not now has been
// taken away, and is not granted. Where the cpuset is not known, only allowed
// CPUs are. Of a captured process the mask at the start is not known, and
// nothing counts as taken away.
func (t *Topology) Grants(cpu int) bool {
	c := t.lookup(cpu)
	if c == nil || !c.Online {
		return false
	}
	return c.Allowed || slices.Contains(t.Cpuset, cpu) && !slices.Contains(t.start, cpu)
}

// affinityFromStatus takes the affinity mask from proc/self/status; nil = not
// known.
func (r *reader) affinityFromStatus() (affinity []int) {
	const name = "proc/self/status"
	found := false
	err := r.lines(name, func(line string) bool {
		var set cpuSet
		var err error
		list, isList := strings.CutPrefix(line, "Cpus_allowed_list:")
		if isList {
			set, err = parseCPUList(list)
		} else if mask, ok := strings.CutPrefix(line, "Cpus_allowed:"); ok {
			set, err = parseCPUMask(mask)
		} else {
			return true
		}
		found = true
		if err == nil && set.empty() {
			err = errEmpty
		}
		if err != nil {
			r.warn("W-BAD-FILE", "%s: Cpus_allowed: %v", name, err)
			return true
		}
		affinity = set.slice()
		return !isList
	})
	r.bad(name, err)
	if err == nil && !found {
		r.warn("W-BAD-FILE", "%s: no Cpus_allowed line", name)
	}
	return affinity
}

// settleAllowed marks the CPUs that the process may use: online, in the
// affinity mask and in the cpuset.
func (t *Topology) settleAllowed(r *reader) {
	affinity, cpuset := setOf(t.Affinity), setOf(t.Cpuset)
	mark := func(useCpuset bool) (allowed int) {
		for i := range t.CPUs {
			c := &t.CPUs[i]
			c.Allowed = c.Online &&
				(t.Affinity == nil || affinity.has(c.ID)) &&
				(!useCpuset || t.Cpuset == nil || cpuset.has(c.ID))
			if c.Allowed {
				allowed++
			}
		}
		return allowed
	}
	if len(t.CPUs) == 0 {
		return
	}
	if mark(true) == 0 {
		switch {
		case mark(false) > 0:
			r.warn("W-SYSFS-CONFLICT", "the cpuset %s has no CPU that is online and in the affinity mask; the cpuset is ignored", clip(formatList(t.Cpuset)))
			t.Cpuset = nil
		default:
			r.warn("W-SYSFS-CONFLICT", "the affinity mask %s has no online CPU; the mask is ignored", clip(formatList(t.Affinity)))
			t.Affinity = nil
			if mark(true) == 0 {
				t.Cpuset = nil
				mark(true)
			}
		}
	}
	t.warnAllowed(r)
}

// warnAllowed says what keeps the process from CPUs, and which of the CPUs that
// it may use are isolated.
func (t *Topology) warnAllowed(r *reader) {
	affinity, cpuset, isolated := setOf(t.Affinity), setOf(t.Cpuset), setOf(t.Isolated)
	var narrowed, alone []int
	for _, c := range t.CPUs {
		if c.Online && t.Affinity != nil && !affinity.has(c.ID) && (t.Cpuset == nil || cpuset.has(c.ID)) && !isolated.has(c.ID) {
			narrowed = append(narrowed, c.ID)
		}
		if c.Allowed && isolated.has(c.ID) {
			alone = append(alone, c.ID)
		}
	}
	if len(narrowed) > 0 {
		r.warn("W-AFFINITY-NARROW", "the affinity mask leaves out %s", cpuNames(narrowed))
	}
	if len(alone) > 0 {
		r.warn("W-ISOLATED", "isolated from the scheduler, so that only threads pinned there run: %s", cpuNames(alone))
	}
}
