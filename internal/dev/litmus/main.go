package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/zeropool-go/zeropool/internal/cli"
)

const name = "litmus"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	verbose := flags.Bool("v", false, "show for each file what was seen, and its final states")
	flags.Usage = func() {
		fmt.Fprintf(stderr, "usage: %s [-v] FILE...\nRuns litmus tests and compares their outcomes with those that the files expect.\n", name)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return cli.Usage
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return cli.Usage
	}
	wrong := 0
	for _, file := range flags.Args() {
		if err := runFile(file, *verbose, stdout); err != nil {
			fmt.Fprintf(stderr, "%s: %s: %v\n", name, file, err)
			wrong++
		}
	}
	if wrong > 0 {
		return cli.Finish(name, fmt.Errorf("%d of %d tests failed", wrong, flags.NArg()), stderr)
	}
	fmt.Fprintf(stdout, "%s: %d tests have the outcomes expected\n", name, flags.NArg())
	return cli.OK
}

func runFile(file string, verbose bool, stdout io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	t, err := parse(string(text))
	if err != nil {
		return err
	}
	if base := strings.TrimSuffix(filepath.Base(file), ".litmus"); base != t.name {
		return fmt.Errorf("the test's name is %s", t.name)
	}
	o, seen, err := t.check()
	if verbose && o != nil {
		fmt.Fprintf(stdout, "%s: %s\n", t.name, seen)
		for _, line := range t.states(o) {
			fmt.Fprintln(stdout, line)
		}
	}
	return err
}
