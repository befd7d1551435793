package matrix

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
	"github.com/zeropool-go/zeropool/internal/svg"
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

// Each run has a label of its own that tells system, architecture, level, build
// and emulation.
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

// The same build by two releases of Go is two runs, which their labels tell apart.
func TestLabelsOfReleases(t *testing.T) {
	m := New([]*bench.Report{report(nil), report(func(r *bench.Report) { r.Go = "go9.9" })})
	if len(m.Runs) != 2 || m.Runs[0].Label != "amd64 v1, "+m.Runs[0].Go || m.Runs[1].Label != "amd64 v1, go9.9" {
		t.Errorf("%d runs, labelled %q", len(m.Runs), labels([]*Run{&m.Runs[0], &m.Runs[len(m.Runs)-1]}))
	}
}

func (m *Matrix) text(w io.Writer) error { return m.Markdown(w, "img") }

// The page has every figure with its ratio, what was not measured and why, no
// time of an emulated run, and text from reports without markup of its own.
func TestMarkdown(t *testing.T) {
	text := render(t, New([]*bench.Report{
		report(func(r *bench.Report) {
			r.Peers = []bench.PeerInfo{{Name: "rival", Module: "example.org/rival", Version: "v9.8.7", How: "as | usual"}}
		}),
		report(func(r *bench.Report) { r.Arch, r.Level, r.Emulated = "arm64", "", true }),
	}).text)
	for _, want := range []string{
		"| single | 40 ns (0.40× channel) |",
		`tasks &lt;one> \| by one`,
		"| plain loop | 2 ns (20.0×) |",
		"amd64 v1: not measured: not here",
		"arm64 (emulated): correctness and instruction counts only, not time",
		"| arm64 (emulated) | single | 0 |",
		"0123456789ab",
		`| rival | example.org/rival | v9.8.7 | as \| usual |`,
		"](img/overview.svg)",
		"](img/workload-single.svg)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "| emulated") || strings.Contains(text, "{{") || strings.Contains(text, "%!") {
		t.Errorf("times of an emulated run, or a template, are shown in\n%s", text)
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "|") && !strings.HasSuffix(line, "|\n") {
			t.Errorf("broken row %q", line)
		}
	}
}

// TestJoin checks which reports are one run: the one with peers and the one
// without, and the counts of instructions with what they belong to.
func TestJoin(t *testing.T) {
	peers := report(func(r *bench.Report) {
		r.Peers = []bench.PeerInfo{{Name: "rival"}}
		r.Results = r.Results[:1]
		r.Results[0].Samples = append(r.Results[0].Samples, bench.Sample{Name: "rival", Spread: bench.Spread{Median: 10}})
		r.Results[0].Ratios = append(r.Results[0].Ratios, bench.Ratio{To: "rival", Spread: bench.Spread{Median: 4}})
	})
	counts := report(func(r *bench.Report) {
		r.Results = []bench.Result{{Name: "path", Title: "path", Unit: instructions, Samples: []bench.Sample{{Name: bench.Ours, Spread: bench.Spread{Median: 321}}}}}
	})
	base := report(nil)
	for _, order := range [][]*bench.Report{{base, peers, counts}, {counts, peers, base}, {peers, base, counts}} {
		m := New(order)
		if len(m.Runs) != 1 || len(m.Runs[0].Results) != 3 || len(m.Runs[0].Peers) != 1 {
			t.Fatalf("%d runs, of which the first has %d results", len(m.Runs), len(m.Runs[0].Results))
		}
		for i := range m.Workloads {
			q := &m.Workloads[i]
			if c := &q.Cells[0]; q.Name == "single" && len(c.Result.Samples) != 4 {
				t.Errorf("the peer was lost: %+v", c.Result.Samples)
			} else if p, _ := c.peer(); q.Name == "single" && p.To != "rival" {
				t.Errorf("the best peer is %+v", p)
			}
		}
		if text := render(t, m.text); !strings.Contains(text, "| path | zeropool | 321 |") {
			t.Errorf("no count in\n%s", text)
		}
	}
	if len(base.Results) != 2 || len(base.Peers) != 0 {
		t.Error("joining changed a report")
	}
}

// TestCountsUnderEmulation checks that counts of an emulated run are shown.
func TestCountsUnderEmulation(t *testing.T) {
	m := New([]*bench.Report{report(func(r *bench.Report) { r.Emulated, r.Results[0].Unit = true, instructions })})
	if text := render(t, m.text); !strings.Contains(text, "| zeropool | 40.0 |") {
		t.Errorf("no count in\n%s", text)
	}
	if _, err := m.Readme([]byte(readmeBegin + readmeEnd)); err == nil {
		t.Error("a README was written without any times")
	}
}

func scaledReports() []*bench.Report {
	efficient := func(workers int, ours float64) *bench.Report {
		return report(func(r *bench.Report) {
			r.Workers = workers
			r.Results[0].Samples[0].Median = ours
			for i := range r.Results[0].Samples {
				r.Results[0].Samples[i].Efficiency = &bench.Spread{Median: 0.5}
			}
			if workers != 2 {
				r.Results = r.Results[:1]
			}
		})
	}
	return []*bench.Report{efficient(1, 2), efficient(2, 1), efficient(4, 0.5)}
}

// Runs of one machine that differ in workers alone become one series of points.
func TestScaling(t *testing.T) {
	m := New(scaledReports())
	if len(m.Runs) != 1 || m.Runs[0].Workers != 2 || len(m.Scaled) != 2 {
		t.Fatalf("runs %v, scaled %v", m.Runs, m.Scaled)
	}
	if a, b := m.Scaled[0].Label, m.Scaled[1].Label; a != "amd64 v1, 1 worker" || b != "amd64 v1, 4 workers" {
		t.Errorf("labels %q and %q", a, b)
	}
	s := m.scalings()
	if len(s) != 1 || len(s[0].points) != 3 {
		t.Fatalf("%+v", s)
	}
	for i, want := range []float64{1, 2, 4} {
		if p := s[0].points[i]; p.workers != int(want) {
			t.Errorf("point %d has %d workers", i, p.workers)
		} else if v, ok := p.speedup(bench.Ours); !ok || v != want {
			t.Errorf("speed-up %v with %d workers", v, p.workers)
		}
	}
	if names := s[0].variants(); !slices.Equal(names, []string{bench.Ours, bench.Channel}) {
		t.Errorf("variants %v", names)
	}
	if text := render(t, m.text); !strings.Contains(text, "| zeropool | 2 ns (1.00× a plain loop) | 1 ns (2.00× a plain loop) | 0.50 ns (4.00× a plain loop) |") {
		t.Errorf("no table in\n%s", text)
	}
	// Both are as full: then neither is only there to show the other's scaling.
	if m := New([]*bench.Report{report(nil), report(func(r *bench.Report) { r.Workers = 3 })}); len(m.Runs) != 2 || m.Runs[1].Label != "amd64 v1, 3 workers" {
		t.Errorf("runs %v", m.Runs)
	}
}

// known gives a report a workload that READMEs show.
func known(r *bench.Report) { r.Results[0].Name = "hot" }

// The figures in the README replace those between its marks and nothing else; a
// README without marks is an error.
func TestReadme(t *testing.T) {
	m := New([]*bench.Report{report(known)})
	text, err := m.Readme([]byte("before\n" + readmeBegin + "old\n" + readmeEnd + "after\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	for _, want := range []string{"before\n" + readmeBegin, "(docs/img/overview.svg)", "| 40 ns | 100 ns | 2 ns | channel | 0.40× |", "fastest of all", readmeEnd + "after\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "old") {
		t.Error("what stood there before is still there")
	}
	again, err := m.Readme(text)
	if err != nil || !bytes.Equal(again, text) {
		t.Errorf("writing it again changes it: %v", err)
	}
	for _, bad := range []string{"", readmeBegin, readmeEnd + readmeBegin} {
		if _, err := m.Readme([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	slow := New([]*bench.Report{report(func(r *bench.Report) { known(r); r.Results[0].Ratios[0].Median = 1.5 })})
	if text, err := slow.Readme(text); err != nil || !strings.Contains(string(text), "**Slower than the best other** in 1 of 1: one task, submit and wait") {
		t.Errorf("the loss is not named: %v\n%s", err, text)
	}
}

// TestReadmeRows checks that the README's table leaves out what it has enough of
// already, but nothing that is lost, and that what is left out is counted.
func TestReadmeRows(t *testing.T) {
	write := func(ratio float64) string {
		t.Helper()
		m := New([]*bench.Report{report(func(r *bench.Report) {
			other := r.Results[0]
			other.Name, other.Ratios = "loop-of-one", slices.Clone(other.Ratios)
			other.Ratios[0].Median = ratio
			known(r)
			r.Results = []bench.Result{r.Results[0], other}
		})})
		text, err := m.Readme([]byte(readmeBegin + readmeEnd))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	words, row := workloadWords["loop-of-one"], "| "+workloadWords["loop-of-one"]+" |"
	if text := write(0.4); strings.Contains(text, words) || !strings.Contains(text, "\n2 workloads are compared") {
		t.Errorf("a row too many, or one that is not counted:\n%s", text)
	}
	if text := write(0.4); !strings.Contains(text, "allocates nothing per task in any of them.") {
		t.Errorf("what is allocated is not said:\n%s", text)
	}
	fresh := New([]*bench.Report{report(func(r *bench.Report) {
		some := 0.02
		r.Results[0].Name, r.Results[0].Samples[0].Allocs = "first-burst", &some
	})})
	if text, err := fresh.Readme([]byte(readmeBegin + readmeEnd)); err != nil || !strings.Contains(string(text), "first ones (at most 0.020 objects each).") {
		t.Errorf("what a new pool allocates is not said: %v\n%s", err, text)
	}
	if text := write(1.5); !strings.Contains(text, row) || !strings.Contains(text, "in 1 of 2: "+words+" (1.50× channel)") {
		t.Errorf("what is lost is not shown:\n%s", text)
	}
}

// TestWrite checks that the folder has what the page refers to, and nothing that
// it does not.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	img := filepath.Join(dir, pictureFolder)
	if err := os.MkdirAll(img, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{workloadPrefix + "gone.svg", "other.svg"} {
		if err := os.WriteFile(filepath.Join(img, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m := New(append(scaledReports(), report(func(r *bench.Report) {
		r.Level = "v3"
		r.Results[0].Name = "../a b"
		r.Results[1] = r.Results[0]
		r.Results[1].Name = "../a*b"
	})))
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	var refers []string
	for _, match := range regexp.MustCompile(`\]\(img/([^)]+)\)`).FindAllSubmatch(text, -1) {
		refers = append(refers, string(match[1]))
	}
	entries, err := os.ReadDir(img)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); name != "other.svg" && !slices.Contains(refers, name) {
			t.Errorf("%s is written but not shown", name)
		}
	}
	for _, name := range append(refers, "other.svg") {
		if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == name }) {
			t.Errorf("%s is shown but not written", name)
		}
	}
	if !slices.Contains(refers, "workload-..-a-b.svg") || !slices.Contains(refers, "workload-..-a-b-2.svg") {
		t.Errorf("pictures %v", refers)
	}
}

// TestOwnWorkloads checks that a workload which only one run has is shown.
func TestOwnWorkloads(t *testing.T) {
	m := New([]*bench.Report{report(nil), report(func(r *bench.Report) { r.Results[0].Name = "other" })})
	if len(m.Workloads) != 3 || m.Workloads[2].Name != "other" || len(m.Workloads[2].Cells) != 1 {
		t.Errorf("%+v", m.Workloads)
	}
}

// wellFormed checks that a picture is XML.
func wellFormed(t *testing.T, name string, picture []byte) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(picture))
	for {
		if _, err := decoder.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, picture)
		}
	}
}

func (m *Matrix) allPictures() map[string][]byte {
	all := map[string][]byte{"overview": m.overview()}
	if p := m.latencies(); p != nil {
		all["latency"] = p
	}
	if p := m.scalingPicture(); p != nil {
		all["scaling"] = p
	}
	for i := range m.Workloads {
		if p := m.picture(&m.Workloads[i]); p != nil {
			all[m.Workloads[i].Name] = p
		}
	}
	return all
}

// Every picture is well formed whatever the reports contain, and draws no time
// of an emulated run.
func TestPictures(t *testing.T) {
	latency := func(r *bench.Report) {
		for i := range r.Results[0].Samples {
			r.Results[0].Samples[i].Latency = &bench.Percentiles{P50: 10, P90: 20, P99: 30, P999: 40, Max: 50, Count: 1000}
		}
	}
	m := New(append(scaledReports(),
		report(func(r *bench.Report) { r.CPU = "<\x01&\"" }),
		report(func(r *bench.Report) { r.Level, r.Results[0].Unit = "v3", "ns"; latency(r) }),
		report(func(r *bench.Report) { r.Arch, r.Emulated = "arm64", true })))
	for name, p := range m.allPictures() {
		wellFormed(t, name, p)
		if bytes.Contains(p, []byte("arm64")) {
			t.Errorf("%s: times of an emulated run are drawn", name)
		}
	}
	for name, p := range New([]*bench.Report{report(func(r *bench.Report) { r.Emulated = true })}).allPictures() {
		wellFormed(t, "emulated "+name, p)
	}

	m = New([]*bench.Report{report(nil)})
	marks := func(p []byte, class string) int { return bytes.Count(p, []byte(`<path class="`+class+`"`)) }
	if p := m.overview(); marks(p, "win") != 2 || marks(p, "lose") != 1 { // with the key
		t.Errorf("overview of a win: %s", p)
	}
	m = New([]*bench.Report{report(func(r *bench.Report) { r.Results[0].Ratios[0].Median = 1.1 })})
	if p := m.overview(); marks(p, "win") != 1 || marks(p, "lose") != 2 || !bytes.Contains(p, []byte(`losetext e"`)) {
		t.Errorf("overview of a loss: %s", p)
	}
}

// TestPage checks that the page holds the picture, needs no network, and keeps
// text of reports from becoming markup.
func TestPage(t *testing.T) {
	m := New([]*bench.Report{report(func(r *bench.Report) { r.CPU, r.Results[0].Name = "<\x01&", "</script><b>" })})
	page := render(t, m.HTML)
	if !strings.Contains(page, string(m.overview())) {
		t.Error("the page lacks the picture")
	}
	if strings.Contains(strings.ReplaceAll(page, "http://www.w3.org/2000/svg", ""), "http://") || strings.Contains(page, "https://") {
		t.Error("the page needs the network")
	}
	if strings.Contains(page, "<\x01") || strings.Contains(page, "<b>") || strings.Count(page, "</script>") != 1 {
		t.Error("text from the report breaks out of the page")
	}
}

// Workloads with an ideal schedule are shown once, compared with it and with
// the best peer.
func TestSchedules(t *testing.T) {
	m := New([]*bench.Report{report(func(r *bench.Report) {
		r.Results[0].Name = "uneven"
		r.Results[0].Samples = append(r.Results[0].Samples,
			bench.Sample{Name: bench.Ideal, Spread: bench.Spread{Median: 20}}, bench.Sample{Name: "rival", Spread: bench.Spread{Median: 30}})
		r.Results[0].Ratios = append(r.Results[0].Ratios, bench.Ratio{To: bench.Ideal, Spread: bench.Spread{Median: 1.9}})
	})})
	s := m.scheduleResults()
	if len(s) != 1 || s[0].ours != 1.9 || s[0].channel != 5 || s[0].bestIs != 1.5 || s[0].best.Name != "rival" {
		t.Fatalf("%+v", s)
	}
	wellFormed(t, "schedules", m.schedules())
	if text := render(t, m.text); !strings.Contains(text, "| 1.90× | 5.00× | 1.50× rival |") || strings.Contains(text, "### uneven") {
		t.Errorf("no table, or it is shown twice, in\n%s", text)
	}
	if p, _ := m.Workloads[0].Cells[0].peer(); p.To != bench.Channel {
		t.Errorf("the best peer is %s", p.To)
	}
	if bytes.Contains(m.overview(), []byte("1.90")) {
		t.Error("it is in the overview, too")
	}
}

// A logarithmic axis holds all values, is never empty or endless, and draws
// what lies outside at its border.
func TestAxis(t *testing.T) {
	a := logAxis(100, 200, 0.3, 4)
	if lo, hi := math.Pow(10, a.lo), math.Pow(10, a.hi); math.Abs(lo-0.2) > 1e-9 || math.Abs(hi-5) > 1e-9 {
		t.Errorf("from %v to %v, want 0.2 to 5", lo, hi)
	}
	if a := logAxis(100, 200, 0.01, 100); a.x(1) != 150 || a.x(1e-9) != 100 || a.x(1e9) != 200 || a.x(0) != 100 {
		t.Errorf("%+v is not logarithmic, or not bounded", a)
	}
	for _, values := range [][]float64{nil, {0}, {7}, {1e-300, 1e300}, {math.Inf(1)}} {
		a := logAxis(0, 1, values...)
		if !(a.hi >= a.lo+1) || a.hi-a.lo > maxDecades {
			t.Errorf("%v: from %v to %v", values, a.lo, a.hi)
		}
	}
}

// The steps of an axis are one, two or five times a power of ten.
func TestNiceStep(t *testing.T) {
	for x, want := range map[float64]float64{0: 1, 1: 1, 1.5: 2, 3: 5, 7: 10, 0.03: 0.05, 1200: 2000} {
		if got := niceStep(x); math.Abs(got-want) > 1e-9*want {
			t.Errorf("niceStep(%v) = %v, want %v", x, got, want)
		}
	}
}

// Figures carry the unit that suits their size.
func TestValue(t *testing.T) {
	for _, c := range []struct {
		unit string
		x    float64
		want string
	}{
		{"ns", 0, "0 ns"}, {"ns", 42.04, "42.0 ns"}, {"ns/task", 999.6, "1.00 µs"}, {"ns", 2.81e6, "2.81 ms"}, {"ns", 3e9, "3 s"}, {"ns", 5e12, "5,000 s"},
		{"bytes", 416520, "417 kB"}, {"bytes", -40, "-40 B"}, {"% of a CPU", 0.018, "0.018 %"}, {"parsecs", 12, "12.0"},
	} {
		if got := value(c.unit, c.x); got != c.want {
			t.Errorf("value(%q, %v) = %q, want %q", c.unit, c.x, got, c.want)
		}
	}
	for x, want := range map[float64]string{0.01: "0.01×", 1: "1×", 2.5: "2.5×", 100: "100×"} {
		if got := axisText("×", x); got != want {
			t.Errorf("axisText(%v) = %q, want %q", x, got, want)
		}
	}
	if got := axisText("ns", 200); got != "200 ns" {
		t.Error(got)
	}
}

// No error of a writer is lost, in any format.
func TestWriteErrors(t *testing.T) {
	m := New([]*bench.Report{report(nil)})
	for _, write := range []func(io.Writer) error{m.text, m.SVG, m.HTML} {
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
	f.Add([]byte(`{"schema":1,"cpus":2,"workers":1,"results":[{"name":"a","samples":[{"name":"zeropool","median":5e-324,"efficiency":{}},{"name":"serial","median":1e308}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := bench.ReadReport(bytes.NewReader(text))
		if err != nil {
			return
		}
		more := *r
		more.Workers++
		more.Results = append(slices.Clone(r.Results), bench.Result{Name: "further", Missing: "here"})
		m := New([]*bench.Report{r, r, &more})
		for _, write := range []func(io.Writer) error{m.text, m.SVG, m.HTML} {
			if err := write(io.Discard); err != nil {
				t.Fatal(err)
			}
		}
		for name, p := range m.allPictures() {
			wellFormed(t, name, p)
		}
	})
}

// TestWordsForAll checks that every workload of the set which has a table of its
// own has a short description, which the overview has room for, and that no description
// and no goal is left from one that is gone.
func TestWordsForAll(t *testing.T) {
	elsewhere := []string{"sha256-tree", "parse-tree", "resize"} // of the set with peers
	have := map[string]bool{}
	for _, name := range elsewhere {
		have[name] = true
	}
	scheduled := regexp.MustCompile("^schedule-") // shown together
	for _, w := range bench.Workloads() {
		have[w.Name] = true
		q := Workload{Name: w.Name, Title: w.Title}
		if q.words() == w.Title && !scheduled.MatchString(w.Name) {
			t.Errorf("no words for %q", w.Name)
		}
		if words := q.words(); words != w.Title && svg.Fit(words, fontText, overviewLabels-8) != words {
			t.Errorf("the words for %q are too long for the overview: %q", w.Name, words)
		}
	}
	names := slices.Concat(slices.Collect(maps.Keys(workloadWords)), readmeRows)
	for _, g := range goals {
		names = append(names, g.workload)
	}
	for _, name := range names {
		if !have[name] {
			t.Errorf("words for %q, a goal for it, or a row of the README, and it is no workload", name)
		}
	}
}

// TestPeerOfForks checks that plain calls, which have no second CPU, are the
// best other only where there is nothing else.
func TestPeerOfForks(t *testing.T) {
	ratio := func(to string, x float64) bench.Ratio { return bench.Ratio{To: to, Spread: bench.Spread{Median: x}} }
	for _, c := range []struct {
		ratios []bench.Ratio
		want   string
	}{
		{[]bench.Ratio{ratio(bench.Calls, 20), ratio(bench.Goroutines, 0.3)}, bench.Goroutines},
		{[]bench.Ratio{ratio(bench.OneWorker, 0.6), ratio(bench.Calls, 0.7)}, bench.Calls},
	} {
		cell := Cell{Run: &Run{Report: &bench.Report{}}, Result: &bench.Result{Ratios: c.ratios}}
		if got, ok := cell.peer(); !ok || got.To != c.want {
			t.Errorf("%v: %v, want %s", c.ratios, got.To, c.want)
		}
	}
}

// TestScalingOfForks checks that a speed-up is that over plain calls where there
// is no loop.
func TestScalingOfForks(t *testing.T) {
	p := point{result: &bench.Result{Samples: []bench.Sample{
		{Name: bench.Ours, Spread: bench.Spread{Median: 5}, Efficiency: &bench.Spread{}},
		{Name: bench.Calls, Spread: bench.Spread{Median: 10}, Efficiency: &bench.Spread{}},
	}}}
	if got, ok := p.speedup(bench.Ours); !ok || got != 2 {
		t.Errorf("got %v, %v", got, ok)
	}
}

// TestGoals checks the table of goals: a figure at its bound reaches it, one beyond is
// missed, and one that the run does not have is not left out.
func TestGoals(t *testing.T) {
	spread := func(x float64) bench.Spread { return bench.Spread{Median: x} }
	half := spread(0.5)
	r := &bench.Report{Results: []bench.Result{
		{Name: "single-1000", Unit: "ns/task", Samples: []bench.Sample{{Name: bench.Ours}}, Ratios: []bench.Ratio{{To: bench.Channel, Spread: spread(0.35)}}},
		{Name: "group-1000", Unit: "ns/task", Samples: []bench.Sample{{Name: bench.Ours}}, Ratios: []bench.Ratio{{To: bench.Channel, Spread: spread(0.46)}}},
		{Name: "heavy-1000", Unit: "ns/task", Samples: []bench.Sample{{Name: bench.Ours, Efficiency: &half}}},
		{Name: "loaded", Unit: "ns", Samples: []bench.Sample{
			{Name: bench.Ours, Latency: &bench.Percentiles{P50: 10, P99: 30}},
			{Name: bench.Channel, Latency: &bench.Percentiles{P50: 20, P99: 20}},
		}},
		{Name: "hot", Unit: "ns", Samples: []bench.Sample{{Name: bench.Ours}}},
		{Name: "idle-memory", Unit: "bytes", Samples: []bench.Sample{{Name: bench.Ours, Spread: spread(99_000)}}},
	}}
	var b strings.Builder
	if err := New([]*bench.Report{r}).Markdown(&b, ""); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"It reaches 3 of 7;",
		"| 1,000 tasks one by one, a Future each | ≤ 0.35 × channel | 0.35 × channel |  |",
		"| 1,000 tasks to a Group | ≤ 0.45 × channel | 0.46 × channel | missed |",
		"| 1,000 tasks of 16 µs, one batch | efficiency ≥ 0.96 | 0.50 | missed |",
		"| one task, other submitters busy | 50 %: ≤ 1.00 × channel | 0.50 × channel |  |",
		"| one task, other submitters busy | 99 %: ≤ 1.00 × channel | 1.50 × channel | missed |",
		"| one task, submit and wait | 99.9 %: ≤ 2 µs | not measured |  |",
		"| memory of an idle pool | ≤ 100 kB | 99 kB |  |",
	} {
		if !strings.Contains(b.String(), row) {
			t.Errorf("no %q in\n%s", row, b.String())
		}
	}
}
