package topology

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// grid builds a regular machine: CPU numbers count first threads of all cores,
// then second threads, as on most x86 servers.
func grid(packages, nodes, l3s, cores, threads int) *Topology {
	t := &Topology{Source: "test"}
	total := packages * nodes * l3s * cores
	for id := range total * threads {
		core := id % total
		t.CPUs = append(t.CPUs, CPU{
			ID: id, Core: core, L1d: core, L2: core,
			L3: core / cores, Cluster: Unknown, Die: Unknown, Book: Unknown, Drawer: Unknown,
			Node: core / (cores * l3s), Package: core / (cores * l3s * nodes),
			Online: true, Allowed: true,
			Efficiency: Unknown, Capacity: Unknown, MaxKHz: Unknown,
		})
	}
	for n := range packages * nodes {
		node := Node{ID: n, MemBytes: Unknown}
		for m := range packages * nodes {
			switch {
			case n == m:
				node.Distances = append(node.Distances, 10)
			case n/nodes == m/nodes:
				node.Distances = append(node.Distances, 12)
			default:
				node.Distances = append(node.Distances, 32)
			}
		}
		for i := range t.CPUs {
			if t.CPUs[i].Node == n {
				node.CPUs = append(node.CPUs, t.CPUs[i].ID)
			}
		}
		t.Nodes = append(t.Nodes, node)
	}
	return t
}

func cpusOf(p Plan) []int {
	out := make([]int, len(p.Workers))
	for i, w := range p.Workers {
		out[i] = w.CPU
	}
	return out
}

func wantCPUs(t *testing.T, p Plan, want ...int) {
	t.Helper()
	if got := cpusOf(p); !slices.Equal(got, want) {
		t.Errorf("CPUs %v, want %v", got, want)
	}
}

// wantWarnings checks the ids, in order.
func wantWarnings(t *testing.T, p Plan, want ...string) {
	t.Helper()
	var got []string
	for _, w := range p.Warnings {
		id, _, _ := strings.Cut(w, " ")
		got = append(got, id)
	}
	if !slices.Equal(got, want) {
		t.Errorf("warnings %q, want ids %q", p.Warnings, want)
	}
}

func whyNot(t *testing.T, p Plan, cpu int) string {
	t.Helper()
	for _, e := range p.Excluded {
		if e.CPU == cpu {
			return e.Why
		}
	}
	t.Errorf("CPU %d is not excluded", cpu)
	return ""
}

// checkSum asserts that every present CPU is assigned or excluded, not both,
// and that every reason is given.
func checkSum(t *testing.T, top *Topology, p Plan) {
	t.Helper()
	seen := make(map[int]string)
	for i, w := range p.Workers {
		if w.Worker != i {
			t.Errorf("worker %d is numbered %d", i, w.Worker)
		}
		if w.Why == "" {
			t.Errorf("worker %d has no reason", i)
		}
		if w.CPU != Unknown {
			seen[w.CPU] = "worker"
		}
	}
	for _, e := range p.Excluded {
		if e.Why == "" {
			t.Errorf("CPU %d has no reason", e.CPU)
		}
		if was := seen[e.CPU]; was != "" {
			t.Errorf("CPU %d is excluded (%s) and also: %s", e.CPU, e.Why, was)
		}
		seen[e.CPU] = e.Why
	}
	if top == nil {
		return
	}
	for i := range top.CPUs {
		if seen[top.CPUs[i].ID] == "" {
			t.Errorf("CPU %d is neither assigned nor excluded", top.CPUs[i].ID)
		}
	}
	if len(seen) != len(top.CPUs) {
		t.Errorf("the plan names %d CPUs, the machine has %d", len(seen), len(top.CPUs))
	}
}

