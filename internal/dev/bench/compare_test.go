package bench

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// The probabilities are those of the exact Mann-Whitney test, worked out by
// hand, with ties and with nothing to compare.
func TestMannWhitney(t *testing.T) {
	for _, c := range []struct {
		a, b []float64
		want float64
	}{
		{[]float64{1, 2, 3}, []float64{4, 5, 6}, 2.0 / 20},
		{[]float64{4, 5, 6}, []float64{1, 2, 3}, 2.0 / 20},
		{[]float64{1, 2, 4}, []float64{3, 5, 6}, 4.0 / 20},
		{[]float64{1, 4, 5}, []float64{2, 3, 6}, 1},
		{[]float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}, 2.0 / 252},
		{[]float64{1}, []float64{2}, 1},
		{[]float64{1, 1, 1}, []float64{1, 1, 1}, 1},
		{nil, []float64{1}, 1},
	} {
		if got := mannWhitney(c.a, c.b); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v, %v: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// The two ways to compute the probability agree where both can.
func TestExactAgreesWithNormal(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		a, b := sample(random, 30, 1, 0.1), sample(random, 30, 1.03, 0.1)
		exact := mannWhitney(a, b)
		c, d := append(a, 9, 9), append(b, 9, 9) // ties, which leave the ranks of the others alone
		if normal := mannWhitney(c, d); math.Abs(exact-normal) > 0.05 {
			t.Fatalf("exact %v, normal %v", exact, normal)
		}
	}
}

// sample draws n values around a median, some of them far too large, as on a
// machine that is shared.
func sample(random *rand.Rand, n int, median, spread float64) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = median * (1 + spread*random.NormFloat64())
		if random.IntN(10) == 0 {
			s[i] *= 3
		}
	}
	return s
}

var usual = Rule{Alpha: 0.05, Least: 0.08}

// Where nothing has changed, no more tables show a difference than the level of
// significance allows.
func TestJudgeNothingChanged(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const tables, size = 400, 13
	wrong := 0
	for range tables {
		for range size {
			w := Change{Base: sample(random, 10, 1, 0.1), New: sample(random, 10, 1, 0.1)}
			if v := usual.Judge(&w, size); v.Slower || v.Faster {
				wrong++
				break
			}
		}
	}
	if float64(wrong) > usual.Alpha*tables {
		t.Errorf("%d of %d tables have a difference where there is none", wrong, tables)
	}
}

// A change well above the least that counts is found, in its direction, and one
// below it is not.
func TestJudgeSlowdown(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct {
		factor         float64
		slower, faster bool
	}{
		{1.5, true, false}, {1.25, true, false}, {1.04, false, false}, {0.97, false, false}, {0.7, false, true},
	} {
		found, slower, faster := 100, 0, 0
		for range found {
			w := Change{Base: sample(random, 12, 1, 0.05), New: sample(random, 12, c.factor, 0.05)}
			v := usual.Judge(&w, 13)
			if v.Slower {
				slower++
			}
			if v.Faster {
				faster++
			}
		}
		if c.slower != (slower > found*8/10) || c.faster != (faster > found*8/10) || !c.slower && slower > found/10 || !c.faster && faster > found/10 {
			t.Errorf("a factor of %v: %d of %d were called slower, %d faster", c.factor, slower, found, faster)
		}
	}
}

// Reports of several runs are joined by workload and baseline, and what only
// one side has is left out.
func TestRuns(t *testing.T) {
	// ratios are those to the baselines a and b.
	report := func(workload string, a, b float64, more ...Result) *Report {
		ratio := func(to string, x float64) Ratio { return Ratio{To: to, Spread: Spread{Median: x}} }
		return &Report{Results: append(more, Result{Name: workload, Ratios: []Ratio{ratio("a", a), ratio("b", b)}})}
	}
	var base, now []*Report
	for i := range 5 {
		x := float64(i)
		base = append(base, report("work", 10+x, 10+x/10, Result{Name: "at rest"}))
		now = append(now, report("work", 20, 21+x))
	}
	base[0].Results = append(base[0].Results, report("gone", 1, 1).Results...)
	now[0].Results = append(now[0].Results, report("new", 1, 1).Results...)
	got := Runs(base, now)
	if len(got) != 1 || got[0].Name() != "work / b" || median(got[0].Base) != 10.2 || median(got[0].New) != 23 {
		t.Errorf("%+v", got)
	}
}

// The variation is the range between the quartiles divided by the median.
func TestVariation(t *testing.T) {
	if got := variation([]float64{4, 1, 3, 2, 5}); got != 1 {
		t.Errorf("got %v, want (4.5-1.5)/3", got)
	}
	if got := variation([]float64{0, 0}); !math.IsInf(got, 1) {
		t.Errorf("of nothing: %v", got)
	}
}

// TestRounds checks that two runs are compared round by round, and that a report
// without rounds is not more sure of a difference than one with them.
func TestRounds(t *testing.T) {
	report := func(first float64, rounds bool) *Report {
		var values []float64
		for i := range 9 {
			values = append(values, first+float64(i)/100)
		}
		r := Ratio{To: Channel, Spread: spreadOf(values)}
		if rounds {
			r.Rounds = values
		}
		return &Report{Results: []Result{{Name: "work", Ratios: []Ratio{r}}, {Name: "at rest"}}}
	}
	for _, c := range []struct {
		base, new bool
		n, m      int
	}{{true, true, 9, 9}, {false, true, 3, 9}, {false, false, 3, 3}} {
		got := Rounds(report(1, c.base), report(2, c.new))
		if len(got) != 1 || len(got[0].Base) != c.n || len(got[0].New) != c.m {
			t.Fatalf("%+v: %+v", c, got)
		}
		v := usual.Judge(&got[0], 1)
		if want := mannWhitney(report(1, true).Results[0].Ratios[0].Rounds, report(2, true).Results[0].Ratios[0].Rounds); v.P < want {
			t.Errorf("%+v: p = %v with fewer values, %v with all", c, v.P, want)
		}
		if v.Slower != (c.m == 9) {
			t.Errorf("%+v: %+v", c, v)
		}
	}
}

// The table marks what is slower or faster with its change, tells the caller
// what is slower, and loses no error of the writer.
func TestWriteChanges(t *testing.T) {
	even := []float64{1, 1.01, 1.02, 1.03, 1.04, 1.05}
	twice := []float64{2, 2.01, 2.02, 2.03, 2.04, 2.05}
	var out strings.Builder
	slower, err := usual.Write(&out, []Change{{"same", "x", even, even}, {"better", "x", twice, even}})
	if err != nil || len(slower) > 0 || !strings.Contains(out.String(), "faster") {
		t.Errorf("%v, %v in\n%s", slower, err, out.String())
	}
	out.Reset()
	slower, err = usual.Write(&out, []Change{{"same", "x", even, even}, {"worse", "x", even, twice}})
	if err != nil || len(slower) != 1 || slower[0].Name() != "worse / x" || !strings.Contains(out.String(), "+97.6%") || !strings.Contains(out.String(), "1.01 – 1.04") {
		t.Errorf("%v, %v in\n%s", slower, err, out.String())
	}
	if _, err := usual.Write(failing{}, nil); err == nil {
		t.Error("the error of a write is lost")
	}
}
