package topology

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Plan places workers on the machine; workers 0 means choose the number: one
// per usable core (PerThread: per usable hardware thread), at most the CPU
// quota rounded up. It is PlanFor with the other inputs left out.
func (t *Topology) Plan(p Placement, workers int) Plan {
	return t.PlanFor(Request{Placement: p, Workers: workers})
}

// PlanFor is Plan with every input of the decision.
//
// Usable are the allowed CPUs that the kernel does not isolate (isolcpus), or
// all allowed ones when every one of them is isolated. Faster kinds of cores come
// before slower ones in each placement; workers beyond the number of cores
// go to SMT siblings, then to CPUs that carry another pool's worker, then share
// CPUs. A CPU quota below one CPU makes pinning senseless, so the workers stay
// unpinned unless the request names CPUs, as they do when the topology knows no usable CPU and on systems
// that cannot pin threads. CPUs that the request names are used if t Grants them,
// isolated ones and those outside the affinity mask included.
//
// Every present CPU appears in the plan once, either with its workers or as an
// Exclusion. The same topology and request always give the same plan. A nil or
// empty topology, and any content of t and r, gives a plan with at least one
// worker. PlanFor does not change t and may be called concurrently.
func (t *Topology) PlanFor(r Request) Plan {
	if t == nil {
		t = &Topology{}
	}
	b := newPlanner(t, r)
	switch {
	case r.CPUs != nil && t.noPin == "":
		b.explicit()
	case r.Placement == Unpinned || r.Placement > Unpinned:
		b.unpinned(b.chosen(len(b.cores)), "workers are not pinned")
	case b.usable == 0:
		b.unpinned(b.chosen(0), "no usable CPU is known")
	case t.Quota > 0 && t.Quota < 1:
		b.warn("W-QUOTA", "quota %s CPUs is less than one core: workers are not pinned", quotaText(t.Quota))
		b.unpinned(b.chosen(len(b.cores)), "not pinned: the quota is below one CPU")
	case t.noPin != "":
		b.warn("W-UNPINNED", "%s", t.noPin)
		b.unpinned(b.chosen(len(b.cores)), "not pinned: "+t.noPin)
	default:
		b.place()
	}
	b.exclude()
	return b.plan
}

// maxWorkers bounds a plan against absurd requests; the pool's own limit is
// lower.
const maxWorkers = 1 << 20

// quotaText writes a CPU quota with at most two decimals.
func quotaText(q float64) string {
	return strconv.FormatFloat(math.Round(q*100)/100, 'f', -1, 64)
}

func workersText(n int) string {
	if n == 1 {
		return "1 worker"
	}
	return strconv.Itoa(n) + " workers"
}

// state is what the plan knows about one present CPU, parallel to Topology.CPUs.
type state struct {
	workers  int  // of this plan
	first    int  // the first of them
	core     int  // index into planner.cores, or -1 when not usable
	taken    bool // carries a worker of another pool
	isolated bool
	inCpuset bool
}

// core is one physical core, reduced to its usable CPUs.
type core struct {
	cpus  []int // indices into Topology.CPUs, ascending by OS number
	kind  int   // Efficiency, with Unknown as 0
	group [levelCount]int
	busy  bool // another pool has a worker on it
}

type planner struct {
	t        *Topology
	r        Request
	plan     Plan
	state    []state
	cores    []core // in topological order
	usable   int    // CPUs in cores
	mixed    bool   // cores of several kinds
	isolated bool   // only isolated CPUs are allowed, so they are used
	capWhy   string // what limited the number of workers
}

func newPlanner(t *Topology, r Request) *planner {
	b := &planner{t: t, r: r, state: make([]state, len(t.CPUs))}
	b.r.Workers = min(max(b.r.Workers, 0), maxWorkers)
	for i := range b.state {
		b.state[i] = state{core: -1, first: -1}
	}
	b.mark(t.Isolated, func(s *state) { s.isolated = true })
	b.mark(t.Cpuset, func(s *state) { s.inCpuset = true })
	b.mark(r.Taken, func(s *state) { s.taken = true })
	allowed, isolated := 0, 0
	for i := range t.CPUs {
		c := &t.CPUs[i]
		if c.Online && c.Allowed {
			allowed++
			if b.state[i].isolated {
				isolated++
			}
		}
	}
	b.isolated = isolated > 0 && isolated == allowed
	if r.CPUs == nil && isolated > 0 {
		if b.isolated {
			b.warn("W-ISOLATED", "all %d allowed CPUs are isolated by isolcpus: using them", isolated)
		} else {
			b.warn("W-ISOLATED", "%d of %d allowed CPUs are isolated by isolcpus: leaving them alone", isolated, allowed)
		}
	}
	b.gather()
	return b
}

