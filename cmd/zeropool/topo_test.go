package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const testdata = "../../topology/testdata/"

// call runs a command and returns its exit code and what it wrote.
func call(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	command := map[string]func([]string, io.Writer, io.Writer) int{"topo": runTopo, "plan": runPlan}[args[0]]
	code = command(args[1:], &out, &errs)
	return code, out.String(), errs.String()
}

// topo writes each of its formats, the same to a file as to stdout.
func TestTopoFormats(t *testing.T) {
	for format, want := range map[string]string{
		"text": "machine    Example Server CPU\n",
		"json": "{\n \"schema\": 2,",
		"svg":  "<svg ",
		"html": "<!doctype html>",
	} {
		code, stdout, stderr := call("topo", "--root", testdata+"server", "--format", format)
		if code != 0 || stderr != "" || !strings.HasPrefix(stdout, want) {
			t.Errorf("%s: exit code %d, stderr %q, output begins %.40q, want %q", format, code, stderr, stdout, want)
		}
		file := filepath.Join(t.TempDir(), "out")
		if code, again, stderr := call("topo", "--root", testdata+"server", "--format", format, "-o", file); code != 0 || again != "" || stderr != "" {
			t.Errorf("%s to a file: exit code %d, output %q, stderr %q", format, code, again, stderr)
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != stdout {
			t.Errorf("%s: the file differs from the output: %v", format, err)
		}
	}
}

// topo without arguments describes the machine that it runs on.
func TestTopoThisMachine(t *testing.T) {
	code, stdout, stderr := call("topo")
	if code != 0 || stderr != "" || !strings.Contains(stdout, "GOMAXPROCS") {
		t.Errorf("exit code %d, stderr %q, output %s", code, stderr, stdout)
	}
}

// plan places as many workers as asked for on the CPUs that the placement
// chooses, and accounts for each CPU: it has a worker or is left out.
func TestPlanPlacements(t *testing.T) {
	type plan struct {
		Workers []struct {
			CPU *int
			Why string
		}
		Excluded []struct{ CPU int }
		Warnings []string
	}
	for _, c := range []struct {
		args []string
		want []int
	}{
		{[]string{"--workers", "2"}, []int{0, 4}},
		{[]string{"--workers", "2", "--placement", "compact"}, []int{0, 1}},
		{[]string{"--workers", "3", "--placement=scatter"}, []int{0, 4, 2}},
		{[]string{"--placement", "per-thread"}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
	} {
		code, stdout, stderr := call(append([]string{"plan", "--root", testdata + "server", "--format", "json"}, c.args...)...)
		if code != 0 || stderr != "" {
			t.Errorf("%v: exit code %d, stderr %q", c.args, code, stderr)
			continue
		}
		var p plan
		if err := json.Unmarshal([]byte(stdout), &p); err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, w := range p.Workers {
			got = append(got, *w.CPU)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: CPUs %v, want %v", c.args, got, c.want)
		}
		if len(p.Workers)+len(p.Excluded) != 16 {
			t.Errorf("%v: %d workers and %d excluded CPUs of 16", c.args, len(p.Workers), len(p.Excluded))
		}
	}
}

// plan obeys ZEROPOOL_PLACEMENT as a pool of this machine would; an argument
// overrides it, and another machine's plan ignores it.
func TestPlacementFromEnvironment(t *testing.T) {
	t.Setenv("ZEROPOOL_PLACEMENT", "unpinned")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"plan"}, "unpinned: "},
		{[]string{"plan", "--placement", "compact"}, "compact: "},
		{[]string{"plan", "--root", testdata + "server"}, "percore: "},
	} {
		if code, stdout, _ := call(c.args...); code != 0 || !strings.Contains(stdout, c.want) {
			t.Errorf("%v: exit code %d, output %q, want %q", c.args, code, stdout, c.want)
		}
	}
}

// An unknown placement in the environment is one error with the variable and
// its value, and an argument makes it irrelevant.
func TestBadPlacementInEnvironment(t *testing.T) {
	t.Setenv("ZEROPOOL_PLACEMENT", "sideways")
	code, stdout, stderr := call("plan")
	if code != 1 || stdout != "" || !strings.Contains(stderr, `ZEROPOOL_PLACEMENT="sideways"`) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d, output %q, stderr %q", code, stdout, stderr)
	}
	if code, _, stderr := call("plan", "--placement", "compact"); code != 0 {
		t.Errorf("with a choice: exit code %d, stderr %q", code, stderr)
	}
}

// topo and plan answer each wrong argument or tree with one error that names it
// and the exit code for wrong use or for failure, and no output.
func TestBadInput(t *testing.T) {
	empty := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"topo", "--root", "no-such-dir"}, 1, "no-such-dir"},
		{[]string{"topo", "--root", "topo.go"}, 1, "topo.go: neither a directory nor a .tar.gz file"},
		{[]string{"topo", "--root", empty}, 1, "cpu"},
		{[]string{"topo", "--cpuid", empty}, 1, ""},
		{[]string{"plan", "--root", "no-such-dir"}, 1, "no-such-dir"},
		{[]string{"topo", "--root", testdata + "server", "-o", empty}, 1, empty},
		{[]string{"topo", "--format", "png"}, 2, `"png"`},
		{[]string{"topo", "--root", "a", "--cpuid", "b"}, 2, "exclude"},
		{[]string{"topo", "--root", ""}, 2, "-root is empty"},
		{[]string{"plan", "--cpuid", ""}, 2, "-cpuid is empty"},
		{[]string{"topo", "-o", ""}, 2, "-o is empty"},
		{[]string{"plan", "--root", testdata + "server", "--workers", "100000000"}, 1, "at most 1048576"},
		{[]string{"plan", "--format", "svg"}, 2, `"svg"`},
		{[]string{"plan", "--placement", "sideways"}, 2, "sideways"},
		{[]string{"plan", "--workers", "-1"}, 2, "-1"},
		{[]string{"plan", "--workers", "many"}, 2, "many"},
		{[]string{"plan", "extra"}, 2, `"extra"`},
		{[]string{"topo", "--nonsense"}, 2, "nonsense"},
	} {
		code, stdout, stderr := call(c.args...)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit code %d, output %q, stderr %q; want code %d and %q", c.args, code, stdout, stderr, c.code, c.want)
		}
		if code == 1 && strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: stderr is not one line: %q", c.args, stderr)
		}
	}
}

// -h lists the options of topo and plan on stdout.
func TestHelp(t *testing.T) {
	for _, name := range []string{"topo", "plan"} {
		code, stdout, stderr := call(name, "-h")
		if code != 0 || stderr != "" || !strings.Contains(stdout, "usage: zeropool "+name) || !strings.Contains(stdout, "-placement P") {
			t.Errorf("%s -h: exit code %d, output %q, stderr %q", name, code, stdout, stderr)
		}
	}
}
