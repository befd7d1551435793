package main

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

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

var usual = rule{alpha: 0.05, least: 0.08}

func TestJudgeNothingChanged(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const tables, size = 400, 13
	wrong := 0
	for range tables {
		for range size {
			w := row{base: sample(random, 10, 1, 0.1), new: sample(random, 10, 1, 0.1)}
			if v := usual.judge(&w, size); v.slower || v.faster {
				wrong++
				break
			}
		}
	}
	if float64(wrong) > usual.alpha*tables {
		t.Errorf("%d of %d tables have a difference where there is none", wrong, tables)
	}
}

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
			w := row{base: sample(random, 12, 1, 0.05), new: sample(random, 12, c.factor, 0.05)}
			v := usual.judge(&w, 13)
			if v.slower {
				slower++
			}
			if v.faster {
				faster++
			}
		}
		if c.slower != (slower > found*8/10) || c.faster != (faster > found*8/10) || !c.slower && slower > found/10 || !c.faster && faster > found/10 {
			t.Errorf("a factor of %v: %d of %d were called slower, %d faster", c.factor, slower, found, faster)
		}
	}
}

func TestRows(t *testing.T) {
	// ratios are those to the baselines a and b.
	report := func(workload string, a, b float64, more ...bench.Result) *bench.Report {
		ratio := func(to string, x float64) bench.Ratio { return bench.Ratio{To: to, Spread: bench.Spread{Median: x}} }
		return &bench.Report{Results: append(more, bench.Result{Name: workload, Ratios: []bench.Ratio{ratio("a", a), ratio("b", b)}})}
	}
	var base, now []*bench.Report
	for i := range 5 {
		x := float64(i)
		base = append(base, report("work", 10+x, 10+x/10, bench.Result{Name: "at rest"}))
		now = append(now, report("work", 20, 21+x))
	}
	base[0].Results = append(base[0].Results, report("gone", 1, 1).Results...)
	now[0].Results = append(now[0].Results, report("new", 1, 1).Results...)
	got := rows(base, now)
	if len(got) != 1 || got[0].name() != "work / b" || median(got[0].base) != 10.2 || median(got[0].new) != 23 {
		t.Errorf("%+v", got)
	}
}

func TestVariation(t *testing.T) {
	if got := variation([]float64{4, 1, 3, 2, 5}); got != 1 {
		t.Errorf("got %v, want (4.5-1.5)/3", got)
	}
	if got := variation([]float64{0, 0}); !math.IsInf(got, 1) {
		t.Errorf("of nothing: %v", got)
	}
}