// mark applies f to the state of each of the CPUs that is present.
func (b *planner) mark(ids []int, f func(*state)) {
	for _, id := range ids {
		if i := b.index(id); i >= 0 {
			f(&b.state[i])
		}
	}
}

// index returns the position of an OS CPU number in Topology.CPUs, or -1.
func (b *planner) index(id int) int {
	if id >= 0 && id < len(b.t.CPUs) && b.t.CPUs[id].ID == id {
		return id
	}
	i, ok := slices.BinarySearchFunc(b.t.CPUs, id, func(c CPU, id int) int { return c.ID - id })
	if !ok {
		return -1
	}
	return i
}

// gather builds the usable cores. A CPU without a core label is a core itself.
func (b *planner) gather() {
	ranks := groupRanks(b.t.CPUs)
	byLabel := make(map[int]int)
	for i := range b.t.CPUs {
		c := &b.t.CPUs[i]
		if !c.Online || !c.Allowed || b.state[i].isolated && !b.isolated {
			continue
		}
		b.usable++
		k, known := byLabel[c.Core]
		if !known || c.Core < 0 {
			k = len(b.cores)
			byLabel[c.Core] = k
			b.cores = append(b.cores, core{kind: max(c.Efficiency, 0), group: ranks[i]})
		}
		b.cores[k].cpus = append(b.cores[k].cpus, i)
		b.cores[k].kind = min(b.cores[k].kind, max(c.Efficiency, 0))
	}
	// A worker of another pool makes its core busy even where the CPU itself
	// is not usable by this plan.
	for i := range b.state {
		if k, ok := byLabel[b.t.CPUs[i].Core]; ok && b.state[i].taken && b.t.CPUs[i].Core >= 0 {
			b.cores[k].busy = true
		}
	}
	b.mixed = slices.ContainsFunc(b.cores, func(c core) bool { return c.kind != b.cores[0].kind })
	slices.SortStableFunc(b.cores, func(x, y core) int {
		if d := slices.Compare(x.group[:], y.group[:]); d != 0 {
			return d
		}
		return x.cpus[0] - y.cpus[0]
	})
	for k := range b.cores {
		for _, i := range b.cores[k].cpus {
			b.state[i].core = k
			if b.state[i].taken {
				b.cores[k].busy = true
			}
		}
	}
}

// chosen returns the number of workers: the one asked for, or room reduced to
// what the quota and GOMAXPROCS let run at a time.
func (b *planner) chosen(room int) int {
	quota := 0
	if q := b.t.Quota; q > 0 && q < maxWorkers {
		quota = int(math.Ceil(q - 1e-9))
	}
	procs := b.r.GOMAXPROCS
	if n := b.r.Workers; n > 0 {
		if quota > 0 && n > quota {
			b.warn("W-QUOTA", "quota %s CPUs but %d workers asked for: they will be throttled", quotaText(b.t.Quota), n)
		}
		if procs > 0 && n > procs {
			b.warn("W-GOMAXPROCS-LT-WORKERS", "GOMAXPROCS is %d but %d workers asked for: at most %d run Go code at a time", procs, n, procs)
		}
		b.capWhy = fmt.Sprintf("%d asked for", n)
		return n
	}
	n := room
	if n == 0 {
		n = max(procs, quota, 1)
	}
	switch {
	case quota > 0 && quota < n && (procs <= 0 || quota <= procs):
		n = quota
		b.capWhy = "quota " + quotaText(b.t.Quota) + " CPUs"
		if b.t.Quota >= 1 {
			b.warn("W-QUOTA", "quota %s CPUs but %d allowed: %s", quotaText(b.t.Quota), b.usable, workersText(n))
		}
	case procs > 0 && procs < n:
		n = procs
		b.capWhy = fmt.Sprintf("GOMAXPROCS %d", procs)
		b.warn("W-GOMAXPROCS", "GOMAXPROCS is %d but there is room for %s: %s", procs, workersText(room), workersText(n))
	}
	return n
}

// place gives every worker a CPU by the placement.
func (b *planner) place() {
	var free, busy []int
	for k := range b.cores {
		if b.cores[k].busy {
			busy = append(busy, k)
		} else {
			free = append(free, k)
		}
	}
	room := free
	if len(room) == 0 {
		room = busy
	}
	slots := len(room)
	if b.r.Placement == PerThread {
		slots = 0
		for _, k := range room {
			slots += len(b.cores[k].cpus)
		}
	}
	n := b.chosen(slots)
	if len(busy) > 0 && b.r.Workers == 0 && len(free) > 0 {
		b.warn("W-SHARED-MACHINE", "other pools of this process have workers on %d of %d cores: using the rest", len(busy), len(b.cores))
	}

	left := n
	for thread := 0; left > 0; thread++ {
		with := b.withThread(free, thread, false)
		if len(with) == 0 {
			break
		}
		left -= b.assign(with, thread, left)
	}
	beside := 0
	for thread := 0; left > 0; thread++ {
		with := b.withThread(busy, thread, true)
		if len(with) == 0 {
			break
		}
		k := b.assign(with, thread, left)
		left -= k
		beside += k
	}
	if beside > 0 {
		b.warn("W-SHARED-MACHINE", "%d of %d workers share a core with other pools of this process: no core is left free", beside, n)
	}
	if left > 0 {
		b.share(left)
	}
	b.judge(n)
}

