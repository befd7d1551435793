package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/internal/cli"
	"github.com/zeropool-go/zeropool/internal/dev/bench"
	"github.com/zeropool-go/zeropool/internal/report"
	"github.com/zeropool-go/zeropool/topology"
)

// demoWorkloads are the rows of the demonstration, with the words for them.
var demoWorkloads = []struct{ name, words string }{
	{"single-1000", "1,000 tasks one by one, a Future each"},
	{"first-burst", "the same, the first that a new pool runs"},
	{"batch-1000", "1,000 tasks, one batch"},
	{"foreach-1000", "1,000 tasks, ForEach"},
	{"foreach-100000", "100,000 tasks, ForEach"},
	{"for-100000", "100,000 indices, For"},
	{"heavy-1000", "1,000 tasks of 16 µs, one batch"},
	{"hot", "one task, submit and wait"},
}

// demoColumns are its columns.
var demoColumns = []struct{ variant, words string }{
	{bench.Ours, "zeropool"},
	{bench.Channel, "channel"},
	{bench.Goroutines, "goroutine/task"},
	{bench.Chunks, "goroutine/CPU"},
	{bench.Serial, "plain loop"},
}

// runDemo is the command without arguments.
func runDemo(stdout, stderr io.Writer) int {
	return cli.Finish("zeropool demonstration", demo(stdout, stderr), stderr)
}

func demo(stdout, stderr io.Writer) error {
	if err := showMachine(stdout); err != nil {
		return err
	}
	if err := showPlan(stdout); err != nil {
		return err
	}
	var workloads []bench.Workload
	for _, d := range demoWorkloads {
		w, err := bench.Find(d.name)
		if err != nil {
			return err
		}
		workloads = append(workloads, w)
	}
	e, err := bench.NewEnv()
	if err != nil {
		return err
	}
	set := bench.Set{Env: e, Workloads: workloads}
	r, err := set.Measure(bench.Brief, stderr)
	if err != nil {
		return err
	}
	return showFigures(stdout, r)
}

func showMachine(w io.Writer) error {
	t, err := topology.Detect()
	if err != nil {
		_, err = fmt.Fprintf(w, "machine    not known: %v\n", err)
		return err
	}
	return report.New(t, topology.Request{}).Summary(w)
}

// showPlan shows where the workers of a pool with default options sit.
func showPlan(w io.Writer) error {
	p, err := zeropool.New()
	if err != nil {
		return err
	}
	defer p.Close()
	plan := p.Plan()
	label := "workers"
	for _, a := range plan.Workers {
		where := "not pinned"
		if a.CPU != topology.Unknown {
			where = fmt.Sprintf("CPU %d", a.CPU)
			for _, group := range []struct {
				name  string
				label int
			}{{"core", a.Core}, {"L3", a.L3}, {"node", a.Node}} {
				if group.label != topology.Unknown {
					where += fmt.Sprintf(", %s %d", group.name, group.label)
				}
			}
		}
		fmt.Fprintf(w, "%-10s w%d: %s: %s\n", label, a.Worker, where, a.Why)
		label = ""
	}
	label = "warnings"
	for _, warning := range plan.Warnings {
		fmt.Fprintf(w, "%-10s %s\n", label, warning)
		label = ""
	}
	_, err = fmt.Fprintln(w)
	return err
}

// showFigures writes the table of the demonstration.
func showFigures(w io.Writer, r *bench.Report) error {
	head := []string{"ns per task"}
	for _, c := range demoColumns {
		head = append(head, c.words)
	}
	rows := [][]string{append(head, "allocs/task")}
	for i := range r.Results {
		q := &r.Results[i]
		row := demoRow(demoWorkloads[i].words, q, func(s bench.Sample) float64 { return s.Median })
		rows = append(rows, append(row, bench.Number(*q.Ours().Allocs)))
	}
	for i := range r.Results {
		if q := &r.Results[i]; q.Ours().Efficiency != nil {
			words := fmt.Sprintf("efficiency of %d CPUs, 16 µs tasks", r.CPUs)
			rows = append(rows, demoRow(words, q, func(s bench.Sample) float64 { return s.Efficiency.Median }))
		}
	}
	if err := writeTable(w, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, `
Medians of %d interleaved rounds, %s queue, %s. channel: %d goroutines on one
buffered channel of 24-byte tasks. In the second row pool and channel are new and
the function has never run. An efficiency of 1 keeps every CPU busy.
"zeropool bench" measures more, "zeropool topo" shows the whole machine.
`, r.Results[0].Ours().Count, r.Build, r.Go, r.Workers)
	return err
}

func demoRow(words string, r *bench.Result, value func(bench.Sample) float64) []string {
	row := []string{words}
	for _, c := range demoColumns {
		text := "-"
		if i := slices.IndexFunc(r.Samples, func(s bench.Sample) bool { return s.Name == c.variant }); i >= 0 {
			text = bench.Number(value(r.Samples[i]))
		}
		row = append(row, text)
	}
	return row
}

// writeTable writes rows with the first column aligned to the left and the
// others to the right.
func writeTable(w io.Writer, rows [][]string) error {
	var widths []int
	for _, row := range rows {
		for i, text := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&b, "%-*s", widths[0], row[0])
		for i, text := range row[1:] {
			fmt.Fprintf(&b, "  %*s", widths[i+1], text)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
