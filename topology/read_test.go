package topology

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

func mustRead(t *testing.T, fsys *memFS) *Topology {
	t.Helper()
	top, err := Read(fsys)
	if err != nil {
		t.Fatal(err)
	}
	checkInvariants(t, top)
	return top
}

func warned(top *Topology, id, part string) bool {
	return slices.ContainsFunc(top.Warnings, func(w string) bool {
		return warningID(w) == id && strings.Contains(w, part)
	})
}

// column takes one field of every online CPU.
func column(top *Topology, field func(*CPU) int) []int {
	var out []int
	for i := range top.CPUs {
		if top.CPUs[i].Online {
			out = append(out, field(&top.CPUs[i]))
		}
	}
	return out
}

// Machines of every shape are read as they were written: levels, numbers with
// holes, offline CPUs.
func TestReadShapes(t *testing.T) {
	for name, m := range map[string]machine{
		"one core":           {packages: 1, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 1, threads: 1},
		"SMT":                {packages: 1, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 4, threads: 2},
		"SMT adjacent":       {packages: 2, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 4, threads: 2, adjacent: true},
		"SMT4":               {packages: 2, nodesPerPackage: 2, l3PerNode: 1, coresPerL3: 3, threads: 4, adjacent: true},
		"L3 domains":         {packages: 2, nodesPerPackage: 4, l3PerNode: 2, coresPerL3: 3, threads: 2},
		"ids above 1024":     {packages: 2, nodesPerPackage: 1, l3PerNode: 2, coresPerL3: 2, threads: 2, number: func(n int) int { return 4000 + n }},
		"holes":              {packages: 2, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 4, threads: 2, number: func(n int) int { return 3 + 130*n }},
		"no CPU 0":           {packages: 1, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 4, threads: 1, offline: []int{0}},
		"SMT switched off":   {packages: 2, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 4, threads: 2, offline: []int{8, 9, 10, 11, 12, 13, 14, 15}},
		"one sibling is off": {packages: 1, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 4, threads: 2, offline: []int{5, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, m.lists = range []bool{false, true} {
				top := mustRead(t, m.write())
				off := setOf(m.offline)
				cpus := m.cpus()
				slices.SortFunc(cpus, func(a, b shape) int { return a.id - b.id })
				if len(top.CPUs) != len(cpus) {
					t.Fatalf("%d CPUs, want %d", len(top.CPUs), len(cpus))
				}
				var core, l3, pkg, node []int
				for i, c := range cpus {
					got := top.CPUs[i]
					if got.ID != c.id || got.Online == off.has(c.id) || got.Allowed == off.has(c.id) {
						t.Errorf("CPU %d: %+v", c.id, got)
					}
					if !off.has(c.id) {
						core, l3, pkg, node = append(core, c.core), append(l3, c.l3), append(pkg, c.pkg), append(node, c.node)
					}
				}
				for _, level := range []struct {
					name  string
					field func(*CPU) int
					want  []int
				}{
					{"core", func(c *CPU) int { return c.Core }, core},
					{"L1d", func(c *CPU) int { return c.L1d }, core},
					{"L2", func(c *CPU) int { return c.L2 }, core},
					{"L3", func(c *CPU) int { return c.L3 }, l3},
					{"package", func(c *CPU) int { return c.Package }, pkg},
				} {
					if got := column(top, level.field); !samePartition(got, level.want) {
						t.Errorf("%s: %v, want groups like %v", level.name, got, level.want)
					}
				}
				if got := column(top, func(c *CPU) int { return c.Node }); !slices.Equal(got, node) {
					t.Errorf("node: %v, want %v", got, node)
				}
				for i, n := range top.Nodes {
					if n.MemBytes != int64(i+1)<<30 || n.Distances[i] != 10 {
						t.Errorf("node %d: %+v", i, n)
					}
				}
				if top.Model != "Generated CPU" || top.CacheLine != 64 {
					t.Errorf("model %q, cache line %d", top.Model, top.CacheLine)
				}
				for _, c := range top.Caches {
					if want := []int64{0, 32 << 10, 1 << 20, 32 << 20}[c.Level]; c.Bytes != want {
						t.Errorf("cache %+v, want %d bytes", c, want)
					}
				}
				if len(m.offline) > 0 != warned(top, "W-OFFLINE-SIBLING", "") {
					t.Errorf("warnings: %q", top.Warnings)
				}
			}
		})
	}
}

var smallMachine = machine{packages: 2, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 2, threads: 2}

func allowedList(top *Topology) string {
	var ids []int
	for _, c := range top.CPUs {
		if c.Allowed {
			ids = append(ids, c.ID)
		}
	}
	return formatList(ids)
}

