package gentree

import (
	"fmt"
	"path"
)

// loaded is a machine of 2 nodes with a network interface and NVMe controllers
// on each, under a process that its quota stops often. Half of its CPUs are an
// isolated cpuset partition, and sched_ext schedules the others.
func loaded() *Machine {
	m := &Machine{
		Name: "loaded", Model: "Example Server CPU",
		L1d: "48K", L2: "2048K", L3: "16384K",
		Affinity: "0-7",
		Nodes: []Node{
			{ID: 0, MemKB: 32 << 20, Distances: []int{10, 21}},
			{ID: 1, MemKB: 32 << 20, Distances: []int{21, 10}},
		},
		Cgroup: []Cgroup{
			{Name: "", Cpuset: "0-15"},
			{Name: "pods", Cpuset: "0-7", Max: "max 100000"},
			{Name: "pool", Cpuset: "0-7", Max: "400000 100000"},
		},
		More: map[string]string{
			"sys/fs/cgroup/pods/pool/cpu.stat":               "usage_usec 81552113\nnr_periods 3400\nnr_throttled 119\nthrottled_usec 12300000",
			"sys/fs/cgroup/pods/cpu.stat":                    "usage_usec 91552113\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0",
			"sys/fs/cgroup/pods/pool/cpu.pressure":           "some avg10=41.50 avg60=12.25 avg300=3.00 total=633321\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0",
			"proc/pressure/cpu":                              "some avg10=8.12 avg60=2.50 avg300=0.75 total=9633321\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0",
			"sys/fs/cgroup/pods/cpuset.cpus.partition":       "root",
			"sys/fs/cgroup/pods/pool/cpuset.cpus.partition":  "member",
			"sys/fs/cgroup/cpuset.cpus.isolated":             "12-15",
			"sys/kernel/sched_ext/state":                     "enabled",
			path.Join("sys/kernel/sched_ext", "root", "ops"): "example_ops",
			"sys/class/net/lo/mtu":                           "65536",
			"sys/class/net/eth0/device/numa_node":            "0",
			"sys/class/net/eth1/device/numa_node":            "1",
			"sys/class/nvme/nvme0/device/numa_node":          "0",
			"sys/class/nvme/nvme1/device/numa_node":          "1",
			"sys/class/nvme/nvme2/device/numa_node":          "1",
			"sys/class/nvme/nvme-subsys0/subsysnqn":          "example",
		},
	}
	for id := range 16 {
		core := id % 8
		m.CPUs = append(m.CPUs, CPU{ID: id, Core: core, L2: core, L3: core / 4, Node: core / 4, Package: core / 4, MaxKHz: 3500000})
		governor := "performance"
		if id >= 8 {
			governor = "powersave"
		}
		m.More[fmt.Sprintf("sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", id)] = governor
		m.More[fmt.Sprintf("sys/devices/system/cpu/cpu%d/cpufreq/scaling_driver", id)] = "intel_pstate"
	}
	return m
}
