package main

import (
	"strings"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// A short run of the endurance test does some work, rests, and finds no
// failure.
func TestRun(t *testing.T) {
	var out strings.Builder
	w, err := newWorld(&out, 1)
	if err != nil {
		t.Skip(err)
	}
	w.run(500*time.Millisecond, 100*time.Millisecond)
	w.table()
	if n := w.failures.Load(); n > 0 {
		t.Errorf("%d failures\n%s", n, out.String())
	}
	if w.count.programs.Load() == 0 || w.count.rests.Load() == 0 {
		t.Errorf("nothing was done\n%s", out.String())
	}
}

// Growth is told from noise, from warming up and from single peaks.
func TestVerdict(t *testing.T) {
	noise := []float64{100, 103, 99, 101, 98, 102, 100, 104, 97, 100, 101, 99}
	warm := []float64{1, 5, 20, 90, 100, 101, 99, 100, 100, 101, 99, 100}
	peak := []float64{100, 100, 100, 100, 100, 100, 100, 100, 100, 500, 100, 100}
	leak := []float64{100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111}
	for name, c := range map[string]struct {
		values       []float64
		slack, share float64
		flat         bool
	}{
		"noise":               {noise, 0, 0.02, true},
		"warming up":          {warm, 0, 0.02, true},
		"a single peak":       {peak, 0, 0.02, true},
		"a leak":              {leak, 0, 0.02, false},
		"a leak, in slack":    {leak, 10, 0, true},
		"a leak, in share":    {leak, 0, 0.1, true},
		"too few to judge":    {leak[:fewRests-1], 0, 0, true},
		"exact, one too many": {[]float64{7, 7, 7, 7, 8, 8}, 0, 0, false},
	} {
		s := series{values: c.values, slack: c.slack, share: c.share}
		if second, last, limit, flat := s.verdict(); flat != c.flat {
			t.Errorf("%s: medians %v and %v, limit %v: flat %v", name, second, last, limit, flat)
		}
	}
}

// Who makes no progress for all the ticks is named, and nobody who does or who
// has left.
func TestWatchdog(t *testing.T) {
	d := &watchdog{}
	busy, hung := d.add("busy"), d.add("hung")
	hung.beats.Add(1)
	for n := range hangTicks {
		if name, yes := d.tick(); yes {
			t.Fatalf("%s hangs after %d ticks", name, n)
		}
		busy.beats.Add(1)
	}
	if name, yes := d.tick(); !yes || name != "hung" {
		t.Errorf("found %q, %v", name, yes)
	}
	d.remove(hung)
	busy.beats.Add(1)
	if name, yes := d.tick(); yes {
		t.Errorf("%s hangs", name)
	}
}

// Each way in which a submission can come out wrong is noticed.
func TestCheck(t *testing.T) {
	a := &arena{world: &world{}, policy: zeropool.Help}
	jobs := func(runs ...int32) []*job {
		all := make([]*job, len(runs))
		for i, n := range runs {
			all[i] = &job{arena: a}
			all[i].runs.Store(n)
		}
		return all
	}
	panicked := jobs(1, 1)
	panicked[1].does = panics
	gone := jobs(1)
	gone[0].does = exits
	brokenLoop := &loop{arena: a, bad: -1}
	for name, c := range map[string]struct {
		s        *submission
		canceled int64
		want     string // part of the error, "" for none
	}{
		"all ran":                 {s: &submission{jobs: jobs(1, 1)}},
		"one ran twice":           {s: &submission{jobs: jobs(1, 2)}, want: "ran 2 times"},
		"one was lost":            {s: &submission{jobs: jobs(1, 0)}, want: "did not run"},
		"a panic was lost":        {s: &submission{jobs: panicked}, want: "did not return"},
		"an exit was lost":        {s: &submission{jobs: gone}, want: "did not return"},
		"its own panic":           {s: &submission{jobs: panicked, err: &zeropool.PanicError{Value: panicked[1]}}},
		"another's panic":         {s: &submission{jobs: panicked, err: &zeropool.PanicError{Value: gone[0]}}, want: "another's"},
		"an exit out of nothing":  {s: &submission{jobs: jobs(1), err: zeropool.ErrGoexit}, want: "nobody called Goexit"},
		"canceled":                {s: &submission{jobs: jobs(1, 0), err: zeropool.ErrCanceled}, canceled: 1},
		"canceled, one too many":  {s: &submission{jobs: jobs(0, 0), err: zeropool.ErrCanceled}, canceled: 1, want: "2 tasks did not run, 1 were canceled"},
		"canceled, but it ran":    {s: &submission{jobs: jobs(1, 1), err: zeropool.ErrCanceled}, canceled: 1, want: "0 tasks did not run, 1 were canceled"},
		"canceled by nobody":      {s: &submission{jobs: jobs(0), err: zeropool.ErrCanceled}, want: "nobody canceled"},
		"closed by nobody":        {s: &submission{jobs: jobs(0), err: zeropool.ErrClosed}, want: "nobody closed"},
		"full against the policy": {s: &submission{jobs: jobs(0), err: zeropool.ErrFull}, want: "the policy is Help"},
		"full":                    {s: &submission{form: "TrySubmit", jobs: jobs(0), err: zeropool.ErrFull}},
		"an empty loop":           {s: &submission{loop: brokenLoop}},
	} {
		c.s.canceled.Store(c.canceled)
		err := a.check(c.s)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each counter that does not fit the ledger is noticed.
func TestJudge(t *testing.T) {
	a := &arena{}
	a.ledger.returned.Store(10)
	a.ledger.panicked.Store(3)
	a.ledger.canceled.Store(2)
	a.ledger.notRun.Store(1)
	good := zeropool.WorkerStats{Submitted: 15, Completed: 10, Panicked: 3, Canceled: 2}
	if err := a.judge(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*zeropool.WorkerStats){
		"one more submitted":              func(s *zeropool.WorkerStats) { s.Submitted++ },
		"queued":                          func(s *zeropool.WorkerStats) { s.Queued++ },
		"running":                         func(s *zeropool.WorkerStats) { s.Running++ },
		"completed instead of panicked":   func(s *zeropool.WorkerStats) { s.Completed++; s.Panicked-- },
		"panicked instead of canceled":    func(s *zeropool.WorkerStats) { s.Panicked++; s.Canceled-- },
		"more canceled than were unrun":   func(s *zeropool.WorkerStats) { s.Submitted += 2; s.Canceled += 2 },
		"fewer canceled than Cancel said": func(s *zeropool.WorkerStats) { s.Submitted--; s.Canceled-- },
	} {
		s := good
		change(&s)
		if a.judge(s) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
	a.ledger.panics.Store(1)
	if a.judge(good) == nil {
		t.Error("a panic that the handler did not see: not noticed")
	}
}

// Params that were freed too early are noticed.
func TestCargo(t *testing.T) {
	if c := newCargo(7); !c.whole(7) {
		t.Error("untouched cargo is broken")
	}
	for name, change := range map[string]func(*cargo){
		"freed":       func(c *cargo) { next := c.next; *c = cargo{next: next} },
		"linked part": func(c *cargo) { *c.next = cargo{} },
		"data":        func(c *cargo) { c.data[3]++ },
	} {
		c := newCargo(7)
		if change(c); c.whole(7) {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// TestLedger runs a known program and compares what is noted.
func TestLedger(t *testing.T) {
	p, err := zeropool.New(zeropool.WithWorkers(2), zeropool.WithPlacement(topology.Unpinned))
	if err != nil {
		t.Fatal(err)
	}
	a := &arena{world: &world{}, pool: p}
	for range 300 { // more than are kept
		a.fire(1)
	}
	a.settleFired()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.judge(p.Stats().Total); err != nil || a.ledger.returned.Load() != 300 {
		t.Errorf("%d tasks returned: %v", a.ledger.returned.Load(), err)
	}
}