// The allowed CPUs are those that affinity and cpuset both allow, or affinity
// alone where they have none in common; what is narrow or contradictory gives
// a warning.
func TestReadAllowed(t *testing.T) {
	for _, c := range []struct {
		name    string
		arrange func(*memFS)
		want    string
		warning string
	}{
		{"nothing said", func(*memFS) {}, "0-7", ""},
		{"affinity list", func(f *memFS) {
			f.set("proc/self/status", "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t1,3-4\n")
		}, "1,3-4", "W-AFFINITY-NARROW"},
		{"affinity mask only", func(f *memFS) { f.set("proc/self/status", "Cpus_allowed:\t00000012\n") }, "1,4", "W-AFFINITY-NARROW"},
		{"affinity wider than the machine", func(f *memFS) { f.set("proc/self/status", "Cpus_allowed_list:\t0-127\n") }, "0-7", ""},
		{"affinity without online CPUs", func(f *memFS) { f.set("proc/self/status", "Cpus_allowed_list:\t64\n") }, "0-7", "W-SYSFS-CONFLICT"},
		{"cpuset v2", func(f *memFS) {
			f.cgroup2("/a/b")
			f.set("sys/fs/cgroup/a/b/cpuset.cpus.effective", "2-5\n")
			f.set("sys/fs/cgroup/a/cpuset.cpus.effective", "0-5\n")
		}, "2-5", ""},
		{"cpuset v2 of an ancestor", func(f *memFS) {
			f.cgroup2("/a/b")
			f.set("sys/fs/cgroup/a/cpuset.cpus.effective", "0-5\n")
		}, "0-5", ""},
		{"cpuset v1", func(f *memFS) {
			f.set("proc/self/cgroup", "4:cpu,cpuacct:/\n3:cpuset:/docker/abc\n")
			f.set("proc/self/mountinfo", "31 25 0:27 /docker/abc /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n")
			f.set("sys/fs/cgroup/cpuset/cpuset.cpus", "6-7\n")
		}, "6-7", ""},
		{"cpuset v1 that contradicts itself", func(f *memFS) {
			f.set("proc/self/cgroup", "3:cpuset:/\n")
			f.set("proc/self/mountinfo", "31 25 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n")
			f.set("sys/fs/cgroup/cpuset/cpuset.cpus", "0-6\n")
			f.set("sys/fs/cgroup/cpuset/cpuset.effective_cpus", "0-3\n")
		}, "0-6", "W-CGROUP"},
		{"cpuset v1 in v2 mode", func(f *memFS) {
			f.set("proc/self/cgroup", "3:cpuset:/\n")
			f.set("proc/self/mountinfo", "31 25 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset,cpuset_v2_mode\n")
			f.set("sys/fs/cgroup/cpuset/cpuset.effective_cpus", "0-3\n")
		}, "0-3", ""},
		{"cpuset file system", func(f *memFS) {
			f.set("proc/self/cpuset", "/set\n")
			f.set("proc/mounts", "none /dev/cpuset cpuset rw 0 0\n")
			f.set("dev/cpuset/set/cpus", "0,7\n")
		}, "0,7", ""},
		{"cpuset and affinity", func(f *memFS) {
			f.cgroup2("/a")
			f.set("sys/fs/cgroup/a/cpuset.cpus.effective", "2-5\n")
			f.set("proc/self/status", "Cpus_allowed_list:\t4-7\n")
		}, "4-5", "W-AFFINITY-NARROW"},
		{"cpuset against affinity", func(f *memFS) {
			f.cgroup2("/a")
			f.set("sys/fs/cgroup/a/cpuset.cpus.effective", "2-5\n")
			f.set("proc/self/status", "Cpus_allowed_list:\t6-7\n")
		}, "6-7", "W-SYSFS-CONFLICT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := smallMachine.write()
			c.arrange(fsys)
			top := mustRead(t, fsys)
			if got := allowedList(top); got != c.want {
				t.Errorf("allowed %s, want %s", got, c.want)
			}
			if c.warning == "" && len(top.Warnings) > 0 || c.warning != "" && !warned(top, c.warning, "") {
				t.Errorf("warnings %q, want %q", top.Warnings, c.warning)
			}
		})
	}
}

// Isolated CPUs, those without a tick and the state of SMT are read, and a
// warning tells of isolated ones.
func TestReadSets(t *testing.T) {
	fsys := smallMachine.write()
	fsys.set(cpuDir+"/isolated", "2-3\n")
	fsys.set(cpuDir+"/nohz_full", "3,6\n")
	fsys.set(cpuDir+"/smt/control", "forceoff\n")
	top := mustRead(t, fsys)
	if !slices.Equal(top.Isolated, []int{2, 3}) || !slices.Equal(top.NohzFull, []int{3, 6}) || top.SMT != "forceoff" {
		t.Errorf("isolated %v, nohz_full %v, SMT %q", top.Isolated, top.NohzFull, top.SMT)
	}
	if !warned(top, "W-ISOLATED", "2-3") {
		t.Errorf("warnings: %q", top.Warnings)
	}
	fsys.set(cpuDir+"/nohz_full", "(null)\n")
	if top = mustRead(t, fsys); top.NohzFull != nil {
		t.Errorf("nohz_full %v", top.NohzFull)
	}
}

