package bench

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

func sampleReport() *Report {
	none, some := 0.0, 2.0
	return &Report{
		Schema: Schema,
		Machine: Machine{Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Commit: "0123456789abcdef", Go: "go1.25", OS: "linux", Arch: "amd64",
			Level: "v3", Build: "assembly", CPU: "Example", Topology: "abc", CPUs: 2, GOMAXPROCS: 2, Workers: 2, Pinned: 2, ClockCost: 25},
		Peers: []PeerInfo{{"rival", "example.com/rival", "v1.2.3", "as it comes"}},
		Results: []Result{
			{Name: "single", Title: "tasks", Unit: "ns/task", Tasks: 10,
				Samples: []Sample{
					{Name: Ours, Spread: Spread{40, 39, 41, 38, 50, 9}, Allocs: &none, Bytes: &none},
					{Name: Channel, Spread: Spread{100, 99, 101, 98, 110, 9}, Allocs: &some, Bytes: &some},
				},
				Ratios: []Ratio{{Channel, Spread{0.4, 0.39, 0.41, 0.3, 0.5, 9}, []float64{0.4, 0.3, 0.5}}}},
			{Name: "memory", Title: "held", Unit: "bytes", Tasks: 10, Samples: []Sample{
				{Name: Ours, Spread: Spread{5000, 5000, 5000, 5000, 5000, 3}, Memory: &MemoryUse{4000, 1000, 16384, 2, 3}},
			}},
			{Name: "idle", Title: "nothing", Unit: "% of a CPU", Missing: "not here"},
		},
	}
}

// A report that was written reads back as the same report.
func TestReportJSON(t *testing.T) {
	want := sampleReport()
	var b bytes.Buffer
	if err := want.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	got, err := ReadReport(&b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// The text names the machine, the build, each figure with its ratio, what was
// not measured and why, and the peers; no error of the writer is lost.
func TestReportText(t *testing.T) {
	var b strings.Builder
	if err := sampleReport().WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Example", "assembly queue, v3", "0123456789ab\n", "single: tasks", "0.40×", "not measured: not here",
		"rival: example.com/rival v1.2.3\n  as it comes\n", "16384"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if err := sampleReport().WriteText(failing{}); err == nil {
		t.Error("the error of a write is lost")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// A file that is no report, or an impossible one, is refused with an error that
// says what is wrong.
func TestReadReportBadInput(t *testing.T) {
	for input, want := range map[string]string{
		"":                                      "not a benchmark report",
		"[1]":                                   "not a benchmark report",
		"{}":                                    "no schema",
		`{"schema":2}`:                          "schema 2",
		`{"schema":1}`:                          "no results",
		`{"schema":1,"results":"x"}`:            "not a benchmark report",
		`{"schema":1,"results":[{}]}`:           "no name",
		`{"schema":1,"results":[{"name":"a"}]}`: "no samples",
		`{"schema":1,"results":[{"name":"a","missing":"x"},{"name":"a","missing":"x"}]}`:                       "two results",
		`{"schema":1,"results":[{"name":"a","samples":[{"name":"b","median":-1}]}]}`:                           "negative",
		`{"schema":1,"results":[{"name":"a","samples":[{"name":"b","memory":{}},{"name":"c"}]}]}`:              "other figures",
		`{"schema":1,"results":[{"name":"a","samples":[{"name":"b"}],"ratios":[{"to":"c","median":-1}]}]}`:     "impossible",
		`{"schema":1,"results":[{"name":"a","samples":[{"name":"b"}],"ratios":[{"to":"c","rounds":[1,-1]}]}]}`: "impossible",
	} {
		if _, err := ReadReport(strings.NewReader(input)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", input, err, want)
		}
	}
	if _, err := ReadReport(strings.NewReader(strings.Repeat(" ", maxReport+1))); err == nil {
		t.Error("read without a bound")
	}
}

// Whatever bytes are read as a report, they give an error or a report that can be
// written.
func FuzzReadReport(f *testing.F) {
	var b bytes.Buffer
	if err := sampleReport().WriteJSON(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"schema":1,"results":[{"name":"a","samples":[{}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ReadReport(bytes.NewReader(text))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := r.WriteText(&out); err != nil {
			t.Fatal(err)
		}
	})
}

// A report tells of the machine, the build and the workers that it was measured
// with.
func TestNewReport(t *testing.T) {
	e, err := NewEnv(zeropool.WithWorkers(1), zeropool.WithPlacement(topology.Unpinned))
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReport(e)
	if err != nil {
		t.Fatal(err)
	}
	if r.Workers != 1 || r.Pinned != 0 || r.CPUs < 1 || r.Go == "" || r.Build == "" {
		t.Errorf("%+v", r.Machine)
	}
}

// The digest tells machines with other CPUs apart and depends on nothing else.
func TestDigest(t *testing.T) {
	a := &topology.Topology{CPUs: []topology.CPU{{ID: 0}, {ID: 1}}}
	b := &topology.Topology{CPUs: []topology.CPU{{ID: 0}, {ID: 1, Core: 1}}}
	if Digest(a) == Digest(b) {
		t.Error("two machines with one digest")
	}
	if Digest(a) != Digest(&topology.Topology{CPUs: a.CPUs, Model: "another"}) {
		t.Error("the digest is not that of the CPUs")
	}
}
