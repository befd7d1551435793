package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/zeropool-go/zeropool/internal/capture"
	"github.com/zeropool-go/zeropool/internal/cli"
	"github.com/zeropool-go/zeropool/topology"
)

const captureUsage = `usage: zeropool capture [-o FILE.tar.gz] [--root DIR | --root FILE.tar.gz] [--now]

Packs the files from which zeropool knows this machine, with its report and plan,
for a bug report. What could tell whose machine it is stays out: host name, serial
numbers, names of pods, containers and users, the kernel's arguments but for those
that set CPUs aside. The list of what was taken is printed. Two runs give the same
bytes.

Example: zeropool capture -o machine.tar.gz
         zeropool topo --root machine.tar.gz
`

// captureFlags are the flags of "zeropool capture".
type captureFlags struct {
	file, root string
	now        bool
}

// runCapture is the command "zeropool capture".
func runCapture(args []string, stdout, stderr io.Writer) int {
	f, code, done := parseCapture(args, stdout, stderr)
	if done {
		return code
	}
	return cli.Finish("zeropool capture", f.run(stdout), stderr)
}

func parseCapture(args []string, stdout, stderr io.Writer) (f captureFlags, code int, done bool) {
	flags := flag.NewFlagSet("capture", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), captureUsage)
		flags.PrintDefaults()
	}
	flags.StringVar(&f.file, "o", "zeropool-capture.tar.gz", "write to `FILE`")
	flags.StringVar(&f.root, "root", "", "take the machine in `DIR`, which holds sys/ and proc/, or in a .tar.gz file, instead of this one")
	flags.BoolVar(&f.now, "now", false, "also take what changes from second to second: throttled periods and pressure")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		flags.Usage()
		return f, cli.OK, true
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	default:
		err = cli.NoEmpty(flags)
	}
	if err != nil {
		fmt.Fprintf(stderr, "zeropool capture: %v\n", err)
		flags.SetOutput(stderr)
		flags.Usage()
		return f, cli.Usage, true
	}
	return f, cli.OK, false
}

func (f *captureFlags) run(stdout io.Writer) error {
	c, err := f.take()
	if err != nil {
		return err
	}
	var size int64
	err = cli.WriteTo(f.file, stdout, func(w io.Writer) error {
		size, err = c.WriteTo(w)
		return err
	})
	if err != nil {
		return err
	}
	return f.list(stdout, c, size)
}

// take captures the machine that the flags name.
func (f *captureFlags) take() (*capture.Capture, error) {
	o := capture.Options{Now: f.now, Manifest: capture.Manifest{Zeropool: version()}}
	if f.root != "" {
		root, err := openRoot(f.root)
		if err != nil {
			return nil, err
		}
		c, err := capture.Take(root, o)
		return c, in(f.root, err)
	}
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("%s has no files that describe the machine; zeropool topo --format json is what is known of it", runtime.GOOS)
	}
	placement, err := defaultPlacement()
	if err != nil {
		return nil, err
	}
	m := &o.Manifest
	m.Go, m.OS, m.Arch = runtime.Version(), runtime.GOOS, runtime.GOARCH
	m.GOMAXPROCS, m.Placement = runtime.GOMAXPROCS(0), &placement
	if t, err := topology.Detect(); err == nil {
		// Without CPUID there is no second opinion, as in Detect.
		o.Dumps, _ = topology.DumpCPUID(t)
	}
	return capture.Take(os.DirFS("/"), o)
}

// list says what was taken and what was left out.
func (f *captureFlags) list(w io.Writer, c *capture.Capture, size int64) error {
	files := 0
	for _, e := range c.Taken {
		files += e.Files
	}
	fmt.Fprintf(w, "%s: %d files, %d bytes\n", f.file, files, size)
	show := func(all []capture.Entry) {
		for _, e := range all {
			s := "  " + e.Name
			if e.Files > 1 {
				s += fmt.Sprintf(" (%d files)", e.Files)
			}
			if e.Words != "" {
				s += ": " + e.Words
			}
			fmt.Fprintln(w, s)
		}
	}
	show(c.Taken)
	if len(c.LeftOut) > 0 {
		fmt.Fprintln(w, "left out:")
		show(c.LeftOut)
	}
	if c.Error != nil {
		fmt.Fprintf(w, "there is no report: %v\n", c.Error)
	}
	return nil
}

// version is that of this program.
func version() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := b.Main.Version
	for _, s := range b.Settings {
		if s.Key == "vcs.revision" && v == "(devel)" {
			v = s.Value
		}
	}
	return v
}
