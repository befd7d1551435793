package topology

import (
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// placementExpectation is how hwloc places processes on a capture: on the first
// thread of every allowed core, and on N threads as far apart as it can.
type placementExpectation struct {
	PerCore []int            `json:"one_pu_per_core_allowed"`
	Distrib map[string][]int `json:"hwloc_distrib_single"`
}

// spreadOf returns, for every level, the difference between the number of CPUs
// in the fullest and in the emptiest group of allowed CPUs.
func spreadOf(top *Topology, cpus []int) map[string]int {
	out := make(map[string]int)
	for name, label := range map[string]func(*CPU) int{
		"L3":      func(c *CPU) int { return c.L3 },
		"node":    func(c *CPU) int { return c.Node },
		"package": func(c *CPU) int { return c.Package },
	} {
		n := make(map[int]int)
		for i := range top.CPUs {
			if c := &top.CPUs[i]; c.Allowed && label(c) >= 0 {
				n[label(c)] += 0
				if slices.Contains(cpus, c.ID) {
					n[label(c)]++
				}
			}
		}
		least, most := 1<<30, 0
		for _, k := range n {
			least, most = min(least, k), max(most, k)
		}
		if len(n) > 1 {
			out[name] = most - least
		}
	}
	return out
}

// TestCorpusPlans compares plans with hwloc's: the same CPUs at one per core,
// and a spread that is at least as even.
func TestCorpusPlans(t *testing.T) {
	sets, spreads, even := 0, 0, 0
	for _, archive := range corpusCases(t, "sysfs", "fsroot.tar.gz") {
		t.Run(filepath.Base(filepath.Dir(archive)), func(t *testing.T) {
			top, err := Read(loadTar(t, archive))
			if err != nil {
				t.Fatal(err)
			}
			for p := PerCore; p <= Unpinned; p++ {
				for _, n := range []int{0, 1, 3, len(top.CPUs) + 1} {
					checkSum(t, top, top.Plan(p, n))
				}
			}
			var e placementExpectation
			if !readExpectation(t, archive, &e) {
				return
			}
			// hwloc knows neither quotas nor isolated CPUs.
			bare := *top
			bare.Quota, bare.Isolated = 0, nil
			sets++
			got := cpusOf(bare.Plan(PerCore, 0))
			if want := slices.Sorted(slices.Values(e.PerCore)); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
				t.Errorf("one per core: %v, want %v", got, want)
			}
			for count, theirs := range e.Distrib {
				n, err := strconv.Atoi(count)
				if err != nil {
					t.Fatal(err)
				}
				want := spreadOf(&bare, theirs)
				for _, p := range []Placement{PerCore, Scatter} {
					ours := spreadOf(&bare, cpusOf(bare.Plan(p, n)))
					for level, w := range want {
						spreads++
						if ours[level] <= w {
							even++
						} else {
							t.Errorf("%v of %d: %ss differ by up to %d workers, hwloc's by %d: %v, hwloc %v", p, n, level, ours[level], w, cpusOf(bare.Plan(p, n)), theirs)
						}
					}
				}
				checkCompact(t, &bare, n)
			}
		})
	}
	t.Logf("one per core equal in %d captures; %d of %d spreads at least as even as hwloc-distrib", sets, even, spreads)
}

// checkCompact asserts that a compact plan uses as few nodes as can be.
func checkCompact(t *testing.T, top *Topology, n int) {
	t.Helper()
	cores, used := make(map[int]map[int]bool), make(map[int]bool)
	for i := range top.CPUs {
		if c := &top.CPUs[i]; c.Allowed {
			if cores[c.Node] == nil {
				cores[c.Node] = make(map[int]bool)
			}
			cores[c.Node][c.Core] = true
		}
	}
	for _, a := range top.Plan(Compact, n).Workers {
		used[a.Node] = true
	}
	var sizes []int
	for _, c := range cores {
		sizes = append(sizes, len(c))
	}
	slices.Sort(sizes)
	least, left := 0, n
	for i := len(sizes) - 1; i >= 0 && left > 0; i-- {
		left -= sizes[i]
		least++
	}
	if len(used) != least {
		t.Errorf("compact of %d uses %d nodes, %d would do", n, len(used), least)
	}
}
