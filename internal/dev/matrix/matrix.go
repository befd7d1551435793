// Package matrix puts the benchmark reports of several machines, architectures
// and builds side by side, as Markdown, SVG and HTML. Equal input gives equal
// bytes.
package matrix

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// A Run is one report with a short name.
type Run struct {
	Label string
	*bench.Report
}

// A Matrix is several runs of the benchmark set.
type Matrix struct {
	Notes     []string   // on what the runs were made with, for the page about them
	Runs      []Run      // side by side
	Scaled    []Run      // the builds of Runs again, with other numbers of workers
	Workloads []Workload // of Runs, in the order of the first that has them
}

// A Workload is what the runs say about one workload.
type Workload struct {
	Name, Title, Unit string
	Cells             []Cell // of the runs that have it
}

// A Cell is one run of a workload.
type Cell struct {
	Run    *Run
	Result *bench.Result
}

// instructions is the unit of results that mean the same under emulation.
const instructions = "instructions/task"

// shown reports whether the values of the cell mean anything.
func (c *Cell) shown() bool {
	return c.Result.Missing == "" && (!c.Run.Emulated || c.Result.Unit == instructions)
}

// New joins the reports that continue each other and names the runs after what
// distinguishes them. It does not change the reports.
func New(reports []*bench.Report) *Matrix {
	m := new(Matrix)
	for _, r := range join(reports) {
		run := Run{Report: r}
		if slices.ContainsFunc(reports, func(o *bench.Report) bool { return scales(r, o) }) {
			m.Scaled = append(m.Scaled, run)
		} else {
			m.Runs = append(m.Runs, run)
		}
	}
	name(m.Runs)
	name(m.Scaled)
	for i := range m.Runs {
		run := &m.Runs[i]
		for k := range run.Results {
			q := &run.Results[k]
			at := slices.IndexFunc(m.Workloads, func(w Workload) bool { return w.Name == q.Name })
			if at < 0 {
				at = len(m.Workloads)
				m.Workloads = append(m.Workloads, Workload{Name: q.Name, Title: q.Title, Unit: q.Unit})
			}
			m.Workloads[at].Cells = append(m.Workloads[at].Cells, Cell{run, q})
		}
	}
	return m
}

// join makes one report of those by the same program, or by it and the one that
// measures peers as well. Of a workload in both, the result with more variants
// stays.
func join(reports []*bench.Report) []*bench.Report {
	var joined []*bench.Report
	for _, r := range reports {
		at := slices.IndexFunc(joined, func(o *bench.Report) bool { return continues(o, r) })
		if at < 0 {
			c := *r
			c.Results = slices.Clone(r.Results)
			joined = append(joined, &c)
			continue
		}
		into := joined[at]
		into.Peers = slices.Clone(into.Peers)
		for _, p := range r.Peers {
			if !slices.Contains(into.Peers, p) {
				into.Peers = append(into.Peers, p)
			}
		}
		for _, q := range r.Results {
			k := slices.IndexFunc(into.Results, func(o bench.Result) bool { return o.Name == q.Name })
			switch {
			case k < 0:
				into.Results = append(into.Results, q)
			case len(q.Samples) > len(into.Results[k].Samples):
				into.Results[k] = q
			}
		}
	}
	return joined
}

// continues reports whether b can be joined to a: the same build on the same
// machine, and not the same measurements again.
func continues(a, b *bench.Report) bool {
	if build(a) != build(b) || a.Workers != b.Workers {
		return false
	}
	return (len(a.Peers) > 0) != (len(b.Peers) > 0) || !slices.ContainsFunc(b.Results, func(q bench.Result) bool { return has(a, q.Name) })
}

// scales reports whether a only adds to b how it scales with the workers.
func scales(a, b *bench.Report) bool {
	return build(a) == build(b) && a.Workers != b.Workers && len(a.Results) < len(b.Results) &&
		!slices.ContainsFunc(a.Results, func(q bench.Result) bool { return !has(b, q.Name) })
}

func has(r *bench.Report, workload string) bool {
	return slices.ContainsFunc(r.Results, func(q bench.Result) bool { return q.Name == workload })
}

// build is what stays the same when a build is run again on the same machine,
// with any number of workers.
func build(r *bench.Report) bench.Machine {
	m := r.Machine
	m.Date, m.ClockCost, m.Workers, m.Pinned = time.Time{}, 0, 0, 0
	return m
}

