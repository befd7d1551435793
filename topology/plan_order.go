package topology

import (
	"math"
	"slices"
)

// The levels between machine and core, in the order of nesting; groupRanks
// swaps package and node where NUMA nodes hold several packages.
const (
	levelDrawer = iota
	levelBook
	levelOuter // package
	levelInner // node
	levelDie
	levelL3
	levelCluster
	levelL2
	levelCount
)

// groupRanks gives every CPU the rank of its group at every level: the position
// in Topology.CPUs of the group's first member, which orders groups the way the
// kernel numbers their CPUs. Where a level is not known the rank is that of the
// level above, so that it never tells CPUs apart.
func groupRanks(cpus []CPU) [][levelCount]int {
	nodeFirst := nodesHoldPackages(cpus)
	ranks := make([][levelCount]int, len(cpus))
	for level := range levelCount {
		first := make(map[int]int)
		for i := range cpus {
			label := groupLabel(&cpus[i], level, nodeFirst)
			switch at, seen := first[label]; {
			case label < 0 && level > 0:
				ranks[i][level] = ranks[i][level-1]
			case label < 0:
			case seen:
				ranks[i][level] = at
			default:
				first[label] = i
				ranks[i][level] = i
			}
		}
	}
	return ranks
}

func groupLabel(c *CPU, level int, nodeFirst bool) int {
	switch level {
	case levelDrawer:
		return c.Drawer
	case levelBook:
		return c.Book
	case levelOuter, levelInner:
		if (level == levelOuter) == nodeFirst {
			return c.Node
		}
		return c.Package
	case levelDie:
		return c.Die
	case levelL3:
		return c.L3
	case levelCluster:
		return c.Cluster
	default:
		return c.L2
	}
}

// nodesHoldPackages reports whether NUMA nodes are the coarser level: some node
// has CPUs of several packages and no package has CPUs of several nodes.
func nodesHoldPackages(cpus []CPU) bool {
	nodeOf, packageOf := make(map[int]int), make(map[int]int)
	holds := false
	for i := range cpus {
		n, p := cpus[i].Node, cpus[i].Package
		if n < 0 || p < 0 {
			continue
		}
		if m, ok := nodeOf[p]; ok && m != n {
			return false
		}
		if q, ok := packageOf[n]; ok && q != p {
			holds = true
		}
		nodeOf[p], packageOf[n] = n, p
	}
	return holds
}

// spread returns n of the cores, each one on the NUMA node with the fewest
// picked so far; ties go to the emptiest package, then drawer, book, L3 domain,
// die, cluster and L2, then to the first core. Cores of other pools count as picked.
func (b *planner) spread(cores []int, n int) []int {
	nodeFirst := nodesHoldPackages(b.t.CPUs)
	// Levels in order of importance. Picking by node before package gives a
	// package's nodes their due; the package breaks the ties.
	importance := [levelCount]int{levelInner, levelOuter, levelDrawer, levelBook, levelL3, levelDie, levelCluster, levelL2}
	if nodeFirst {
		importance[0], importance[1] = levelOuter, levelInner
	}

	// Cores that differ at no level are interchangeable: keep them in one
	// queue, so that a pick looks at the queues instead of at every core.
	type queue struct {
		cores []int
		at    [levelCount]*int
	}
	var queues []*queue
	byGroup := make(map[[levelCount]int]*queue)
	picked := [levelCount]map[int]*int{}
	for level := range picked {
		picked[level] = make(map[int]*int)
	}
	counters := func(k int) (at [levelCount]*int) {
		for i, level := range importance {
			rank := b.cores[k].group[level]
			p := picked[level][rank]
			if p == nil {
				p = new(int)
				picked[level][rank] = p
			}
			at[i] = p
		}
		return at
	}
	for k := range b.cores {
		if b.cores[k].busy {
			for _, p := range counters(k) {
				*p++
			}
		}
	}
	private := b.coreLevels(cores)
	for _, k := range cores {
		key := b.cores[k].group
		for level := range key {
			if private[level] {
				key[level] = 0
			}
		}
		q := byGroup[key]
		if q == nil {
			q = &queue{at: counters(k)}
			for i, level := range importance {
				if private[level] {
					q.at[i] = new(int)
				}
			}
			byGroup[key] = q
			queues = append(queues, q)
		}
		q.cores = append(q.cores, k)
	}

	out := make([]int, 0, n)
	for len(out) < n {
		best := -1
		for j, q := range queues {
			if best < 0 || emptier(&q.at, &queues[best].at) {
				best = j
			}
		}
		q := queues[best]
		out = append(out, q.cores[0])
		for i := range q.at {
			*q.at[i]++
		}
		if q.cores = q.cores[1:]; len(q.cores) == 0 {
			queues = slices.Delete(queues, best, best+1)
		}
	}
	return out
}

// coreLevels reports the levels at which every core is a group of its own, as
// with a private L2: they say nothing about spreading.
func (b *planner) coreLevels(cores []int) (private [levelCount]bool) {
	for level := range private {
		seen := make(map[int]bool, len(cores))
		for _, k := range cores {
			seen[b.cores[k].group[level]] = true
		}
		private[level] = len(seen) == len(cores)
	}
	return private
}

func emptier(x, y *[levelCount]*int) bool {
	for i := range x {
		if *x[i] != *y[i] {
			return *x[i] < *y[i]
		}
	}
	return false
}

// compact returns n of the cores, filling one group before the next at every
// level: the smallest group that holds them all, or else the largest one and
// then the nearest ones.
func (b *planner) compact(cores []int, n int) []int {
	return b.fill(make([]int, 0, n), cores, n, 0)
}

func (b *planner) fill(out, cores []int, n, level int) []int {
	if n >= len(cores) {
		return append(out, cores...)
	}
	if level == levelCount {
		return append(out, cores[:n]...)
	}
	var groups [][]int
	for i, k := range cores {
		if i == 0 || b.cores[k].group[level] != b.cores[cores[i-1]].group[level] {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], k)
	}
	for n > 0 && len(groups) > 0 {
		g := b.bestGroup(out, groups, n)
		take := min(n, len(groups[g]))
		out = b.fill(out, groups[g], take, level+1)
		n -= take
		groups = slices.Delete(groups, g, g+1)
	}
	return out
}

// bestGroup picks the next group to fill with n cores, after those in out.
func (b *planner) bestGroup(out []int, groups [][]int, n int) int {
	best, bestFits, bestDist := -1, false, math.MaxInt
	for g, cores := range groups {
		fits, dist := len(cores) >= n, 0
		if len(out) > 0 {
			dist = b.t.Distance(b.firstCPU(out[0]), b.firstCPU(cores[0]))
		}
		better := best < 0
		switch {
		case better:
		case fits != bestFits:
			better = fits
		case dist != bestDist:
			better = dist < bestDist
		case len(cores) != len(groups[best]):
			better = (len(cores) < len(groups[best])) == fits
		}
		if better {
			best, bestFits, bestDist = g, fits, dist
		}
	}
	return best
}

func (b *planner) firstCPU(k int) int { return b.t.CPUs[b.cores[k].cpus[0]].ID }