// edit changes a file of every CPU.
func edit(fsys *memFS, n int, file string, contents func(cpu int) string) {
	for cpu := range n {
		fsys.set(cpuDir+"/cpu"+strconv.Itoa(cpu)+"/"+file, contents(cpu))
	}
}

// Files that are missing, cut short or contradictory cost at most what they
// describe, and a warning says so.
func TestReadOddities(t *testing.T) {
	t.Run("no top-level lists", func(t *testing.T) {
		fsys := machine{packages: 1, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 4, threads: 1, offline: []int{2}}.write()
		for _, f := range []string{"online", "present", "possible"} {
			fsys.remove(cpuDir + "/" + f)
		}
		top := mustRead(t, fsys)
		if got := column(top, func(c *CPU) int { return c.ID }); !slices.Equal(got, []int{0, 1, 3}) || len(top.CPUs) != 4 {
			t.Errorf("online %v of %d", got, len(top.CPUs))
		}
	})
	t.Run("online list cut short", func(t *testing.T) {
		fsys := smallMachine.write()
		fsys.set(cpuDir+"/online", "0-1")
		top := mustRead(t, fsys)
		if len(column(top, func(c *CPU) int { return c.ID })) != 8 || !warned(top, "W-SYSFS-CONFLICT", "online") {
			t.Errorf("%v %q", top.CPUs, top.Warnings)
		}
	})
	t.Run("online list cut inside a number", func(t *testing.T) {
		fsys := machine{packages: 1, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 16, threads: 1, offline: []int{1}}.write()
		fsys.set(cpuDir+"/online", "0,2-9,1") // 0,2-9,10-15
		top := mustRead(t, fsys)
		if top.CPUs[1].Online || !top.CPUs[15].Online || !warned(top, "W-SYSFS-CONFLICT", "cpu1/online") {
			t.Errorf("%v %q", top.CPUs, top.Warnings)
		}
	})
	t.Run("present list cut inside a number", func(t *testing.T) {
		fsys := smallMachine.write()
		fsys.set(cpuDir+"/cpu1/online", "1\n")
		fsys.set(cpuDir+"/cpu9/online", "0\n")
		fsys.set(cpuDir+"/present", "0-7,9") // 0-7,96-103
		if top := mustRead(t, fsys); len(top.CPUs) != 8 || !warned(top, "W-BAD-FILE", "present") {
			t.Errorf("%d CPUs, %q", len(top.CPUs), top.Warnings)
		}
	})
	t.Run("no list of present CPUs", func(t *testing.T) {
		fsys := smallMachine.write()
		fsys.remove(cpuDir + "/present")
		fsys.set(cpuDir+"/cpu9/online", "0\n")
		if top := mustRead(t, fsys); len(top.CPUs) != 8 {
			t.Errorf("%d CPUs", len(top.CPUs))
		}
	})
	t.Run("files that only some have", func(t *testing.T) {
		fsys := smallMachine.write()
		missing := []string{nodeDir + "/node1/meminfo", nodeDir + "/node0/distance", cpuDir + "/cpu1/cache/index2/size", cpuDir + "/cpu2/cache/index3/level"}
		for _, file := range missing {
			fsys.remove(file)
		}
		top := mustRead(t, fsys)
		for _, file := range missing {
			if !warned(top, "W-BAD-FILE", file) {
				t.Errorf("%s is not named in %q", file, top.Warnings)
			}
		}
	})
	t.Run("package siblings of some", func(t *testing.T) {
		fsys := smallMachine.write()
		for _, cpu := range []string{"2", "3", "6", "7"} {
			fsys.remove(cpuDir + "/cpu" + cpu + "/topology/package_cpus")
		}
		if top := mustRead(t, fsys); !warned(top, "W-SYSFS-CONFLICT", "CPUs 2-3,6-7") {
			t.Errorf("%q", top.Warnings)
		}
	})
	t.Run("listed without a directory", func(t *testing.T) {
		fsys := smallMachine.write()
		fsys.set(cpuDir+"/online", "0-4095\n")
		top := mustRead(t, fsys)
		if len(top.CPUs) != 8 || !warned(top, "W-SYSFS-CONFLICT", "without a directory") {
			t.Errorf("%d CPUs, %q", len(top.CPUs), top.Warnings)
		}
	})
	t.Run("all-zero cache map is private to the core", func(t *testing.T) {
		fsys := smallMachine.write()
		edit(fsys, 8, "cache/index3/shared_cpu_map", func(int) string { return "00000000\n" })
		top := mustRead(t, fsys)
		l3 := column(top, func(c *CPU) int { return c.L3 })
		if !samePartition(l3, column(top, func(c *CPU) int { return c.Core })) {
			t.Errorf("L3 %v", l3)
		}
	})
	t.Run("NUL behind the newline", func(t *testing.T) {
		fsys := smallMachine.write()
		edit(fsys, 8, "topology/core_cpus", func(cpu int) string { return formatMask(setOf([]int{cpu % 4, cpu%4 + 4})) + "\n\x00" })
		if top := mustRead(t, fsys); len(top.Warnings) > 0 {
			t.Errorf("warnings: %q", top.Warnings)
		}
	})
	t.Run("old file names", func(t *testing.T) {
		fsys := smallMachine.write()
		for cpu := range 8 {
			dir := fsys.dir(cpuDir + "/cpu" + strconv.Itoa(cpu) + "/topology")
			dir.children["thread_siblings"], dir.children["core_siblings"] = dir.children["core_cpus"], dir.children["package_cpus"]
			delete(dir.children, "core_cpus")
			delete(dir.children, "package_cpus")
		}
		top := mustRead(t, fsys)
		if want := mustRead(t, smallMachine.write()); !reflect.DeepEqual(top, want) {
			t.Errorf("%+v\nwant %+v", top, want)
		}
	})
	t.Run("mask contradicts an earlier group, list does not", func(t *testing.T) {
		m := smallMachine
		m.lists = true
		fsys := m.write()
		fsys.set(cpuDir+"/cpu2/topology/package_cpus", "0000000f\n")
		top := mustRead(t, fsys)
		if want := mustRead(t, m.write()); !reflect.DeepEqual(top.CPUs, want.CPUs) {
			t.Errorf("%+v", top.CPUs)
		}
		if !warned(top, "W-SYSFS-CONFLICT", "cpu2/topology/package_cpus") {
			t.Errorf("warnings: %q", top.Warnings)
		}
	})
	t.Run("no topology and no caches", func(t *testing.T) {
		fsys := smallMachine.write()
		for cpu := range 8 {
			fsys.remove(cpuDir + "/cpu" + strconv.Itoa(cpu) + "/topology")
			fsys.remove(cpuDir + "/cpu" + strconv.Itoa(cpu) + "/cache")
		}
		top := mustRead(t, fsys)
		if !warned(top, "W-NO-TOPOLOGY", "") || top.CPUs[7].Core != 7 || top.CPUs[7].L3 != Unknown || top.CPUs[7].Package != Unknown {
			t.Errorf("%+v %q", top.CPUs[7], top.Warnings)
		}
	})
	t.Run("only masks of a sandbox", func(t *testing.T) {
		fsys := newMemFS()
		for _, f := range []string{"online", "possible", "present"} {
			fsys.set(cpuDir+"/"+f, "0-3\n")
		}
		edit(fsys, 4, "topology/thread_siblings", func(cpu int) string { return strconv.FormatInt(1<<cpu, 16) + "\n" })
		edit(fsys, 4, "topology/core_siblings", func(int) string { return "f\n" })
		top := mustRead(t, fsys)
		if c := top.CPUs[3]; c.Core == top.CPUs[0].Core || c.Package != top.CPUs[0].Package || c.L2 != Unknown || c.Node != Unknown {
			t.Errorf("%+v", c)
		}
	})
	t.Run("nothing but proc/stat", func(t *testing.T) {
		fsys := newMemFS()
		fsys.set("proc/stat", "cpu  1 2 3\ncpu0 1 2 3\ncpu5 1 2 3\nintr 1\n")
		top := mustRead(t, fsys)
		if allowedList(top) != "0,5" || top.Source != "proc/stat" || !warned(top, "W-NO-TOPOLOGY", "") {
			t.Errorf("%s %q", allowedList(top), top.Warnings)
		}
	})
	t.Run("empty tree", func(t *testing.T) {
		if top, err := Read(fstest.MapFS{}); err == nil || !strings.Contains(err.Error(), cpuDir) {
			t.Errorf("%v, %v", top, err)
		}
		if _, err := Read(nil); err == nil {
			t.Error("no error for a nil root")
		}
	})
	t.Run("all offline", func(t *testing.T) {
		fsys := newMemFS()
		edit(fsys, 2, "online", func(int) string { return "0\n" })
		if top, err := Read(fsys); err == nil {
			t.Errorf("%+v", top)
		}
	})
}