// Each placement chooses the CPUs that its documentation says, in that order,
// on a machine with every level.
func TestPlacements(t *testing.T) {
	// 2 packages of 2 nodes of 2 L3 domains of 2 cores of 2 threads.
	top := grid(2, 2, 2, 2, 2)
	for _, c := range []struct {
		p       Placement
		workers int
		want    []int
	}{
		{PerCore, 0, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
		{PerCore, 2, []int{0, 8}},
		{PerCore, 4, []int{0, 4, 8, 12}},
		{PerCore, 8, []int{0, 2, 4, 6, 8, 10, 12, 14}},
		{Scatter, 8, []int{0, 8, 4, 12, 2, 10, 6, 14}},
		{Compact, 3, []int{0, 1, 2}},
		{Compact, 6, []int{0, 1, 2, 3, 4, 5}},
		{PerThread, 18, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24}},
		{Unpinned, 2, []int{Unknown, Unknown}},
	} {
		t.Run(fmt.Sprint(c.p, "/", c.workers), func(t *testing.T) {
			p := top.Plan(c.p, c.workers)
			wantCPUs(t, p, c.want...)
			checkSum(t, top, p)
		})
	}
	if p := top.Plan(PerThread, 0); len(p.Workers) != 32 || len(p.Warnings) != 0 {
		t.Errorf("perthread chose %d workers with warnings %q", len(p.Workers), p.Warnings)
	}
	if p := top.Plan(Unpinned, 0); len(p.Workers) != 16 {
		t.Errorf("unpinned chose %d workers, want one per core", len(p.Workers))
	}
}

