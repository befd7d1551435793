package main

import (
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/internal/cli"
	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// A wrong argument is an error with the exit code for wrong use, and nothing is
// measured.
func TestBadArguments(t *testing.T) {
	for _, args := range []string{
		"", "--base a", "--base a --new b c", "--base a --new b --rounds 2", "--base a --new b --rounds x",
		"--base a --new b --alpha 0", "--base a --new b --alpha NaN", "--base a --new b --least -1", "--nonsense",
	} {
		var out, problems strings.Builder
		if code := run(strings.Fields(args), &out, &problems); code != cli.Usage || problems.Len() == 0 || out.Len() > 0 {
			t.Errorf("%q: exit code %d, %q", args, code, problems.String())
		}
	}
}

// A command that cannot be run is one error that names it.
func TestCommandThatFails(t *testing.T) {
	var out, problems strings.Builder
	code := run([]string{"--base", "/does/not/exist", "--new", "/does/not/exist"}, &out, &problems)
	if code != cli.Error || !strings.Contains(problems.String(), "/does/not/exist") || strings.Count(problems.String(), "\n") != 1 {
		t.Errorf("exit code %d, %q", code, problems.String())
	}
}

// The gate shows what has changed, and fails with the names of what is slower,
// and only then.
func TestTable(t *testing.T) {
	o := options{rounds: 6, rule: bench.Rule{Alpha: 0.05, Least: 0.08}}
	even := []float64{1, 1.01, 1.02, 1.03, 1.04, 1.05}
	twice := []float64{2, 2.01, 2.02, 2.03, 2.04, 2.05}
	change := func(name string, base, new []float64) bench.Change {
		return bench.Change{Workload: name, To: "x", Base: base, New: new}
	}
	var out strings.Builder
	if err := o.write(&out, []bench.Change{change("same", even, even), change("better", twice, even)}); err != nil || !strings.Contains(out.String(), "6 runs of each") {
		t.Errorf("%v in\n%s", err, out.String())
	}
	if err := o.write(&out, []bench.Change{change("same", even, even), change("worse", even, twice)}); err == nil || err.Error() != "slower: worse / x" {
		t.Errorf("%v in\n%s", err, out.String())
	}
}

// Too few rounds to find a difference at the level asked for, with so many
// rows, are refused before anything is measured.
func TestEnough(t *testing.T) {
	o := options{rule: bench.Rule{Alpha: 0.05, Least: 0.08}}
	for _, c := range []struct {
		rounds, rows int
		want         bool
	}{
		{5, 0, false}, {5, 1, true}, {5, 13, false}, {6, 13, true}, {3, 1, false}, {1000, 13, true},
	} {
		o.rounds = c.rounds
		if err := o.enough(c.rows); (err == nil) != c.want {
			t.Errorf("%d rounds, %d rows: %v", c.rounds, c.rows, err)
		}
	}
}