// Dies, clusters, books and drawers are read, and a level that equals another
// is not reported twice.
func TestReadLevels(t *testing.T) {
	fsys := machine{packages: 2, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 4, threads: 1}.write()
	pair := func(cpu int) string { return formatMask(setOf([]int{cpu &^ 1, cpu | 1})) }
	edit(fsys, 8, "topology/die_cpus", pair)
	edit(fsys, 8, "topology/cluster_cpus", pair)
	edit(fsys, 8, "topology/book_siblings", func(int) string { return "ff\n" })
	edit(fsys, 8, "topology/drawer_siblings", func(int) string { return "ff\n" })
	top := mustRead(t, fsys)
	want := []int{0, 0, 1, 1, 2, 2, 3, 3}
	if got := column(top, func(c *CPU) int { return c.Die }); !slices.Equal(got, want) {
		t.Errorf("dies %v", got)
	}
	if c := top.CPUs[0]; c.Cluster != Unknown || c.Book != 0 || c.Drawer != 0 {
		t.Errorf("a cluster that equals the die is reported, or books are not: %+v", c)
	}
	for name, mask := range map[string]func(int) string{
		"equal to packages": func(cpu int) string { return formatMask(setOf([]int{cpu &^ 3, cpu&^3 + 1, cpu&^3 + 2, cpu | 3})) },
		"equal to cores":    func(cpu int) string { return formatMask(setOf([]int{cpu})) },
	} {
		edit(fsys, 8, "topology/die_cpus", mask)
		edit(fsys, 8, "topology/cluster_cpus", mask)
		if c := mustRead(t, fsys).CPUs[5]; c.Die != Unknown || c.Cluster != Unknown {
			t.Errorf("levels %s are reported: %+v", name, c)
		}
	}
}

