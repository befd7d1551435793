package matrix

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool/internal/bench"
)

func report(change func(*bench.Report)) *bench.Report {
	none := 0.0
	r := &bench.Report{
		Schema: bench.Schema,
		Machine: bench.Machine{Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Commit: "0123456789abcdef", Go: "go1.25",
			OS: "linux", Arch: "amd64", Level: "v1", Build: "assembly", CPU: "Example", CPUs: 2, Workers: 2},
		Results: []bench.Result{
			{Name: "single", Title: "tasks <one> | by one", Unit: "ns/task", Tasks: 10,
				Samples: []bench.Sample{
					{Name: bench.Ours, Spread: bench.Spread{Median: 40, Q1: 39, Q3: 41}, Allocs: &none},
					{Name: bench.Channel, Spread: bench.Spread{Median: 100, Q1: 99, Q3: 101}, Allocs: &none},
					{Name: bench.Serial, Spread: bench.Spread{Median: 2, Q1: 2, Q3: 2}, Allocs: &none},
				},
				Ratios: []bench.Ratio{
					{To: bench.Channel, Spread: bench.Spread{Median: 0.4, Q1: 0.39, Q3: 0.41}},
					{To: bench.Serial, Spread: bench.Spread{Median: 20, Q1: 19, Q3: 21}},
				}},
			{Name: "idle", Title: "nothing", Unit: "% of a CPU", Missing: "not here"},
		},
	}
	if change != nil {
		change(r)
	}
	return r
}

func render(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLabels(t *testing.T) {
	m := New([]*bench.Report{
		report(nil),
		report(nil),
		report(func(r *bench.Report) { r.Tags, r.Build = "purego", "generic" }),
		report(func(r *bench.Report) { r.Level, r.Build = "", "generic" }),
		report(func(r *bench.Report) { r.OS, r.Arch, r.Level, r.Emulated = "darwin", "arm64", "", true }),
	})
	want := []string{"amd64 v1", "amd64 v1 #2", "amd64 v1 purego", "amd64 generic", "darwin/arm64 (emulated)"}
	for i, r := range m.Runs {
		if r.Label != want[i] {
			t.Errorf("run %d is labelled %q, want %q", i, r.Label, want[i])
		}
	}
}

func TestMarkdown(t *testing.T) {
	text := render(t, New([]*bench.Report{
		report(nil),
		report(func(r *bench.Report) { r.Arch, r.Level, r.Emulated = "arm64", "", true }),
	}).Markdown)
	for _, want := range []string{
		"| single | ns/task | 40.0 (0.40× channel) | emulated |",
		"| idle | % of a CPU | not measured | not measured |",
		`tasks &lt;one> \| by one`,
		"| amd64 v1 | serial | 2.00 |",
		"| arm64 (emulated) | zeropool | " + emulatedNote + " |",
		"0123456789ab",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "|") && !strings.HasSuffix(line, "|\n") {
			t.Errorf("broken row %q", line)
		}
	}
}

// TestOwnWorkloads checks that a workload which only one run has is shown.
func TestOwnWorkloads(t *testing.T) {
	m := New([]*bench.Report{report(nil), report(func(r *bench.Report) { r.Results[0].Name = "other" })})
	if len(m.Workloads) != 3 || m.Workloads[2].Name != "other" || len(m.Workloads[2].Cells) != 1 {
		t.Errorf("%+v", m.Workloads)
	}
}

func TestPicture(t *testing.T) {
	m := New([]*bench.Report{
		report(func(r *bench.Report) { r.CPU = "<\x01&\"" }),
		report(func(r *bench.Report) { r.Arch, r.Emulated = "arm64", true }),
	})
	svg := render(t, m.SVG)
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := decoder.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(svg, `class="win"`); n != 1 {
		t.Errorf("%d wins are drawn, want 1", n)
	}
	if n := strings.Count(svg, `class="lose"`); n != 1 {
		t.Errorf("%d losses are drawn, want 1", n)
	}
	if strings.Contains(svg, "arm64") {
		t.Error("times of an emulated run are drawn")
	}
	page := render(t, m.HTML)
	if !strings.Contains(page, svg) || strings.Contains(page, "http://") != strings.Contains(svg, "http://") || strings.Contains(page, "https://") {
		t.Error("the page lacks the picture, or needs the network")
	}
	if strings.Contains(page, "<\x01") || strings.Contains(page, "tasks <one>") {
		t.Error("text from the report breaks out of the page")
	}
}

func TestScale(t *testing.T) {
	m := New([]*bench.Report{report(func(r *bench.Report) { r.Results[0].Ratios[0].Median = 1e-9 })})
	if s := m.scaleOf(); s.lo != -4 || s.hi != 2 {
		t.Errorf("scale %+v", s)
	}
	s := scale{-1, 1}
	if s.x(1) != (plotLeft+plotRight)/2.0 || s.x(1e-6) != plotLeft || s.x(1e6) != plotRight {
		t.Error("the axis is not logarithmic, or not bounded")
	}
}

func TestWriteErrors(t *testing.T) {
	m := New([]*bench.Report{report(nil)})
	for _, write := range []func(io.Writer) error{m.Markdown, m.SVG, m.HTML} {
		if err := write(failing{}); err == nil {
			t.Error("the error of a write is lost")
		}
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// FuzzMatrix shows whatever can be read.
func FuzzMatrix(f *testing.F) {
	var b bytes.Buffer
	if err := report(nil).WriteJSON(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"schema":1,"results":[{"name":"a","samples":[{}],"ratios":[{"to":"b"},{"to":"c","median":1e300}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := bench.ReadReport(bytes.NewReader(text))
		if err != nil {
			return
		}
		m := New([]*bench.Report{r, r})
		for _, write := range []func(io.Writer) error{m.Markdown, m.SVG, m.HTML} {
			if err := write(io.Discard); err != nil {
				t.Fatal(err)
			}
		}
	})
}
