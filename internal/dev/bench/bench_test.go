package bench

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/internal/dev/testenv"
	"github.com/zeropool-go/zeropool/topology"
)

var tiny = Settings{Rounds: 2, Slice: 100 * time.Microsecond, Window: 5 * time.Millisecond}

// TestWorkloads runs every workload by every variant, which check their own
// results, and looks at what is reported.
func TestWorkloads(t *testing.T) {
	e, err := NewEnv(zeropool.WithWorkers(2), zeropool.WithPlacement(topology.Unpinned))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, w := range Workloads() {
		if names[w.Name] {
			t.Errorf("two workloads are named %q", w.Name)
		}
		names[w.Name] = true
		t.Run(w.Name, func(t *testing.T) {
			if w.Further && testing.Short() {
				t.Skip("short")
			}
			if w.Kind == CPUsLost {
				testenv.NeedsProcesses(t)
			}
			rounds := 0
			r, err := Measure(w, e, tiny, func(round, of int) { rounds++ })
			if err != nil {
				t.Fatal(err)
			}
			if r.Missing != "" {
				t.Skip(r.Missing)
			}
			if rounds != tiny.Rounds {
				t.Errorf("progress was reported %d times, want %d", rounds, tiny.Rounds)
			}
			checkResult(t, &w, &r)
		})
	}
}

