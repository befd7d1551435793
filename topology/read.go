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
	r := newReader(fsSource{root})
	c := readCgroups(r.twin())
	l := readLimits(c, c.affinityFromStatus(), nil)
	t, err := readTree(r, c, evidence{granted: l.usable()})
	if err != nil {
		return nil, c.blame(r.blame(err))
	}
	l.apply(t)
	t.consultDumps(r)
	t.warnHiddenSMT(r)
	t.Warnings = slices.Concat(r.flush(), l.mountWarnings, l.flush())
	return t, nil
}

// evidence is what is known of the online CPUs before sysfs is asked.
type evidence struct {
	running cpuSet // online without a doubt
	granted cpuSet // what a captured process may use; it runs, so some of them are online
}

// readTree reads all of a tree but what limits the process.
func readTree(r *reader, c *cgroups, known evidence) (*Topology, error) {
	t := &Topology{Source: "sysfs"}
	s := &sysfs{reader: r, t: t, evidence: known}
	cpuErr := s.readCPUs()
	if cpuErr == nil {
		s.readGroups()
		s.readCaches()
		s.readNodes()
		s.readSpeeds()
		s.readKinds()
		s.readSets()
		s.checkOfflineSiblings()
	} else {
		if len(t.CPUs) > 0 || len(c.memberships) == 0 && len(c.mounts) == 0 && !r.src.isDir("proc/self") {
			return nil, cpuErr
		}
		t.Source = "procfs"
		r.warn("W-NO-TOPOLOGY", "%s", strings.TrimPrefix(cpuErr.Error(), "topology: "))
	}
	t.readModel(r)
	if r.reads >= maxReads {
		return nil, fmt.Errorf("topology: %s: %w", cpuDir, errTooManyReads)
	}
	return t, nil
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
