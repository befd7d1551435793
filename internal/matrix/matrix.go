// Package matrix puts the benchmark reports of several machines, architectures
// and builds side by side, as Markdown, SVG and HTML. Equal input gives equal
// bytes.
package matrix

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/zeropool-go/zeropool/internal/bench"
)

// A Run is one report with a short name.
type Run struct {
	Label string
	*bench.Report
}

// A Matrix is several runs of the benchmark set.
type Matrix struct {
	Runs      []Run
	Workloads []Workload // in the order of the first run that has them
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

// timed reports whether the times of the cell mean anything.
func (c *Cell) timed() bool { return !c.Run.Emulated && c.Result.Missing == "" }

// New names the runs after what distinguishes them.
func New(reports []*bench.Report) *Matrix {
	m := new(Matrix)
	used := map[string]int{}
	for _, r := range reports {
		label := label(&r.Machine)
		if used[label]++; used[label] > 1 {
			label = fmt.Sprintf("%s #%d", label, used[label])
		}
		m.Runs = append(m.Runs, Run{label, r})
	}
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

// ratios returns the comparisons of a cell that can be drawn.
func (c *Cell) ratios() []bench.Ratio {
	if !c.timed() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Result.Ratios), func(r bench.Ratio) bool {
		return r.Median <= 0 || math.IsNaN(r.Median)
	})
}

// peer returns the comparison with the best that is not a plain loop, which has
// no waiting and no second CPU, unless there is nothing else.
func (c *Cell) peer() (best bench.Ratio, found bool) {
	for _, r := range c.ratios() {
		if r.To == bench.Serial && len(c.Result.Ratios) > 1 {
			continue
		}
		if !found || r.Median > best.Median {
			best, found = r, true
		}
	}
	return best, found
}

// emulatedNote is what stands in the place of times.
const emulatedNote = "emulated: results and allocations only, not time"