// NUMA nodes are read with their memory and distances, also those without CPUs
// or without memory, and faulty ones give a warning.
func TestReadNodes(t *testing.T) {
	t.Run("memory only", func(t *testing.T) {
		fsys := smallMachine.write()
		fsys.set(nodeDir+"/node7/cpumap", "00000000\n")
		fsys.set(nodeDir+"/node7/meminfo", "Node 7 MemTotal: 5 kB\n")
		fsys.set(nodeDir+"/online", "0-1,7\n")
		for n, row := range map[string]string{"0": "10 20 30", "1": "20 10 31", "7": "30 31 10"} {
			fsys.set(nodeDir+"/node"+n+"/distance", row+"\n")
		}
		top := mustRead(t, fsys)
		if n := top.Nodes[2]; n.ID != 7 || len(n.CPUs) != 0 || n.MemBytes != 5<<10 || !slices.Equal(n.Distances, []int{30, 31, 10}) {
			t.Errorf("%+v", n)
		}
		if !warned(top, "W-MEMONLY", "7") {
			t.Errorf("warnings: %q", top.Warnings)
		}
	})
	t.Run("overlapping masks, disjoint links", func(t *testing.T) {
		fsys := smallMachine.write()
		for n := range 2 {
			dir := nodeDir + "/node" + strconv.Itoa(n) + "/"
			fsys.set(dir+"cpumap", "ff\n")
			for cpu := n; cpu < 8; cpu += 2 {
				fsys.dir(dir + "cpu" + strconv.Itoa(cpu))
			}
		}
		top := mustRead(t, fsys)
		if got := column(top, func(c *CPU) int { return c.Node }); !slices.Equal(got, []int{0, 1, 0, 1, 0, 1, 0, 1}) || !warned(top, "W-NUMA-AMBIGUOUS", "links") {
			t.Errorf("%v %q", got, top.Warnings)
		}
	})
	t.Run("overlapping masks", func(t *testing.T) {
		fsys := smallMachine.write()
		fsys.set(nodeDir+"/node0/cpumap", "ff\n")
		fsys.set(nodeDir+"/node1/cpumap", "0c\n")
		top := mustRead(t, fsys)
		if got := column(top, func(c *CPU) int { return c.Node }); !slices.Equal(got, []int{0, 0, 1, 1, 0, 0, 0, 0}) || !warned(top, "W-NUMA-AMBIGUOUS", "smallest") {
			t.Errorf("%v %q", got, top.Warnings)
		}
	})
	t.Run("lists only", func(t *testing.T) {
		m := smallMachine
		m.lists = true
		fsys := m.write()
		fsys.remove(nodeDir + "/node0/cpumap")
		fsys.remove(nodeDir + "/node1/cpumap")
		if top := mustRead(t, fsys); !reflect.DeepEqual(top, mustRead(t, m.write())) {
			t.Errorf("%+v", top.Nodes)
		}
	})
	t.Run("bad distances", func(t *testing.T) {
		fsys := smallMachine.write()
		fsys.set(nodeDir+"/node0/distance", "10\n")
		fsys.set(nodeDir+"/node1/distance", "10 x\n")
		top := mustRead(t, fsys)
		if top.Nodes[0].Distances != nil || top.Nodes[1].Distances != nil || !warned(top, "W-BAD-FILE", "node0/distance") || !warned(top, "W-BAD-FILE", "node1/distance") {
			t.Errorf("%+v %q", top.Nodes, top.Warnings)
		}
	})
}

// kindsOf reads a machine of eight cores without SMT.
func kindsOf(t *testing.T, arrange func(*memFS)) (*Topology, []int) {
	t.Helper()
	fsys := machine{packages: 1, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 8, threads: 1}.write()
	arrange(fsys)
	top := mustRead(t, fsys)
	return top, column(top, func(c *CPU) int { return c.Efficiency })
}

// oneListOfSmallCores makes the cores of a machine with CPUs 0 to 7 big and
// small: CPUs 2, 3, 6 and 7 are on the kernel's one list of small ones.
func oneListOfSmallCores(f *memFS) {
	f.set("sys/devices/cpu_core/cpus", "0-1,4-5\n")
	f.set("sys/devices/cpu_atom/cpus", "2-3,6-7\n")
}

