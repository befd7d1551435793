//go:build linux

package guest

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// commandPath is where ci/vm puts the command.
const commandPath = "/guest/zeropool"

// report is what this test needs of the command's JSON.
type report struct {
	Quota *float64
	CPUs  []struct {
		CPU                                   int
		Online, Allowed                       bool
		Core, Cluster, Die, L3, Package, Node *int
	}
	Nodes []struct {
		Node     int
		CPUs     string
		MemBytes *int64 `json:"mem_bytes"`
	}
	Warnings []string
}

// The report says what the -smp line said.
func TestReport(t *testing.T) {
	m := theMachine(t)
	text, err := exec.Command(commandPath, "topo").CombinedOutput()
	if err != nil {
		t.Fatalf("zeropool topo: %v\n%s", err, text)
	}
	t.Logf("zeropool topo:\n%s", text)
	var r report
	out, err := exec.Command(commandPath, "topo", "--format", "json").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}

	var present, online, allowed []int
	labels := map[string]map[int]int{} // level, CPU, label
	for _, cpu := range r.CPUs {
		present = append(present, cpu.CPU)
		if cpu.Online {
			online = append(online, cpu.CPU)
		}
		if cpu.Allowed {
			allowed = append(allowed, cpu.CPU)
		}
		for level, label := range map[string]*int{"core": cpu.Core, "cluster": cpu.Cluster, "die": cpu.Die, "package": cpu.Package, "l3": cpu.L3, "node": cpu.Node} {
			if labels[level] == nil {
				labels[level] = map[int]int{}
			}
			if label != nil {
				labels[level][cpu.CPU] = *label
			}
		}
	}
	for _, c := range []struct {
		what      string
		got, want []int
	}{{"present", present, m.present}, {"online", online, m.online}, {"allowed", allowed, m.allowed}} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s CPUs: %v, should be %v", c.what, c.got, c.want)
		}
	}
	// A level that groups the CPUs as another one does is not reported.
	none := func(int) int { return -1 }
	die, cluster := none, none
	if m.dies > 1 {
		die = m.dieOf
	}
	if m.clusters > 1 {
		cluster = m.clusterOf
	}
	for level, want := range map[string]func(int) int{"core": m.coreOf, "cluster": cluster, "die": die, "package": m.socketOf, "l3": m.l3Of, "node": m.nodeOf} {
		sameGroups(t, level, m.online, labels[level], want)
	}

	if len(m.nodes) > 0 && len(r.Nodes) != len(m.nodes) {
		t.Errorf("%d nodes, should be %d", len(r.Nodes), len(m.nodes))
	}
	for i, n := range r.Nodes {
		if len(m.nodes) == 0 {
			break
		}
		cpus, err := parseList(n.CPUs)
		if err != nil {
			t.Error(err)
		}
		isOnline := func(cpu int) bool { return slices.Contains(m.online, cpu) }
		if got, want := keep(cpus, isOnline), keep(m.nodes[i], isOnline); n.Node != i || !slices.Equal(got, want) {
			t.Errorf("node %d has CPUs %v, node %d should have %v", n.Node, got, i, want)
		}
		if hasMemory := n.MemBytes != nil && *n.MemBytes > 0; hasMemory != m.hasMemory[i] {
			t.Errorf("node %d: memory %v, should be %v", i, hasMemory, m.hasMemory[i])
		}
	}
	m.checkWarnings(t, r.Warnings)
	switch {
	case r.Quota == nil && m.quota != 0:
		t.Errorf("no quota, should be %v", m.quota)
	case r.Quota != nil && *r.Quota != m.quota:
		t.Errorf("quota %v, should be %v (0 = none)", *r.Quota, m.quota)
	}
}

// checkWarnings asserts that what is particular about the machine is reported,
// and that nothing was found doubtful.
func (m *machine) checkWarnings(t *testing.T, warnings []string) {
	t.Helper()
	expected := map[string]bool{
		"W-OFFLINE-SIBLING": len(m.online) < len(m.present),
		"W-MEMONLY":         slices.ContainsFunc(m.nodes, func(cpus []int) bool { return len(cpus) == 0 }),
		"W-QUOTA-PARENT":    m.quota > 0,
		"W-BAD-FILE":        false,
		"W-CGROUP":          false,
		"W-SYSFS-CONFLICT":  false,
		"W-NO-TOPOLOGY":     false,
		"W-NUMA-AMBIGUOUS":  false,
		"W-MIXED-KINDS":     false,
		"W-ISOLATED":        false,
		"W-AFFINITY-NARROW": false,
	}
	for id, want := range expected {
		if got := slices.ContainsFunc(warnings, func(w string) bool { return strings.HasPrefix(w, id+" ") }); got != want {
			t.Errorf("warning %s: %v, should be %v: %q", id, got, want, warnings)
		}
	}
}

// sameGroups asserts that two CPUs have the same label got exactly if they have
// the same label want; -1 means that there is to be none.
func sameGroups(t *testing.T, level string, cpus []int, got map[int]int, want func(int) int) {
	t.Helper()
	for _, a := range cpus {
		label, known := got[a]
		if known != (want(a) >= 0) {
			t.Errorf("%s of CPU %d: %v is reported (known: %v), should be %d (-1 = unknown)", level, a, label, known, want(a))
			continue
		}
		for _, b := range cpus {
			if other, ok := got[b]; ok && (label == other) != (want(a) == want(b)) {
				t.Errorf("%s: CPUs %d and %d have labels %d and %d, should have %d and %d", level, a, b, label, other, want(a), want(b))
				return
			}
		}
	}
}

func keep(list []int, ok func(int) bool) []int {
	var kept []int
	for _, x := range list {
		if ok(x) {
			kept = append(kept, x)
		}
	}
	return kept
}
