// Package cli is what the commands of this repository have in common.
package cli

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// The exit codes.
const (
	OK    = 0
	Error = 1 // with one line on stderr
	Usage = 2 // a bad command line
)

// Run calls a command and returns its exit code. A command that did what it should
// has failed all the same if what it wrote to stdout did not get there.
func Run(name string, command func(args []string, stdout, stderr io.Writer) int, args []string, stdout, stderr io.Writer) int {
	out := &output{w: stdout}
	code := command(args, out, stderr)
	if code == OK {
		return Finish(name, out.err, stderr)
	}
	return code
}

// output is a writer that remembers its first error.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// NoEmpty refuses a flag that was given without a value, as an unset variable
// does: it must not pass for a flag that was not given.
func NoEmpty(flags *flag.FlagSet) (err error) {
	flags.Visit(func(g *flag.Flag) {
		// A Func has no value to look at.
		if _, ok := g.Value.(flag.Getter); ok && g.Value.String() == "" {
			err = fmt.Errorf("-%s is empty: want a value", g.Name)
		}
	})
	return err
}

// WriteTo writes to the named file, or to stdout when there is no name. The
// file is only touched once the whole output is there.
func WriteTo(file string, stdout io.Writer, write func(io.Writer) error) error {
	if file == "" {
		return write(stdout)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// Finish reports the error of the named command in one line and returns the exit
// code.
func Finish(name string, err error, stderr io.Writer) int {
	if err == nil {
		return OK
	}
	fmt.Fprintf(stderr, "%s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", "; "))
	return Error
}
