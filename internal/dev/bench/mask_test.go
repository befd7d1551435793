package bench

import (
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/internal/dev/testenv"
)

// The mask of allowed CPUs is read from a status file of any width, and one
// that is missing or corrupt is an error that says so.
func TestMaskIn(t *testing.T) {
	for status, want := range map[string]string{
		"Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n": "3",
		"Cpus_allowed:\t00000001,00000000,0000000f\n":           "1000000000000000f",
	} {
		if mask, err := maskIn([]byte(status)); err != nil || mask.Text(16) != want {
			t.Errorf("%q: %v, %v", status, mask, err)
		}
	}
	for status, want := range map[string]string{
		"":                        "does not tell",
		"Cpus_allowed:\tx\n":      `"x"`,
		"Cpus_allowed:\t\n":       `""`,
		"Cpus_allowed:\t0\n":      `"0"`,
		"Cpus_allowed_list:\t0\n": "does not tell",
	} {
		if _, err := maskIn([]byte(status)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", status, err, want)
		}
	}
}

// The CPUs that one mask has and another lacks are counted.
func TestLost(t *testing.T) {
	mask := func(text string) cpuMask {
		m, err := maskIn([]byte("Cpus_allowed:\t" + text + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		from, in string
		want     float64
	}{{"f", "f", 0}, {"f", "1", 3}, {"3", "f", 0}, {"80000000,00000001", "1", 1}} {
		if got := lost(mask(c.from), mask(c.in)); got != c.want {
			t.Errorf("of %s in %s %v are lost, want %v", c.from, c.in, got, c.want)
		}
	}
}

// TestChildMask checks the check: an unpinned pool takes nothing from a child.
func TestChildMask(t *testing.T) {
	testenv.NeedsProcesses(t)
	w := childMask()
	e, err := unpinned()
	if err != nil {
		t.Fatal(err)
	}
	r, err := Measure(w, e, tiny, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Missing != "" {
		t.Skip(r.Missing)
	}
	for _, s := range r.Samples {
		if s.Max != 0 {
			t.Errorf("%s: %v CPUs are lost", s.Name, s.Max)
		}
	}
}
