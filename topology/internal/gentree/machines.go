package gentree

// Machines returns the machines whose trees are in topology/testdata.
func Machines() []*Machine {
	return []*Machine{server(), hybrid(), container(), loaded()}
}

// server has 2 packages of 2 nodes of 2 cores of 2 threads; every node has an
// L3 of its own.
func server() *Machine {
	m := &Machine{
		Name: "server", Model: "Example Server CPU",
		L1d: "48K", L2: "2048K", L3: "16384K",
		Affinity: "0-15",
	}
	for id := range 16 {
		core := id % 8
		m.CPUs = append(m.CPUs, CPU{ID: id, Core: core, L2: core, L3: core / 2, Node: core / 2, Package: core / 4, MaxKHz: 3500000})
	}
	for node := range 4 {
		n := Node{ID: node, MemKB: 32 << 20}
		for other := range 4 {
			switch {
			case node == other:
				n.Distances = append(n.Distances, 10)
			case node/2 == other/2:
				n.Distances = append(n.Distances, 12)
			default:
				n.Distances = append(n.Distances, 32)
			}
		}
		m.Nodes = append(m.Nodes, n)
	}
	return m
}

// hybrid has 2 performance cores with SMT and a module of 4 efficiency cores
// that share their L2.
func hybrid() *Machine {
	m := &Machine{
		Name: "hybrid", Model: "Example Hybrid CPU",
		L1d: "48K", L2: "2048K", L3: "12288K",
		Affinity: "0-7",
		Kinds:    map[string]string{"cpu_core": "0-3", "cpu_atom": "4-7"},
		Nodes:    []Node{{ID: 0, MemKB: 16 << 20, Distances: []int{10}}},
	}
	for id := range 8 {
		c := CPU{ID: id, Core: id / 2, L2: id / 2, MaxKHz: 5000000}
		if id >= 4 {
			c.Core, c.L2, c.MaxKHz = id, 4, 3800000
		}
		m.CPUs = append(m.CPUs, c)
	}
	return m
}

// container is a process on a machine of 8 cores with SMT: its cpuset grants
// half of the cores, the cgroup above it 2.5 CPUs of time; one CPU is offline
// and one granted core is isolated.
func container() *Machine {
	m := &Machine{
		Name: "container", Model: "Example Cloud CPU",
		L1d: "32K", L2: "1024K", L3: "32768K",
		Isolated: "3,11", NohzFull: "3,11", Affinity: "0-4,8-11",
		Nodes: []Node{{ID: 0, MemKB: 64 << 20, Distances: []int{10}}},
		Cgroup: []Cgroup{
			{Name: "", Cpuset: "0-11,13-15"},
			{Name: "pods", Cpuset: "0-11,13-15", Max: "250000 100000"},
			{Name: "pool", Cpuset: "0-4,8-11", Max: "max 100000"},
		},
	}
	for id := range 16 {
		core := id % 8
		m.CPUs = append(m.CPUs, CPU{ID: id, Core: core, L2: core, L3: core / 4, MaxKHz: 3700000, Offline: id == 12})
	}
	return m
}
