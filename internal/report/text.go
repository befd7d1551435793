package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/zeropool-go/zeropool/internal/svg"
	"github.com/zeropool-go/zeropool/topology"
)

const (
	labelWidth  = 11  // of the first column
	lineWidth   = 100 // at which lists wrap
	treeLines   = 48  // above it the text shows one of several alike parts
	planWorkers = 16  // above it the text groups workers by node
	planRuns    = 32  // above it workers of one node are grouped even if not neighbours
	matrixNodes = 16  // above it the text leaves the distances out
)

// textWriter writes labelled lines; the first error stays in its bufio.Writer.
type textWriter struct{ *bufio.Writer }

// field writes a label once and its lines below each other.
func (w textWriter) field(label string, lines ...string) {
	for i, line := range lines {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(w, "%-*s%s\n", labelWidth, label, svg.Printable(line))
	}
}

// Text writes the report for a person at a terminal.
func (r *Report) Text(out io.Writer) error {
	w := textWriter{bufio.NewWriter(out)}
	r.textMachine(w)
	r.textUsable(w)
	r.textTree(w)
	r.textDistances(w)
	r.textPlan(w)
	w.warnings(r.warnings())
	w.field("sources", wrap(or(r.Topology.Source, "none"))...)
	return w.Flush()
}

// PlanText writes the plan alone.
func (r *Report) PlanText(out io.Writer) error {
	w := textWriter{bufio.NewWriter(out)}
	r.textPlan(w)
	w.warnings(r.Plan.Warnings)
	return w.Flush()
}

func (r *Report) textMachine(w textWriter) {
	t := r.Topology
	model := or(t.Model, "unknown processor")
	switch {
	case t.VM && t.Hypervisor != "":
		model += ", virtual machine (" + t.Hypervisor + ")"
	case t.VM:
		model += ", virtual machine"
	}
	w.field("machine", append([]string{model}, wrap(r.summary())...)...)
	if s := r.cachesText(); s != "" {
		w.field("caches", wrap(s)...)
	}
	if lines := r.kindLines(); len(lines) > 0 {
		w.field("kinds", lines...)
	}
	if s := r.speedText(); s != "" {
		w.field("frequency", wrap(s)...)
	}
	if s := r.capacityText(); s != "" {
		w.field("capacity", wrap(s)...)
	}
	if t.SMT != "" && (r.count.perCore > 1 || t.SMT != "notimplemented") {
		w.field("smt", t.SMT)
	}
}

// kindLines lists the kinds of cores of a machine that has several, under the
// letters that mark them in the tree.
func (r *Report) kindLines() []string {
	by := r.groupBy(func(i int) int { return r.Topology.CPUs[i].Efficiency })
	if len(by) < 2 {
		return nil
	}
	var out []string
	for _, g := range by {
		word := "efficiency"
		if g.value == 0 {
			word = "performance"
		}
		cores := make(map[int]bool)
		for _, i := range g.index {
			cores[coreKey(&r.Topology.CPUs[i])] = true
		}
		out = append(out, fmt.Sprintf("%s (%s): %s, %s", kind(&r.Topology.CPUs[g.index[0]]), word,
			plural(len(cores), "core", "cores"), cpusText(r.idsAt(g.index))))
	}
	return out
}

