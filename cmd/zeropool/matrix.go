package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/zeropool-go/zeropool/internal/bench"
	"github.com/zeropool-go/zeropool/internal/cli"
	"github.com/zeropool-go/zeropool/internal/matrix"
)

// matrixFormats are what "zeropool matrix" can write.
var matrixFormats = []string{"markdown", "svg", "html"}

// runMatrix is the command "zeropool matrix".
func runMatrix(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("matrix", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: zeropool matrix [--format markdown|svg|html] [-o FILE] FILE...\n\nEach FILE is what \"zeropool bench --format json\" wrote.")
		flags.PrintDefaults()
	}
	var format, file string
	flags.StringVar(&format, "format", matrixFormats[0], "markdown, svg or html")
	flags.StringVar(&file, "o", "", "write to `FILE` instead of standard output")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		flags.Usage()
		return cli.OK
	case err != nil:
	case !slices.Contains(matrixFormats, format):
		err = fmt.Errorf("--format %q: want markdown, svg or html", format)
	case flags.NArg() == 0:
		err = errors.New("no FILE is given")
	}
	if err != nil {
		fmt.Fprintf(stderr, "zeropool matrix: %v\n", err)
		flags.SetOutput(stderr)
		flags.Usage()
		return cli.Usage
	}
	var reports []*bench.Report
	for _, name := range flags.Args() {
		r, err := readReport(name)
		if err != nil {
			return cli.Finish("zeropool matrix", err, stderr)
		}
		reports = append(reports, r)
	}
	m := matrix.New(reports)
	write := map[string]func(io.Writer) error{"markdown": m.Markdown, "svg": m.SVG, "html": m.HTML}[format]
	return cli.Finish("zeropool matrix", cli.WriteTo(file, stdout, write), stderr)
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