// Each CPU without a worker has the reason why.
func TestPlanReasons(t *testing.T) {
	top := grid(1, 1, 1, 4, 2)
	top.CPUs[3].Allowed = false
	top.CPUs[7].Online, top.CPUs[7].Allowed = false, false
	top.Isolated = []int{6}
	p := top.Plan(PerCore, 2)
	wantCPUs(t, p, 0, 1)
	wantWarnings(t, p, "W-ISOLATED")
	checkSum(t, top, p)
	for cpu, want := range map[int]string{
		2: "above the worker cap: 2 asked for",
		3: "not allowed to this process",
		4: "SMT sibling of CPU 0, already used",
		5: "SMT sibling of CPU 1, already used",
		6: "isolated by isolcpus",
		7: "offline",
	} {
		if got := whyNot(t, p, cpu); got != want {
			t.Errorf("CPU %d: %q, want %q", cpu, got, want)
		}
	}

	top.Cpuset, top.Affinity = []int{0, 1, 2, 4, 5, 6}, []int{0, 1, 2, 4, 5, 6}
	if got, want := whyNot(t, top.Plan(PerCore, 2), 3), "outside the cpuset"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	top.Cpuset = []int{0, 1, 2, 3, 4, 5, 6, 7}
	if got, want := whyNot(t, top.Plan(PerCore, 2), 3), "outside the affinity mask"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Isolated CPUs get workers only if they are asked for or there are no others.
func TestPlanIsolated(t *testing.T) {
	top := grid(1, 1, 1, 4, 1)
	top.Isolated = []int{1, 2}
	wantCPUs(t, top.Plan(PerCore, 0), 0, 3)
	wantCPUs(t, top.PlanFor(Request{CPUs: []int{2}}), 2)
	top.CPUs[0].Allowed, top.CPUs[3].Allowed = false, false
	p := top.Plan(PerCore, 0)
	wantCPUs(t, p, 1, 2)
	wantWarnings(t, p, "W-ISOLATED")
	checkSum(t, top, p)
}

// A core whose first thread is not allowed is used by its next one, after the
// whole cores.
func TestPlanFirstThreadNotAllowed(t *testing.T) {
	top := grid(1, 1, 1, 2, 2)
	top.CPUs[0].Allowed = false
	wantCPUs(t, top.Plan(PerCore, 0), 2, 1)
}

// On hybrid machines the fast cores come first, whatever their numbers, and a
// warning tells of the mixture.
func TestPlanHybrid(t *testing.T) {
	// CPUs 0-3: two efficiency cores without SMT first, to show that the kind
	// decides and not the number; then two performance cores with SMT.
	top := grid(1, 1, 1, 6, 1)
	for i, core := range []int{0, 1, 2, 2, 3, 3} {
		top.CPUs[i].Core = core
		top.CPUs[i].Efficiency = 0
		if core < 2 {
			top.CPUs[i].Efficiency = 1
		}
	}
	p := top.Plan(PerCore, 0)
	wantCPUs(t, p, 2, 4, 0, 1)
	wantWarnings(t, p, "W-MIXED-KINDS")
	if got := p.Workers[0].Why; got != "own core, performance" {
		t.Errorf("reason %q", got)
	}
	p = top.Plan(PerCore, 2)
	wantCPUs(t, p, 2, 4)
	wantWarnings(t, p)
	if got := whyNot(t, p, 0); got != "efficiency core, above the worker cap" {
		t.Errorf("reason %q", got)
	}
	wantCPUs(t, top.Plan(PerThread, 0), 2, 4, 0, 1, 3, 5)
	wantCPUs(t, top.Plan(Compact, 3), 2, 4, 0)
	wantCPUs(t, top.Plan(Scatter, 3), 2, 4, 0)
}

// A quota limits the workers to itself, rounded up, unless more are asked for,
// and says so.
func TestPlanQuota(t *testing.T) {
	top := grid(1, 1, 2, 16, 2)
	top.Quota = 2.5
	p := top.Plan(Compact, 0)
	wantCPUs(t, p, 0, 1, 2)
	if want := "W-QUOTA quota 2.5 CPUs but 64 allowed: 3 workers"; !slices.Contains(p.Warnings, want) {
		t.Errorf("warnings %q, want %q", p.Warnings, want)
	}
	if got, want := whyNot(t, p, 5), "above the worker cap: quota 2.5 CPUs"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	p = top.Plan(Compact, 8)
	wantWarnings(t, p, "W-QUOTA")
	if len(p.Workers) != 8 {
		t.Errorf("%d workers, want the 8 asked for", len(p.Workers))
	}
	top.Quota = 0.5
	p = top.Plan(PerCore, 0)
	wantCPUs(t, p, Unknown)
	wantWarnings(t, p, "W-QUOTA")
	checkSum(t, top, p)
	// CPUs that were named are a decision; the quota is only worth a warning.
	p = top.PlanFor(Request{CPUs: []int{5}})
	wantCPUs(t, p, 5)
	wantWarnings(t, p, "W-QUOTA")
	p = top.PlanFor(Request{CPUs: []int{5, 6}})
	wantCPUs(t, p, 5, 6)
	wantWarnings(t, p, "W-QUOTA")

	top.Quota = 1
	wantCPUs(t, top.Plan(PerCore, 0), 0)
	top.Quota = 1000
	if p := top.Plan(PerCore, 0); len(p.Workers) != 32 || len(p.Warnings) != 0 {
		t.Errorf("%d workers, warnings %q", len(p.Workers), p.Warnings)
	}
}

// GOMAXPROCS limits the workers unless more are asked for, and says so once.
func TestPlanGOMAXPROCS(t *testing.T) {
	top := grid(1, 1, 1, 8, 1)
	p := top.PlanFor(Request{GOMAXPROCS: 2})
	wantCPUs(t, p, 0, 1)
	wantWarnings(t, p, "W-GOMAXPROCS")
	p = top.PlanFor(Request{GOMAXPROCS: 2, Workers: 4})
	wantCPUs(t, p, 0, 1, 2, 3)
	wantWarnings(t, p, "W-GOMAXPROCS-LT-WORKERS")
	p = top.PlanFor(Request{GOMAXPROCS: 1})
	if want := "W-GOMAXPROCS GOMAXPROCS is 1 but there is room for 8 workers: 1 worker"; !slices.Contains(p.Warnings, want) {
		t.Errorf("warnings %q, want %q", p.Warnings, want)
	}

	// The runtime derives GOMAXPROCS from the quota: one warning is enough.
	top.Quota = 2
	wantWarnings(t, top.PlanFor(Request{GOMAXPROCS: 2}), "W-QUOTA")
}

// More workers than cores share cores and then CPUs, each with the reason and a
// warning.
func TestPlanMoreWorkersThanCPUs(t *testing.T) {
	top := grid(1, 1, 1, 2, 2)
	p := top.Plan(PerCore, 3)
	wantCPUs(t, p, 0, 1, 2)
	wantWarnings(t, p, "W-SMT-SHARED")
	if got, want := p.Workers[2].Why, "SMT sibling of CPU 0: every core has a worker"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	p = top.Plan(PerCore, 6)
	wantCPUs(t, p, 0, 1, 2, 3, 0, 1)
	wantWarnings(t, p, "W-OVERSUBSCRIBED", "W-SMT-SHARED")
	if got, want := p.Workers[4].Why, "shares its CPU with worker 0: every usable CPU has a worker"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	checkSum(t, top, p)
}

// A second pool of the process takes other cores than the first while there are
// any, and says why it left those out.
func TestPlanTaken(t *testing.T) {
	top := grid(1, 2, 1, 2, 2)
	first := top.Plan(PerCore, 2)
	wantCPUs(t, first, 0, 2)
	second := top.PlanFor(Request{Taken: cpusOf(first)})
	wantCPUs(t, second, 1, 3)
	wantWarnings(t, second, "W-SHARED-MACHINE")
	checkSum(t, top, second)
	if got, want := whyNot(t, second, 0), "used by another pool of this process"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	if got, want := whyNot(t, second, 4), "SMT sibling of CPU 0, used by another pool of this process"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}

	// The emptier node comes first.
	wantCPUs(t, top.PlanFor(Request{Taken: []int{0}, Workers: 1}), 2)

	// No core left: siblings of the other pools' CPUs, then the CPUs themselves.
	all := top.PlanFor(Request{Taken: []int{0, 1, 2, 3}})
	wantCPUs(t, all, 4, 5, 6, 7)
	wantWarnings(t, all, "W-SHARED-MACHINE")
	full := top.PlanFor(Request{Taken: []int{0, 1, 2, 3, 4, 5, 6, 7, 99, -5}, Workers: 3})
	wantCPUs(t, full, 0, 1, 2)
	wantWarnings(t, full, "W-OVERSUBSCRIBED")
}

