package topology

import (
	"math"
	"slices"
)

// Farthest is the Distance to a CPU that the topology does not know.
const Farthest = math.MaxInt32

const (
	distSame = iota
	distCore
	distL2
	distCluster
	distL3
	distDie
	distNode
	distPackage
	distRemote
)

// slitLocal is the SLIT distance of a node to itself; slitRemote is what the
// kernel assumes between two nodes when the firmware reports nothing.
const (
	slitLocal  = 10
	slitRemote = 20
)

// Distance returns how far OS CPU number b is from a, as an ordinal to sort by:
//
//	0  the same CPU
//	1  SMT sibling on the same core
//	2  shared L2
//	3  same cluster
//	4  shared L3
//	5  same die
//	6  same NUMA node
//	7  same package, another node
//	8  another node; plus the excess of the SLIT distance over the local one
//
// A level that is Unknown for either CPU is passed over. Where the firmware
// reports no distance, two nodes are taken to be 20 apart, as the kernel does.
// A CPU that is not in t is Farthest from every other. Distance allocates
// nothing and may be called concurrently.
func (t *Topology) Distance(a, b int) int {
	if a == b {
		return distSame
	}
	x, y := t.lookup(a), t.lookup(b)
	if x == nil || y == nil {
		return Farthest
	}
	switch {
	case same(x.Core, y.Core):
		return distCore
	case same(x.L2, y.L2):
		return distL2
	case same(x.Cluster, y.Cluster):
		return distCluster
	case same(x.L3, y.L3):
		return distL3
	case same(x.Die, y.Die):
		return distDie
	case same(x.Node, y.Node):
		return distNode
	case same(x.Package, y.Package):
		return distPackage
	}
	return distRemote + max(0, t.slit(x.Node, y.Node)-slitLocal)
}

func same(a, b int) bool { return a == b && a >= 0 }

// slit returns the firmware's distance from node a to node b.
func (t *Topology) slit(a, b int) int {
	i := slices.IndexFunc(t.Nodes, func(n Node) bool { return n.ID == a })
	j := slices.IndexFunc(t.Nodes, func(n Node) bool { return n.ID == b })
	if i < 0 || j < 0 || j >= len(t.Nodes[i].Distances) {
		return slitRemote
	}
	return min(t.Nodes[i].Distances[j], math.MaxInt16)
}

// lookup returns the entry of an OS CPU number, or nil. CPUs ascend by ID.
func (t *Topology) lookup(id int) *CPU {
	if t == nil {
		return nil
	}
	if id >= 0 && id < len(t.CPUs) && t.CPUs[id].ID == id {
		return &t.CPUs[id]
	}
	i, ok := slices.BinarySearchFunc(t.CPUs, id, func(c CPU, id int) int { return c.ID - id })
	if !ok {
		return nil
	}
	return &t.CPUs[i]
}
