package cli

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"
)

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestRun protects the exit code of a command that did not look whether its output
// was written: its output is not there, so it has failed.
func TestRun(t *testing.T) {
	for _, c := range []struct {
		what   string
		stdout io.Writer
		code   int // of the command
		want   int
		stderr string
	}{
		{"all is well", io.Discard, OK, OK, ""},
		{"nothing was written", full{}, OK, Error, "x: no space left\n"},
		{"the command has failed anyway", full{}, Usage, Usage, ""},
		{"the command has failed", io.Discard, Error, Error, ""},
	} {
		var stderr bytes.Buffer
		code := Run("x", func(args []string, stdout, _ io.Writer) int {
			fmt.Fprintln(stdout, args)
			return c.code
		}, []string{"a"}, c.stdout, &stderr)
		if code != c.want || stderr.String() != c.stderr {
			t.Errorf("%s: code %d, stderr %q", c.what, code, stderr.String())
		}
	}
}

// TestNoEmpty protects commands from variables that are not set: an empty value is
// no value. What was not given, or may be empty, passes.
func TestNoEmpty(t *testing.T) {
	flags := func(args ...string) *flag.FlagSet {
		f := flag.NewFlagSet("x", flag.ContinueOnError)
		f.SetOutput(io.Discard)
		f.String("file", "", "")
		f.Bool("now", false, "")
		f.Int("n", 0, "")
		f.Func("filter", "", func(string) error { return nil })
		if err := f.Parse(args); err != nil {
			t.Fatal(err)
		}
		return f
	}
	if err := NoEmpty(flags("--file", "x", "--now", "--n", "0", "--filter", "")); err != nil {
		t.Error(err)
	}
	if err := NoEmpty(flags("--file", "")); err == nil || !strings.Contains(err.Error(), "-file is empty") {
		t.Errorf("error %v", err)
	}
}
