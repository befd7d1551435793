package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

func runAll(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

// Help is given for every command in each of the usual spellings; an unknown
// command is named, on stderr, with exit code 2.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}} {
		if code, stdout, stderr := runAll(args...); code != 0 || stdout != usage || stderr != "" {
			t.Errorf("%v: exit code %d, output %q, stderr %q", args, code, stdout, stderr)
		}
	}
	if code, _, stderr := runAll("help", "frobnicate"); code != 2 || !strings.Contains(stderr, "frobnicate") {
		t.Errorf("help for no command: exit code %d, stderr %q", code, stderr)
	}
	for _, args := range [][]string{{"frobnicate"}, {"--format", "json"}} {
		if code, stdout, stderr := runAll(args...); code != 2 || stdout != "" || !strings.Contains(stderr, args[0]) || !strings.Contains(stderr, usage) {
			t.Errorf("%v: exit code %d, output %q, stderr %q", args, code, stdout, stderr)
		}
	}
	for _, name := range []string{"topo", "plan", "capture", "bench", "matrix"} {
		if !strings.Contains(usage, "\n  "+name) {
			t.Errorf("the usage does not tell of %q", name)
		}
		if code, stdout, stderr := runAll(name, "-h"); code != 0 || !strings.HasPrefix(stdout, "usage: zeropool "+name) || stderr != "" {
			t.Errorf("%s -h: exit code %d, output %q, stderr %q", name, code, stdout, stderr)
		}
		_, want, _ := runAll(name, "-h")
		if code, stdout, stderr := runAll("help", name); code != 0 || stdout != want || stderr != "" {
			t.Errorf("help %s: exit code %d, output %q, stderr %q", name, code, stdout, stderr)
		}
	}
}

// bench and matrix answer each wrong argument or file with one error that names
// it and the exit code for wrong use or for failure.
func TestBadBenchAndMatrix(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other.json")
	if err := os.WriteFile(other, []byte(`{"schema":99}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"bench", "--filter", "no such workload"}, 1, "no such workload"},
		{[]string{"bench", "--filter", "("}, 2, "--filter"},
		{[]string{"bench", "--format", "xml"}, 2, `"xml"`},
		{[]string{"bench", "--workers", "-1"}, 2, "--workers -1"},
		{[]string{"bench", "--workers", "5000"}, 2, "--workers 5000"},
		{[]string{"bench", "extra"}, 2, `"extra"`},
		{[]string{"bench", "--compare", ""}, 2, "-compare is empty"},
		{[]string{"bench", "--cpuprofile", ""}, 2, "-cpuprofile is empty"},
		{[]string{"bench", "--trace", ""}, 2, "-trace is empty"},
		{[]string{"bench", "--trace", "x", "--compare", other}, 2, "--trace and --compare"},
		{[]string{"bench", "--nonsense"}, 2, "nonsense"},
		{[]string{"bench", "--compare", "no-such-file"}, 1, "no-such-file"},
		{[]string{"bench", "--compare", other}, 1, "other.json: a benchmark report of schema 99"},
		{[]string{"bench", "--filter", "^hot$", "--quick", "--cpuprofile", dir}, 1, dir},
		{[]string{"bench", "--filter", "^hot$", "--quick", "--trace", dir}, 1, dir},
		{[]string{"matrix"}, 2, "no FILE"},
		{[]string{"matrix", "-o", "", other}, 2, "-o is empty"},
		{[]string{"matrix", "--docs", "", other}, 2, "-docs is empty"},
		{[]string{"matrix", "--format", "png", other}, 2, `"png"`},
		{[]string{"matrix", "--readme", "README.md", other}, 2, "--docs"},
		{[]string{"matrix", "--docs", dir, "-o", "x", other}, 2, "-o and --docs"},
		{[]string{"matrix", "no-such-file"}, 1, "no-such-file"},
		{[]string{"matrix", dir}, 1, dir},
		{[]string{"matrix", other}, 1, "schema 99"},
		{[]string{"matrix", "main.go"}, 1, "main.go: not a benchmark report"},
	} {
		code, stdout, stderr := runAll(c.args...)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit code %d, output %q, stderr %q; want code %d and %q", c.args, code, stdout, stderr, c.code, c.want)
		}
		if code == 1 && strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: stderr is not one line: %q", c.args, stderr)
		}
	}
}

// TestBenchToMatrix measures a little, in JSON, and merges it.
func TestBenchToMatrix(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.json")
	args := []string{"bench", "--quick", "--filter", "^(hot|for-)", "--format", "json", "--workers", "3", "--emulated", "-o", file}
	if code, stdout, stderr := runAll(args...); code != 0 || stdout != "" || stderr != "" {
		t.Fatalf("exit code %d, output %q, stderr %q", code, stdout, stderr)
	}
	r, err := readReport(file)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, q := range r.Results {
		names = append(names, q.Name)
	}
	if !slices.Equal(names, []string{"for-100000", "hot"}) || !r.Emulated || r.Workers != 3 {
		t.Errorf("results %v, emulated %v, %d workers", names, r.Emulated, r.Workers)
	}
	for format, want := range map[string]string{"markdown": "<!-- Generated", "svg": "<svg ", "html": "<!doctype html>"} {
		code, stdout, stderr := runAll("matrix", "--format", format, file, file)
		if code != 0 || stderr != "" || !strings.HasPrefix(stdout, want) {
			t.Errorf("%s: exit code %d, stderr %q, output begins %.40q", format, code, stderr, stdout)
		}
	}
	docs := filepath.Join(t.TempDir(), "docs")
	if code, stdout, stderr := runAll("matrix", "--docs", docs, "--note", "made in a test", file); code != 0 || stdout != "" || stderr != "" {
		t.Fatalf("exit code %d, output %q, stderr %q", code, stdout, stderr)
	}
	text, err := os.ReadFile(filepath.Join(docs, "benchmarks.md"))
	if err != nil || !strings.Contains(string(text), "- made in a test\n") {
		t.Errorf("no note in the page: %v", err)
	}
	// The run is emulated: there is nothing for a README, which stays as it is.
	if code, _, stderr := runAll("matrix", "--docs", docs, "--readme", "main.go", file); code != 1 || !strings.Contains(stderr, "main.go: no line") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

// bench writes its report as text.
func TestBenchText(t *testing.T) {
	code, stdout, stderr := runAll("bench", "--quick", "--filter", "^hot$")
	if code != 0 || stderr != "" || !strings.Contains(stdout, "zeropool is") {
		t.Errorf("exit code %d, stderr %q, output %s", code, stderr, stdout)
	}
}

// Without arguments the command shows the machine, the workers and measured
// figures for each workload of the demonstration.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("measures for some seconds")
	}
	code, stdout, stderr := runAll()
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	for _, want := range []string{"machine ", "workers ", "w0: ", "channel", "allocs/task", "efficiency of"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	for _, d := range demoWorkloads {
		if _, err := bench.Find(d.name); err != nil || !strings.Contains(stdout, d.words) {
			t.Errorf("no row %q: %v", d.words, err)
		}
	}
}