// CPUs that are asked for are the ones used, in that order, and those that
// cannot be are named.
func TestPlanExplicit(t *testing.T) {
	top := grid(1, 1, 1, 4, 2)
	top.CPUs[3].Allowed = false
	p := top.PlanFor(Request{CPUs: []int{5, 2}})
	wantCPUs(t, p, 5, 2)
	wantWarnings(t, p)
	checkSum(t, top, p)
	if got, want := whyNot(t, p, 0), "not among the CPUs asked for"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	p = top.PlanFor(Request{CPUs: []int{5, 2}, Workers: 3})
	wantCPUs(t, p, 5, 2, 5)
	wantWarnings(t, p, "W-OVERSUBSCRIBED")
	p = top.PlanFor(Request{CPUs: []int{3, 77, 1, -1}})
	wantCPUs(t, p, 1)
	wantWarnings(t, p, "W-CPUS", "W-CPUS", "W-CPUS")
	p = top.PlanFor(Request{CPUs: []int{3}, Workers: 2})
	wantCPUs(t, p, Unknown, Unknown)
	wantWarnings(t, p, "W-CPUS", "W-UNPINNED")
	checkSum(t, top, p)
}

// Named CPUs outside the affinity mask are used if the cpuset has them, with a
// warning unless they are isolated: that is how isolated CPUs are reached.
func TestPlanExplicitOutsideMask(t *testing.T) {
	top := grid(1, 1, 1, 4, 2)
	top.Affinity, top.Cpuset = []int{0, 1, 4, 5}, []int{0, 1, 2, 3, 4, 5, 6}
	for i := range top.CPUs {
		top.CPUs[i].Allowed = slices.Contains(top.Affinity, i)
	}
	p := top.PlanFor(Request{CPUs: []int{1, 2}})
	wantCPUs(t, p, 1, 2)
	wantWarnings(t, p, "W-OUTSIDE-AFFINITY")
	checkSum(t, top, p)
	if p.Workers[1].Why != "asked for, outside the affinity mask" || p.Workers[0].Why != "asked for" {
		t.Errorf("%+v", p.Workers)
	}
	p = top.PlanFor(Request{CPUs: []int{2, 7}})
	wantCPUs(t, p, 2)
	wantWarnings(t, p, "W-CPUS", "W-OUTSIDE-AFFINITY")
	top.Isolated = []int{2, 3}
	wantWarnings(t, top.PlanFor(Request{CPUs: []int{2, 3}}))
	// Nobody is sent there without having asked.
	wantCPUs(t, top.PlanFor(Request{}), 0, 1)
	// Taken away since the start, offline, or in a cpuset that is not known.
	top.start = []int{2}
	wantCPUs(t, top.PlanFor(Request{CPUs: []int{2, 3}}), 3)
	top.CPUs[3].Online = false
	wantCPUs(t, top.PlanFor(Request{CPUs: []int{3, 0}}), 0)
	top.Cpuset, top.start = nil, nil
	wantCPUs(t, top.PlanFor(Request{CPUs: []int{2, 0}}), 0)
}

// Compact takes the smallest group of CPUs that is large enough, and as few
// groups as it can when none is.
func TestPlanCompactBestFit(t *testing.T) {
	top := grid(1, 3, 1, 4, 1)
	for _, id := range []int{0, 1, 2} { // node 0 keeps one core
		top.CPUs[id].Allowed = false
	}
	top.CPUs[8].Allowed = false // node 2 keeps three
	wantCPUs(t, top.Plan(Compact, 1), 3)
	wantCPUs(t, top.Plan(Compact, 3), 9, 10, 11)
	wantCPUs(t, top.Plan(Compact, 4), 4, 5, 6, 7)
	p := top.Plan(Compact, 5)
	wantCPUs(t, p, 4, 5, 6, 7, 3)
	wantWarnings(t, p)
	wantWarnings(t, top.Plan(PerCore, 3), "W-CROSS-NODE")
}

