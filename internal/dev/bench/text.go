package bench

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	out := &textWriter{w: w}
	out.printf("%s\n", r.Machine.Text())
	out.peers(r.Peers)
	for i := range r.Results {
		out.result(&r.Results[i])
	}
	if name, ratio := r.worstSchedule(); name != "" {
		out.printf("worst ratio to the ideal schedule: %s, %s\n", Number(ratio), name)
	}
	return out.err
}

// worstSchedule returns the workload with the largest ratio to the ideal
// schedule, "" if none was compared with it.
func (r *Report) worstSchedule() (name string, ratio float64) {
	for i := range r.Results {
		if q, ok := r.Results[i].Ratio(Ideal); ok && q.Median > ratio {
			name, ratio = r.Results[i].Name, q.Median
		}
	}
	return name, ratio
}

// Text says in a few lines what a run was made on.
func (m *Machine) Text() string {
	var b strings.Builder
	build := m.Build + " queue"
	if m.Level != "" {
		build += ", " + m.Level
	}
	if m.Tags != "" {
		build += ", tags " + m.Tags
	}
	fmt.Fprintf(&b, "cpu      %s, topology %s\n", m.CPU, m.Topology)
	fmt.Fprintf(&b, "go       %s %s/%s, %s, commit %s\n", m.Go, m.OS, m.Arch, build, m.Source())
	fmt.Fprintf(&b, "workers  %d, %d of them with a CPU in the plan, on %d CPUs with GOMAXPROCS %d\n", m.Workers, m.Pinned, m.CPUs, m.GOMAXPROCS)
	fmt.Fprintf(&b, "date     %s; latencies contain %s ns for the clock\n", m.Date.Format("2006-01-02 15:04 MST"), Number(m.ClockCost))
	if m.Emulated {
		b.WriteString("emulated: the results are right, the times mean nothing\n")
	}
	return b.String()
}

// Source names the commit.
func (m *Machine) Source() string {
	s := m.Commit[:min(len(m.Commit), 12)]
	if m.Modified {
		s += " (modified)"
	}
	return s
}

// textWriter remembers the first error.
type textWriter struct {
	w   io.Writer
	err error
}

func (t *textWriter) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// peers says what the variants are that are not plain Go.
func (t *textWriter) peers(peers []PeerInfo) {
	for _, p := range peers {
		t.printf("%s: %s %s\n  %s\n", p.Name, p.Module, p.Version, p.How)
	}
	if len(peers) > 0 {
		t.printf("\n")
	}
}

func (t *textWriter) result(r *Result) {
	t.printf("%s: %s\n", r.Name, r.Title)
	if r.Missing != "" {
		t.printf("  not measured: %s\n\n", r.Missing)
		return
	}
	latency := r.Ours().Latency != nil
	tw := tabwriter.NewWriter(&lineWriter{t}, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "\t%s\tq1\tq3\tmin\tmax\t", r.Unit)
	if latency {
		fmt.Fprint(tw, "p50\tp99\tp99.9\tworst\t")
	}
	efficiency := r.Ours().Efficiency != nil
	if efficiency {
		fmt.Fprint(tw, "efficiency\t")
	}
	memory := r.Ours().Memory != nil
	if memory {
		fmt.Fprint(tw, "heap\tstacks\tresident\tgoroutines\tthreads\t\n")
	} else {
		fmt.Fprint(tw, "allocs\tzeropool is\t\n")
	}
	for _, s := range r.Samples {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t", s.Name, Number(s.Median), Number(s.Q1), Number(s.Q3), Number(s.Min), Number(s.Max))
		if latency {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t", Number(s.Latency.P50), Number(s.Latency.P99), Number(s.Latency.P999), Number(s.Latency.Max))
		}
		if efficiency {
			text := "" // of what another process does
			if s.Efficiency != nil {
				text = Number(s.Efficiency.Median)
			}
			fmt.Fprintf(tw, "%s\t", text)
		}
		if memory {
			m := s.Memory
			fmt.Fprintf(tw, "%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t\n", m.Heap, m.Stacks, m.RSS, m.Goroutines, m.Threads)
			continue
		}
		allocs, ratio := "", ""
		if s.Allocs != nil {
			allocs = Number(*s.Allocs)
		}
		if q, ok := r.Ratio(s.Name); ok {
			ratio = Number(q.Median) + "×"
		}
		fmt.Fprintf(tw, "%s\t%s\t\n", allocs, ratio)
	}
	if err := tw.Flush(); t.err == nil {
		t.err = err
	}
	t.printf("\n")
}

// lineWriter lets a tabwriter write through a textWriter.
type lineWriter struct{ t *textWriter }

func (w *lineWriter) Write(p []byte) (int, error) {
	w.t.printf("%s", p)
	return len(p), w.t.err
}

// Number writes a measured value with about three digits.
func Number(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x < 0.0005:
		return "<0.001"
	case x < 0.1:
		return strconv.FormatFloat(x, 'f', 3, 64)
	case x < 10:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case x < 100:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case x < 1e6:
		return thousands(int(x + 0.5))
	}
	return strconv.FormatFloat(x, 'e', 2, 64)
}
