package matrix

import (
	"slices"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// A goal is what a workload is to reach: at most so much, or, of a share, at least.
type goal struct {
	workload string
	figure   figure
	bound    float64
}

// A figure is one thing that is known of a cell.
type figure struct {
	head  string // what the bound is of, before the number
	unit  string // of the number, for value
	tail  string // behind the number
	least bool   // the more the better
	of    func(c *Cell) (float64, bool)
}

func (f figure) text(x float64) string { return value(f.unit, x) + f.tail }

// ratioTo is the time divided by that of a variant.
func ratioTo(to string) figure {
	return figure{tail: " × " + variant(to), of: func(c *Cell) (float64, bool) {
		r, ok := c.Result.Ratio(to)
		return r.Median, ok
	}}
}

// percentileTo is a percentile of the latencies divided by that of a variant.
func percentileTo(head, to string, of func(*bench.Percentiles) float64) figure {
	return figure{head: head, tail: " × " + variant(to), of: func(c *Cell) (float64, bool) {
		other, ok := c.sample(to)
		mine := c.Result.Ours()
		if !ok || mine.Latency == nil || other.Latency == nil || of(other.Latency) == 0 {
			return 0, false
		}
		return of(mine.Latency) / of(other.Latency), true
	}}
}

func p50To(to string) figure {
	return percentileTo("50 %: ", to, func(l *bench.Percentiles) float64 { return l.P50 })
}

func p99To(to string) figure {
	return percentileTo("99 %: ", to, func(l *bench.Percentiles) float64 { return l.P99 })
}

var (
	toBest = figure{tail: " × the best other", of: func(c *Cell) (float64, bool) {
		r, ok := c.peer()
		return r.Median, ok
	}}
	efficiency = figure{head: "efficiency ", least: true, of: func(c *Cell) (float64, bool) {
		e := c.Result.Ours().Efficiency
		if e == nil {
			return 0, false
		}
		return e.Median, true
	}}
	p999 = figure{head: "99.9 %: ", unit: "ns", of: func(c *Cell) (float64, bool) {
		l := c.Result.Ours().Latency
		if l == nil {
			return 0, false
		}
		return l.P999, true
	}}
)

// medianIn is the value itself, which has that unit.
func medianIn(unit string) figure {
	return figure{unit: unit, of: func(c *Cell) (float64, bool) { return c.Result.Ours().Median, true }}
}

// goals are what was asked of the second version before it was built.
var goals = []goal{
	{"single-1000", ratioTo(bench.Channel), 0.35},
	{"first-burst", ratioTo(bench.Channel), 0.7},
	{"burst-after-rest", ratioTo(bench.Channel), 0.7},
	{"group-1000", ratioTo(bench.Channel), 0.45},
	{"submitters-8x10000", ratioTo(bench.Channel), 0.4},
	{"loop-of-one", ratioTo(bench.Channel), 0.06},
	{"fib-22", ratioTo(bench.Calls), 2},
	{"fib-22", medianIn("ns"), 12},
	{"fib-27", ratioTo(bench.OneWorker), 1 / 1.7},
	{"fork-tree", ratioTo(bench.OneWorker), 1 / 1.7},
	{"quicksort", ratioTo(bench.Library), 0.6},
	{"batch-1000", ratioTo(bench.Serial), 1.6},
	{"batch-100000", ratioTo(bench.Serial), 0.65},
	{"foreach-1000", ratioTo(bench.Serial), 1.15},
	{"foreach-100000", ratioTo(bench.Serial), 0.65},
	{"resize", toBest, 1.03},
	{"parse-tree", toBest, 1.03},
	{"sha256-tree", toBest, 1.03},
	{"http-1", ratioTo(bench.Handlers), 1},
	{"http-1", p99To(bench.Handlers), 1},
	{"http-8", ratioTo(bench.Handlers), 1 / 0.97},
	{"http-8", p99To(bench.Handlers), 1},
	{"heavy-1000", efficiency, 0.96},
	{"heavy-single-1000", efficiency, 0.96},
	{"loaded", p50To(bench.Channel), 1},
	{"loaded", p99To(bench.Channel), 1},
	{"busy-procs", p50To(bench.Channel), 0.8},
	{"busy-procs", p99To(bench.Channel), 2},
	{"stop-world-10us", p50To(bench.Channel), 1.1},
	{"stop-world-10us", p99To(bench.Channel), 3},
	{"stop-world-tiny", p50To(bench.Channel), 1.1},
	{"stop-world-tiny", p99To(bench.Channel), 3},
	{"hot", p999, 2000},
	{"wait-context", ratioTo(bench.Goroutines), 1},
	{"idle-200us", p50To(bench.Channel), 0.2},
	{"go-on", p50To(bench.Channel), 0.5},
	{"idle-cpu", medianIn("% of a CPU"), 0.05},
	{"idle-memory", medianIn("bytes"), 100_000},
	{"new-first", medianIn("ns"), 2e6},
	{"new", medianIn("ns"), 0.4e6},
	{"first-task", medianIn("ns"), 15_000},
	{"close", medianIn("ns"), 0.2e6},
}

// goalTable says how far the reference run is from the goals.
func (m *Matrix) goalTable(w *page) {
	var rows [][]string
	met := 0
	for _, g := range goals {
		i := slices.IndexFunc(m.Workloads, func(q Workload) bool { return q.Name == g.workload })
		if i < 0 {
			continue
		}
		c, ok := m.Workloads[i].cell(m.reference())
		if !ok {
			continue
		}
		row := []string{m.Workloads[i].words(), g.text(), "not measured", ""}
		if x, ok := g.figure.of(c); ok {
			row[2] = g.figure.text(x)
			if g.reached(x) {
				met++
			} else {
				row[3] = "missed"
			}
		}
		rows = append(rows, row)
	}
	if rows == nil {
		return
	}
	w.line("\n## Goals\n\nWhat was asked of this version before it was built, and the run %s. It reaches %d of %d; a figure near its goal is on either side of it from run to run. What was tried for the others is in [design.md](design.md#5-measured-before-it-was-built).\n",
		m.reference().Label, met, len(rows))
	table(w, []string{"", "goal", "measured", ""}, rows, 1)
}

func (g goal) reached(x float64) bool {
	if g.figure.least {
		return x >= g.bound
	}
	return x <= g.bound
}

func (g goal) text() string {
	sign := "≤ "
	if g.figure.least {
		sign = "≥ "
	}
	return g.figure.head + sign + g.figure.text(g.bound)
}
