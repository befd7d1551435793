package report

import (
	"math"
	"slices"
	"strconv"

	"github.com/zeropool-go/zeropool/topology"
)

// level is a level of the machine between the whole and one CPU.
type level uint8

const (
	levelDrawer level = iota
	levelBook
	levelPackage
	levelNode
	levelDie
	levelL3
	levelCluster
	levelL2
	levelCore
	levelCount
	levelMachine = levelCount
)

var levelNames = [...]string{"drawer", "book", "package", "node", "die", "L3", "cluster", "L2", "core", "machine"}

// levelPlurals are for counts of alike boxes.
var levelPlurals = [...]string{"drawers", "books", "packages", "nodes", "dies", "L3 domains", "clusters", "L2 groups", "cores", "machines"}

func (l level) label(c *topology.CPU) int {
	switch l {
	case levelDrawer:
		return c.Drawer
	case levelBook:
		return c.Book
	case levelPackage:
		return c.Package
	case levelNode:
		return c.Node
	case levelDie:
		return c.Die
	case levelL3:
		return c.L3
	case levelCluster:
		return c.Cluster
	case levelL2:
		return c.L2
	default:
		return c.Core
	}
}

// name is one level that a box stands for. Number counts the groups of the
// level by their first CPU; for nodes it is the kernel's.
type name struct {
	level  level
	number int
	bytes  int64 // cache or memory size, 0 when unknown
}

func (n name) String() string {
	s := levelNames[n.level] + " " + strconv.Itoa(n.number)
	if n.bytes > 0 {
		s += " " + bytesText(n.bytes)
	}
	return s
}

// box is one part of the machine. A box whose only part covers it completely
// takes over that part's names instead of holding it.
type box struct {
	names    []name
	cpus     []int // indices into Topology.CPUs, ascending
	children []*box
	shape    int // boxes of equal shape look alike but for numbers; set by alike
}

func (b *box) level() level {
	if len(b.names) == 0 {
		return levelMachine
	}
	return b.names[0].level
}

func (b *box) isCore() bool { return b.names[len(b.names)-1].level == levelCore }

// treeBuilder holds what the names of boxes need.
type treeBuilder struct {
	t      *topology.Topology
	order  []level
	number [levelCount]map[int]int
	bytes  [levelCount]map[int]int64
}

func buildTree(t *topology.Topology) *box {
	b := &treeBuilder{t: t}
	for l := range b.number {
		b.number[l], b.bytes[l] = make(map[int]int), make(map[int]int64)
	}
	all := make([]int, len(t.CPUs))
	for i := range t.CPUs {
		all[i] = i
		for l := range levelCount {
			if label := l.label(&t.CPUs[i]); label >= 0 {
				if _, ok := b.number[l][label]; !ok {
					b.number[l][label] = len(b.number[l])
				}
			}
		}
	}
	for id := range b.number[levelNode] {
		b.number[levelNode][id] = id
	}
	for _, n := range t.Nodes {
		b.bytes[levelNode][n.ID] = max(n.MemBytes, 0)
	}
	for _, c := range t.Caches {
		switch c.Level {
		case 2:
			b.bytes[levelL2][c.Label] = max(c.Bytes, 0)
		case 3:
			b.bytes[levelL3][c.Label] = max(c.Bytes, 0)
		}
	}
	// Coarser levels outside: where nodes hold packages, or an L3 spans nodes,
	// the number of groups says so.
	for l := range levelCount - 1 {
		if len(b.number[l]) > 0 {
			b.order = append(b.order, l)
		}
	}
	slices.SortStableFunc(b.order, func(x, y level) int { return len(b.number[x]) - len(b.number[y]) })
	b.order = append(b.order, levelCore)
	return &box{cpus: all, children: b.split(all, b.order)}
}

// split groups CPUs by the first of the levels. CPUs that lack it stand beside
// the groups, grouped by the levels after it.
func (b *treeBuilder) split(cpus []int, levels []level) []*box {
	if len(levels) == 0 || len(cpus) == 0 {
		return nil
	}
	l, rest := levels[0], levels[1:]
	var boxes []*box
	var loose []int
	at := make(map[int]*box)
	for _, i := range cpus {
		label := l.label(&b.t.CPUs[i])
		if label < 0 && l != levelCore {
			loose = append(loose, i)
			continue
		}
		x := at[label]
		if x == nil || label < 0 {
			n := name{level: l, number: topology.Unknown}
			if label >= 0 {
				n.number, n.bytes = b.number[l][label], b.bytes[l][label]
			}
			x = &box{names: []name{n}}
			at[label] = x
			boxes = append(boxes, x)
		}
		x.cpus = append(x.cpus, i)
	}
	for j, x := range boxes {
		x.children = b.split(x.cpus, rest)
		if len(x.children) != 1 {
			continue
		}
		only := x.children[0]
		if (l == levelL2 || l == levelCluster) && only.isCore() {
			boxes[j] = only // an L2 of one core is that core's matter
		} else if !only.isCore() {
			x.names = append(x.names, only.names...)
			x.children = only.children
		}
	}
	return append(boxes, b.split(loose, rest)...)
}

// alike gives every box its shape: what its CPUs are to the plan, of which kind
// they are, and how they nest.
func (r *Report) alike() {
	shapes := make(map[string]int)
	var key []byte
	var visit func(b *box)
	visit = func(b *box) {
		for _, c := range b.children {
			visit(c)
		}
		key = key[:0]
		for _, n := range b.names {
			key = append(key, byte(n.level))
			key = strconv.AppendInt(key, magnitude(n.bytes), 36)
		}
		key = append(key, '|')
		if len(b.children) == 0 {
			for _, i := range b.cpus {
				key = append(key, byte(r.state[i]), byte(r.Topology.CPUs[i].Efficiency+1), byte(min(len(r.workers[r.Topology.CPUs[i].ID]), 255)))
			}
		}
		for _, c := range b.children {
			key = strconv.AppendInt(key, int64(c.shape), 36)
			key = append(key, ',')
		}
		s, ok := shapes[string(key)]
		if !ok {
			s = len(shapes)
			shapes[string(key)] = s
		}
		b.shape = s
	}
	visit(r.tree)
}

// magnitude rounds a size to some 10 %: nodes that differ by what the firmware
// kept for itself are alike.
func magnitude(bytes int64) int64 {
	if bytes <= 0 {
		return 0
	}
	return int64(math.Round(8 * math.Log2(float64(bytes))))
}

// ids returns the OS numbers of a box's CPUs.
func (r *Report) ids(b *box) []int {
	out := make([]int, len(b.cpus))
	for j, i := range b.cpus {
		out[j] = r.Topology.CPUs[i].ID
	}
	return out
}

// workersOf returns the workers on a box's CPUs, ascending.
func (r *Report) workersOf(b *box) []int {
	var out []int
	for _, i := range b.cpus {
		out = append(out, r.workers[r.Topology.CPUs[i].ID]...)
	}
	slices.Sort(out)
	return out
}