// withThread returns those of the cores that have a thread of that index; with
// idle set, of that index among the threads that carry no other pool's worker.
func (b *planner) withThread(cores []int, thread int, idle bool) []int {
	var with []int
	for _, k := range cores {
		if b.thread(k, thread, idle) >= 0 {
			with = append(with, k)
		}
	}
	return with
}

func (b *planner) thread(k, thread int, idle bool) int {
	for _, i := range b.cores[k].cpus {
		if idle && b.state[i].taken {
			continue
		}
		if thread == 0 {
			return i
		}
		thread--
	}
	return -1
}

// assign puts up to n workers on one thread of each of the given cores, faster
// kinds first, in the order of the placement, and returns how many.
func (b *planner) assign(cores []int, thread, n int) int {
	busy := b.cores[cores[0]].busy
	done := 0
	for _, class := range b.classes(cores) {
		if done == n {
			break
		}
		for _, k := range b.order(class, min(n-done, len(class))) {
			i := b.thread(k, thread, busy)
			b.give(i, b.whyOn(k, thread, busy))
			done++
		}
	}
	return done
}

// classes splits cores by kind, most performant first, keeping their order.
func (b *planner) classes(cores []int) [][]int {
	byKind := make(map[int][]int)
	for _, k := range cores {
		byKind[b.cores[k].kind] = append(byKind[b.cores[k].kind], k)
	}
	kinds := make([]int, 0, len(byKind))
	for kind := range byKind {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	out := make([][]int, len(kinds))
	for i, kind := range kinds {
		out[i] = byKind[kind]
	}
	return out
}

func (b *planner) order(cores []int, n int) []int {
	switch b.r.Placement {
	case Compact:
		return b.compact(cores, n)
	case Scatter:
		return b.spread(cores, n)
	default:
		// Evenly spread, then numbered in topological order, so that workers
		// with neighbouring numbers sit near each other.
		picked := b.spread(cores, n)
		slices.Sort(picked)
		return picked
	}
}

func (b *planner) whyOn(k, thread int, busy bool) string {
	c := &b.cores[k]
	switch {
	case busy:
		return "shares a core with another pool: no core is left free"
	case thread > 0:
		return fmt.Sprintf("SMT sibling of CPU %d: every core has a worker", b.t.CPUs[c.cpus[0]].ID)
	case b.mixed && c.kind == 0:
		return "own core, performance"
	case b.mixed && c.kind == 1:
		return "own core, efficiency"
	case b.mixed:
		return fmt.Sprintf("own core, efficiency (E%d)", c.kind)
	default:
		return "own core"
	}
}

// share puts n workers on CPUs that have one already, going round all of them,
// faster kinds first.
func (b *planner) share(n int) {
	var round []int
	for thread := 0; ; thread++ {
		before := len(round)
		for k := range b.cores {
			if i := b.thread(k, thread, false); i >= 0 {
				round = append(round, i)
			}
		}
		if len(round) == before {
			break
		}
	}
	kind := func(i int) int { return b.cores[b.state[i].core].kind }
	slices.SortStableFunc(round, func(x, y int) int { return cmp.Or(b.load(x)-b.load(y), kind(x)-kind(y)) })
	for j := range n {
		i := round[j%len(round)]
		with := "another pool"
		if w := b.state[i].first; w >= 0 {
			with = fmt.Sprintf("worker %d", w)
		}
		b.give(i, "shares its CPU with "+with+": every usable CPU has a worker")
	}
}

func (b *planner) load(i int) int {
	n := b.state[i].workers
	if b.state[i].taken {
		n++
	}
	return n
}

// give pins the next worker to the CPU at index i.
func (b *planner) give(i int, why string) {
	c, s, w := &b.t.CPUs[i], &b.state[i], len(b.plan.Workers)
	if s.workers == 0 {
		s.first = w
	}
	s.workers++
	b.plan.Workers = append(b.plan.Workers, Assignment{Worker: w, CPU: c.ID, Core: c.Core, L3: c.L3, Node: c.Node, Why: why})
}

// unpinned leaves n workers to the scheduler.
func (b *planner) unpinned(n int, why string) {
	for w := range n {
		b.plan.Workers = append(b.plan.Workers, Assignment{Worker: w, CPU: Unknown, Core: Unknown, L3: Unknown, Node: Unknown, Why: why})
	}
}

// explicit uses the CPUs of the request, as far as the system grants them.
func (b *planner) explicit() {
	var use, outside []int
	for _, id := range b.r.CPUs {
		i := b.index(id)
		switch {
		case i < 0:
			b.warn("W-CPUS", "CPU %d was asked for but is not present: passed over", id)
		case !b.t.CPUs[i].Online:
			b.warn("W-CPUS", "CPU %d was asked for but is offline: passed over", id)
		case !b.t.Grants(id):
			b.warn("W-CPUS", "CPU %d was asked for but is %s: passed over", id, b.forbidden(i))
		default:
			use = append(use, i)
			if !b.t.CPUs[i].Allowed && !b.state[i].isolated {
				outside = append(outside, id)
			}
		}
	}
	if len(outside) > 0 {
		slices.Sort(outside)
		b.warn("W-OUTSIDE-AFFINITY", "outside the affinity mask, used because asked for: %s", cpuNames(slices.Compact(outside)))
	}
	if len(use) == 0 {
		b.warn("W-UNPINNED", "none of the CPUs asked for can be used: workers are not pinned")
		b.unpinned(b.chosen(len(b.cores)), "not pinned: none of the CPUs asked for can be used")
		return
	}
	if b.r.Workers == 0 {
		b.r.Workers = min(len(use), maxWorkers)
	}
	n := b.chosen(len(use))
	if n == 1 && b.t.Quota > 0 && b.t.Quota < 1 {
		b.warn("W-QUOTA", "quota %s CPUs is less than one core: the worker will be throttled", quotaText(b.t.Quota))
	}
	for j := range n {
		i := use[j%len(use)]
		why := "asked for"
		if !b.t.CPUs[i].Allowed {
			why += ", outside the affinity mask"
		}
		if w := b.state[i].first; w >= 0 {
			why += fmt.Sprintf("; shares its CPU with worker %d", w)
		}
		b.give(i, why)
	}
	b.judge(n)
}

// judge warns of what the finished assignment costs.
func (b *planner) judge(n int) {
	shared, siblings, foreign := 0, 0, 0
	onCore := make(map[int]bool)
	nodes := make(map[int]bool)
	kinds := make(map[int]int)
	for i := range b.state {
		s := &b.state[i]
		if s.workers == 0 {
			continue
		}
		c := &b.t.CPUs[i]
		shared += s.workers - 1
		if s.taken {
			foreign += s.workers
		}
		if c.Core >= 0 && onCore[c.Core] {
			siblings++
		}
		onCore[c.Core] = true
		kinds[max(c.Efficiency, 0)] += s.workers
		if c.Node >= 0 {
			nodes[c.Node] = true
		}
	}
	if shared+foreign > 0 {
		b.warn("W-OVERSUBSCRIBED", "%d of %d workers share a CPU with another worker", shared+foreign, n)
	}
	if siblings > 0 && b.r.Placement != PerThread {
		b.warn("W-SMT-SHARED", "%d of %d workers are SMT siblings of another worker", siblings, n)
	}
	if len(kinds) > 1 {
		b.warn("W-MIXED-KINDS", "workers on cores of different kinds: %d on performance cores, %d on efficiency cores", kinds[0], n-kinds[0])
	}
	if least := b.nodesNeeded(n); len(nodes) > least && least > 0 && b.r.Placement != Scatter {
		b.warn("W-CROSS-NODE", "%d workers span %d NUMA nodes where %d would do: placement compact keeps them together", n, len(nodes), least)
	}
}

// nodesNeeded returns the smallest number of NUMA nodes whose free cores hold n
// workers, or 0 when there are not that many. Cores of which the node is not
// known belong to none.
func (b *planner) nodesNeeded(n int) int {
	byNode := make(map[int]int)
	for k := range b.cores {
		if node := b.t.CPUs[b.cores[k].cpus[0]].Node; !b.cores[k].busy && node >= 0 {
			byNode[node]++
		}
	}
	sizes := make([]int, 0, len(byNode))
	for _, size := range byNode {
		sizes = append(sizes, size)
	}
	slices.Sort(sizes)
	for i := len(sizes) - 1; i >= 0; i-- {
		if n -= sizes[i]; n <= 0 {
			return len(sizes) - i
		}
	}
	return 0
}

func (b *planner) warn(id, format string, args ...any) {
	b.plan.Warnings = append(b.plan.Warnings, id+" "+fmt.Sprintf(format, args...))
}
