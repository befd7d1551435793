//go:build linux

package guest

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const configPath = "/guest/config"

// machine is what ci/vm asked qemu and the guest's init for.
type machine struct {
	sockets, dies, clusters, cores, threads int // each within the one before

	present, online, allowed []int
	nodes                    [][]int        // present CPUs of each NUMA node
	hasMemory                []bool         // by node
	slit                     map[[2]int]int // distances between nodes, where they are not 20
	l3                       string         // what shares an L3 cache: "socket", "die" or "none"
	quota                    float64        // CPUs, 0 = no limit
}

// theMachine skips the test where there is none.
func theMachine(t *testing.T) *machine {
	t.Helper()
	text, err := os.ReadFile(configPath)
	if os.IsNotExist(err) {
		t.Skipf("not in a virtual machine of ci/vm: there is no %s", configPath)
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := parseMachine(string(text))
	if err != nil {
		t.Fatalf("%s: %v", configPath, err)
	}
	return m
}

// parseMachine reads the configuration that the guest's init reads too, with
// these lines besides:
//
//	smp=sockets=2,dies=1,clusters=1,cores=4,threads=2   as qemu's -smp
//	nodes=0-7:512M 8-15:0 -:256M                        CPUs and memory of each NUMA node
//	distances=0,1,21 0,2,17                             between two nodes, either way; else 20
//	l3=socket                                           or die, or none
func parseMachine(text string) (*machine, error) {
	config := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		config[key] = value
	}
	m := &machine{sockets: 1, dies: 1, clusters: 1, cores: 1, threads: 1, l3: config["l3"]}
	for word := range strings.SplitSeq(config["smp"], ",") {
		key, value, _ := strings.Cut(word, "=")
		field := map[string]*int{"sockets": &m.sockets, "dies": &m.dies, "clusters": &m.clusters, "cores": &m.cores, "threads": &m.threads}[key]
		n, err := strconv.Atoi(value)
		if field == nil || err != nil || n < 1 {
			return nil, fmt.Errorf("smp=%s: %q is not understood", config["smp"], word)
		}
		*field = n
	}
	ejected, err := parseList(config["eject"])
	if err != nil {
		return nil, err
	}
	offline, err := parseList(config["offline"])
	if err != nil {
		return nil, err
	}
	cpuset, err := parseList(config["cpuset"])
	if err != nil {
		return nil, err
	}
	for cpu := range m.sockets * m.dies * m.clusters * m.cores * m.threads {
		if slices.Contains(ejected, cpu) {
			continue
		}
		m.present = append(m.present, cpu)
		if slices.Contains(offline, cpu) {
			continue
		}
		m.online = append(m.online, cpu)
		if cpuset == nil || slices.Contains(cpuset, cpu) {
			m.allowed = append(m.allowed, cpu)
		}
	}
	for _, node := range strings.Fields(config["nodes"]) {
		cpus, memory, _ := strings.Cut(node, ":")
		list, err := parseList(strings.TrimPrefix(cpus, "-"))
		if err != nil {
			return nil, err
		}
		list = slices.DeleteFunc(list, func(cpu int) bool { return slices.Contains(ejected, cpu) })
		m.nodes = append(m.nodes, list)
		m.hasMemory = append(m.hasMemory, memory != "0")
	}
	m.slit = map[[2]int]int{}
	for _, word := range strings.Fields(config["distances"]) {
		var a, b, d int
		if _, err := fmt.Sscanf(word, "%d,%d,%d", &a, &b, &d); err != nil {
			return nil, fmt.Errorf("distances=%s: %w", config["distances"], err)
		}
		m.slit[[2]int{a, b}], m.slit[[2]int{b, a}] = d, d
	}
	if v := config["cpu_max"]; v != "" {
		var quota, period float64
		if _, err := fmt.Sscan(v, &quota, &period); err != nil {
			return nil, fmt.Errorf("cpu_max=%s: %w", v, err)
		}
		m.quota = quota / period
	}
	return m, nil
}

// parseList reads a list such as "0-3,8".
func parseList(s string) ([]int, error) {
	var list []int
	if s == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		a, err := strconv.Atoi(from)
		if err != nil {
			return nil, fmt.Errorf("list %q: %w", s, err)
		}
		b, err := strconv.Atoi(to)
		if err != nil {
			return nil, fmt.Errorf("list %q: %w", s, err)
		}
		for cpu := a; cpu <= b; cpu++ {
			list = append(list, cpu)
		}
	}
	return list, nil
}

// qemu numbers the CPUs thread by thread, then core by core, and so on, and the
// kernel takes over its order.

func (m *machine) coreOf(cpu int) int    { return cpu / m.threads }
func (m *machine) clusterOf(cpu int) int { return m.coreOf(cpu) / m.cores }
func (m *machine) dieOf(cpu int) int     { return m.clusterOf(cpu) / m.clusters }
func (m *machine) socketOf(cpu int) int  { return m.dieOf(cpu) / m.dies }

// l3Of returns -1 where the machine shows no such cache.
func (m *machine) l3Of(cpu int) int {
	switch m.l3 {
	case "socket":
		return m.socketOf(cpu)
	case "die":
		return m.dieOf(cpu)
	}
	return -1
}

// nodeOf returns the NUMA node; a machine without any counts as one.
func (m *machine) nodeOf(cpu int) int {
	return max(0, slices.IndexFunc(m.nodes, func(cpus []int) bool { return slices.Contains(cpus, cpu) }))
}

// distance says how far one CPU is from another, as a number to compare with
// others.
func (m *machine) distance(a, b int) int {
	switch {
	case a == b:
		return 0
	case m.coreOf(a) == m.coreOf(b):
		return 1
	case m.clusterOf(a) == m.clusterOf(b):
		return 2
	case m.dieOf(a) == m.dieOf(b):
		return 3
	case m.l3 != "none" && m.l3Of(a) == m.l3Of(b):
		return 4
	case m.nodeOf(a) == m.nodeOf(b):
		return 5
	case m.socketOf(a) == m.socketOf(b):
		return 6
	}
	if d, ok := m.slit[[2]int{m.nodeOf(a), m.nodeOf(b)}]; ok {
		return d
	}
	return 20
}

// count returns how many different labels the CPUs have.
func count(cpus []int, label func(cpu int) int) int {
	seen := map[int]bool{}
	for _, cpu := range cpus {
		seen[label(cpu)] = true
	}
	return len(seen)
}

// workers returns how many workers a pool has by default when there is one for
// each of n places.
func (m *machine) workers(n int) int {
	if m.quota > 0 {
		n = min(n, int(math.Ceil(m.quota)))
	}
	return n
}