// withoutL3 takes the L3 from some CPUs.
func withoutL3(f *memFS, cpus ...int) {
	gone := setOf(cpus)
	for cpu := range 8 {
		dir := cpuDir + "/cpu" + strconv.Itoa(cpu) + "/cache/index3"
		if gone.has(cpu) {
			f.remove(dir)
			continue
		}
		set, err := parseCPUMask(string(f.find(dir + "/shared_cpu_map").data))
		if err != nil {
			panic(err)
		}
		for i := range set {
			set[i] &^= gone[i]
		}
		f.set(dir+"/shared_cpu_map", formatMask(set)+"\n")
	}
}

// Low-power cores get workers after all free P and E cores in every placement,
// and workers that must share a CPU share the fastest.
func TestLowPowerCoresComeLast(t *testing.T) {
	// Two P cores with SMT, four E cores on one L2, two low-power cores.
	fsys := machine{packages: 1, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 8, threads: 1}.write()
	fsys.set("sys/devices/cpu_core/cpus", "0-1\n")
	fsys.set("sys/devices/cpu_atom/cpus", "2-7\n")
	withoutL3(fsys, 2, 3)
	top := mustRead(t, fsys)
	for _, p := range []Placement{PerCore, PerThread, Compact, Scatter} {
		for n := 1; n <= 12; n++ {
			plan := top.Plan(p, n)
			checkSum(t, top, plan)
			var order []int
			for _, a := range plan.Workers {
				order = append(order, top.CPUs[a.CPU].Efficiency)
			}
			want := []int{0, 0, 1, 1, 1, 1, 2, 2, 0, 0, 1, 1}[:n]
			if !slices.Equal(order, want) {
				t.Errorf("%v of %d: kinds %v, want %v", p, n, order, want)
			}
		}
	}
	if why := top.Plan(Compact, 7).Workers[6].Why; why != "own core, efficiency (E2)" {
		t.Errorf("the reason is %q", why)
	}
}

