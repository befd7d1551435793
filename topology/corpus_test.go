package topology

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpusDir holds captures of real machines that are not part of the project.
const corpusDir = "../../shared/corpus"

// expectation is what other tools make of a capture. Groups are labels; nil is
// a level that is not there.
type expectation struct {
	Name    string
	Online  string
	Allowed string
	NUMA    bool `json:"numa_in_sysfs"`
	Trust   map[string]bool
	CPUs    []struct {
		CPU                        int
		Core, L2, L3, Die, Package *int
		Node                       *int
		Allowed                    bool
		Efficiency                 *int
	}
}

func corpusCases(t *testing.T, kind, archive string) []string {
	t.Helper()
	cases, _ := filepath.Glob(filepath.Join(corpusDir, kind, "*", archive))
	if len(cases) == 0 {
		t.Skipf("no corpus at %s/%s: nothing to compare with", corpusDir, kind)
	}
	return cases
}

func readExpectation(t *testing.T, archive string, v any) bool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(filepath.Dir(archive), "expect.json"))
	if os.IsNotExist(err) {
		return false
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return true
}

// tally counts how many captures agree with the expectation, by field.
type tally struct{ good, all map[string]int }

func newTally() tally { return tally{map[string]int{}, map[string]int{}} }

func (y tally) judge(t *testing.T, field string, ok bool, detail string) {
	t.Helper()
	y.all[field]++
	if ok {
		y.good[field]++
	} else {
		t.Errorf("%s differs: %s", field, detail)
	}
}

