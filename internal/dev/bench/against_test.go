package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// against returns a report of one workload whose ratios are around a median.
func against(median float64) *Report {
	r := sampleReport()
	q := &r.Results[0].Ratios[0]
	q.Rounds = nil
	for i := range 31 {
		q.Rounds = append(q.Rounds, median*(0.9+float64(i)/150))
	}
	q.Spread = spreadOf(q.Rounds)
	return r
}

// TestCompareWith checks that only what is slower beyond noise fails, every time
// that it is measured, and that nothing is left out without a word.
func TestCompareWith(t *testing.T) {
	for _, c := range []struct {
		factors []float64 // of the run, and of what is measured again
		verdict string
		fails   bool
	}{
		{[]float64{1}, "", false},
		{[]float64{1.1}, "", false},
		{[]float64{0.3}, "faster", false},
		{[]float64{3, 1}, "measured again: single\n", false},
		{[]float64{3, 3, 1}, "slower", false},
		{[]float64{3, 3, 3}, "slower", true},
	} {
		var out strings.Builder
		measured := 1
		err := compareWith("OLD.json", against(0.4), against(0.4*c.factors[0]), func(names []string) (*Report, error) {
			if !slices.Equal(names, []string{"single"}) {
				t.Errorf("%v are to be measured again", names)
			}
			measured++
			return against(0.4 * c.factors[measured-1]), nil
		}, &out)
		if got := err != nil; got != c.fails || c.fails && err.Error() != "slower than OLD.json, 3 times over: single" || measured != len(c.factors) {
			t.Errorf("%v times as slow: error %v, measured %d times", c.factors, err, measured)
		}
		for _, want := range []string{"ratios of OLD.json", "single / channel", "0.40", c.verdict, "not compared: memory, idle\n"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%v times as slow: no %q in\n%s", c.factors, want, out.String())
			}
		}
		if strings.Contains(out.String(), "not measured alike") {
			t.Errorf("two runs on one machine:\n%s", out.String())
		}
	}
	lost := errors.New("cannot measure")
	if err := compareWith("OLD.json", against(1), against(9), func([]string) (*Report, error) { return nil, lost }, io.Discard); err != lost {
		t.Errorf("error %v", err)
	}
}

// TestSlowerThan checks that one baseline alone does not make a workload slower:
// it may be that baseline which was faster in the new run.
func TestSlowerThan(t *testing.T) {
	old, now := against(1), against(1)
	for _, c := range []struct {
		median float64
		want   int
	}{{1, 0}, {3, 1}} {
		slow := against(3).Results[0].Ratios[0]
		other := against(c.median).Results[0].Ratios[0]
		other.To = Goroutines
		now.Results[0].Ratios = []Ratio{slow, other}
		before := against(1).Results[0].Ratios[0]
		also := before
		also.To = Goroutines
		old.Results[0].Ratios = []Ratio{before, also}
		if got := slowerThan(old, Rounds(old, now)); len(got) != c.want {
			t.Errorf("the other ratio is %v: slower are %v", c.median, got)
		}
	}
}

// A comparison with a report of another machine says what differs, says when
// there are too few rounds to judge, and is refused when no figure is common.
func TestCompareWithAnother(t *testing.T) {
	old, now := against(1), against(1)
	now.Workers, now.Go = 4, "go1.26"
	var out strings.Builder
	if err := compareWith("OLD.json", old, now, nil, &out); err != nil || !strings.Contains(out.String(), "workers 2, now 4") || !strings.Contains(out.String(), "go go1.25, now go1.26") {
		t.Errorf("%v in\n%s", err, out.String())
	}
	few := against(1) // an older report, of which the quartiles are all that is known
	few.Results[0].Ratios[0].Rounds = nil
	if err := compareWith("OLD.json", few, few, nil, &out); err != nil || !strings.Contains(out.String(), "so few rounds") {
		t.Errorf("%v in\n%s", err, out.String())
	}
	old.Results[0].Name = "another"
	if err := compareWith("OLD.json", old, now, nil, &out); err == nil || !strings.Contains(err.Error(), "OLD.json: no ratio") {
		t.Errorf("nothing in common: %v", err)
	}
	if err := compareWith("OLD.json", now, now, nil, failing{}); err == nil {
		t.Error("the error of a write is lost")
	}
}

// runCommand runs a command line over one workload that takes no time.
func runCommand(args ...string) (code int, stdout, stderr string) {
	var out, problems bytes.Buffer
	c := Command{Name: "test", Set: func() (*Set, error) {
		e, err := unpinned()
		w, _ := Find("for-100000")
		return &Set{Env: e, Workloads: []Workload{w}}, err
	}}
	code = c.Run(args, &out, &problems)
	return code, out.String(), problems.String()
}

// TestObserved checks that the files are written, and what is said if they
// cannot be.
func TestObserved(t *testing.T) {
	dir := t.TempDir()
	profile, trace := filepath.Join(dir, "cpu"), filepath.Join(dir, "trace")
	if code, _, stderr := runCommand("--quick", "--cpuprofile", profile, "--trace", trace); code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	for name, head := range map[string]string{profile: "\x1f\x8b", trace: "go 1."} {
		if text, err := os.ReadFile(name); err != nil || !strings.HasPrefix(string(text), head) {
			t.Errorf("%s: %v, begins %.10q", name, err, text)
		}
	}
	for _, flag := range []string{"--cpuprofile", "--trace", "--compare"} {
		code, stdout, stderr := runCommand("--quick", flag, filepath.Join(dir, "no", "file"))
		if code != 1 || stdout != "" || !strings.Contains(stderr, "no such file") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, output %q, stderr %q", flag, code, stdout, stderr)
		}
	}
	if code, stdout, stderr := runCommand("--compare", trace); code != 1 || stdout != "" || !strings.Contains(stderr, "not a benchmark report") {
		t.Errorf("exit code %d, output %q, stderr %q", code, stdout, stderr)
	}
}

// TestCompareFlag checks that a comparison does not get in the way of JSON on
// standard output.
func TestCompareFlag(t *testing.T) {
	old := filepath.Join(t.TempDir(), "old.json")
	code, _, stderr := runCommand("--quick", "--format", "json", "-o", old)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	_, stdout, stderr := runCommand("--quick", "--format", "json", "--compare", old)
	if !json.Valid([]byte(stdout)) || !strings.Contains(stderr, "ratios of "+old) {
		t.Errorf("stderr %q, output %s", stderr, stdout)
	}
	_, stdout, _ = runCommand("--quick", "--compare", old)
	if !strings.Contains(stdout, "ratios of "+old) || !strings.Contains(stdout, "zeropool is") {
		t.Errorf("output %s", stdout)
	}
}

// The workloads that a table leaves out are named, in their order.
func TestWithout(t *testing.T) {
	r := &Report{Results: []Result{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	if got := without(r, []Change{{Workload: "b"}}); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("got %v", got)
	}
}