// Cores of which the node is not known are not taken for a node that could hold
// all workers: W-CROSS-NODE compares nodes with nodes.
func TestPlanCrossNodeCountsNodes(t *testing.T) {
	top := grid(1, 2, 1, 2, 1) // two nodes of two cores
	homeless := grid(1, 1, 1, 8, 1).CPUs
	for i, c := range homeless {
		c.ID, c.Core, c.L1d, c.L2 = 4+i, 4+i, 4+i, 4+i
		c.L3, c.Package, c.Node = 7, 7, Unknown
		top.CPUs = append(top.CPUs, c)
	}
	wantWarnings(t, top.PlanFor(Request{CPUs: []int{0, 1, 2}}))
	wantWarnings(t, top.PlanFor(Request{CPUs: []int{0, 2}}), "W-CROSS-NODE")
	wantWarnings(t, top.PlanFor(Request{CPUs: []int{0, 4, 5}}))
}

// Where threads cannot be pinned the plan has workers without CPUs and says so.
func TestPlanWithoutPinning(t *testing.T) {
	top := grid(1, 1, 1, 4, 1)
	top.noPin = "no thread can be pinned on plan9"
	for _, r := range []Request{{}, {CPUs: []int{1, 2, 3, 0}}} {
		p := top.PlanFor(r)
		wantCPUs(t, p, Unknown, Unknown, Unknown, Unknown)
		wantWarnings(t, p, "W-UNPINNED")
		checkSum(t, top, p)
	}
}

// A missing, empty or unknown topology still gives a plan that adds up.
func TestPlanOddTopologies(t *testing.T) {
	var none *Topology
	p := none.Plan(PerCore, 0)
	wantCPUs(t, p, Unknown)
	if d := none.Distance(0, 1); d != Farthest {
		t.Errorf("distance %d", d)
	}
	if p := (&Topology{}).PlanFor(Request{GOMAXPROCS: 4}); len(p.Workers) != 4 {
		t.Errorf("%d workers, want GOMAXPROCS", len(p.Workers))
	}
	blank := &Topology{}
	for id := range 4 {
		blank.CPUs = append(blank.CPUs, CPU{ID: id, Core: Unknown, L1d: Unknown, L2: Unknown, L3: Unknown,
			Cluster: Unknown, Die: Unknown, Book: Unknown, Drawer: Unknown, Package: Unknown, Node: Unknown, Online: true, Allowed: true,
			Efficiency: Unknown, Capacity: Unknown, MaxKHz: Unknown})
	}
	wantCPUs(t, blank.Plan(PerCore, 0), 0, 1, 2, 3)
	for i := range blank.CPUs {
		blank.CPUs[i].Allowed = false
	}
	p = blank.Plan(Scatter, 0)
	wantCPUs(t, p, Unknown)
	checkSum(t, blank, p)
}