// name labels runs by their build and by whatever else tells those apart that
// have equal builds.
func name(runs []Run) {
	groups := map[string][]*Run{}
	for i := range runs {
		runs[i].Label = label(&runs[i].Machine)
		groups[runs[i].Label] = append(groups[runs[i].Label], &runs[i])
	}
	for _, group := range groups {
		tell(group, func(r *Run) string { return r.CPU })
		tell(group, func(r *Run) string { return r.Go })
		tell(group, func(r *Run) string { return workers(r.Workers) })
	}
	used := map[string]int{}
	for i := range runs {
		if used[runs[i].Label]++; used[runs[i].Label] > 1 {
			runs[i].Label += fmt.Sprintf(" #%d", used[runs[i].Label])
		}
	}
}

// tell adds what distinguishes runs to their labels, if it does.
func tell(runs []*Run, what func(*Run) string) {
	for _, r := range runs[1:] {
		if what(r) != what(runs[0]) {
			for _, r := range runs {
				r.Label += ", " + what(r)
			}
			return
		}
	}
}

func workers(n int) string {
	if n == 1 {
		return "1 worker"
	}
	return fmt.Sprintf("%d workers", n)
}

func label(m *bench.Machine) string {
	parts := []string{m.Arch}
	if m.OS != "linux" {
		parts[0] = m.OS + "/" + m.Arch
	}
	if m.Level != "" {
		parts = append(parts, m.Level)
	}
	if m.Tags != "" {
		parts = append(parts, m.Tags)
	} else if m.Build == "generic" {
		parts = append(parts, m.Build)
	}
	if m.Emulated {
		parts = append(parts, "(emulated)")
	}
	return strings.Join(parts, " ")
}

// reference returns the run that the pictures are about: the one in which the
// most was measured, of those whose times mean something. It is nil where there
// is none.
func (m *Matrix) reference() *Run {
	var best *Run
	most := 0
	for i := range m.Runs {
		n := 0
		for _, q := range m.Runs[i].Results {
			n += len(q.Samples)
		}
		if !m.Runs[i].Emulated && n > most {
			best, most = &m.Runs[i], n
		}
	}
	return best
}

// cell returns what a run says about a workload.
func (q *Workload) cell(r *Run) (*Cell, bool) {
	for i := range q.Cells {
		if c := &q.Cells[i]; c.Run == r && c.shown() {
			return c, true
		}
	}
	return nil, false
}

// ratios returns the comparisons of a cell that can be drawn.
func (c *Cell) ratios() []bench.Ratio {
	if !c.shown() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Result.Ratios), func(r bench.Ratio) bool {
		return !(r.Median > 0) || math.IsInf(r.Median, 0)
	})
}

// peer returns the comparison with the best that is not serial, which has no
// waiting and no second CPU, unless there is nothing else.
func (c *Cell) peer() (best bench.Ratio, found bool) {
	ratios := c.ratios()
	for _, r := range ratios {
		// What runs on one goroutine gives way to any other.
		better := r.Median > best.Median && !serial(r.To) || serial(best.To)
		if rival(r.To) && (!found || better) {
			best, found = r, true
		}
	}
	return best, found
}

// scheduled reports whether it is known what no schedule could do better: those
// workloads are many, and are shown together.
func (q *Workload) scheduled() bool {
	return slices.ContainsFunc(q.Cells, func(c Cell) bool { _, ok := c.ideal(); return ok })
}

// ideal returns what no schedule could do better, where that is known.
func (c *Cell) ideal() (bench.Sample, bool) { return c.sample(bench.Ideal) }

// sample returns what a cell says about a variant.
func (c *Cell) sample(variant string) (bench.Sample, bool) {
	for _, s := range c.Result.Samples {
		if s.Name == variant {
			return s, true
		}
	}
	return bench.Sample{}, false
}

// variants returns the names of all variants of a workload: zeropool first, the
// others from the fastest to the slowest in the first run that has them.
func (q *Workload) variants() []string {
	var names []string
	for i := range q.Cells {
		c := &q.Cells[i]
		if !c.shown() {
			continue
		}
		samples := slices.Clone(c.Result.Samples)
		slices.SortStableFunc(samples, func(a, b bench.Sample) int {
			switch {
			case ours(a.Name) != ours(b.Name):
				return order(ours(b.Name), ours(a.Name))
			case ours(a.Name):
				return 0
			default:
				return order(a.Median > b.Median, b.Median > a.Median)
			}
		})
		for _, s := range samples {
			if !slices.Contains(names, s.Name) {
				names = append(names, s.Name)
			}
		}
	}
	return names
}

// order compares two values of which at most one is greater.
func order(greater, less bool) int {
	switch {
	case greater == less:
		return 0
	case greater:
		return 1
	}
	return -1
}

// emulatedNote is what stands in the place of times.
const emulatedNote = "emulated: correctness and instruction counts only, not time"
