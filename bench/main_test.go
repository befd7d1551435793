package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// TestMain lets the test program serve what is to be watched in a process of its
// own, as the command does.
func TestMain(m *testing.M) {
	code, child := bench.Child(func() (*bench.Env, error) { return newEnv(regexp.MustCompile("")) }, os.Stdout, os.Stderr)
	if !child {
		code = m.Run()
	}
	os.Exit(code)
}

var brief = bench.Settings{Rounds: 1, Slice: 100 * time.Microsecond, Window: 5 * time.Millisecond}

// TestAnswers starts every variant of every workload, which checks that it gives
// the right answer.
func TestAnswers(t *testing.T) {
	e, err := newEnv(regexp.MustCompile(""))
	if err != nil {
		t.Fatal(err)
	}
	root, err := goTree()
	if err != nil {
		t.Fatal(err)
	}
	onFiles, err := onTree(filepath.Join(root, "image", "png"), regexp.MustCompile(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range append(bench.Workloads(), onFiles...) {
		if w.Kind.AtRest() || w.Further {
			continue // see TestAtRest; the further ones have no peers
		}
		t.Run(w.Name, func(t *testing.T) {
			s, err := bench.Open(w, e)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			names := s.Variants()
			for _, p := range peers {
				if !slices.Contains(names, p.Name) && !absent(w.Name, p.Name) {
					t.Errorf("no variant %q among %v", p.Name, names)
				}
			}
		})
	}
}

// absent says which peers are left out where.
func absent(workload, peer string) bool {
	if onFiles := regexp.MustCompile("-tree$|^resize$"); onFiles.MatchString(workload) && slices.Contains(alike, peer) {
		return true
	}
	if strings.HasPrefix(workload, "pipeline") { // a Runner has one task under way with a wait of its own
		return true
	}
	switch peer {
	case "pond-task":
		return regexp.MustCompile("^(heavy|long|skewed|told|requests|for-|go-on)").MatchString(workload)
	case "xsync-spsc":
		return regexp.MustCompile("^(submitters|told|requests)").MatchString(workload)
	}
	return false
}

// TestAtRest watches every variant in a process of its own.
func TestAtRest(t *testing.T) {
	e, err := newEnv(regexp.MustCompile(""))
	if err != nil {
		t.Fatal(err)
	}
	w, err := bench.Find("idle-memory")
	if err != nil {
		t.Fatal(err)
	}
	r, err := bench.Measure(w, e, brief, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Samples) != len(peers)+3 {
		t.Errorf("%d variants, want zeropool, the channel, nothing and %d peers", len(r.Samples), len(peers))
	}
	// A goroutine that was there before, of the init of some library, may end meanwhile.
	const ended = 1
	for _, s := range r.Samples {
		switch {
		case s.Memory == nil:
			t.Errorf("%s: no memory", s.Name)
		case s.Name == bench.Nothing && (s.Memory.Goroutines > 0 || s.Memory.Goroutines < -ended):
			t.Errorf("no pool has %v goroutines", s.Memory.Goroutines)
		case s.Name == bench.Channel && (s.Memory.Goroutines > float64(e.Workers) || s.Memory.Goroutines < float64(e.Workers-ended)), s.Name == bench.Ours && s.Memory.Goroutines < float64(e.Workers-ended): // ours has stand-ins too
			t.Errorf("%s: %v goroutines for %d workers", s.Name, s.Memory.Goroutines, e.Workers)
		}
	}
}

// TestPeers checks that what is said about the peers is about those measured.
func TestPeers(t *testing.T) {
	made := makers[bench.Cell]()
	if len(made) != len(peers) {
		t.Fatalf("%d peers are made, %d are described", len(made), len(peers))
	}
	for i, p := range infos(regexp.MustCompile("")) {
		if p.Name != made[i].Name || p.Module == "" || p.How == "" {
			t.Errorf("%+v describes %q", p, made[i].Name)
		}
		if !strings.HasPrefix(p.Version, "v") {
			t.Errorf("%s: version %q", p.Name, p.Version)
		}
	}
	if got := infos(regexp.MustCompile("^pond")); len(got) != 2 {
		t.Errorf("chosen by name: %+v", got)
	}
}

func runAll(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

// The command measures the workloads and peers that were asked for, in order,
// and its JSON output is a report that the other tools read.
func TestCommand(t *testing.T) {
	code, stdout, stderr := runAll("--quick", "--filter", "^hot$", "--peers", "^(pond|xsync-mpmc)$", "--format", "json")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	r, err := bench.ReadReport(strings.NewReader(stdout))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range r.Results[0].Samples {
		names = append(names, s.Name)
	}
	if want := []string{bench.Ours, bench.Channel, bench.Goroutines, "pond", "xsync-mpmc"}; !slices.Equal(names, want) {
		t.Errorf("variants %v, want %v", names, want)
	}
	if len(r.Peers) != 2 || r.Peers[0].Name != "pond" || r.Peers[1].Name != "xsync-mpmc" {
		t.Errorf("peers %+v", r.Peers)
	}
}

// A wrong argument gives one error that names it and an exit code that tells
// wrong use from a failure, and no output; -h gives the usage.
func TestBadCommand(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--peers", "("}, 2, "-peers"},
		{[]string{"--filter", "("}, 2, "-filter"},
		{[]string{"--peers", "no such peer"}, 1, "no such peer"},
		{[]string{"--filter", "no such workload"}, 1, "no such workload"},
		{[]string{"extra"}, 2, `"extra"`},
	} {
		code, stdout, stderr := runAll(c.args...)
		if code != c.code || stdout != "" || !strings.HasPrefix(stderr, "bench: ") || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit code %d, output %q, stderr %q; want code %d and %q", c.args, code, stdout, stderr, c.code, c.want)
		}
	}
	if code, stdout, _ := runAll("-h"); code != 0 || !strings.HasPrefix(stdout, "usage: bench ") || !strings.Contains(stdout, "--peers RE") {
		t.Errorf("-h: exit code %d, output %q", code, stdout)
	}
}
