package main

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// TestNative checks the answers of the programs that bench/native/run has built,
// and that each of them does each of the workloads it is said to do. NATIVE names
// their folder.
func TestNative(t *testing.T) {
	folder := os.Getenv("NATIVE")
	if folder == "" {
		t.Skip("NATIVE names no folder: see bench/native/run")
	}
	all, err := findNatives(folder)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEnv(regexp.MustCompile("^$"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range nativeRows {
		t.Run(name, func(t *testing.T) {
			w, err := bench.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			one := []bench.Workload{w}
			addNatives(one, all)
			r, err := bench.Measure(one[0], e, brief, nil)
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			report := &bench.Report{Schema: bench.Schema, Results: []bench.Result{r}}
			if err := report.WriteJSON(&text); err != nil {
				t.Fatal(err)
			}
			if _, err := bench.ReadReport(&text); err != nil {
				t.Errorf("its report cannot be read: %v", err)
			}
			for _, n := range all {
				i := slices.IndexFunc(r.Samples, func(s bench.Sample) bool { return s.Name == n.Name })
				if i < 0 {
					t.Fatalf("no sample of %s", n.Name)
				}
				if s := r.Samples[i]; s.Median <= 0 || s.Allocs != nil || s.Efficiency != nil {
					t.Errorf("%s: %+v; want a time, and neither allocations nor an efficiency", n.Name, s)
				}
			}
		})
	}
}

// TestNoNative: a program that is missing is named in one error.
func TestNoNative(t *testing.T) {
	code, stdout, stderr := runAll("--native", t.TempDir(), "--quick", "--filter", "^hot$")
	if code != 1 || stdout != "" || !strings.Contains(stderr, "--native") || !strings.Contains(stderr, natives[0].Name) {
		t.Errorf("exit code %d, output %q, stderr %q", code, stdout, stderr)
	}
}
