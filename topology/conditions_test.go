package topology

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestConditions protects what Conditions promises of each of its fields, by the
// generated machine that has all of them.
func TestConditions(t *testing.T) {
	root := os.DirFS("testdata/loaded")
	top, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	want := &Conditions{
		Throttling: []Throttling{{Path: "sys/fs/cgroup/pods/pool", Periods: 3400, Throttled: 119, Stopped: 12300 * time.Millisecond}},
		Pressure: []Pressure{
			{Path: "sys/fs/cgroup/pods/pool/cpu.pressure", Avg10: 41.5, Avg60: 12.25, Avg300: 3},
			{Path: "proc/pressure/cpu", System: true, Avg10: 8.12, Avg60: 2.5, Avg300: 0.75},
		},
		Governors: []Governor{
			{Name: "performance", Driver: "intel_pstate", CPUs: []int{0, 1, 2, 3, 4, 5, 6, 7}},
			{Name: "powersave", Driver: "intel_pstate", CPUs: []int{8, 9, 10, 11, 12, 13, 14, 15}},
		},
		SchedExt:     SchedExt{State: "enabled", Ops: "example_ops"},
		Partitions:   []Partition{{Path: "sys/fs/cgroup/pods", State: "root", CPUs: []int{0, 1, 2, 3, 4, 5, 6, 7}}},
		IsolatedCPUs: []int{12, 13, 14, 15},
		Devices: []Device{
			{"eth0", NIC, 0}, {"nvme0", NVMe, 0},
			{"eth1", NIC, 1}, {"nvme1", NVMe, 1}, {"nvme2", NVMe, 1},
		},
	}
	if got := ReadConditions(root, top); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// conditionsTree is a machine of one CPU in the cgroup /a of a hierarchy of the
// given version.
func conditionsTree(v2 bool) *memFS {
	m := newMemFS()
	m.set("sys/devices/system/cpu/online", "0\n")
	if v2 {
		m.set("proc/self/cgroup", "0::/a\n")
		m.set("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
		m.set("sys/fs/cgroup/a/cgroup.procs", "")
	} else {
		m.set("proc/self/cgroup", "3:cpu,cpuacct:/a\n2:cpuset:/a\n")
		m.set("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n31 24 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n")
		m.set("sys/fs/cgroup/cpu/a/cgroup.procs", "")
		m.set("sys/fs/cgroup/cpuset/a/cgroup.procs", "")
	}
	return m
}

func readConditions(t *testing.T, m *memFS) *Conditions {
	t.Helper()
	top, err := Read(m)
	if err != nil {
		t.Fatal(err)
	}
	return ReadConditions(m, top)
}

// TestConditionsV1 protects the unit of version 1, which counts nanoseconds, and
// the ancestors of a cgroup.
func TestConditionsV1(t *testing.T) {
	m := conditionsTree(false)
	m.set("sys/fs/cgroup/cpu/a/cpu.stat", "nr_periods 10\nnr_throttled 4\nthrottled_time 1500000000\n")
	m.set("sys/fs/cgroup/cpu/cpu.stat", "nr_periods 20\nnr_throttled 0\nthrottled_time 0\n")
	m.set("proc/pressure/cpu", "some avg10=100.00 avg60=0.00 avg300=0.00 total=0\n")
	c := readConditions(t, m)
	want := &Conditions{
		Throttling: []Throttling{{"sys/fs/cgroup/cpu/a", 10, 4, 1500 * time.Millisecond}, {"sys/fs/cgroup/cpu", 20, 0, 0}},
		Pressure:   []Pressure{{Path: "proc/pressure/cpu", System: true, Avg10: 100}},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v\nwant %+v", c, want)
	}
}

// TestConditionsNothing protects the promise that what a system does not tell is
// empty, without a warning.
func TestConditionsNothing(t *testing.T) {
	m := newMemFS()
	m.set("sys/devices/system/cpu/online", "0\n")
	for name, c := range map[string]*Conditions{
		"no files":       readConditions(t, m),
		"v1":             readConditions(t, conditionsTree(false)),
		"v2":             readConditions(t, conditionsTree(true)),
		"empty topology": ReadConditions(newMemFS(), &Topology{}),
	} {
		if !reflect.DeepEqual(c, &Conditions{}) {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// TestConditionsInvalidPartition protects the kernel's reason for a partition
// that has no effect, which is what the reader needs to know.
func TestConditionsInvalidPartition(t *testing.T) {
	m := conditionsTree(true)
	m.set("sys/fs/cgroup/a/cpuset.cpus.partition", "isolated invalid (Cpu list in cpuset.cpus not exclusive)\n")
	c := readConditions(t, m)
	if len(c.Partitions) != 1 || c.Partitions[0].State != "isolated invalid (Cpu list in cpuset.cpus not exclusive)" {
		t.Errorf("%+v", c)
	}
}

// TestConditionsBadFiles protects the promise that each file that cannot be used
// is named in a warning and costs only what it would have told.
func TestConditionsBadFiles(t *testing.T) {
	for name, texts := range map[string][]string{
		"sys/fs/cgroup/a/cpu.stat":                             {"nr_periods -1\n", "nr_periods 5\nnr_throttled 9\n", "nr_periods 1\nthrottled_usec 9223372036854775807\n", "nr_periods\n"},
		"sys/fs/cgroup/a/cpu.pressure":                         {"", "garbage\n", "some avg10=101 avg60=0 avg300=0\n", "some avg10=NaN avg60=0 avg300=0\n", "some avg10=1.0 avg60=2.0\n", "full avg10=1 avg60=1 avg300=1\n"},
		"proc/pressure/cpu":                                    {"\x00\x00", "some avg10=-1 avg60=0 avg300=0\n"},
		"sys/fs/cgroup/a/cpuset.cpus.partition":                {"\n", "leader\n"},
		"sys/fs/cgroup/cpuset.cpus.isolated":                   {"3-1\n", "x\n"},
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": {"", "\x00\n"},
		"sys/class/net/eth0/device/numa_node":                  {"", "zero\n", "99999999999\n"},
		"sys/class/nvme/nvme0/device/numa_node":                {"1 2\n"},
	} {
		for _, text := range texts {
			m := conditionsTree(true)
			m.set("sys/devices/system/cpu/cpu0/online", "1\n")
			m.set("sys/devices/system/cpu/possible", "0\n")
			m.set(name, text)
			c := readConditions(t, m)
			if len(c.Warnings) != 1 || !strings.HasPrefix(c.Warnings[0], "W-BAD-FILE "+name+": ") {
				t.Errorf("%s %q: warnings %q", name, text, c.Warnings)
			}
			if len(c.Throttling)+len(c.Pressure)+len(c.Partitions)+len(c.Governors)+len(c.IsolatedCPUs) != 0 {
				t.Errorf("%s %q: %+v", name, text, c)
			}
		}
	}
}

// TestConditionsDevices protects the order of devices and what is a device: a
// virtual interface is none, and -1 is no node in particular.
func TestConditionsDevices(t *testing.T) {
	m := conditionsTree(true)
	for name, node := range map[string]string{"nic/eth10": "0", "nic/eth9": "0", "nic/usb0": "-1", "nvme/nvme1": "0"} {
		kind, name, _ := strings.Cut(name, "/")
		dir := map[string]string{"nic": "sys/class/net/", "nvme": "sys/class/nvme/"}[kind]
		m.set(dir+name+"/device/numa_node", node+"\n")
	}
	m.set("sys/class/net/virtio0/device/vendor", "0x1af4\n")
	m.set("sys/class/net/veth1/address", "00:00:00:00:00:00\n")
	m.set("sys/class/net/bonding_masters", "\n")
	c := readConditions(t, m)
	want := []Device{{"eth9", NIC, 0}, {"eth10", NIC, 0}, {"nvme1", NVMe, 0}, {"usb0", NIC, Unknown}, {"virtio0", NIC, Unknown}}
	if !slices.Equal(c.Devices, want) || len(c.Warnings) != 0 {
		t.Errorf("%v, want %v; warnings %q", c.Devices, want, c.Warnings)
	}
}

// TestCorpusConditions reads the conditions of every capture and protects the
// promise that what the kernel writes gives no warning.
func TestCorpusConditions(t *testing.T) {
	governors, pressures := 0, 0
	for _, archive := range corpusCases(t, "sysfs", "fsroot.tar.gz") {
		name := filepath.Base(filepath.Dir(archive))
		t.Run(name, func(t *testing.T) {
			c := readConditions(t, loadTar(t, archive))
			// One capture has governors that are empty files.
			if len(c.Warnings) > 0 && name != "nri-server-pmem-6n" {
				t.Errorf("warnings %q", c.Warnings)
			}
			governors += min(len(c.Governors), 1)
			pressures += len(c.Pressure)
			for _, g := range c.Governors {
				if g.Name == "" || len(g.CPUs) == 0 || !slices.IsSorted(g.CPUs) {
					t.Errorf("governor %+v", g)
				}
			}
			if name == "hwloc-fakeheteromemtiers" && (len(c.Pressure) != 1 || c.Pressure[0].Avg10 != 0.18) {
				t.Errorf("pressure %+v", c.Pressure)
			}
		})
	}
	t.Logf("%d captures have governors, %d have pressure", governors, pressures)
	if governors < 15 {
		t.Errorf("only %d captures have governors", governors)
	}
}

// TestDetectConditions reads those of the running system.
func TestDetectConditions(t *testing.T) {
	top, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range DetectConditions(top).Warnings {
		t.Log(w)
	}
}