// Kinds of cores are told apart by whatever the system offers for it, best
// source first.
func TestReadKinds(t *testing.T) {
	one := []int{-1, -1, -1, -1, -1, -1, -1, -1}
	pick := func(values ...string) func(int) string { return func(cpu int) string { return values[cpu] + "\n" } }
	for _, c := range []struct {
		name    string
		arrange func(*memFS)
		want    []int
	}{
		{"nothing known", func(*memFS) {}, one},
		{"PMU", func(f *memFS) {
			f.set("sys/devices/cpu_core/cpus", "0-3\n")
			f.set("sys/devices/cpu_atom/cpus", "4-5\n")
			f.set("sys/devices/cpu_lowpower/cpus", "6-7\n")
		}, []int{0, 0, 0, 0, 1, 1, 2, 2}},
		{"PMU of one kind", func(f *memFS) { f.set("sys/devices/cpu_atom/cpus", "0-7\n") }, one},
		{"PMU that leaves CPUs out", func(f *memFS) {
			f.set("sys/devices/cpu_core/cpus", "0-3\n")
			f.set("sys/devices/cpu_atom/cpus", "4\n")
		}, one},
		{"PMU with low-power cores among the small ones, by frequency", func(f *memFS) {
			oneListOfSmallCores(f)
			edit(f, 8, "cpufreq/cpuinfo_max_freq", pick("4900000", "4900000", "3800000", "2500000", "4800000", "4800000", "3800000", "2500000"))
		}, []int{0, 0, 1, 2, 0, 0, 1, 2}},
		{"PMU with low-power cores among the small ones, by capacity", func(f *memFS) {
			oneListOfSmallCores(f)
			edit(f, 8, "cpu_capacity", pick("1024", "1009", "632", "417", "1024", "1009", "632", "417"))
		}, []int{0, 0, 1, 2, 0, 0, 1, 2}},
		{"PMU with low-power cores among the small ones, by the missing L3", func(f *memFS) {
			oneListOfSmallCores(f)
			withoutL3(f, 3, 7)
		}, []int{0, 0, 1, 2, 0, 0, 1, 2}},
		{"PMU with low-power cores, by all three", func(f *memFS) {
			oneListOfSmallCores(f)
			withoutL3(f, 3, 7)
			edit(f, 8, "cpu_capacity", pick("1024", "1009", "632", "417", "1024", "1009", "632", "417"))
			edit(f, 8, "cpufreq/cpuinfo_max_freq", pick("4900000", "4900000", "3800000", "2500000", "4800000", "4800000", "3800000", "2500000"))
		}, []int{0, 0, 1, 2, 0, 0, 1, 2}},
		{"PMU with small cores that all lack an L3", func(f *memFS) {
			oneListOfSmallCores(f)
			withoutL3(f, 2, 3, 6, 7)
		}, []int{0, 0, 1, 1, 0, 0, 1, 1}},
		{"maximum frequency, and some of the slow cores without an L3", func(f *memFS) {
			withoutL3(f, 3, 7)
			edit(f, 8, "cpufreq/cpuinfo_max_freq", pick("4900000", "4900000", "2500000", "2500000", "4900000", "4900000", "2500000", "2500000"))
		}, []int{0, 0, 1, 2, 0, 0, 1, 2}},
		{"MIDR, and one part at two speeds", func(f *memFS) {
			edit(f, 8, "regs/identification/midr_el1", pick("0x410fd0d0", "0x410fd0d0", "0x410fd050", "0x410fd050", "0x410fd0d0", "0x410fd0d0", "0x410fd050", "0x410fd050"))
			edit(f, 8, "cpufreq/cpuinfo_max_freq", pick("2841600", "2419200", "1785600", "1785600", "2841600", "2419200", "1785600", "1785600"))
		}, []int{0, 1, 2, 2, 0, 1, 2, 2}},
		{"no L3 here and there, and nothing else known", func(f *memFS) { withoutL3(f, 3, 7) }, one},
		{"capacity", func(f *memFS) {
			edit(f, 8, "cpu_capacity", pick("250", "250", "250", "250", "860", "860", "1024", "1024"))
		}, []int{2, 2, 2, 2, 1, 1, 0, 0}},
		{"capacity that wavers inside a kind", func(f *memFS) {
			edit(f, 8, "cpu_capacity", pick("1024", "1017", "997", "997", "731", "718", "718", "718"))
		}, []int{0, 0, 0, 0, 1, 1, 1, 1}},
		{"MIDR", func(f *memFS) {
			edit(f, 8, "regs/identification/midr_el1", pick("0x00000000410fd871", "0x00000000411fd871", "0x410fd851", "0x410fd851", "0x410fd851", "0x410fd851", "0x410fd851", "0x410fd851"))
			edit(f, 8, "cpu_capacity", pick("720", "730", "1000", "1024", "990", "1000", "1000", "1000"))
		}, []int{1, 1, 0, 0, 0, 0, 0, 0}},
		{"MIDR of equally fast parts", func(f *memFS) {
			edit(f, 8, "regs/identification/midr_el1", pick("0x410fd4d0", "0x410fd4d0", "0x410fd470", "0x410fd470", "0x410fd460", "0x410fd460", "0x410fd460", "0x410fd460"))
			edit(f, 8, "cpu_capacity", pick("855", "855", "855", "855", "280", "280", "280", "280"))
		}, []int{0, 0, 0, 0, 1, 1, 1, 1}},
		{"base frequency", func(f *memFS) {
			edit(f, 8, "cpufreq/cpuinfo_max_freq", pick("3000000", "2800000", "2800000", "2800000", "2800000", "2800000", "2800000", "2800000"))
			edit(f, 8, "cpufreq/base_frequency", pick("2000000", "1400000", "1400000", "1400000", "1400000", "1400000", "1400000", "1400000"))
		}, []int{0, 1, 1, 1, 1, 1, 1, 1}},
		{"raised base of favoured cores", func(f *memFS) {
			edit(f, 8, "cpufreq/cpuinfo_max_freq", pick("3900000", "3900000", "3900000", "3900000", "3900000", "3900000", "3900000", "3900000"))
			edit(f, 8, "cpufreq/base_frequency", pick("2700000", "2700000", "2100000", "2100000", "2100000", "2100000", "2100000", "2100000"))
		}, one},
		{"maximum frequency", func(f *memFS) {
			edit(f, 8, "cpufreq/cpuinfo_max_freq", pick("1704000", "1704000", "1704000", "1704000", "2367000", "2367000", "2367000", "2914000"))
		}, []int{2, 2, 2, 2, 1, 1, 1, 0}},
		{"maximum frequency of favoured cores", func(f *memFS) {
			edit(f, 8, "cpufreq/cpuinfo_max_freq", pick("5200000", "5200000", "5000000", "5000000", "5000000", "5000000", "5000000", "5000000"))
		}, one},
	} {
		t.Run(c.name, func(t *testing.T) {
			top, got := kindsOf(t, c.arrange)
			if !slices.Equal(got, c.want) {
				t.Errorf("efficiency %v, want %v", got, c.want)
			}
			if mixed := !slices.Equal(c.want, one); mixed != warned(top, "W-MIXED-KINDS", "") {
				t.Errorf("warnings: %q", top.Warnings)
			}
		})
	}
}

// A virtual machine of several cores without SMT is warned of, as its cores may
// be threads, and no other machine is.
func TestHiddenSMT(t *testing.T) {
	for _, c := range []struct {
		m    machine
		vm   bool
		want bool
	}{
		{smallMachine, true, false},
		{smallMachine, false, false},
		{machine{packages: 1, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 4, threads: 1}, true, true},
		{machine{packages: 1, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 4, threads: 1}, false, false},
		{machine{packages: 1, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 1, threads: 1}, true, false},
	} {
		fsys := c.m.write()
		if c.vm {
			fsys.set("proc/cpuinfo", "processor\t: 0\nmodel name\t: x\nflags\t\t: fpu hypervisor lahf_lm\n")
		}
		top := mustRead(t, fsys)
		if top.VM != c.vm || warned(top, "W-SMT-HIDDEN", "") != c.want {
			t.Errorf("%+v, VM %v: %q", c.m, top.VM, top.Warnings)
		}
	}
}

