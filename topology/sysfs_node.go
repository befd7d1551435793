package topology

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// maxNodes bounds the NUMA nodes that are read; Linux has at most 1024.
const maxNodes = 4096

// readNodes reads the NUMA nodes, the CPU-less ones included.
func (s *sysfs) readNodes() {
	ids, err := s.numbered(nodeDir, "node")
	if err != nil {
		s.bad(nodeDir, err)
		return
	}
	var sets []cpuSet
	missing := ""
	for id := range ids.all {
		if len(sets) == maxNodes {
			s.warn("W-BAD-FILE", "%s: more than %d nodes; the rest is ignored", nodeDir, maxNodes)
			break
		}
		set := s.nodeCPUs(id)
		sets = append(sets, set)
		mem, err := s.nodeMemory(id)
		if errors.Is(err, fs.ErrNotExist) {
			missing = nodePath(id, "meminfo")
		} else if err != nil {
			s.warn("W-BAD-FILE", "%s: %v", nodePath(id, "meminfo"), reason(err))
		}
		s.t.Nodes = append(s.t.Nodes, Node{ID: id, MemBytes: mem})
	}
	s.checkMissing(missing, func(n Node) bool { return n.MemBytes != Unknown })
	if overlapping(sets) {
		s.resolveOverlap(sets)
	}
	for i := range sets {
		for cpu := range sets[i].all {
			if c := s.online(cpu); c != nil {
				c.Node = s.t.Nodes[i].ID
				s.t.Nodes[i].CPUs = append(s.t.Nodes[i].CPUs, cpu)
			}
		}
	}
	s.readDistances()
	s.checkNodes()
}

func nodePath(id int, file string) string {
	return nodeDir + "/node" + strconv.Itoa(id) + "/" + file
}

// nodeCPUs reads a node's CPUs from its mask, its list, or its links to CPUs.
func (s *sysfs) nodeCPUs(id int) cpuSet {
	name := nodePath(id, "cpumap")
	text, err := s.text(name)
	if err == nil {
		var set cpuSet
		if set, err = parseCPUMask(text); err == nil {
			return set
		}
	}
	s.bad(name, err)
	if set, ok := s.list(nodePath(id, "cpulist")); ok {
		return set
	}
	return s.nodeLinks(id)
}

func (s *sysfs) nodeLinks(id int) cpuSet {
	set, err := s.numbered(nodeDir+"/node"+strconv.Itoa(id), "cpu")
	s.bad(nodeDir+"/node"+strconv.Itoa(id), err)
	return set
}

func overlapping(sets []cpuSet) bool {
	var seen cpuSet
	for _, set := range sets {
		for cpu := range set.all {
			if seen.has(cpu) {
				return true
			}
			seen.add(cpu)
		}
	}
	return false
}

// resolveOverlap makes sets disjoint: by the nodes' links to CPUs when those
// are, else by giving each CPU to the smallest node that lists it.
func (s *sysfs) resolveOverlap(sets []cpuSet) {
	links := make([]cpuSet, len(sets))
	linked := 0
	for i := range sets {
		links[i] = s.nodeLinks(s.t.Nodes[i].ID)
		linked += links[i].count()
	}
	if linked > 0 && !overlapping(links) {
		s.warn("W-NUMA-AMBIGUOUS", "%s: the nodes' CPU masks overlap; the nodes' links to CPUs are used", nodeDir)
		copy(sets, links)
		return
	}
	s.warn("W-NUMA-AMBIGUOUS", "%s: the nodes' CPU masks overlap; each CPU is given to the smallest node that lists it", nodeDir)
	order := make([]int, len(sets))
	size := make([]int, len(sets))
	for i := range order {
		order[i], size[i] = i, sets[i].count()
	}
	slices.SortStableFunc(order, func(a, b int) int { return size[a] - size[b] })
	var taken cpuSet
	for _, i := range order {
		var own cpuSet
		for cpu := range sets[i].all {
			if !taken.has(cpu) {
				taken.add(cpu)
				own.add(cpu)
			}
		}
		sets[i] = own
	}
}

