package topology_test

import (
	"fmt"
	"testing/fstest"

	"github.com/zeropool-go/zeropool/topology"
)

func ExampleDetect() {
	t, err := topology.Detect()
	if err != nil {
		fmt.Println(err)
		return
	}
	cores := map[int]bool{}
	for _, c := range t.CPUs {
		if c.Allowed {
			cores[c.Core] = true
		}
	}
	fmt.Println("this process may use at least one core:", len(cores) > 0)
	// Output: this process may use at least one core: true
}

func ExampleRead() {
	const cpu = "sys/devices/system/cpu/"
	root := fstest.MapFS{ // os.DirFS("capture") in earnest
		cpu + "online":                            {Data: []byte("0-2\n")},
		cpu + "cpu0/topology/core_cpus":           {Data: []byte("00000005\n")},
		cpu + "cpu1/topology/core_cpus":           {Data: []byte("00000002\n")},
		cpu + "cpu2/topology/core_cpus":           {Data: []byte("00000005\n")},
		"proc/self/cgroup":                        {Data: []byte("0::/job\n")},
		"proc/self/mountinfo":                     {Data: []byte("30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")},
		"sys/fs/cgroup/job/cpu.max":               {Data: []byte("150000 100000\n")},
		"sys/fs/cgroup/job/cpuset.cpus.effective": {Data: []byte("0,2\n")},
	}
	t, err := topology.Read(root)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range t.CPUs {
		fmt.Println("CPU", c.ID, "core", c.Core, "allowed", c.Allowed)
	}
	fmt.Println("quota:", t.Quota, "CPUs")
	// Output:
	// CPU 0 core 0 allowed true
	// CPU 1 core 1 allowed false
	// CPU 2 core 0 allowed true
	// quota: 1.5 CPUs
}
