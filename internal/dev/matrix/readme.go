package matrix

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
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

// readmeRows are the workloads of the README's table: one for each way to use a
// pool, and what people do with it. Those that we lose are in it too, whatever
// they are.
var readmeRows = []string{"single-1000", "first-burst", "burst-after-rest", "submitters-8x10000", "group-1000",
	"batch-1000", "foreach-100000", "heavy-1000", "heavy-single-1000", "hot", "idle-200us", "go-on",
	"fib-22", "fork-tree", "quicksort", "n-queens", "allocating", "http-8", "sha256-tree", "parse-tree", "resize",
	"idle-cpu", "idle-memory"}

func (m *Matrix) summary(b *bytes.Buffer, run *Run) {
	fmt.Fprintf(b, "On %s with %d CPUs, %s, %s/%s, commit %s, %s:\n\n![Time of zeropool divided by that of the best other, for each workload](docs/img/overview.svg)\n\n",
		cell(run.CPU), run.CPUs, cell(run.Go), cell(run.OS), cell(run.Arch), cell(run.Source()), run.Date.Format("2006-01-02"))
	var rows, rest [][]string
	var losses []string
	most, fresh := 0.0, 0.0
	compared := 0
	for i := range m.Workloads {
		q := &m.Workloads[i]
		shown := slices.Contains(readmeRows, q.Name)
		c, best, ok := q.compared(run)
		if !ok {
			if c, ok := q.cell(run); ok && shown {
				rest = append(rest, []string{q.words(), medianOf(c, bench.Ours), medianOf(c, bench.Channel), "", "", ""})
			}
			continue
		}
		compared++
		switch a := c.Result.Ours().Allocs; {
		case a == nil || allocates(c):
		case q.Name == "new", q.Name == "new-first", q.Name == "close": // no tasks
		case q.Name == "first-burst", q.Name == "first-task":
			fresh = max(fresh, *a)
		default:
			most = max(most, *a)
		}
		if best.Median > level {
			shown = true
			losses = append(losses, fmt.Sprintf("%s (%s× %s)", q.words(), bench.Number(best.Median), variant(best.To)))
		}
		if shown {
			rows = append(rows, []string{q.words(), medianOf(c, bench.Ours), medianOf(c, bench.Channel), medianOf(c, bench.Serial),
				variant(best.To), bench.Number(best.Median) + "×"})
		}
	}
	table(b, []string{"time per task, medians", "zeropool", "channel", "plain loop", "best other", "zeropool / best other"}, append(rows, rest...), 1)
	fmt.Fprintf(b, "\n%d workloads are compared in the picture and in [docs/benchmarks.md](docs/benchmarks.md); the table has some of each kind, and each that is lost. Zeropool itself allocates %s per task in any of them", compared, allocations(most))
	if fresh > most {
		fmt.Fprintf(b, ", but for what a new pool still makes for its first ones (at most %s objects each)", bench.Number(fresh))
	}
	fmt.Fprint(b, ".")
	switch len(losses) {
	case 0:
		fmt.Fprintf(b, " It is the fastest of all, or as fast, in each.\n")
	default:
		fmt.Fprintf(b, "\n**Slower than the best other** in %d of %d: %s.\n", len(losses), compared, cell(strings.Join(losses, "; ")))
	}
	fmt.Fprint(b, "Pools on queues that their workers poll (xsync, disruptor) never sleep; they are not among the best others, but in the full tables. All builds, percentiles, more workers, method and caveats: [docs/benchmarks.md](docs/benchmarks.md).\n")
}

// allocates reports whether the tasks of a workload allocate by themselves: its
// plain variants do too, each task makes room for those that it submits, or the goroutines
// that submit them are new, or have a WaitGroup or Group for each few.
func allocates(c *Cell) bool {
	switch c.Result.Name {
	case "n-queens", "told-rounds-2x8", "requests-64x4":
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
