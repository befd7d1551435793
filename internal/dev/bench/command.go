package bench

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/zeropool-go/zeropool/internal/cli"
)

// A Command is a command line that runs a benchmark set.
type Command struct {
	Name     string              // as it is called
	Synopsis string              // of the flags that Flags adds, with a space before each
	Flags    func(*flag.FlagSet) // adds further flags; may be nil

	// Set returns the set, after the command line has been read.
	Set func() (*Set, error)
}

// A Set is what a Command runs.
type Set struct {
	Env       *Env
	Workloads []Workload
	Peers     []PeerInfo // for the report
}

// commandFlags are the flags that every Command has.
type commandFlags struct {
	format   string
	filter   *regexp.Regexp
	file     string
	quick    bool
	full     bool
	emulated bool
	workers  int

	cpuProfile, trace string // files
	compare           string // the report to compare with
}

// maxWorkers is the most that a pool can have.
const maxWorkers = 4096

// Run does what args say and returns the exit code.
func (c *Command) Run(args []string, stdout, stderr io.Writer) int {
	f, code, done := c.parse(args, stdout, stderr)
	if done {
		return code
	}
	return cli.Finish(c.Name, c.run(&f, stdout, stderr), stderr)
}

func (c *Command) parse(args []string, stdout, stderr io.Writer) (f commandFlags, code int, done bool) {
	flags := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "usage: %s [--format text|json] [--filter RE]%s [--workers N] [--quick] [--full] [--emulated] [--cpuprofile FILE] [--trace FILE] [--compare OLD.json] [-o FILE]\n", c.Name, c.Synopsis)
		flags.PrintDefaults()
		fmt.Fprintf(flags.Output(), "\nExample: %s --filter '^batch' --format json -o run.json\n", c.Name)
	}
	flags.StringVar(&f.format, "format", "text", "text or json (docs/bench.schema.json)")
	RegexpVar(flags, &f.filter, "filter", "only the workloads whose name matches `RE`")
	flags.StringVar(&f.file, "o", "", "write to `FILE` instead of standard output")
	flags.BoolVar(&f.quick, "quick", false, "fewer and shorter rounds")
	flags.BoolVar(&f.full, "full", false, "the further workloads too: forks, lifetimes, schedules, tails, servers; some minutes")
	flags.BoolVar(&f.emulated, "emulated", false, "mark the results as those of an emulated processor")
	flags.IntVar(&f.workers, "workers", 0, "`N` workers in each pool, at most 4096; 0: as many as are the default here")
	flags.StringVar(&f.cpuProfile, "cpuprofile", "", "write a CPU profile of this process to `FILE`")
	flags.StringVar(&f.trace, "trace", "", "write an execution trace of this process to `FILE`")
	flags.StringVar(&f.compare, "compare", "", "compare the ratios with those of a report in `OLD.json`; exit 1 if one is slower beyond noise")
	if c.Flags != nil {
		c.Flags(flags)
	}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		flags.Usage()
		return f, cli.OK, true
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case cli.NoEmpty(flags) != nil:
		err = cli.NoEmpty(flags)
	case f.trace != "" && f.compare != "":
		err = errors.New("--trace and --compare do not go together: a trace slows channels more than pools")
	case f.workers < 0 || f.workers > maxWorkers:
		err = fmt.Errorf("--workers %d: want 0 to %d", f.workers, maxWorkers)
	case f.format != "text" && f.format != "json":
		err = fmt.Errorf("--format %q: want text or json", f.format)
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", c.Name, err)
		flags.SetOutput(stderr)
		flags.Usage()
		return f, cli.Usage, true
	}
	return f, cli.OK, false
}

// RegexpVar defines a flag that is a regular expression; by default it matches
// everything.
func RegexpVar(flags *flag.FlagSet, p **regexp.Regexp, name, usage string) {
	*p = regexp.MustCompile("")
	flags.Func(name, usage, func(text string) error {
		re, err := regexp.Compile(text)
		if err == nil {
			*p = re
		}
		return err
	})
}

func (c *Command) run(f *commandFlags, stdout, stderr io.Writer) error {
	var old *Report
	if f.compare != "" {
		var err error
		if old, err = readFile(f.compare); err != nil {
			return err
		}
	}
	set, err := c.Set()
	if err != nil {
		return err
	}
	chosen := f.choose(set.Workloads)
	if len(chosen) == 0 {
		return fmt.Errorf("--filter %q: no workload has such a name", f.filter)
	}
	if f.workers > 0 {
		set.Env.SetWorkers(f.workers)
	}
	settings := Full
	if f.quick {
		settings = Brief
	}
	set.Workloads = chosen
	var report *Report
	err = f.observed(func() (err error) {
		report, err = set.Measure(settings, stderr)
		return err
	})
	if err != nil {
		return err
	}
	report.Emulated = f.emulated
	write := report.WriteText
	if f.format == "json" {
		write = report.WriteJSON
	}
	if err := cli.WriteTo(f.file, stdout, write); err != nil || old == nil {
		return err
	}
	if f.format == "json" && f.file == "" {
		stdout = stderr // what is on stdout is for a program
	}
	return compareWith(f.compare, old, report, func(names []string) (*Report, error) {
		s := *set
		s.Workloads = slices.DeleteFunc(slices.Clone(chosen), func(w Workload) bool { return !slices.Contains(names, w.Name) })
		return s.Measure(settings, stderr)
	}, stdout)
}

// choose returns the workloads that match the filter: of the further ones, too,
// if that is asked for or nothing else matches.
func (f *commandFlags) choose(all []Workload) []Workload {
	var main, further []Workload
	for _, w := range all {
		switch {
		case !f.filter.MatchString(w.Name):
		case w.Further:
			further = append(further, w)
		default:
			main = append(main, w)
		}
	}
	if f.full || len(main) == 0 {
		return append(main, further...)
	}
	return main
}

// Measure runs the workloads, with progress on stderr if that is a terminal.
func (s *Set) Measure(settings Settings, stderr io.Writer) (*Report, error) {
	report, err := NewReport(s.Env)
	if err != nil {
		return nil, err
	}
	report.Peers = s.Peers
	progress := cli.NewProgress(stderr)
	defer progress.Clear()
	for i, w := range s.Workloads {
		r, err := Measure(w, s.Env, settings, func(round, rounds int) {
			progress.Show(fmt.Sprintf("%s: round %d of %d", w.Name, round+1, rounds), i*rounds+round, len(s.Workloads)*rounds)
		})
		if err != nil {
			return nil, err
		}
		report.Results = append(report.Results, r)
	}
	return report, nil
}
