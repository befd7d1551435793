package topology

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Read reads a machine from a tree that holds its sys/ and proc/ directories,
// for instance a captured one: os.DirFS("capture"). Links between the files are
// followed if root follows them; none is needed.
//
// The CPUs that the process may use are those of proc/self/status and of its
// cpuset cgroup, where the tree has them, else all that are online. CPUID dumps
// in a directory cpuid, as [ReadCPUID] reads them, are the second opinion.
//
// The error says which file made it impossible to go on: when neither a CPU nor
// a cgroup is found, or no CPU is online. Lesser faults are in
// Topology.Warnings. Read is safe for concurrent use if root is.
func Read(root fs.FS) (*Topology, error) {
	if root == nil {
		return nil, errors.New("topology: the root is nil")
	}
	t, r, err := readTree(fsSource{root}, nil)
	if err != nil {
		return nil, r.blame(err)
	}
	r.readAffinity(t)
	t.settleAllowed(r)
	t.consultDumps(r)
	t.warnHiddenSMT(r)
	t.Warnings = r.flush()
	return t, nil
}

// readTree reads all of a tree but the affinity mask. The CPUs in running are
// known to be online, whatever the tree says. The reader is never nil.
func readTree(src source, running cpuSet) (*Topology, *reader, error) {
	r := newReader(src)
	t := &Topology{Source: "sysfs"}
	s := &sysfs{reader: r, t: t, running: running}
	cpuErr := s.readCPUs()
	if cpuErr == nil {
		s.readGroups()
		s.readCaches()
		s.readNodes()
		s.readSpeeds()
		s.readKinds()
		s.readSets()
		s.checkOfflineSiblings()
	}
	c := readCgroups(r)
	if cpuErr != nil {
		if len(t.CPUs) > 0 || len(c.memberships) == 0 && len(c.mounts) == 0 && !c.src.isDir("proc/self") {
			return nil, r, cpuErr
		}
		t.Source = "procfs"
		r.warn("W-NO-TOPOLOGY", "%s", strings.TrimPrefix(cpuErr.Error(), "topology: "))
	}
	c.quota(t)
	if set, ok := c.cpuset(); ok {
		t.Cpuset = set.slice()
	}
	t.readModel(r)
	if r.reads >= maxReads {
		return nil, r, fmt.Errorf("topology: %s: %w", cpuDir, errTooManyReads)
	}
	return t, r, nil
}

// readAffinity takes the affinity mask from proc/self/status.
func (r *reader) readAffinity(t *Topology) {
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
		t.Affinity = set.slice()
		return !isList
	})
	r.bad(name, err)
	if err == nil && !found {
		r.warn("W-BAD-FILE", "%s: no Cpus_allowed line", name)
	}
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

// cpuNames names CPUs in a message: "CPU 4", "CPUs 4-7".
func cpuNames(ids []int) string {
	if len(ids) == 1 {
		return "CPU " + formatList(ids)
	}
	return "CPUs " + clip(formatList(ids))
}

func setOf(ids []int) cpuSet {
	var set cpuSet
	for _, id := range ids {
		if id >= 0 && id < maxCPUs {
			set.add(id)
		}
	}
	return set
}

// checkOfflineSiblings says when CPUs are offline, and when that is because SMT
// is off.
func (s *sysfs) checkOfflineSiblings() {
	var off []int
	for _, c := range s.t.CPUs {
		if !c.Online {
			off = append(off, c.ID)
		}
	}
	switch {
	case len(off) == 0:
	case s.t.SMT == "off" || s.t.SMT == "forceoff":
		s.warn("W-OFFLINE-SIBLING", "offline: %s (SMT is %s)", cpuNames(off), s.t.SMT)
	default:
		s.warn("W-OFFLINE-SIBLING", "offline: %s", cpuNames(off))
	}
}

// modelKeys are the lines of proc/cpuinfo that name the processor, best first.
var modelKeys = []string{"model name", "Model Name", "cpu model", "Processor", "cpu", "uarch", "Hardware"}

// readModel takes the processor's name from proc/cpuinfo, and whether it runs
// under a hypervisor. It stops behind the first CPU's lines if they name it: the
// file can be long, and costly for the kernel to write.
func (t *Topology) readModel(r *reader) {
	best, name := len(modelKeys), ""
	err := r.lines("proc/cpuinfo", func(line string) bool {
		line = trimKernel(line)
		if line == "" {
			return name == ""
		}
		key, value, ok := strings.Cut(line, ":")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if k := slices.Index(modelKeys, key); ok && value != "" && k >= 0 && k < best {
			best, name = k, strings.Join(strings.Fields(value), " ")
		}
		if key == "flags" && slices.Contains(strings.Fields(value), "hypervisor") {
			t.VM = true
		}
		return true
	})
	r.bad("proc/cpuinfo", err)
	t.Model = strings.ToValidUTF8(name, "?")
}

// warnHiddenSMT says that a hypervisor shows no SMT, which need not mean that
// there is none.
func (t *Topology) warnHiddenSMT(r *reader) {
	if !t.VM {
		return
	}
	seen := map[int]bool{}
	for _, c := range t.CPUs {
		if c.Online && seen[c.Core] {
			return
		}
		seen[c.Core] = true
	}
	if len(seen) > 1 {
		r.warn("W-SMT-HIDDEN", "this is a virtual machine and no CPU shows an SMT sibling: several of its CPUs may share a physical core")
	}
}
