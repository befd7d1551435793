package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/zeropool-go/zeropool/internal/cli"
	"github.com/zeropool-go/zeropool/internal/dev/bench"
	"github.com/zeropool-go/zeropool/internal/dev/matrix"
)

// matrixFormats are what "zeropool matrix" can write.
var matrixFormats = []string{"markdown", "svg", "html"}

const matrixUsage = `usage: zeropool matrix [--format markdown|svg|html] [-o FILE] [--note TEXT]... FILE...
       zeropool matrix --docs DIR [--readme FILE] [--note TEXT]... FILE...

Each FILE is what "zeropool bench --format json" wrote. The second form writes
benchmarks.md, benchmarks.html and all pictures into DIR, and the table of a
README.

Example: zeropool bench --format json -o run.json
         zeropool matrix --format html -o run.html run.json
`

// matrixFlags are the flags of "zeropool matrix".
type matrixFlags struct {
	format, file string
	docs, readme string
	notes        []string
	files        []string
}

// runMatrix is the command "zeropool matrix".
func runMatrix(args []string, stdout, stderr io.Writer) int {
	f, code, done := parseMatrix(args, stdout, stderr)
	if done {
		return code
	}
	return cli.Finish("zeropool matrix", f.run(stdout), stderr)
}

func parseMatrix(args []string, stdout, stderr io.Writer) (f matrixFlags, code int, done bool) {
	flags := flag.NewFlagSet("matrix", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), matrixUsage)
		flags.PrintDefaults()
	}
	flags.StringVar(&f.format, "format", matrixFormats[0], "markdown, svg or html")
	flags.StringVar(&f.file, "o", "", "write to `FILE` instead of standard output")
	flags.StringVar(&f.docs, "docs", "", "write everything into `DIR`")
	flags.StringVar(&f.readme, "readme", "", "with --docs: also replace the table in `FILE`, between its marks")
	flags.Func("note", "`TEXT` on what the runs were made with; may be repeated", func(s string) error {
		f.notes = append(f.notes, s)
		return nil
	})
	err := flags.Parse(args)
	f.files = flags.Args()
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		flags.Usage()
		return f, cli.OK, true
	case err != nil:
	case cli.NoEmpty(flags) != nil:
		err = cli.NoEmpty(flags)
	case !slices.Contains(matrixFormats, f.format):
		err = fmt.Errorf("--format %q: want markdown, svg or html", f.format)
	case f.readme != "" && f.docs == "":
		err = errors.New("--readme needs --docs")
	case f.file != "" && f.docs != "":
		err = errors.New("-o and --docs do not go together")
	case len(f.files) == 0:
		err = errors.New("no FILE is given")
	}
	if err != nil {
		fmt.Fprintf(stderr, "zeropool matrix: %v\n", err)
		flags.SetOutput(stderr)
		flags.Usage()
		return f, cli.Usage, true
	}
	return f, cli.OK, false
}

func (f *matrixFlags) run(stdout io.Writer) error {
	var reports []*bench.Report
	for _, name := range f.files {
		r, err := readReport(name)
		if err != nil {
			return err
		}
		reports = append(reports, r)
	}
	m := matrix.New(reports)
	m.Notes = f.notes
	if f.docs == "" {
		write := map[string]func(io.Writer) error{
			"markdown": func(w io.Writer) error { return m.Markdown(w, "") },
			"svg":      m.SVG,
			"html":     m.HTML,
		}[f.format]
		return cli.WriteTo(f.file, stdout, write)
	}
	var readme []byte
	if f.readme != "" {
		text, err := os.ReadFile(f.readme)
		if err != nil {
			return err
		}
		if readme, err = m.Readme(text); err != nil {
			return fmt.Errorf("%s: %w", f.readme, err)
		}
	}
	if err := m.Write(f.docs); err != nil {
		return err
	}
	if f.readme == "" {
		return nil
	}
	return os.WriteFile(f.readme, readme, 0o644)
}

func readReport(name string) (*bench.Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := bench.ReadReport(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}