// checkNodes warns about CPUs without a node and nodes without CPUs.
func (s *sysfs) checkNodes() {
	if len(s.t.Nodes) == 0 {
		return
	}
	var homeless []int
	for i := range s.t.CPUs {
		if c := &s.t.CPUs[i]; c.Online && c.Node == Unknown {
			homeless = append(homeless, c.ID)
		}
	}
	if len(homeless) > 0 {
		s.warn("W-NUMA-AMBIGUOUS", "%s: no node lists %s", nodeDir, cpuNames(homeless))
	}
	var memOnly []int
	for _, n := range s.t.Nodes {
		if len(n.CPUs) == 0 {
			memOnly = append(memOnly, n.ID)
		}
	}
	if len(memOnly) > 0 && len(memOnly) < len(s.t.Nodes) {
		s.warn("W-MEMONLY", "no online CPU in node %s; no worker is local to it", formatList(memOnly))
	}
}

// nodeMemory returns the memory of a node in bytes, or Unknown and the reason.
func (s *sysfs) nodeMemory(id int) (int64, error) {
	bytes, found := int64(Unknown), false
	var flaw error
	err := s.lines(nodePath(id, "meminfo"), func(line string) bool {
		_, rest, ok := strings.Cut(line, "MemTotal:")
		if ok {
			found = true
			bytes, flaw = parseKiB(rest)
		}
		return !ok
	})
	switch {
	case err != nil:
		return Unknown, err
	case !found:
		return Unknown, errors.New("no MemTotal line")
	}
	return bytes, flaw
}

// parseKiB parses the size in "MemTotal: 123 kB" and returns it in bytes.
func parseKiB(text string) (int64, error) {
	digits := strings.TrimSpace(strings.TrimSuffix(trimKernel(text), "kB"))
	kib, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || kib > 1<<52 {
		return Unknown, fmt.Errorf("MemTotal %q is not a size", clip(digits))
	}
	return int64(kib) << 10, nil
}

// readDistances reads each node's row of the distance table. The kernel writes
// one column for each online node, in ascending order.
func (s *sysfs) readDistances() {
	columns := make([]int, len(s.t.Nodes))
	for i, n := range s.t.Nodes {
		columns[i] = n.ID
	}
	if set, ok := s.list(nodeDir + "/online"); ok && set.count() > len(columns) {
		columns = set.slice()
	}
	missing := ""
	place := make([]int, len(s.t.Nodes)) // column of each node
	for i, n := range s.t.Nodes {
		place[i] = slices.Index(columns, n.ID)
	}
	for i := range s.t.Nodes {
		n := &s.t.Nodes[i]
		name := nodePath(n.ID, "distance")
		text, err := s.text(name)
		if errors.Is(err, fs.ErrNotExist) {
			missing = name
			continue
		}
		var row []int
		if err == nil {
			row, err = parseDistances(text)
		}
		if err == nil && len(row) != len(columns) {
			err = fmt.Errorf("%d distances for %d nodes", len(row), len(columns))
		}
		if err != nil {
			s.warn("W-BAD-FILE", "%s: %v", name, reason(err))
			continue
		}
		if slices.Contains(place, -1) {
			continue
		}
		n.Distances = make([]int, len(place))
		for k, column := range place {
			n.Distances[k] = row[column]
		}
	}
	s.checkMissing(missing, func(n Node) bool { return n.Distances != nil })
}

// checkMissing warns about a file that one node lacks and another has.
func (s *sysfs) checkMissing(name string, has func(Node) bool) {
	if name != "" && slices.ContainsFunc(s.t.Nodes, has) {
		s.warn("W-BAD-FILE", "%s: missing, though other nodes have it", name)
	}
}

func parseDistances(text string) ([]int, error) {
	var row []int
	for field := range strings.FieldsSeq(trimKernel(text)) {
		d, err := strconv.ParseUint(field, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("%q is not a distance", clip(field))
		}
		row = append(row, int(d))
	}
	return row, nil
}
