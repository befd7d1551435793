package bench

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/internal/dev/testenv"
	"github.com/zeropool-go/zeropool/topology"
)

// TestMain lets the test program serve what is to be watched in a process of its
// own, as the command does. In an emulator, everything is measured in this one.
func TestMain(m *testing.M) {
	if !testenv.Emulated() {
		if code, child := Child(unpinned, os.Stdout, os.Stderr); child {
			os.Exit(code)
		}
	}
	os.Exit(m.Run())
}

func unpinned() (*Env, error) {
	return NewEnv(zeropool.WithWorkers(2), zeropool.WithPlacement(topology.Unpinned))
}

// A process that measures at rest answers a request that it does not understand
// with an error that names it, and the others with their figures.
func TestServe(t *testing.T) {
	found := func(text string) (r rest, err error) {
		var out bytes.Buffer
		if err = serve(text, unpinned, strings.NewReader(""), json.NewEncoder(&out)); err == nil {
			err = json.Unmarshal(out.Bytes(), &r)
		}
		return r, err
	}
	for text, want := range map[string]string{
		"{":                          childVariable,
		`{"Workload":"cold fusion"}`: `"cold fusion"`,
		`{"Workload":"hot"}`:         "hot is not measured in a process of its own",
		`{"Workload":"idle-memory","Variant":"cold fusion"}`: `no variant "cold fusion"`,
	} {
		if _, err := found(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
	r, err := found(`{"Workload":"idle-memory","Variant":"zeropool","Window":1000000,"Workers":3}`)
	if err != nil {
		t.Fatal(err)
	}
	if r.Memory.Goroutines < 3 || r.Memory.held() <= 0 { // three workers, and stand-ins
		t.Errorf("a pool of three workers at rest: %+v", r.Memory)
	}
	if r, err := found(`{"Workload":"new-first","Variant":"zeropool"}`); err != nil || r.Once <= 0 {
		t.Errorf("the first New: %+v, %v", r, err)
	}
}

// What a pool holds is the growth since before, never less than nothing, and
// medians are taken of each figure.
func TestMemoryUse(t *testing.T) {
	a := MemoryUse{Heap: 100, Stacks: 30, RSS: 4096, Goroutines: 2, Threads: 3}
	b := MemoryUse{Heap: 50, Stacks: 40, RSS: 0, Goroutines: 2, Threads: 2}
	if got, want := a.since(b), (MemoryUse{50, -10, 4096, 0, 1}); got != want {
		t.Errorf("growth %+v, want %+v", got, want)
	}
	if got, want := a.each(2), (MemoryUse{50, 15, 2048, 1, 1.5}); got != want {
		t.Errorf("of two, each: %+v, want %+v", got, want)
	}
	if got := b.since(a).held(); got != 0 {
		t.Errorf("less than before counts as %v bytes", got)
	}
	if got, want := *medianOf([]MemoryUse{a, b, {}}), (MemoryUse{50, 30, 0, 2, 2}); got != want {
		t.Errorf("medians %+v, want %+v", got, want)
	}
	if medianOf(nil) != nil {
		t.Error("medians of nothing")
	}
	rss, threads := residency()
	if runtime.GOOS == "linux" && (rss < 1<<20 || threads < 1) {
		t.Errorf("this process: %v bytes resident, %v threads", rss, threads)
	}
}

// Only peers that may have several submitters, or have a form that may, are
// measured with several.
func TestSharable(t *testing.T) {
	start := func(*Env) (*Runner[cell], error) { return &Runner[cell]{}, nil }
	got := sharable([]Peer[cell]{
		{Name: "any", Start: start},
		{Name: "one", Start: start, OneSubmitter: true},
		{Name: "two", OneSubmitter: true, Shared: start},
	})
	var names []string
	for _, p := range got {
		names = append(names, p.Name)
		if p.Start == nil {
			t.Errorf("%s cannot be started", p.Name)
		}
	}
	if strings.Join(names, " ") != "any two" {
		t.Errorf("several may submit to %v", names)
	}
}

// TestSelfChecking measures a variant without Verify: its Op is what checks.
func TestSelfChecking(t *testing.T) {
	e, err := NewEnv(zeropool.WithWorkers(1), zeropool.WithPlacement(topology.Unpinned))
	if err != nil {
		t.Fatal(err)
	}
	ops, wakes, rests := 0, 0, 0
	w := Workload{Name: "self", Tasks: 1, Variants: func(*Env) []Variant {
		return []Variant{{Ours, func() (Instance, error) {
			return Instance{
				Op: func() {
					ops++
					if wakes != rests+1 {
						t.Errorf("an Op outside of a turn: %d wakes, %d rests", wakes, rests)
					}
				},
				Wake: func() { wakes++ },
				Rest: func() { rests++ },
				Stop: func() {},
			}, nil
		}}}
	}}
	r, err := Measure(w, e, tiny, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ops == 0 || wakes != rests || len(r.Samples) != 1 {
		t.Errorf("%d ops, %d wakes, %d rests, %+v", ops, wakes, rests, r.Samples)
	}
	w.Missing = "not here"
	if r, err := Measure(w, e, tiny, nil); err != nil || r.Missing != "not here" || r.Samples != nil {
		t.Errorf("what cannot be measured: %+v, %v", r, err)
	}
}