// TestLeastRounds checks that a budget ends a workload after the usual rounds, that it does
// not end one that needs more before it has them, and that nobody measures more rounds
// than were asked for.
func TestLeastRounds(t *testing.T) {
	for _, c := range []struct{ least, asked, want int }{{0, 20, idleRounds}, {12, 20, 12}, {12, 9, 9}} {
		w := Workload{Name: "self", Tasks: 1, Least: c.least, Variants: func(*Env) []Variant {
			return []Variant{{Ours, func() (Instance, error) {
				return Instance{Op: func() {}, Stop: func() {}}, nil
			}}}
		}}
		r, err := Measure(w, &Env{CPUs: 1, Workers: 1}, Settings{Rounds: c.asked, Slice: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Ours().Count; got != c.want {
			t.Errorf("at least %d, asked for %d, no time: %d rounds, want %d", c.least, c.asked, got, c.want)
		}
	}
}

func checkResult(t *testing.T, w *Workload, r *Result) {
	if r.Ours().Name != Ours || len(r.Samples) < 2 {
		t.Fatalf("samples %+v", r.Samples)
	}
	for _, s := range r.Samples {
		if s.Count != tiny.Rounds || s.Min > s.Median || s.Median > s.Max || s.Q1 > s.Q3 {
			t.Errorf("%s: spread %+v", s.Name, s.Spread)
		}
		if got := s.Latency != nil; got != (w.Kind == Latency || w.Kind == Requests) {
			t.Errorf("%s: has percentiles: %v", s.Name, got)
		}
		if l := s.Latency; l != nil && (l.Count != tiny.Rounds*w.Samples || l.P50 > l.P99 || l.P99 > l.Max) {
			t.Errorf("%s: latencies %+v", s.Name, *l)
		}
		if got := s.Allocs != nil; got != w.Kind.counted() {
			t.Errorf("%s: has allocations: %v", s.Name, got)
		}
		if m := s.Memory; (m != nil) != (w.Kind == Memory) || m != nil && s.Median == 0 && m.held() > 0 {
			t.Errorf("%s: memory %+v", s.Name, m)
		}
		if got := s.Efficiency != nil; got != w.Heavy {
			t.Errorf("%s: has an efficiency: %v", s.Name, got)
		}
	}
	if !w.Kind.compared() {
		if len(r.Ratios) > 0 {
			t.Errorf("ratios %+v", r.Ratios)
		}
		return
	}
	for _, s := range r.Samples[1:] {
		if q, ok := r.Ratio(s.Name); !ok || q.Count != tiny.Rounds {
			t.Errorf("ratio to %s: %v, %+v", s.Name, ok, q)
		}
	}
}

// TestVerify checks that a variant which leaves a task out is found out.
func TestVerify(t *testing.T) {
	cells := make([]cell, 10)
	if err := verifyCells(cells, func() { serialLoop(cells[1:], store) })(); err == nil {
		t.Error("a tiny task that was not run went unnoticed")
	}
	spins := []spin{{turns: 3, x: 1}, {turns: 3, x: 2}}
	if err := verifySpins(spins, func() { serialLoop(spins[:1], compute) })(); err == nil {
		t.Error("a heavy task that was not run went unnoticed")
	}
}

// A workload is found by its name, and a name that is none is an error.
func TestFind(t *testing.T) {
	if w, err := Find("hot"); err != nil || w.Name != "hot" {
		t.Errorf("got %q, %v", w.Name, err)
	}
	if _, err := Find("cold fusion"); err == nil {
		t.Error("found a workload that is not there")
	}
}

// The channel that zeropool is compared with has the buffer that the
// documentation states.
func TestChanTaskSize(t *testing.T) {
	p := newChanPool[cell](1)
	defer p.stop()
	if cap(p.tasks) != chanBuffer {
		t.Errorf("capacity %d", cap(p.tasks))
	}
}

// The spread of measured values has the right median, quartiles, extremes and
// count, also for few values or none.
func TestSpread(t *testing.T) {
	got := spreadOf([]float64{5, 1, 4, 2, 3})
	if want := (Spread{3, 2, 4, 1, 5, 5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := spreadOf([]float64{1, 2}); got.Median != 1.5 {
		t.Errorf("median of two: %v", got.Median)
	}
	if got := spreadOf(nil); got != (Spread{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

// Percentiles are those of the sorted values, and of nothing there are none.
func TestPercentiles(t *testing.T) {
	values := make([]float64, 1001)
	for i := range values {
		values[i] = float64(1000 - i)
	}
	got := *percentilesOf(values)
	if want := (Percentiles{500, 900, 990, 999, 1000, 1001}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if percentilesOf(nil) != nil {
		t.Error("percentiles of nothing")
	}
}

// Ratios are of the same round, scaled, and a round without a baseline is left
// out.
func TestQuotients(t *testing.T) {
	got := quotients([]float64{1, 2, 3}, []float64{2, 0, 4}, 2)
	if want := []float64{1, 1.5}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Figures are printed with as many digits as one can read, small, large and
// zero ones too.
func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 0.0001: "<0.001", 0.0123: "0.012", 0.5: "0.50", 9.994: "9.99", 42.04: "42.0", 999.4: "999", 12345.6: "12,346", 2.5e6: "2.50e+06",
	} {
		if got := Number(x); got != want {
			t.Errorf("Number(%v) = %q, want %q", x, got, want)
		}
	}
}

// The ideal schedule divides the work evenly, but is never shorter than the
// longest task.
func TestIdealPart(t *testing.T) {
	for _, c := range []struct {
		turns []int
		want  float64
	}{
		{[]int{1, 1, 1, 1}, 0.5}, {[]int{1, 1, 1, 9}, 0.75}, {[]int{5}, 1},
	} {
		spins := make([]spin, len(c.turns))
		for i := range spins {
			spins[i].turns = c.turns[i]
		}
		if got := idealPart(spins, 2); got != c.want {
			t.Errorf("%v: %v, want %v", c.turns, got, c.want)
		}
	}
}

// The worst schedule is the one furthest from the ideal, and other ratios do
// not count.
func TestWorstSchedule(t *testing.T) {
	r := &Report{Results: []Result{
		{Name: "a", Ratios: []Ratio{{To: Channel, Spread: Spread{Median: 9}}, {To: Ideal, Spread: Spread{Median: 1.1}}}},
		{Name: "b", Ratios: []Ratio{{To: Ideal, Spread: Spread{Median: 1.3}}}},
		{Name: "c", Ratios: []Ratio{{To: Channel, Spread: Spread{Median: 9}}}},
	}}
	if name, ratio := r.worstSchedule(); name != "b" || ratio != 1.3 {
		t.Errorf("got %q, %v", name, ratio)
	}
}

// A filter chooses the workloads whose names match it, and the further ones
// only when all are asked for.
func TestChoose(t *testing.T) {
	all := []Workload{{Name: "a"}, {Name: "ab"}, {Name: "abc", Further: true}}
	for _, c := range []struct {
		filter string
		full   bool
		want   int
	}{
		{"", false, 2}, {"", true, 3}, {"b", false, 1}, {"b", true, 2}, {"c", false, 1}, {"x", true, 0},
	} {
		f := commandFlags{filter: regexp.MustCompile(c.filter), full: c.full}
		if got := f.choose(all); len(got) != c.want {
			t.Errorf("%+v: %d workloads", c, len(got))
		}
	}
}