// TestPlanRandom checks, on random machines and requests, that the plan is
// complete and deterministic, uses only CPUs it may, and shares a CPU or a core
// only when it must.
func TestPlanRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	label := func(n int) int { return rng.IntN(n+1) - 1 }
	for round := range 2000 {
		top := &Topology{Quota: []float64{0, 0, 0.5, 2.5, -1, 1e300}[rng.IntN(6)]}
		id := 0
		for range rng.IntN(24) {
			id += 1 + rng.IntN(3)*rng.IntN(500)
			online := rng.IntN(8) > 0
			top.CPUs = append(top.CPUs, CPU{ID: id, Core: label(9), L1d: label(9), L2: label(6), L3: label(3),
				Cluster: label(3), Die: label(2), Book: label(2), Drawer: label(2), Package: label(3), Node: label(3),
				Online: online, Allowed: online && rng.IntN(6) > 0,
				Efficiency: label(2), Capacity: label(1024), MaxKHz: label(5000000)})
		}
		for n := range rng.IntN(4) {
			top.Nodes = append(top.Nodes, Node{ID: n, Distances: make([]int, rng.IntN(4))})
		}
		r := Request{Placement: Placement(rng.IntN(6)), Workers: rng.IntN(30) - 2, GOMAXPROCS: rng.IntN(20) - 1}
		for range rng.IntN(5) {
			r.Taken = append(r.Taken, rng.IntN(40)-2)
		}
		if rng.IntN(8) == 0 {
			r.CPUs = []int{rng.IntN(20), rng.IntN(20)}
		}
		p := top.PlanFor(r)
		checkSum(t, top, p)
		if again := top.PlanFor(r); !reflect.DeepEqual(p, again) {
			t.Fatalf("round %d: two different plans", round)
		}
		if r.Workers > 0 && len(p.Workers) != r.Workers || len(p.Workers) == 0 {
			t.Fatalf("round %d: %d workers, %d asked for", round, len(p.Workers), r.Workers)
		}
		usable, used := 0, make(map[int]bool)
		for i := range top.CPUs {
			if c := &top.CPUs[i]; c.Online && c.Allowed {
				usable++
			}
		}
		for _, w := range p.Workers {
			if w.CPU == Unknown {
				continue
			}
			if c := top.lookup(w.CPU); c == nil || !c.Online || !c.Allowed {
				t.Fatalf("round %d: worker on CPU %d, which is not usable", round, w.CPU)
			}
			used[w.CPU] = true
		}
		if r.CPUs == nil && len(used) > 0 && len(used) < min(len(p.Workers), usable) && len(r.Taken) == 0 {
			t.Fatalf("round %d: %d workers on %d CPUs of %d", round, len(p.Workers), len(used), usable)
		}
		if t.Failed() {
			t.Fatalf("round %d: %+v %+v", round, top, r)
		}
	}
}

// Each placement reads back from its name, in any of the usual spellings, and
// an unknown name is an error.
func TestPlacementText(t *testing.T) {
	for p := PerCore; p <= Unpinned; p++ {
		text, err := p.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var q Placement
		if err := q.UnmarshalText(text); err != nil || q != p {
			t.Errorf("%s reads back as %v, %v", text, q, err)
		}
	}
	for _, name := range []string{"per-core", "PerCore", "PER_CORE"} {
		if p, err := ParsePlacement(name); p != PerCore || err != nil {
			t.Errorf("%q: %v, %v", name, p, err)
		}
	}
	if _, err := ParsePlacement("sideways"); err == nil || !strings.Contains(err.Error(), `"sideways"`) {
		t.Errorf("error %v", err)
	}
	if _, err := Placement(9).MarshalText(); err == nil || Placement(9).String() != "Placement(9)" {
		t.Errorf("Placement(9): %v, %v", Placement(9), err)
	}
}

// Distance is the same both ways, grows with the level that two CPUs share and
// then with the distance of their nodes, and is the farthest for CPUs that do
// not exist.
func TestDistance(t *testing.T) {
	top := grid(2, 2, 2, 2, 2)
	for i := range top.CPUs {
		top.CPUs[i].Die = top.CPUs[i].Node
	}
	top.CPUs[1].Cluster, top.CPUs[0].Cluster = 0, 0
	for _, c := range []struct{ a, b, want int }{
		{0, 0, 0}, {0, 16, 1}, {0, 1, 3}, {2, 3, 4}, {0, 2, 5}, {0, 4, 7}, {0, 8, 30}, {0, 99, Farthest}, {-1, 0, Farthest},
	} {
		if got := top.Distance(c.a, c.b); got != c.want {
			t.Errorf("distance %d to %d: %d, want %d", c.a, c.b, got, c.want)
		}
		if got := top.Distance(c.b, c.a); got != c.want {
			t.Errorf("distance %d to %d: %d, want %d", c.b, c.a, got, c.want)
		}
	}
	for i := range top.CPUs {
		top.CPUs[i].Die = Unknown
	}
	if got := top.Distance(0, 2); got != 6 {
		t.Errorf("same node: %d, want 6", got)
	}
	top.CPUs[3].L2 = top.CPUs[2].L2
	if got := top.Distance(2, 3); got != 2 {
		t.Errorf("shared L2: %d, want 2", got)
	}
	top.Nodes = nil
	if got := top.Distance(0, 8); got != 18 {
		t.Errorf("distance without SLIT: %d, want 18", got)
	}
	if n := testing.AllocsPerRun(10, func() { top.Distance(0, 8) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPlan1920(b *testing.B) {
	top := grid(16, 1, 1, 60, 2)
	for _, p := range []Placement{PerCore, PerThread, Compact, Scatter} {
		b.Run(p.String(), func(b *testing.B) {
			for b.Loop() {
				top.Plan(p, 0)
			}
		})
	}
}
