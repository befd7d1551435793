package matrix

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// The lines of a README between which Readme writes.
const (
	readmeBegin = "<!-- benchmarks: begin; written by ci/matrix -->\n"
	readmeEnd   = "<!-- benchmarks: end -->\n"
)

// Readme returns the text with a picture and a short table of the run that the
// pictures are about in place of what stands between the two marks.
func (m *Matrix) Readme(text []byte) ([]byte, error) {
	before, rest, ok := bytes.Cut(text, []byte(readmeBegin))
	if !ok {
		return nil, fmt.Errorf("no line %q", strings.TrimSpace(readmeBegin))
	}
	_, after, ok := bytes.Cut(rest, []byte(readmeEnd))
	if !ok {
		return nil, fmt.Errorf("no line %q after %q", strings.TrimSpace(readmeEnd), strings.TrimSpace(readmeBegin))
	}
	run := m.reference()
	if run == nil {
		return nil, errors.New("no run has times that mean something")
	}
	var b bytes.Buffer
	b.Write(before)
	b.WriteString(readmeBegin)
	m.summary(&b, run)
	b.WriteString(readmeEnd)
	b.Write(after)
	return b.Bytes(), nil
}

func (m *Matrix) summary(b *bytes.Buffer, run *Run) {
	fmt.Fprintf(b, "On %s with %d CPUs, %s, %s/%s, commit %s, %s:\n\n![Time of zeropool divided by that of the best other, for each workload](docs/img/overview.svg)\n\n",
		cell(run.CPU), run.CPUs, cell(run.Go), cell(run.OS), cell(run.Arch), cell(run.Source()), run.Date.Format("2006-01-02"))
	var rows, rest [][]string
	var losses []string
	most := 0.0
	compared := 0
	for i := range m.Workloads {
		q := &m.Workloads[i]
		c, ok := q.cell(run)
		if _, shown := workloadWords[q.Name]; !ok || !shown {
			continue
		}
		if a := c.Result.Ours().Allocs; a != nil && !allocates(c) {
			most = max(most, *a)
		}
		row := []string{q.words(), medianOf(c, bench.Ours), medianOf(c, bench.Channel)}
		p, ok := c.peer()
		if !ok {
			rest = append(rest, append(row, "", "", ""))
			continue
		}
		compared++
		if p.Median > level {
			losses = append(losses, fmt.Sprintf("%s (%s× %s)", q.words(), bench.Number(p.Median), variant(p.To)))
		}
		rows = append(rows, append(row, medianOf(c, bench.Serial), variant(p.To), bench.Number(p.Median)+"×"))
	}
	table(b, []string{"time per task, medians", "zeropool", "channel", "plain loop", "best other", "zeropool / best other"}, append(rows, rest...), 1)
	fmt.Fprintf(b, "\nZeropool itself allocates %s per task in any of these.", allocations(most))
	switch len(losses) {
	case 0:
		fmt.Fprintf(b, " It is the fastest of all in each of the %d that are compared.\n", compared)
	default:
		fmt.Fprintf(b, "\n**Slower than the best other** in %d of %d: %s.\n", len(losses), compared, cell(strings.Join(losses, "; ")))
	}
	fmt.Fprint(b, "Pools on queues that their workers poll (xsync, disruptor) never sleep; they are not among the best others, but in the full tables. All builds, percentiles, more workers, method and caveats: [docs/benchmarks.md](docs/benchmarks.md).\n")
}

// allocates reports whether the tasks of a workload allocate by themselves: its
// plain variants do too, or each task makes room for those that it submits.
func allocates(c *Cell) bool {
	if c.Result.Name == "n-queens" {
		return true
	}
	for _, name := range []string{bench.Serial, bench.Channel} {
		if s, ok := c.sample(name); ok && s.Allocs != nil && *s.Allocs >= 1 {
			return true
		}
	}
	return false
}

// medianOf returns the median of a variant, or nothing.
func medianOf(c *Cell, variant string) string {
	s, ok := c.sample(variant)
	if !ok {
		return ""
	}
	return value(c.Result.Unit, s.Median)
}

func allocations(n float64) string {
	if n < 0.01 {
		return "nothing"
	}
	return "at most " + bench.Number(n) + " objects"
}
