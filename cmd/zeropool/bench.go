package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"

	"github.com/zeropool-go/zeropool/internal/bench"
)

// benchFlags are the flags of "zeropool bench".
type benchFlags struct {
	format   string
	filter   *regexp.Regexp
	file     string
	quick    bool
	emulated bool
}

// runBench is the command "zeropool bench".
func runBench(args []string, stdout, stderr io.Writer) int {
	f, code, done := parseBench(args, stdout, stderr)
	if done {
		return code
	}
	return finish("bench", f.run(stdout, stderr), stderr)
}

func parseBench(args []string, stdout, stderr io.Writer) (f benchFlags, code int, done bool) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: zeropool bench [--format text|json] [--filter RE] [--quick] [--emulated] [-o FILE]")
		flags.PrintDefaults()
	}
	var filter string
	flags.StringVar(&f.format, "format", "text", "text or json (docs/bench.schema.json)")
	flags.StringVar(&filter, "filter", "", "only the workloads whose name matches `RE`")
	flags.StringVar(&f.file, "o", "", "write to `FILE` instead of standard output")
	flags.BoolVar(&f.quick, "quick", false, "fewer and shorter rounds")
	flags.BoolVar(&f.emulated, "emulated", false, "mark the results as those of an emulated processor")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		flags.Usage()
		return f, exitOK, true
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case f.format != "text" && f.format != "json":
		err = fmt.Errorf("--format %q: want text or json", f.format)
	default:
		if f.filter, err = regexp.Compile(filter); err != nil {
			err = fmt.Errorf("--filter: %w", err)
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "zeropool bench: %v\n", err)
		flags.SetOutput(stderr)
		flags.Usage()
		return f, exitUsage, true
	}
	return f, exitOK, false
}

func (f *benchFlags) run(stdout, stderr io.Writer) error {
	var chosen []bench.Workload
	for _, w := range bench.Workloads() {
		if f.filter.MatchString(w.Name) {
			chosen = append(chosen, w)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("--filter %q: no workload has such a name", f.filter)
	}
	settings := bench.Full
	if f.quick {
		settings = bench.Brief
	}
	report, err := measure(chosen, settings, stderr)
	if err != nil {
		return err
	}
	report.Emulated = f.emulated
	write := report.WriteText
	if f.format == "json" {
		write = report.WriteJSON
	}
	return writeTo(f.file, stdout, write)
}

// measure runs the workloads, with progress on stderr.
func measure(workloads []bench.Workload, settings bench.Settings, stderr io.Writer) (*bench.Report, error) {
	e, err := bench.NewEnv()
	if err != nil {
		return nil, err
	}
	report, err := bench.NewReport(e)
	if err != nil {
		return nil, err
	}
	progress := newProgress(stderr)
	defer progress.clear()
	for i, w := range workloads {
		r, err := bench.Measure(w, e, settings, func(round, rounds int) {
			progress.show(fmt.Sprintf("%s: round %d of %d", w.Name, round+1, rounds), i*rounds+round, len(workloads)*rounds)
		})
		if err != nil {
			return nil, err
		}
		report.Results = append(report.Results, r)
	}
	return report, nil
}
