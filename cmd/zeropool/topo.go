package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/zeropool-go/zeropool/internal/capture"
	"github.com/zeropool-go/zeropool/internal/cli"
	"github.com/zeropool-go/zeropool/internal/report"
	"github.com/zeropool-go/zeropool/topology"
)

// machineFlags are what topo and plan have in common.
type machineFlags struct {
	*flag.FlagSet
	root, cpuid, format string
	placement           topology.Placement
	workers             int
	formats             []string
}

func newMachineFlags(name, synopsis, help string, formats ...string) *machineFlags {
	f := &machineFlags{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError), formats: formats}
	f.SetOutput(io.Discard)
	f.StringVar(&f.root, "root", "", "read the machine captured in `DIR`, which holds sys/ and proc/, or in a .tar.gz file, instead of this one")
	f.StringVar(&f.cpuid, "cpuid", "", "read the machine from the CPUID dumps in `DIR`, one file per CPU")
	f.TextVar(&f.placement, "placement", topology.PerCore, "`P`: percore, perthread, compact, scatter or unpinned")
	f.IntVar(&f.workers, "workers", 0, "plan for `N` workers; 0 = choose")
	f.StringVar(&f.format, "format", formats[0], strings.Join(formats, ", "))
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "usage: zeropool %s %s\n\n%s\n", name, synopsis, help)
		f.PrintDefaults()
	}
	return f
}

// parse reads the arguments; done means that the command ends with that code.
func (f *machineFlags) parse(args []string, stdout, stderr io.Writer) (code int, done bool) {
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		f.SetOutput(stdout)
		f.Usage()
		return cli.OK, true
	case err != nil:
	case f.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", f.Arg(0))
	case cli.NoEmpty(f.FlagSet) != nil:
		err = cli.NoEmpty(f.FlagSet)
	case f.root != "" && f.cpuid != "":
		err = errors.New("--root and --cpuid exclude each other")
	case f.workers < 0:
		err = fmt.Errorf("--workers %d: want 0 or more", f.workers)
	case !slices.Contains(f.formats, f.format):
		err = fmt.Errorf("--format %q: want %s", f.format, strings.Join(f.formats, ", "))
	}
	if err != nil {
		fmt.Fprintf(stderr, "zeropool %s: %v\n", f.Name(), err)
		f.SetOutput(stderr)
		f.Usage()
		return cli.Usage, true
	}
	return cli.OK, false
}

// report reads the machine that the flags name and plans on it.
func (f *machineFlags) report() (*report.Report, error) {
	r := topology.Request{Placement: f.placement, Workers: f.workers}
	var rep *report.Report
	var err error
	switch {
	case f.root != "":
		var root fs.FS
		if root, err = openRoot(f.root); err == nil {
			rep, err = capture.Report(root, r, f.given("placement"))
			err = in(f.root, err)
		}
	case f.cpuid != "":
		if err = isDir(f.cpuid); err == nil {
			var t *topology.Topology
			if t, err = topology.ReadCPUID(os.DirFS(f.cpuid)); err == nil {
				rep = report.New(t, r)
			}
			err = in(f.cpuid, err)
		}
	default:
		rep, err = f.thisMachine(r)
	}
	if err != nil {
		return nil, err
	}
	if n := len(rep.Plan.Workers); n < f.workers {
		return nil, fmt.Errorf("--workers %d: a plan has at most %d", f.workers, n)
	}
	return rep, nil
}

// thisMachine is the report on this machine.
func (f *machineFlags) thisMachine(r topology.Request) (*report.Report, error) {
	t, err := topology.Detect()
	if err != nil {
		return nil, err
	}
	r.GOMAXPROCS = runtime.GOMAXPROCS(0)
	if !f.given("placement") {
		if r.Placement, err = defaultPlacement(); err != nil {
			return nil, err
		}
	}
	rep := report.New(t, r)
	rep.Conditions = topology.DetectConditions(t)
	return rep, nil
}

// defaultPlacement is that of a pool: the environment replaces the default, not
// a choice.
func defaultPlacement() (topology.Placement, error) {
	switch env := os.Getenv("ZEROPOOL_PLACEMENT"); env {
	case "":
		return topology.PerCore, nil
	case "unpinned":
		return topology.Unpinned, nil
	default:
		return 0, fmt.Errorf("environment variable ZEROPOOL_PLACEMENT=%q: only \"unpinned\" is allowed", env)
	}
}

// given reports whether a flag was on the command line.
func (f *machineFlags) given(name string) bool {
	found := false
	f.Visit(func(g *flag.Flag) { found = found || g.Name == name })
	return found
}

// in says in which directory or file the error was met: names in it are relative.
func in(root string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", root, err)
}

// openRoot opens the tree of a machine: a directory, or a capture.
func openRoot(name string) (fs.FS, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return os.DirFS(name), nil
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is neither a directory nor a file", name)
	}
	return capture.OpenArchive(name)
}

func isDir(name string) error {
	info, err := os.Stat(name)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", name)
	}
	return err
}

// runTopo is the command "zeropool topo".
func runTopo(args []string, stdout, stderr io.Writer) int {
	f := newMachineFlags("topo", "[--root DIR|FILE.tar.gz | --cpuid DIR] [--placement P] [--workers N] [--format text|json|svg|html] [-o FILE]", `Reports the hardware topology, what limits the CPUs now, and the plan for a pool.

Example: zeropool topo --format svg -o machine.svg
         zeropool topo --root zeropool-capture.tar.gz
`, "text", "json", "svg", "html")
	var file string
	f.StringVar(&file, "o", "", "write to `FILE` instead of standard output")
	if code, done := f.parse(args, stdout, stderr); done {
		return code
	}
	r, err := f.report()
	if err == nil {
		write := map[string]func(io.Writer) error{"text": r.Text, "json": r.JSON, "svg": r.SVG, "html": r.HTML}[f.format]
		err = cli.WriteTo(file, stdout, write)
	}
	return cli.Finish("zeropool topo", err, stderr)
}
