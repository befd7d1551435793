package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/internal/svg"
	"github.com/zeropool-go/zeropool/topology"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// trees are the machines of topology/testdata.
var trees = []string{"server", "hybrid", "container", "loaded"}

// withConditions is the report on a tree, with its conditions.
func withConditions(t *testing.T, name string, q topology.Request) *Report {
	t.Helper()
	r := New(read(t, name), q)
	r.Conditions = topology.ReadConditions(os.DirFS(filepath.Join("..", "..", "topology", "testdata", name)), r.Topology)
	return r
}

func read(t *testing.T, name string) *topology.Topology {
	t.Helper()
	top, err := topology.Read(os.DirFS(filepath.Join("..", "..", "topology", "testdata", name)))
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// regular is a regular machine with SMT of 2.
func regular(packages, nodes, l3s, cores int) *topology.Topology {
	t := &topology.Topology{Model: "Grid <&>", Source: "test"}
	total := packages * nodes * l3s * cores
	for id := range total * 2 {
		core := id % total
		t.CPUs = append(t.CPUs, topology.CPU{ID: id, Core: core, L1d: core, L2: core, L3: core / cores,
			Cluster: topology.Unknown, Die: topology.Unknown, Book: topology.Unknown, Drawer: topology.Unknown,
			Node: core / (cores * l3s), Package: core / (cores * l3s * nodes), Online: true, Allowed: true,
			Efficiency: topology.Unknown, Capacity: topology.Unknown, MaxKHz: topology.Unknown})
	}
	for n := range packages * nodes {
		node := topology.Node{ID: n, MemBytes: 1 << 36}
		for m := range packages * nodes {
			node.Distances = append(node.Distances, 10+11*min(1, max(n-m, m-n)))
		}
		for i := range t.CPUs {
			if t.CPUs[i].Node == n {
				node.CPUs = append(node.CPUs, i)
			}
		}
		t.Nodes = append(t.Nodes, node)
	}
	return t
}

func render(t *testing.T, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The report of each sample machine is byte for byte the one that was last
// looked at, in each format.
func TestGolden(t *testing.T) {
	for _, name := range trees {
		r := withConditions(t, name, topology.Request{})
		for format, write := range map[string]func(io.Writer) error{
			"txt": r.Text, "json": r.JSON, "svg": r.SVG, "plan.txt": r.PlanText, "plan.json": r.PlanJSON,
		} {
			t.Run(name+"."+format, func(t *testing.T) {
				got := render(t, write)
				file := filepath.Join("testdata", name+"."+format)
				if *update {
					if err := os.MkdirAll("testdata", 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(file, got, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("differs from %s at %s; run with -update if that is right", file, firstDifference(got, want))
				}
			})
		}
	}
}

func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d: %q, want %q", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("the end: %d lines, want %d", len(g), len(w))
}

// checkXML asserts that a document is well-formed and returns its text.
func checkXML(t *testing.T, doc []byte) string {
	t.Helper()
	var text strings.Builder
	d := xml.NewDecoder(bytes.NewReader(doc))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return text.String()
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		if s, ok := token.(xml.CharData); ok {
			text.Write(s)
		}
	}
}

// Pictures of machines from none to thousands of CPUs stay within a size that a
// browser can show.
func TestPictureSizes(t *testing.T) {
	for _, c := range []struct {
		name          string
		top           *topology.Topology
		kilobytes     int
		width, height int // at most
	}{
		{"none", nil, 8, 820, 400},
		{"4", regular(1, 1, 1, 2), 12, 820, 500},
		{"128", regular(2, 4, 2, 4), 80, 1300, 1600},
		{"512", regular(2, 4, 8, 4), 110, 1300, 1600},
		{"1920", regular(16, 1, 1, 60), 200, 1300, 1800},
		{"4096 on one L3", regular(1, 1, 1, 2048), 400, 1300, 1800},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := New(c.top, topology.Request{})
			doc := render(t, r.SVG)
			checkXML(t, doc)
			if !bytes.Equal(doc, render(t, New(c.top, topology.Request{}).SVG)) {
				t.Error("two pictures of one machine differ")
			}
			if len(doc) > c.kilobytes<<10 {
				t.Errorf("%d bytes, want at most %d KiB", len(doc), c.kilobytes)
			}
			var w, h int
			if _, err := fmt.Sscanf(string(doc), `<svg xmlns="http://www.w3.org/2000/svg" class="zp" width="%d" height="%d"`, &w, &h); err != nil {
				t.Fatal(err)
			}
			if w > c.width || h > c.height {
				t.Errorf("%d × %d pixels, want at most %d × %d", w, h, c.width, c.height)
			}
			for _, want := range []string{`role="img"`, `aria-labelledby="zp-title zp-desc"`, `<title id="zp-title">`, `<desc id="zp-desc">`, "prefers-color-scheme:dark"} {
				if !bytes.Contains(doc, []byte(want)) {
					t.Errorf("no %s", want)
				}
			}
		})
	}
}

