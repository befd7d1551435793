package topology

import "testing"

// FuzzTree replaces any three files of a tree, or removes them if the text is
// empty, and checks that what Read makes of the rest is consistent and can be
// planned with.
func FuzzTree(f *testing.F) {
	build := func() *memFS {
		m := smallMachine
		m.lists = true
		fsys := m.write()
		fsys.cgroup2("/a/b")
		fsys.set("sys/fs/cgroup/a/b/cpu.max", "max 100000\n")
		fsys.set("sys/fs/cgroup/a/cpu.max", "250000 100000\n")
		fsys.set("sys/fs/cgroup/a/b/cpuset.cpus.effective", "0-6\n")
		fsys.set("proc/self/status", "Cpus_allowed_list:\t0-5,7\n")
		return fsys
	}
	files := build().files()
	f.Add(uint16(0), "", uint16(1), "0-3\n", uint16(2), "0-3,8\n")
	for i := range files {
		f.Add(uint16(i), "0\n", uint16(i+7), "ff\n", uint16(i+50), "")
	}
	f.Fuzz(func(t *testing.T, i uint16, first string, j uint16, second string, k uint16, third string) {
		fsys := build()
		for n, text := range map[uint16]string{i: first, j: second, k: third} {
			name := files[int(n)%len(files)]
			if text == "" {
				fsys.remove(name)
			} else {
				fsys.set(name, text)
			}
		}
		top, err := Read(fsys)
		if err != nil {
			return
		}
		checkInvariants(t, top)
		for _, p := range []Placement{PerCore, PerThread, Compact, Scatter, Unpinned} {
			plan := top.Plan(p, 0)
			if len(plan.Workers) == 0 {
				t.Errorf("%v: no worker", p)
			}
			for _, w := range plan.Workers {
				c := top.lookup(w.CPU)
				if w.CPU != Unknown && (c == nil || !c.Online || !c.Allowed) {
					t.Errorf("%v: a worker on CPU %d, which is not to be used", p, w.CPU)
				}
			}
		}
	})
}