func (y tally) String() string {
	var parts []string
	for field := range y.all {
		parts = append(parts, fmt.Sprintf("%s %d/%d", field, y.good[field], y.all[field]))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// samePartition compares two labellings of the same CPUs; -1 = no group.
func samePartition(got, want []int) bool {
	gw, wg := map[int]int{}, map[int]int{}
	for i := range got {
		g, w := got[i], want[i]
		if (g < 0) != (w < 0) {
			return false
		}
		if v, ok := gw[g]; ok && v != w {
			return false
		}
		if v, ok := wg[w]; ok && v != g {
			return false
		}
		gw[g], wg[w] = w, g
	}
	return true
}

func compare(t *testing.T, top *Topology, e *expectation, y tally) {
	t.Helper()
	trusted := func(field string) bool { ok, there := e.Trust[field]; return ok || !there }
	var online, allowed []int
	byID := map[int]*CPU{}
	for i := range top.CPUs {
		c := &top.CPUs[i]
		byID[c.ID] = c
		if c.Online {
			online = append(online, c.ID)
		}
		if c.Allowed {
			allowed = append(allowed, c.ID)
		}
	}
	if trusted("online") {
		y.judge(t, "online", formatList(online) == e.Online, formatList(online)+" want "+e.Online)
	}
	if trusted("allowed") {
		y.judge(t, "allowed", formatList(allowed) == e.Allowed, formatList(allowed)+" want "+e.Allowed)
	}
	label := func(p *int) int {
		if p == nil {
			return -1
		}
		return *p
	}
	var got, want [8][]int
	names := []string{"core", "l2", "l3", "die", "package", "node"}
	for _, x := range e.CPUs {
		c := byID[x.CPU]
		if c == nil || !c.Online {
			continue
		}
		for i, v := range []int{c.Core, c.L2, c.L3, c.Die, c.Package, c.Node} {
			got[i] = append(got[i], v)
		}
		for i, p := range []*int{x.Core, x.L2, x.L3, x.Die, x.Package, x.Node} {
			want[i] = append(want[i], label(p))
		}
		got[6] = append(got[6], c.Efficiency)
		want[6] = append(want[6], label(x.Efficiency))
	}
	for i, name := range names {
		if !trusted(name) || name == "node" && !e.NUMA {
			continue
		}
		ok := samePartition(got[i], want[i])
		if name == "node" {
			ok = slices.Equal(got[i], want[i])
		}
		y.judge(t, name, ok, fmt.Sprint(got[i], " want ", want[i]))
	}
	if kinds := slices.Compact(slices.Sorted(slices.Values(want[6]))); trusted("efficiency") && len(kinds) > 1 {
		y.judge(t, "efficiency", samePartition(got[6], want[6]), fmt.Sprint(got[6], " want ", want[6]))
	}
}

// Trees captured from many machines are read without error and without
// contradiction, and agree with what is known of each machine.
func TestCorpusSysfs(t *testing.T) {
	y := newTally()
	read := 0
	cases := corpusCases(t, "sysfs", "fsroot.tar.gz")
	for _, archive := range cases {
		t.Run(filepath.Base(filepath.Dir(archive)), func(t *testing.T) {
			top, err := Read(loadTar(t, archive))
			if err != nil {
				t.Fatal(err)
			}
			read++
			checkInvariants(t, top)
			var e expectation
			if readExpectation(t, archive, &e) {
				compare(t, top, &e, y)
			}
		})
	}
	t.Logf("sysfs corpus: %d of %d read; agreeing with the expectations: %v", read, len(cases), y)
}

// checkInvariants asserts what every Topology promises.
func checkInvariants(t *testing.T, top *Topology) {
	t.Helper()
	for i, c := range top.CPUs {
		if i > 0 && top.CPUs[i-1].ID >= c.ID {
			t.Errorf("CPU %d follows CPU %d", c.ID, top.CPUs[i-1].ID)
		}
		if c.Online && c.Core == Unknown {
			t.Errorf("CPU %d has no core", c.ID)
		}
		if c.Allowed && !c.Online {
			t.Errorf("CPU %d is allowed but offline", c.ID)
		}
	}
	for i, n := range top.Nodes {
		if i > 0 && top.Nodes[i-1].ID >= n.ID {
			t.Errorf("node %d follows node %d", n.ID, top.Nodes[i-1].ID)
		}
		if n.Distances != nil && len(n.Distances) != len(top.Nodes) {
			t.Errorf("node %d: %d distances for %d nodes", n.ID, len(n.Distances), len(top.Nodes))
		}
	}
	for _, w := range top.Warnings {
		if !strings.HasPrefix(w, "W-") {
			t.Errorf("warning without an id: %q", w)
		}
	}
}

// Captured cgroup trees give the quota that is known of each, and faulty ones a
// warning.
func TestCorpusCgroup(t *testing.T) {
	y := newTally()
	for _, archive := range corpusCases(t, "cgroup", "fsroot.tar.gz") {
		t.Run(filepath.Base(filepath.Dir(archive)), func(t *testing.T) {
			top, err := Read(loadTar(t, archive))
			if err != nil {
				t.Fatal(err)
			}
			faults := slices.DeleteFunc(slices.Clone(top.Warnings), func(w string) bool { return !strings.HasPrefix(w, "W-CGROUP ") })
			t.Logf("quota %v (%s) %q", top.Quota, top.QuotaPath, faults)
			var e struct {
				Quota *float64 `json:"cpu_quota"`
				Error bool     `json:"error_expected"`
			}
			if !readExpectation(t, archive, &e) {
				return
			}
			want := 0.0
			if e.Quota != nil {
				want = *e.Quota
			}
			y.judge(t, "quota", top.Quota == want, fmt.Sprint(top.Quota, " want ", want))
			y.judge(t, "fault named", e.Error == (len(faults) > 0), fmt.Sprintf("%q, expected: %v", faults, e.Error))
		})
	}
	t.Logf("cgroup corpus: %v", y)
}

// Captured CPUID dumps are read without contradiction, and agree with what is
// known of each machine.
func TestCorpusCPUID(t *testing.T) {
	y := newTally()
	read := 0
	cases := corpusCases(t, "cpuid", "cpuid.tar.gz")
	for _, archive := range cases {
		t.Run(filepath.Base(filepath.Dir(archive)), func(t *testing.T) {
			top, err := ReadCPUID(loadTar(t, archive))
			if err != nil {
				t.Fatal(err)
			}
			read++
			checkInvariants(t, top)
			var e expectation
			if readExpectation(t, archive, &e) {
				compare(t, top, &e, y)
			}
		})
	}
	t.Logf("CPUID corpus: %d of %d read; agreeing with the expectations: %v", read, len(cases), y)
}