// TestPictureShowsEveryState asserts that the picture names each CPU with what
// the plan makes of it.
func TestPictureShowsEveryState(t *testing.T) {
	r := New(read(t, "container"), topology.Request{})
	text := checkXML(t, render(t, r.SVG))
	for i := range r.Topology.CPUs {
		c := &r.Topology.CPUs[i]
		if want := fmt.Sprintf("CPU %d: %s", c.ID, r.why[c.ID]); !strings.Contains(text, want) {
			t.Errorf("the picture does not say %q", want)
		}
	}
	for _, want := range []string{"w0", "smt", "free", "isol.", "barred", "off", "worker (3)", "offline (1)"} {
		if !strings.Contains(text, want) {
			t.Errorf("the picture does not say %q", want)
		}
	}
}

// crowded are conditions with many devices on every node.
func crowded(t *topology.Topology) *topology.Conditions {
	c := &topology.Conditions{SchedExt: topology.SchedExt{State: "enabled", Ops: "ops"}, Governors: []topology.Governor{{Name: "performance", CPUs: []int{0}}}}
	for _, n := range t.Nodes {
		for k := range 40 {
			c.Devices = append(c.Devices, topology.Device{Name: fmt.Sprintf("enp%ds%d", n.ID, 2*k), Kind: topology.NIC, Node: n.ID})
		}
	}
	return c
}

// TestTextsDoNotCollide asserts that no two texts of a picture overlap and none
// leaves it, as far as the estimate of their width goes.
func TestTextsDoNotCollide(t *testing.T) {
	machines := map[string]*topology.Topology{"grid": regular(2, 4, 8, 4), "small": regular(1, 1, 2, 3), "wide": regular(4, 4, 1, 2)}
	for _, name := range trees {
		machines[name] = read(t, name)
	}
	for name, top := range machines {
		t.Run(name, func(t *testing.T) {
			r := New(top, topology.Request{})
			r.Conditions = crowded(top)
			doc := render(t, r.SVG)
			var w, h int
			fmt.Sscanf(string(doc), `<svg xmlns="http://www.w3.org/2000/svg" class="zp" width="%d" height="%d"`, &w, &h)
			type span struct {
				left, right, y int
				s              string
			}
			var spans []span
			for line := range strings.Lines(string(doc)) {
				var x, y int
				var class string
				if !strings.HasPrefix(line, "<text") {
					continue
				}
				class, rest, _ := strings.Cut(strings.TrimPrefix(line, `<text class="`), `"`)
				if _, err := fmt.Sscanf(rest, ` x="%d" y="%d"`, &x, &y); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				s := checkXML(t, []byte(line))
				size := fontText
				switch classes := strings.Fields(class); {
				case classes[0] == "zt1":
					size = fontTitle
				case classes[0] == "zts" || classes[0] == "zu":
					size = fontSmall
				}
				// Rendered text is narrower than the estimate that reserves room.
				width := svg.Width(strings.TrimSpace(s), size) * 9 / 10
				left := x
				switch {
				case strings.Contains(class, "ze"):
					left = x - width
				case strings.Contains(class, "zc1"), strings.HasPrefix(class, "zr "), strings.HasPrefix(class, "zu "):
					left = x - width/2
				}
				if left < 0 || left+width > w || y < 0 || y > h {
					t.Errorf("%q leaves the picture", s)
				}
				spans = append(spans, span{left, left + width, y, s})
			}
			for i, a := range spans {
				for _, b := range spans[:i] {
					if max(a.y-b.y, b.y-a.y) < 8 && a.left < b.right && b.left < a.right {
						t.Errorf("%q and %q overlap", a.s, b.s)
					}
				}
			}
		})
	}
}