func (r *Report) speedText() string {
	by := r.groupBy(func(i int) int { return r.Topology.CPUs[i].MaxKHz })
	var parts []string
	for _, g := range slices.Backward(by) {
		s := "up to " + ghz(g.value)
		if len(by) > 1 {
			s += " on " + cpusText(r.idsAt(g.index))
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "; ")
}

func (r *Report) capacityText() string {
	by := r.groupBy(func(i int) int { return r.Topology.CPUs[i].Capacity })
	if len(by) < 2 {
		return ""
	}
	var parts []string
	for _, g := range slices.Backward(by) {
		parts = append(parts, strconv.Itoa(g.value)+" on "+cpusText(r.idsAt(g.index)))
	}
	return strings.Join(parts, "; ")
}

type valueGroup struct {
	value int
	index []int
}

// groupBy groups the positions of CPUs by a known value, ascending.
func (r *Report) groupBy(value func(i int) int) []valueGroup {
	by := make(map[int][]int)
	for i := range r.Topology.CPUs {
		if v := value(i); v >= 0 {
			by[v] = append(by[v], i)
		}
	}
	out := make([]valueGroup, 0, len(by))
	for v, index := range by {
		out = append(out, valueGroup{v, index})
	}
	slices.SortFunc(out, func(x, y valueGroup) int { return x.value - y.value })
	return out
}

func (r *Report) idsAt(index []int) []int {
	out := make([]int, len(index))
	for j, i := range index {
		out[j] = r.Topology.CPUs[i].ID
	}
	return out
}

func (r *Report) textUsable(w textWriter) {
	t := r.Topology
	var usable, off []int
	for i := range t.CPUs {
		switch {
		case !t.CPUs[i].Online:
			off = append(off, t.CPUs[i].ID)
		case r.state[i] <= free:
			usable = append(usable, t.CPUs[i].ID)
		}
	}
	lines := wrap(fmt.Sprintf("%d of %s, %s: %s", len(usable), plural(r.count.cpus, "CPU", "CPUs"),
		plural(r.count.usableCores, "core", "cores"), or(ranges(usable), "none")))
	var limits []string
	limit := func(name string, ids []int, known bool) {
		if known {
			limits = append(limits, name+" "+or(ranges(ids), "none"))
		}
	}
	limit("affinity", t.Affinity, t.Affinity != nil)
	limit("cpuset", t.Cpuset, t.Cpuset != nil)
	limit("offline", off, len(off) > 0)
	limit("isolated", t.Isolated, len(t.Isolated) > 0)
	limit("nohz_full", t.NohzFull, len(t.NohzFull) > 0)
	if len(limits) > 0 {
		lines = append(lines, wrap(strings.Join(limits, " | "))...)
	}
	w.field("usable", lines...)
	w.field("cpu time", wrap(r.timeText())...)
	for _, f := range r.conditions() {
		var lines []string
		for _, s := range f.lines {
			lines = append(lines, wrap(clip(s, 3*lineWidth))...)
		}
		w.field(f.label, lines...)
	}
	var devices []string
	for _, s := range r.deviceLines() {
		devices = append(devices, wrap(clip(s, 3*lineWidth))...)
	}
	w.field("devices", devices...)
}

// textTree writes the levels above the cores, one line per box; of alike
// neighbours only the first when the whole would not fit a screen.
func (r *Report) textTree(w textWriter) {
	if len(r.tree.cpus) == 0 {
		return
	}
	r.alike()
	fold := countLines(r.tree) > treeLines
	w.field("tree", r.treeLines(nil, r.tree.children, 0, fold, true)...)
}

// countLines counts the boxes above the cores.
func countLines(b *box) int {
	n := 0
	for _, c := range b.children {
		if !c.isCore() {
			n += 1 + countLines(c)
		}
	}
	return n
}

func (r *Report) treeLines(lines []string, boxes []*box, depth int, fold, single bool) []string {
	indent := strings.Repeat("  ", depth)
	var cores []*box
	for i := 0; i < len(boxes); {
		b := boxes[i]
		if b.isCore() {
			cores = append(cores, b)
			i++
			continue
		}
		if len(cores) > 0 {
			lines, cores = r.coreLines(lines, cores, indent, single), nil
		}
		run := 1
		for fold && i+run < len(boxes) && boxes[i+run].shape == b.shape {
			run++
		}
		var s string
		if run > 1 {
			s = fmt.Sprintf("%d alike: ", run)
			for j, n := range b.names {
				if j > 0 {
					s += " = "
				}
				s += levelPlurals[n.level]
				if single {
					s += " " + strconv.Itoa(n.number) + "-" + strconv.Itoa(boxes[i+run-1].names[j].number)
				}
				if same := sameBytes(boxes[i:i+run], j); same > 0 {
					s += " of " + bytesText(same)
				}
			}
		} else {
			s = boxTitle(b, single)
		}
		var cpus, workers []int
		for _, x := range boxes[i : i+run] {
			cpus = append(cpus, r.ids(x)...)
			workers = append(workers, r.workersOf(x)...)
		}
		slices.Sort(cpus)
		slices.Sort(workers)
		if single {
			s += "  " + cpuList(cpus)
			if len(workers) > 0 {
				s += "  " + stridesOf(workers, "w")
			}
		} else {
			s += "  " + plural(len(cpus), "CPU", "CPUs")
			if len(workers) > 0 {
				s += ", " + plural(len(workers), "worker", "workers")
			}
		}
		lines = append(lines, clip(indent+s, 2*lineWidth))
		lines = r.treeLines(lines, b.children, depth+1, fold, single && run == 1)
		i += run
	}
	if len(cores) > 0 {
		lines = r.coreLines(lines, cores, indent, single)
	}
	return lines
}

// sameBytes returns the size in the j-th name of alike boxes when it is the same
// in all of them, otherwise 0.
func sameBytes(boxes []*box, j int) int64 {
	for _, b := range boxes {
		if bytesText(b.names[j].bytes) != bytesText(boxes[0].names[j].bytes) {
			return 0
		}
	}
	return boxes[0].names[j].bytes
}

// boxTitle joins the names of a box: package 0 = node 0.
func boxTitle(b *box, numbered bool) string {
	parts := make([]string, len(b.names))
	for i, n := range b.names {
		parts[i] = n.String()
		if !numbered {
			parts[i] = levelNames[n.level]
			if n.bytes > 0 {
				parts[i] += " " + bytesText(n.bytes)
			}
		}
	}
	return strings.Join(parts, " = ")
}

// coreLines shows the cores of one box: the CPUs of a core joined by +, with
// the worker or the state of each where there is room for it.
func (r *Report) coreLines(lines []string, cores []*box, indent string, single bool) []string {
	if !single || len(cores) > 32 {
		threads := 1
		for _, c := range cores {
			threads = max(threads, len(c.cpus))
		}
		s := plural(len(cores), "core", "cores")
		if threads > 1 {
			s += " of up to " + strconv.Itoa(threads) + " threads"
		}
		return append(lines, indent+s)
	}
	line := indent
	for _, c := range cores {
		cell := ""
		for j, i := range c.cpus {
			if j > 0 {
				cell += "+"
			}
			cell += strconv.Itoa(r.Topology.CPUs[i].ID)
			if ws := r.workers[r.Topology.CPUs[i].ID]; len(ws) > 0 {
				cell += "=" + rangesOf(ws, "w")
			} else if r.state[i] > free {
				cell += "=" + stateRoles[r.state[i]]
			}
		}
		cell = kind(&r.Topology.CPUs[c.cpus[0]]) + "[" + cell + "]"
		if len(line)+1+len(cell) > lineWidth && line != indent {
			lines = append(lines, line)
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += cell
	}
	return append(lines, line)
}

func (r *Report) textDistances(w textWriter) {
	nodes := r.Topology.Nodes
	if len(nodes) < 2 || len(nodes) > matrixNodes {
		return
	}
	var lines []string
	head := "node"
	for _, n := range nodes {
		head += fmt.Sprintf("%5d", n.ID)
	}
	lines = append(lines, head)
	known := false
	for _, n := range nodes {
		s := fmt.Sprintf("%4d", n.ID)
		for j := range nodes {
			if j < len(n.Distances) {
				s += fmt.Sprintf("%5d", n.Distances[j])
				known = true
			} else {
				s += "    ?"
			}
		}
		if len(n.CPUs) == 0 {
			s += "  memory only"
		}
		if n.MemBytes > 0 {
			s += "  " + bytesText(n.MemBytes)
		}
		lines = append(lines, s)
	}
	if known {
		w.field("distances", lines...)
	}
}

func (r *Report) textPlan(w textWriter) {
	lines := []string{r.planText()}
	switch {
	case !r.pinned():
		lines = append(lines, "  "+r.Plan.Workers[0].Why)
	case len(r.Plan.Workers) <= planWorkers:
		for _, a := range r.Plan.Workers {
			lines = append(lines, fmt.Sprintf("  %-5s CPU %-4d %s", "w"+strconv.Itoa(a.Worker), a.CPU, a.Why+r.nodeText(a)))
		}
	default:
		lines = append(lines, r.workerRuns()...)
	}
	w.field("plan", lines...)
	if reasons := r.reasons(); len(reasons) > 0 {
		lines = nil
		for _, g := range reasons {
			lines = append(lines, wrap(clip(g.why+": "+cpusText(g.cpus), 2*lineWidth-4*labelWidth))...)
		}
		w.field("left out", lines...)
	}
}

func (w textWriter) warnings(warnings []string) {
	var lines []string
	for _, s := range warnings {
		lines = append(lines, wrap(s)...)
	}
	w.field("warnings", lines...)
}

// nodeText says on which node an assignment is, where there are several.
func (r *Report) nodeText(a topology.Assignment) string {
	if a.Node < 0 || len(r.Topology.Nodes) < 2 {
		return ""
	}
	return ", node " + strconv.Itoa(a.Node)
}

// workerRun is a part of a plan with one reason and on one node.
type workerRun struct {
	first         topology.Assignment
	workers, cpus []int
}

// workerRuns shows a long plan as runs of workers with the same reason on
// CPUs of one node; where neighbours are far apart and the runs many, those of
// one node are joined.
func (r *Report) workerRuns() []string {
	var runs []*workerRun
	for _, a := range r.Plan.Workers {
		if n := len(runs); n == 0 || !alikePlaced(runs[n-1].first, a) {
			runs = append(runs, &workerRun{first: a})
		}
		run := runs[len(runs)-1]
		run.workers, run.cpus = append(run.workers, a.Worker), append(run.cpus, a.CPU)
	}
	if len(runs) > planRuns {
		runs = joinRuns(runs)
	}
	var lines []string
	for _, run := range runs {
		cpus := slices.Compact(sorted(run.cpus))
		s := fmt.Sprintf("  %-11s %s: %s", stridesOf(run.workers, "w"), cpuList(cpus), stem(run.first.Why)+r.nodeText(run.first))
		lines = append(lines, clip(s, 2*lineWidth))
	}
	return lines
}

// joinRuns joins runs that differ only in their workers and CPUs.
func joinRuns(runs []*workerRun) []*workerRun {
	type key struct {
		node int
		why  string
	}
	at := make(map[key]*workerRun)
	var out []*workerRun
	for _, run := range runs {
		k := key{run.first.Node, stem(run.first.Why)}
		if to := at[k]; to != nil {
			to.workers, to.cpus = append(to.workers, run.workers...), append(to.cpus, run.cpus...)
			continue
		}
		at[k] = run
		out = append(out, run)
	}
	return out
}

func alikePlaced(a, b topology.Assignment) bool {
	return a.Node == b.Node && stem(a.Why) == stem(b.Why)
}

// stem is a reason without the CPU or worker that it names.
func stem(why string) string {
	for _, cut := range []string{" of CPU ", " with worker "} {
		if head, tail, ok := strings.Cut(why, cut); ok {
			if _, rest, ok := strings.Cut(tail, ":"); ok {
				return head + ":" + rest
			}
			return head
		}
	}
	return why
}

// wrap breaks a line at spaces and after commas; a single item may be longer.
func wrap(s string) []string {
	const width = lineWidth - labelWidth
	var lines []string
	for len(s) > width {
		cut := strings.LastIndexAny(s[:width+1], " ,")
		if cut <= 2 {
			if cut = strings.IndexAny(s[width:], " ,"); cut < 0 {
				break
			}
			cut += width
		}
		if s[cut] == ',' {
			cut++
		}
		lines = append(lines, strings.TrimRight(s[:cut], " "))
		s = "  " + strings.TrimLeft(s[cut:], " ")
	}
	return append(lines, s)
}

// clip cuts a line that is too long and marks the cut.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	cut := n - 3
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "..."
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
