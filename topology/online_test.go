package topology

import (
	"slices"
	"testing"
)

// A list of online CPUs that a container's file system has made up (lxcfs writes
// as many CPUs as the quota allows, from 0) does not take from a captured process
// the CPUs that it runs on, and gives it none that it may not use: Read allows
// what live detection would.
func TestReadMadeUpOnlineList(t *testing.T) {
	status := func(list string) func(*memFS) {
		return func(f *memFS) { f.set("proc/self/status", "Cpus_allowed_list:\t"+list+"\n") }
	}
	online := func(list string) func(*memFS) {
		return func(f *memFS) { f.set(cpuDir+"/online", list+"\n") }
	}
	ownFiles := func(text string, cpus ...string) func(*memFS) {
		return func(f *memFS) {
			for _, cpu := range cpus {
				if name := cpuDir + "/cpu" + cpu + "/online"; text == "" {
					f.remove(name)
				} else {
					f.set(name, text+"\n")
				}
			}
		}
	}
	without := func(cpus ...string) func(*memFS) {
		return func(f *memFS) {
			for _, cpu := range cpus {
				f.remove(cpuDir + "/cpu" + cpu)
			}
		}
	}
	bare := func(f *memFS) {
		for cpu := range 8 {
			f.remove(cpuDir + "/cpu" + string(rune('0'+cpu)))
		}
	}
	cpuset := func(list string) func(*memFS) {
		return func(f *memFS) {
			f.cgroup2("/a")
			f.set("sys/fs/cgroup/a/cpuset.cpus.effective", list+"\n")
		}
	}
	for _, c := range []struct {
		name    string
		arrange []func(*memFS)
		want    string
		quiet   bool
	}{
		{"CPUs that say they are online", []func(*memFS){status("2-3"), online("0-1")}, "2-3", false},
		{"CPUs that cannot go offline", []func(*memFS){status("2-3"), online("0-1"), ownFiles("", "2", "3")}, "2-3", false},
		{"a part of the mask", []func(*memFS){status("1-2"), online("0-1"), ownFiles("", "2")}, "1-2", false},
		{"nothing known but directories", []func(*memFS){status("2-3"), online("0-1"), func(f *memFS) {
			for _, cpu := range []string{"0", "1", "2", "3"} {
				f.remove(cpuDir + "/cpu" + cpu)
				f.dir(cpuDir + "/cpu" + cpu)
			}
		}}, "2-3", false},
		{"a list of present CPUs made up too", []func(*memFS){status("2-3"), online("0-1"), ownFiles("", "2", "3"), func(f *memFS) { f.set(cpuDir+"/present", "0-1\n") }}, "2-3", false},
		{"directories of the container's CPUs only", []func(*memFS){status("2-3"), online("0-1"), ownFiles("", "2", "3"), without("0", "1", "4", "5", "6", "7")}, "2-3", false},
		{"no directories", []func(*memFS){status("2-3"), online("0-1"), bare}, "2-3", false},
		{"proc/stat alone", []func(*memFS){status("2-3"), bare, func(f *memFS) {
			f.remove(cpuDir + "/online")
			f.remove(cpuDir + "/present")
			f.set("proc/stat", "cpu 1\ncpu0 1\ncpu1 1\nintr 1\n")
		}}, "2-3", false},
		{"a cpuset and no mask", []func(*memFS){cpuset("4-5"), online("0-1"), ownFiles("", "4", "5")}, "4-5", false},
		{"a cpuset and a mask of all CPUs", []func(*memFS){cpuset("4-5"), status("0-7"), online("0-1"), ownFiles("", "4", "5")}, "4-5", false},
		{"a cpuset, a mask of all CPUs, and no directories", []func(*memFS){cpuset("4-5"), status("0-7"), online("0-1"), bare, func(f *memFS) { f.set(cpuDir+"/present", "0-7\n") }}, "4-5", false},
		{"a cpuset that contradicts the mask", []func(*memFS){cpuset("4-5"), status("2-3"), online("0-1"), ownFiles("", "2", "3", "4", "5")}, "2-3", false},
		{"one CPU of the mask is really offline", []func(*memFS){status("2-3"), online("0-1"), ownFiles("", "2"), ownFiles("0", "3")}, "2", false},
		{"a mask of all CPUs, one of them offline", []func(*memFS){status("0-7"), online("0-4,6-7"), ownFiles("0", "5")}, "0-4,6-7", false},
		{"a mask of CPUs that are all online", []func(*memFS){status("0-7"), online("0-7")}, "0-7", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := smallMachine.write()
			for _, f := range c.arrange {
				f(fsys)
			}
			top := mustRead(t, fsys)
			if got := allowedList(top); got != c.want {
				t.Errorf("allowed %s, want %s; %q", got, c.want, top.Warnings)
			}
			for _, a := range top.Plan(PerThread, 0).Workers {
				if c := top.lookup(a.CPU); c == nil || !c.Allowed {
					t.Errorf("a worker on CPU %d", a.CPU)
				}
			}
			if c.quiet != (len(top.Warnings) == 0) {
				t.Errorf("warnings: %q", top.Warnings)
			}
		})
	}
}

// The running system and a capture of it allow the same CPUs when the list of
// online CPUs is made up.
func TestLiveMadeUpOnlineList(t *testing.T) {
	for _, dirs := range []bool{true, false} {
		fsys := newMemFS()
		fsys.set(cpuDir+"/online", "0-1\n")
		if dirs {
			edit(fsys, 4, "topology/core_cpus", func(cpu int) string { return formatMask(setOf([]int{cpu})) + "\n" })
		}
		r := newReader(fsSource{fsys})
		top, err := readTree(r, readCgroups(r.twin()), evidence{running: setOf([]int{2, 3})})
		if err != nil {
			t.Fatal(err)
		}
		(&limits{cgroups: &cgroups{reader: r}, affinity: []int{2, 3}}).apply(top)
		fsys.set("proc/self/status", "Cpus_allowed_list:\t2-3\n")
		captured := mustRead(t, fsys)
		allowed := func(c *CPU) int { return c.ID }
		if allowedList(top) != "2-3" || allowedList(captured) != "2-3" {
			t.Errorf("directories %v: live %s, captured %s of %v", dirs, allowedList(top), allowedList(captured), slices.Concat(column(top, allowed), column(captured, allowed)))
		}
	}
}