// The page loads nothing from elsewhere and runs no script.
func TestHTMLIsSelfContained(t *testing.T) {
	for _, top := range []*topology.Topology{read(t, "container"), regular(2, 4, 8, 4), nil} {
		doc := string(render(t, New(top, topology.Request{}).HTML))
		for _, bad := range []string{"<script", "<link", "src=", "@import", "http://", "https://"} {
			if strings.Contains(strings.ReplaceAll(doc, `xmlns="http://www.w3.org/2000/svg"`, ""), bad) {
				t.Errorf("the page contains %s", bad)
			}
		}
		if strings.Count(doc, "<svg") != 1 || !strings.Contains(doc, `lang="en"`) {
			t.Error("the page lacks its picture or its language")
		}
	}
}

// TestTextIsShort asserts that a large regular machine fits few lines.
func TestTextIsShort(t *testing.T) {
	for _, top := range []*topology.Topology{regular(16, 1, 1, 60), regular(2, 4, 16, 8)} {
		text := string(render(t, New(top, topology.Request{}).Text))
		if n := strings.Count(text, "\n"); n > 90 {
			t.Errorf("%d lines", n)
		}
		for line := range strings.Lines(text) {
			if len(line) > 2*lineWidth+labelWidth+1 {
				t.Errorf("%d bytes: %s", len(line), line)
			}
		}
	}
}

// TestOddMachines draws and writes machines whose levels make no sense.
func TestOddMachines(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	label := func(n int) int { return rng.IntN(n+1) - 1 }
	for range 60 {
		top := &topology.Topology{Model: "<\x01&\"'>", Quota: float64(rng.IntN(3)) / 2, Isolated: []int{rng.IntN(9)}}
		id := 0
		for range rng.IntN(200) {
			id += 1 + rng.IntN(2)*rng.IntN(99)
			online := rng.IntN(8) > 0
			top.CPUs = append(top.CPUs, topology.CPU{ID: id, Core: label(60), L1d: label(9), L2: label(20), L3: label(5),
				Cluster: label(3), Die: label(2), Package: label(3), Book: label(2), Drawer: label(1), Node: label(3),
				Online: online, Allowed: online && rng.IntN(6) > 0,
				Efficiency: label(3), Capacity: label(1024), MaxKHz: label(5000000)})
		}
		for n := range rng.IntN(40) {
			top.Nodes = append(top.Nodes, topology.Node{ID: n, MemBytes: rng.Int64N(1<<40) - 1, Distances: make([]int, rng.IntN(44))})
		}
		for level := range rng.IntN(5) {
			top.Caches = append(top.Caches, topology.Cache{Level: level, Label: label(3), Bytes: int64(label(1 << 30))})
		}
		r := New(top, topology.Request{Placement: topology.Placement(rng.IntN(5)), Workers: rng.IntN(300)})
		checkXML(t, render(t, r.SVG))
		for _, write := range []func(io.Writer) error{r.Text, r.HTML, r.PlanText, r.PlanJSON} {
			if bytes.ContainsRune(render(t, write), 1) {
				t.Fatal("a control character got through")
			}
		}
		if !json.Valid(render(t, r.JSON)) {
			t.Fatal("the JSON is not valid")
		}
	}
}

// A plan without pinning says so, in text, and has no CPU, in JSON.
func TestUnpinned(t *testing.T) {
	r := New(regular(1, 1, 1, 2), topology.Request{Placement: topology.Unpinned, Workers: 3})
	if text := string(render(t, r.PlanText)); !strings.Contains(text, "unpinned: 3 workers, not pinned") {
		t.Errorf("plan %s", text)
	}
	if doc := string(render(t, r.PlanJSON)); !strings.Contains(doc, `"cpu": null`) {
		t.Errorf("plan %s", doc)
	}
}

