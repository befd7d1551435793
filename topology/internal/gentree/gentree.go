// Package gentree makes the sysfs, procfs and cgroup files of invented machines,
// as the kernel would show them, for tests of the topology package and of the
// reports.
package gentree

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Machine describes a machine and the process that looks at it.
type Machine struct {
	Name     string // directory name of its tree
	Model    string // as in proc/cpuinfo
	CPUs     []CPU  // by ascending ID
	Nodes    []Node
	L1d      string            // size of the first-level data cache of a core, such as "48K"
	L2, L3   string            // sizes of the shared caches
	Isolated string            // list of CPUs, or ""
	NohzFull string            // list of CPUs, or ""
	Affinity string            // list of CPUs of the process's mask
	Kinds    map[string]string // hybrid PMUs: "cpu_core" to a list of CPUs
	Cgroup   []Cgroup          // cgroup v2 from the root to the process's own
	More     map[string]string // further files: name to contents
}

// CPU is one logical CPU. Core, L2, L3 and Package are labels of any value.
type CPU struct {
	ID, Core, L2, L3, Package, Node int

	Offline bool
	MaxKHz  int
}

// Node is one NUMA node with its distances to all nodes.
type Node struct {
	ID        int
	MemKB     int
	Distances []int
}

// Cgroup is one cgroup below the parent named before it.
type Cgroup struct {
	Name   string // of its directory; "" for the root
	Cpuset string // cpuset.cpus.effective
	Max    string // cpu.max, or "" for none
}

// Files returns the tree: slash-separated names to contents.
func (m *Machine) Files() map[string]string {
	f := make(map[string]string)
	put := func(text string, name ...any) { f[fmt.Sprint(name...)] = text + "\n" }
	const cpuDir, nodeDir = "sys/devices/system/cpu/", "sys/devices/system/node/"

	all := m.cpus(func(CPU) bool { return true })
	put(list(all), cpuDir, "present")
	put(list(all), cpuDir, "possible")
	put(list(m.cpus(func(c CPU) bool { return !c.Offline })), cpuDir, "online")
	put(list(m.cpus(func(c CPU) bool { return c.Offline })), cpuDir, "offline")
	put(m.Isolated, cpuDir, "isolated")
	put(m.NohzFull, cpuDir, "nohz_full")

	for _, c := range m.CPUs {
		dir := fmt.Sprint(cpuDir, "cpu", c.ID, "/")
		if c.Offline {
			put("0", dir, "online")
			continue
		}
		put("1", dir, "online")
		group := func(same func(CPU) bool) string {
			return mask(m.cpus(func(x CPU) bool { return !x.Offline && same(x) }))
		}
		core := group(func(x CPU) bool { return x.Core == c.Core })
		put(core, dir, "topology/core_cpus")
		put(group(func(x CPU) bool { return x.Package == c.Package }), dir, "topology/package_cpus")
		cache := func(index, level int, kind, size, cpus string) {
			if size == "" {
				return
			}
			at := fmt.Sprint(dir, "cache/index", index, "/")
			put(strconv.Itoa(level), at, "level")
			put(kind, at, "type")
			put(size, at, "size")
			put(cpus, at, "shared_cpu_map")
		}
		cache(0, 1, "Data", m.L1d, core)
		cache(2, 2, "Unified", m.L2, group(func(x CPU) bool { return x.L2 == c.L2 }))
		cache(3, 3, "Unified", m.L3, group(func(x CPU) bool { return x.L3 == c.L3 }))
		if c.MaxKHz > 0 {
			put(strconv.Itoa(c.MaxKHz), dir, "cpufreq/cpuinfo_max_freq")
		}
	}
	for _, n := range m.Nodes {
		dir := fmt.Sprint(nodeDir, "node", n.ID, "/")
		put(mask(m.cpus(func(c CPU) bool { return !c.Offline && c.Node == n.ID })), dir, "cpumap")
		put(fmt.Sprintf("Node %d MemTotal: %15d kB", n.ID, n.MemKB), dir, "meminfo")
		put(strings.Trim(fmt.Sprint(n.Distances), "[]"), dir, "distance")
	}
	for name, cpus := range m.Kinds {
		put(cpus, "sys/devices/", name, "/cpus")
	}
	put("processor\t: 0\nmodel name\t: "+m.Model, "proc/cpuinfo")
	put("Name:\tpool\nCpus_allowed_list:\t"+m.Affinity, "proc/self/status")
	m.cgroups(put)
	for name, text := range m.More {
		put(text, name)
	}
	return f
}

func (m *Machine) cgroups(put func(text string, name ...any)) {
	if len(m.Cgroup) == 0 {
		return
	}
	const mount = "sys/fs/cgroup"
	path := ""
	for _, g := range m.Cgroup {
		if g.Name != "" {
			path += "/" + g.Name
		}
		put(g.Cpuset, mount, path, "/cpuset.cpus.effective")
		if g.Max != "" {
			put(g.Max, mount, path, "/cpu.max")
		}
	}
	put("cpuset cpu", mount, "/cgroup.controllers")
	put("0::"+path, "proc/self/cgroup")
	put("30 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - cgroup2 cgroup2 rw", "proc/self/mountinfo")
}

func (m *Machine) cpus(which func(CPU) bool) []int {
	var ids []int
	for _, c := range m.CPUs {
		if which(c) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// list writes ascending numbers in the kernel's list form.
func list(ids []int) string {
	var b strings.Builder
	for i := 0; i < len(ids); {
		j := i
		for j+1 < len(ids) && ids[j+1] == ids[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(ids[i]))
		if j > i {
			b.WriteString("-" + strconv.Itoa(ids[j]))
		}
		i = j + 1
	}
	return b.String()
}

// mask writes numbers in the kernel's mask form: words of 32 bits, the highest
// first.
func mask(ids []int) string {
	words := make([]uint32, 1)
	for _, id := range ids {
		for len(words) <= id/32 {
			words = append(words, 0)
		}
		words[id/32] |= 1 << (id % 32)
	}
	parts := make([]string, len(words))
	for i, w := range words {
		parts[len(words)-1-i] = fmt.Sprintf("%08x", w)
	}
	return strings.Join(parts, ",")
}

// Write makes the tree of the machine in dir, in place of what is there.
func (m *Machine) Write(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	files := m.Files()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(at, []byte(files[name]), 0o644); err != nil {
			return err
		}
	}
	return nil
}
