package topology

import (
	"fmt"
	"strconv"
	"strings"
)

// machine describes a regular machine whose sysfs tree write generates.
type machine struct {
	packages, nodesPerPackage, l3PerNode, coresPerL3, threads int

	adjacent bool            // number SMT siblings next to each other, not one round after the other
	number   func(n int) int // renumbers CPUs; nil = 0, 1, 2, ...
	offline  []int           // CPU numbers that are offline
	lists    bool            // write the list twins of masks too
}

// shape is where one CPU of a machine sits.
type shape struct{ id, core, l3, node, pkg int }

// cpus lists the machine's CPUs with their true groups.
func (m machine) cpus() []shape {
	cores := m.packages * m.nodesPerPackage * m.l3PerNode * m.coresPerL3
	var out []shape
	for n := range cores * m.threads {
		core := n % cores
		if m.adjacent {
			core = n / m.threads
		}
		id := n
		if m.number != nil {
			id = m.number(n)
		}
		l3 := core / m.coresPerL3
		node := l3 / m.l3PerNode
		out = append(out, shape{id, core, l3, node, node / m.nodesPerPackage})
	}
	return out
}

// formatMask writes a set in the kernel's mask format.
func formatMask(set cpuSet) string {
	words := []string{}
	for i := len(set)*2 - 1; i >= 0; i-- {
		words = append(words, fmt.Sprintf("%08x", uint32(set[i/2]>>(32*(i%2)))))
	}
	if len(words) == 0 {
		return "00000000"
	}
	return strings.Join(words, ",")
}

// write generates the tree.
func (m machine) write() *memFS {
	fsys := newMemFS()
	off := setOf(m.offline)
	cpus := m.cpus()
	var present, online cpuSet
	for _, c := range cpus {
		present.add(c.id)
		if !off.has(c.id) {
			online.add(c.id)
		}
	}
	fsys.set(cpuDir+"/possible", formatList(present.slice())+"\n")
	fsys.set(cpuDir+"/present", formatList(present.slice())+"\n")
	fsys.set(cpuDir+"/online", formatList(online.slice())+"\n")
	fsys.set(cpuDir+"/isolated", "\n")
	fsys.set(cpuDir+"/smt/control", "on\n")

	// group returns the online CPUs that are equal to c by key.
	group := func(c shape, key func(shape) int) cpuSet {
		var set cpuSet
		for _, o := range cpus {
			if key(o) == key(c) && online.has(o.id) {
				set.add(o.id)
			}
		}
		return set
	}
	masks := func(dir, name, list string, set cpuSet) {
		fsys.set(dir+name, formatMask(set)+"\n")
		if m.lists {
			fsys.set(dir+list, formatList(set.slice())+"\n")
		}
	}
	core := func(s shape) int { return s.core }
	l3 := func(s shape) int { return s.l3 }
	pkg := func(s shape) int { return s.pkg }
	for _, c := range cpus {
		dir := cpuDir + "/cpu" + strconv.Itoa(c.id) + "/"
		if off.has(c.id) {
			fsys.set(dir+"online", "0\n")
			continue
		}
		fsys.set(dir+"online", "1\n")
		topo := dir + "topology/"
		masks(topo, "core_cpus", "core_cpus_list", group(c, core))
		masks(topo, "package_cpus", "package_cpus_list", group(c, pkg))
		fsys.set(topo+"core_id", strconv.Itoa(c.core%m.coresPerL3)+"\n")
		fsys.set(topo+"physical_package_id", strconv.Itoa(c.pkg)+"\n")
		for i, cache := range []struct {
			level, kind, size string
			set               cpuSet
		}{
			{"1", "Data", "32K", group(c, core)},
			{"1", "Instruction", "32K", group(c, core)},
			{"2", "Unified", "1024K", group(c, core)},
			{"3", "Unified", "32768K", group(c, l3)},
		} {
			d := dir + "cache/index" + strconv.Itoa(i) + "/"
			fsys.set(d+"level", cache.level+"\n")
			fsys.set(d+"type", cache.kind+"\n")
			fsys.set(d+"size", cache.size+"\n")
			fsys.set(d+"coherency_line_size", "64\n")
			masks(d, "shared_cpu_map", "shared_cpu_list", cache.set)
		}
	}
	nodes := m.packages * m.nodesPerPackage
	for n := range nodes {
		dir := nodeDir + "/node" + strconv.Itoa(n) + "/"
		var set cpuSet
		for _, c := range cpus {
			if c.node == n {
				set.add(c.id)
			}
		}
		masks(dir, "cpumap", "cpulist", set)
		fsys.set(dir+"meminfo", fmt.Sprintf("Node %d MemTotal:       %d kB\nNode %d MemFree:        1 kB\n", n, (n+1)<<20, n))
		row := make([]string, nodes)
		for k := range row {
			row[k] = "20"
		}
		row[n] = "10"
		fsys.set(dir+"distance", strings.Join(row, " ")+"\n")
	}
	fsys.set(nodeDir+"/online", "0-"+strconv.Itoa(nodes-1)+"\n")
	fsys.set("proc/cpuinfo", "processor\t: 0\nmodel name\t: Generated  CPU\n")
	return fsys
}

// cgroup2 puts the process into cgroup p of a version 2 hierarchy.
func (fsys *memFS) cgroup2(p string) {
	fsys.set("proc/self/cgroup", "0::"+p+"\n")
	fsys.set("proc/self/mountinfo", "30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n")
	fsys.dir("sys/fs/cgroup" + p)
}