// Lists of CPUs are written as short as ranges and strides allow.
func TestLists(t *testing.T) {
	for _, c := range []struct {
		ids             []int
		ranges, strides string
	}{
		{nil, "", ""},
		{[]int{7}, "7", "7"},
		{[]int{0, 1, 2, 8}, "0-2,8", "0-2,8"},
		{[]int{0, 4, 8, 12}, "0,4,8,12", "0-12:4"},
		{[]int{0, 4, 8, 9}, "0,4,8-9", "0,4,8-9"},
		{[]int{0, 4, 8, 12, 13}, "0,4,8,12-13", "0-12:4,13"},
		{[]int{1, 3, 5, 7, 8, 9}, "1,3,5,7-9", "1-7:2,8-9"},
	} {
		if got := ranges(c.ids); got != c.ranges {
			t.Errorf("ranges of %v: %s, want %s", c.ids, got, c.ranges)
		}
		if got := strides(c.ids); got != c.strides {
			t.Errorf("strides of %v: %s, want %s", c.ids, got, c.strides)
		}
	}
}

func BenchmarkFormats(b *testing.B) {
	top := regular(16, 1, 1, 60)
	for _, format := range []string{"text", "json", "svg", "html"} {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				r := New(top, topology.Request{})
				write := map[string]func(io.Writer) error{"text": r.Text, "json": r.JSON, "svg": r.SVG, "html": r.HTML}[format]
				if err := write(io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestLongPlans checks that a plan of any size is a few lines of text: one for
// each node and reason.
func TestLongPlans(t *testing.T) {
	top := regular(2, 2, 1, 16)
	for _, c := range []struct {
		request topology.Request
		lines   int
		want    []string
	}{
		{topology.Request{Placement: topology.Scatter}, 4, []string{"w0-w60:4    CPUs 0-15: own core, node 0\n"}},
		{topology.Request{Workers: 700}, 12, []string{
			"w0-w15      CPUs 0-15: own core, node 0\n",
			"CPUs 0-15,64-79: shares its CPU: every usable CPU has a worker, node 0\n",
		}},
		{topology.Request{CPUs: []int{3}, Workers: 40}, 2, []string{"w0          CPU 3: asked for, node 0\n", "w1-w39      CPU 3: asked for"}},
	} {
		text := string(render(t, New(top, c.request).PlanText))
		if got := strings.Count(text, "  w"); got != c.lines {
			t.Errorf("%+v: %d lines of workers, want %d:\n%s", c.request, got, c.lines, text)
		}
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%+v: no %q in:\n%s", c.request, want, text)
			}
		}
	}
}

// TestTreeStrides checks that interleaved nodes do not list every CPU.
func TestTreeStrides(t *testing.T) {
	top := regular(2, 1, 1, 16)
	top.Nodes[0].CPUs, top.Nodes[1].CPUs = nil, nil
	for i := range top.CPUs {
		c := &top.CPUs[i]
		c.Package, c.Node, c.L3 = i%2, i%2, i%2
		top.Nodes[i%2].CPUs = append(top.Nodes[i%2].CPUs, i)
	}
	if text := string(render(t, New(top, topology.Request{Placement: topology.Scatter}).Text)); !strings.Contains(text, "CPUs 1-63:2  w1-w31:2\n") {
		t.Errorf("no strides in:\n%s", text)
	}
}

// CPUs of which the node is not known are on no node: the plan of a machine with
// two nodes never speaks of three, and of none where no worker's node is known.
func TestUnknownNodeIsNoNode(t *testing.T) {
	top := regular(1, 2, 1, 3)
	homeless := func(cores ...int) {
		for i := range top.CPUs {
			if slices.Contains(cores, top.CPUs[i].Core) {
				top.CPUs[i].Node = topology.Unknown
			}
		}
	}
	homeless(2, 5)
	for _, c := range []struct{ find, lack string }{{"6 workers on 6 cores of 2 nodes", "3 nodes"}, {"2 NUMA nodes", "3 NUMA nodes"}} {
		for name, write := range map[string]func(io.Writer) error{"text": New(top, topology.Request{}).Text, "html": New(top, topology.Request{}).HTML} {
			if out := string(render(t, write)); !strings.Contains(out, c.find) || strings.Contains(out, c.lack) {
				t.Errorf("%s: want %q, not %q, in\n%s", name, c.find, c.lack, out)
			}
		}
	}
	homeless(0, 1, 3, 4)
	if out := string(render(t, New(top, topology.Request{}).Text)); !strings.Contains(out, "6 workers on 6 cores\n") {
		t.Errorf("no CPU has a node, but the text says\n%s", out)
	}
}