// Sizes of caches are read as the kernel writes them, and what is none is an
// error.
func TestParseCacheSize(t *testing.T) {
	for text, want := range map[string]int64{"32K\n": 32 << 10, "8M": 8 << 20, "1G": 1 << 30, "512": 512, "0K": Unknown} {
		if got, err := parseCacheSize(text); got != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "K", "-1K", "32KB", "99999999999999999999K", "9223372036854775807M"} {
		if got, err := parseCacheSize(text); err == nil {
			t.Errorf("%q: %d instead of an error", text, got)
		}
	}
}

// TestDamagedFiles breaks each file of a tree in turn.
func TestDamagedFiles(t *testing.T) {
	m := smallMachine
	m.lists = true
	build := func() *memFS {
		fsys := m.write()
		fsys.cgroup2("/a/b")
		fsys.set("sys/fs/cgroup/a/b/cpu.max", "max 100000\n")
		fsys.set("sys/fs/cgroup/a/cpu.max", "250000 100000\n")
		fsys.set("sys/fs/cgroup/a/b/cpuset.cpus.effective", "0-6\n")
		fsys.set("proc/self/status", "Cpus_allowed_list:\t0-5,7\n")
		edit(fsys, 8, "cpu_capacity", func(int) string { return "1024\n" })
		edit(fsys, 8, "cpufreq/cpuinfo_max_freq", func(int) string { return "2000000\n" })
		return fsys
	}
	whole := mustRead(t, build())
	for _, kind := range []struct {
		name   string
		warned bool // a damage that cannot go unnoticed if it changes anything
		damage func(fsys *memFS, file, data string)
	}{
		{"removed", false, func(f *memFS, file, _ string) { f.remove(file) }},
		{"emptied", true, func(f *memFS, file, _ string) { f.set(file, "") }},
		{"cut in half", false, func(f *memFS, file, data string) { f.set(file, data[:len(data)/2]) }},
		{"without its last byte but one", false, func(f *memFS, file, data string) { f.set(file, data[:max(len(data)-2, 0)]) }},
		{"garbage", true, func(f *memFS, file, _ string) { f.set(file, "\x7fELF\x02 \xff\xfe,--\n") }},
		{"huge", true, func(f *memFS, file, _ string) { f.set(file, strings.Repeat("9", 1<<17)) }},
		{"a directory", true, func(f *memFS, file, _ string) { f.remove(file); f.dir(file) }},
	} {
		t.Run(kind.name, func(t *testing.T) {
			for _, file := range build().files() {
				fsys := build()
				kind.damage(fsys, file, string(fsys.find(file).data))
				top, err := Read(fsys)
				if err != nil {
					t.Errorf("%s: %v", file, err)
					continue
				}
				for _, c := range top.CPUs {
					if c.ID > 7 {
						t.Errorf("%s: CPU %d was invented", file, c.ID)
					}
				}
				top.Model = whole.Model
				if !kind.warned || strings.HasSuffix(file, "coherency_line_size") || strings.HasSuffix(file, "smt/control") || strings.HasSuffix(file, "/isolated") {
					continue
				}
				fresh := slices.ContainsFunc(top.Warnings, func(w string) bool { return !slices.Contains(whole.Warnings, w) })
				top.Warnings = whole.Warnings
				if !fresh && !reflect.DeepEqual(top, whole) {
					t.Errorf("%s: the result changed without a warning", file)
				}
			}
		})
	}
}

// Whatever the files of a cache contain, no CPU is lost and nothing contradicts
// itself.
func FuzzCaches(f *testing.F) {
	f.Add("1\n", "Data\n", "00000003\n", "0-1\n", "32K\n")
	f.Add("3\n", "Unified\n", "00000000\n", "", "0K\n")
	f.Add("2", "Instruction", "1,2", "9", "M")
	f.Add("-1", "", "", "", "")
	f.Fuzz(func(t *testing.T, level, kind, mask, list, size string) {
		fsys := smallMachine.write()
		dir := cpuDir + "/cpu1/cache/index3/"
		for name, data := range map[string]string{"level": level, "type": kind, "shared_cpu_map": mask, "shared_cpu_list": list, "size": size} {
			fsys.set(dir+name, data)
		}
		top, err := Read(fsys)
		if err != nil {
			t.Fatal(err)
		}
		if len(top.CPUs) != 8 {
			t.Fatalf("%d CPUs", len(top.CPUs))
		}
		checkInvariants(t, top)
	})
}

// TestErrorNamesFile checks that the error of a tree without a usable CPU says
// which file was no good.
func TestErrorNamesFile(t *testing.T) {
	fsys := newMemFS()
	fsys.set(cpuDir+"/online", "\x7fELF\n")
	if _, err := Read(fsys); err == nil || !strings.Contains(err.Error(), cpuDir+"/online: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}
