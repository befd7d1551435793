package topology

import (
	"strings"
	"testing"
)

// cpu.max gives the quota in CPUs, 0 for none, and what is no such file is an
// error.
func TestParseCPUMax(t *testing.T) {
	for text, want := range map[string]float64{"max 100000\n": 0, "max": 0, "250000 100000\n": 2.5, "500000": 5, "1000 100000": 0.01} {
		if got, err := parseCPUMax(text); got != want || err != nil {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "\n", "x 100000", "1 x", "1 0", "max 0", "0 100000", "-1 100000", "1 2 3", "1e5 100000"} {
		if got, err := parseCPUMax(text); err == nil {
			t.Errorf("%q: %v instead of an error", text, got)
		}
	}
}

// A cgroup is found below the root of its mount, and one outside is refused,
// however the path is written.
func TestUnder(t *testing.T) {
	for _, c := range []struct {
		root, path, want string
		ok               bool
	}{
		{"/", "/", "", true},
		{"/", "/a/b", "a/b", true},
		{"/docker", "/docker", "", true},
		{"/docker", "/docker/x", "x", true},
		{"/docker", "/dockerd/x", "", false},
		{"/docker", "/", "", false},
		{"/", "/../other", "", false},
		{"/../a", "/../a/b", "b", true},
		{"/", "/a/../../b", "", false},
	} {
		if got, ok := under(c.root, c.path); got != c.want || ok != c.ok {
			t.Errorf("%q under %q: %q, %v", c.path, c.root, got, ok)
		}
	}
}

// Octal escapes of a mount table are decoded, and what is none stays as it is.
func TestUnescape(t *testing.T) {
	for text, want := range map[string]string{`/a\040b\011\134`: "/a b\t\\", `\`: `\`, `\04`: `\04`, `\999`: `\999`, "plain": "plain"} {
		if got := unescape(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// The quota is the tightest of the process's cgroup and its ancestors, in
// either version of cgroups, and what could not be read or is strange gives a
// warning.
func TestQuota(t *testing.T) {
	const v1mounts = "5 4 0:5 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n7 5 0:6 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
	for _, c := range []struct {
		name    string
		files   map[string]string
		quota   float64
		path    string
		parent  bool
		warning string
	}{
		{name: "v2 leaf", files: map[string]string{
			"sys/fs/cgroup/a/b/cpu.max": "150000 100000\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n",
		}, quota: 1.5, path: "sys/fs/cgroup/a/b/cpu.max"},
		{name: "v2 tighter parent", files: map[string]string{
			"sys/fs/cgroup/a/b/cpu.max": "400000 100000\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
		}, quota: 1.5, path: "sys/fs/cgroup/a/cpu.max", parent: true, warning: "W-QUOTA-PARENT"},
		{name: "v2 looser parent", files: map[string]string{
			"sys/fs/cgroup/a/b/cpu.max": "50000 100000\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
		}, quota: 0.5, path: "sys/fs/cgroup/a/b/cpu.max"},
		{name: "v2 equal parent", files: map[string]string{
			"sys/fs/cgroup/a/b/cpu.max": "50000 100000\n", "sys/fs/cgroup/a/cpu.max": "100000 200000\n",
		}, quota: 0.5, path: "sys/fs/cgroup/a/b/cpu.max"},
		{name: "v2 bad leaf, good parent", files: map[string]string{
			"sys/fs/cgroup/a/b/cpu.max": "garbage\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
		}, quota: 1.5, path: "sys/fs/cgroup/a/cpu.max", parent: true, warning: "W-CGROUP"},
		{name: "v2 namespace root", files: map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n",
		}, quota: 0.5, path: "sys/fs/cgroup/cpu.max"},
		{name: "v2 outside the namespace", files: map[string]string{
			"proc/self/cgroup": "0::/../../other\n", "sys/fs/cgroup/cpu.max": "50000 100000\n",
		}, quota: 0.5, path: "sys/fs/cgroup/cpu.max", warning: "W-CGROUP"},
		{name: "v2 host path, container's mount", files: map[string]string{
			"proc/self/cgroup": "0::/docker/abc\n", "sys/fs/cgroup/cpu.max": "50000 100000\n",
			"proc/self/mountinfo": "30 20 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		}, quota: 0.5, path: "sys/fs/cgroup/cpu.max"},
		{name: "v2 mounted elsewhere, with a space", files: map[string]string{
			"proc/self/cgroup": "0::/x y\n", "mnt/c g/x y/cpu.max": "50000 100000\n",
			"proc/self/mountinfo": `30 20 0:26 / /mnt/c\040g rw - cgroup2 cgroup2 rw` + "\n",
		}, quota: 0.5, path: "mnt/c g/x y/cpu.max"},
		{name: "v1", files: map[string]string{
			"proc/self/cgroup": "4:cpu,cpuacct:/d\n0::/ignored\n", "proc/self/mountinfo": v1mounts,
			"sys/fs/cgroup/cpu,cpuacct/d/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu,cpuacct/d/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
		}, quota: 3, path: "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", parent: true, warning: "W-QUOTA-PARENT"},
		{name: "v1 without a period", files: map[string]string{
			"proc/self/cgroup": "4:cpu,cpuacct:/\n", "proc/self/mountinfo": v1mounts,
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000\n",
		}, warning: "W-CGROUP"},
		{name: "hybrid with the cpu controller in v2", files: map[string]string{
			"proc/self/cgroup": "4:memory:/x\n0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "50000 100000\n",
		}, quota: 0.5, path: "sys/fs/cgroup/a/b/cpu.max"},
		{name: "malformed line beside a good one", files: map[string]string{
			"proc/self/cgroup": "garbage\n0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "50000 100000\n",
		}, quota: 0.5, path: "sys/fs/cgroup/a/b/cpu.max", warning: "W-CGROUP"},
		{name: "malformed line in the mount table", files: map[string]string{
			"proc/self/mountinfo": "broken\n" + cgroup2Line, "sys/fs/cgroup/a/b/cpu.max": "50000 100000\n",
		}, quota: 0.5, path: "sys/fs/cgroup/a/b/cpu.max", warning: "W-CGROUP"},
		{name: "memberships without a mount", files: map[string]string{"proc/self/mountinfo": "20 1 254:0 / / rw - ext4 /dev/vda rw\n"}, warning: "W-CGROUP"},
		{name: "directory of the cgroup is missing", files: map[string]string{"proc/self/cgroup": "0::/gone\n"}, warning: "W-CGROUP"},
		{name: "deep", files: map[string]string{
			"proc/self/cgroup": "0::" + strings.Repeat("/d", 640) + "\n", "sys/fs/cgroup/cpu.max": "50000 100000\n",
		}, quota: 0.5, path: "sys/fs/cgroup/cpu.max", parent: true, warning: "W-CGROUP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := smallMachine.write()
			fsys.cgroup2("/a/b")
			for name, data := range c.files {
				fsys.set(name, data)
			}
			top := mustRead(t, fsys)
			if top.Quota != c.quota || top.QuotaPath != c.path || top.QuotaParent != c.parent {
				t.Errorf("quota %v from %q, parent %v", top.Quota, top.QuotaPath, top.QuotaParent)
			}
			if c.warning == "" && len(top.Warnings) > 0 || c.warning != "" && !warned(top, c.warning, "") {
				t.Errorf("warnings: %q", top.Warnings)
			}
		})
	}
}

// Mounts of cgroups are read from a mount table, others are passed over, and a
// corrupt line is an error.
func TestParseMountinfo(t *testing.T) {
	for line, want := range map[string]mount{
		"30 20 0:26 /r /p rw shared:9 master:1 - cgroup2 none rw":       {root: "/r", point: "/p", controllers: "rw", v2: true},
		"31 20 0:27 / /q rw - cgroup cgroup rw,cpuset,noprefix":         {root: "/", point: "/q", controllers: "rw,cpuset,noprefix", cpusetFS: true},
		`32 20 0:28 /a\040b /q\011c rw - cgroup cgroup rw,cpu,cpuacct `: {root: "/a b", point: "/q\tc", controllers: "rw,cpu,cpuacct"},
	} {
		if got, ok, err := parseMountinfo(line); got != want || !ok || err != nil {
			t.Errorf("%q: %+v, %v, %v", line, got, ok, err)
		}
	}
	for _, line := range []string{"", "20 1 254:0 / / rw - ext4 /dev/vda rw"} {
		if _, ok, err := parseMountinfo(line); ok || err != nil {
			t.Errorf("%q: %v, %v", line, ok, err)
		}
	}
	if _, ok, err := parseMountinfo("broken"); ok || err == nil {
		t.Errorf("broken: %v, %v", ok, err)
	}
}

// Whatever a mount table and cgroup files contain, the machine is read, with a
// quota that names its file and at least one CPU allowed.
func FuzzMountinfo(f *testing.F) {
	f.Add("30 20 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n", "0::/a\n", "max 100000\n")
	f.Add("7 5 0:6 /docker /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", "2:cpu,cpuacct:/docker/x\n", "250000 100000")
	f.Add(`31 20 0:27 / /mnt/a\040b rw - cgroup cgroup rw,cpuset,noprefix`, "1:cpuset:/../..\n", "")
	f.Add("- - - -\n", ":::\n", "1 0\n")
	f.Fuzz(func(t *testing.T, mountinfo, membership, limit string) {
		fsys := newMemFS()
		fsys.set(cpuDir+"/online", "0-3\n")
		fsys.set("proc/self/mountinfo", mountinfo)
		fsys.set("proc/self/cgroup", membership)
		for _, dir := range []string{"sys/fs/cgroup/", "sys/fs/cgroup/a/", "sys/fs/cgroup/cpu/", "sys/fs/cgroup/cpu/x/", "mnt/a b/"} {
			for _, name := range []string{"cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpuset.cpus", "cpus", "cpuset.cpus.effective"} {
				fsys.set(dir+name, limit)
			}
		}
		top, err := Read(fsys)
		if err != nil {
			t.Fatal(err)
		}
		if top.Quota < 0 || top.Quota > 0 != (top.QuotaPath != "") {
			t.Fatalf("quota %v from %q", top.Quota, top.QuotaPath)
		}
		if allowedList(top) == "" {
			t.Fatal("no CPU is allowed")
		}
	})
}

// Whatever a line of a membership file contains, it gives a cgroup with an
// absolute path or an error, and is not passed over in silence.
func FuzzCgroup(f *testing.F) {
	for _, s := range []string{"0::/", "4:cpu,cpuacct:/docker/abc", "3:cpuset:/", "12::/", "3::/user.slice", "a:b:c", "0::relative", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		m, ok, err := parseMembership(line)
		if !ok && err == nil && strings.Trim(line, "\x00") != "" {
			t.Fatalf("%q: nothing found, nothing wrong", line)
		}
		if ok && (!strings.HasPrefix(m.path, "/") || m.v2 != (m.controllers == "")) {
			t.Fatalf("%q: %+v", line, m)
		}
	})
}
