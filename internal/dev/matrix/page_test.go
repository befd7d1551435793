package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
	"github.com/zeropool-go/zeropool/internal/dev/testenv"
)

// pageTest runs in the browser, behind the page's own script, and leaves what it
// saw in the document.
const pageTest = `<script>{
const table = document.getElementById("all"), result = {};
const heads = [...table.tHead.rows[0].cells];
const column = name => heads.findIndex(h => h.textContent === name);
const shown = name => [...table.tBodies[0].rows].filter(r => !r.hidden).map(r => r.cells[column(name)].textContent.trim());
const button = name => heads[column(name)].querySelector("button");
button("median").click();
result.up = shown("median");
result.upState = heads[column("median")].getAttribute("aria-sort");
button("median").click();
result.down = shown("median");
result.downState = heads[column("median")].getAttribute("aria-sort");
button("variant").click();
result.variants = shown("variant");
result.left = heads.filter(h => h.hasAttribute("aria-sort")).length;
button("median").focus();
result.focused = document.activeElement === button("median");
const filter = document.getElementById("filter");
filter.value = "  SLOW  channel ";
filter.dispatchEvent(new Event("input"));
result.filtered = shown("workload");
result.count = document.getElementById("count").textContent;
const pre = document.createElement("pre");
pre.id = "result";
pre.textContent = JSON.stringify(result);
document.body.append(pre);
}
</script>
`

// browse returns the document that headless Chromium makes of a page. Whatever
// its console says is an error.
func browse(t *testing.T, page string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	testenv.NeedsProcesses(t)
	if browser == "" {
		t.Skip("neither chromium nor google-chrome is installed")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var said strings.Builder
	c := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--dump-dom", "file://"+file)
	c.Stderr = &said
	dom, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	for line := range strings.Lines(said.String()) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the browser's console has %s", line)
		}
	}
	return string(dom)
}

// TestPageInBrowser sorts and filters.
func TestPageInBrowser(t *testing.T) {
	m := New([]*bench.Report{report(func(r *bench.Report) {
		r.Results[1] = r.Results[0]
		r.Results[1].Name = "slow"
		r.Results[1].Samples = slices.Clone(r.Results[0].Samples)
		for i := range r.Results[1].Samples {
			r.Results[1].Samples[i].Median *= 1500
		}
		r.Results = append(r.Results, bench.Result{Name: "idle", Missing: "not here"})
	})})
	page := strings.Replace(render(t, m.HTML), "</body>", pageTest+"</body>", 1)
	dom := browse(t, page)
	_, text, ok := strings.Cut(dom, `<pre id="result">`)
	text, _, _ = strings.Cut(text, "</pre>")
	var got struct {
		Up, Down, Variants, Filtered []string
		UpState, DownState, Count    string
		Left                         int
		Focused                      bool
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(text)), &got); !ok || err != nil {
		t.Fatalf("the test in the page did not end: %v", err)
	}
	none := "not measured: not here"
	if want := []string{"2 ns", "40 ns", "100 ns", "3 µs", "60 µs", "150 µs", none}; !slices.Equal(got.Up, want) || got.UpState != "ascending" {
		t.Errorf("first press: %q, %s; want %q", got.Up, got.UpState, want)
	}
	if want := []string{none, "150 µs", "60 µs", "3 µs", "100 ns", "40 ns", "2 ns"}; !slices.Equal(got.Down, want) || got.DownState != "descending" {
		t.Errorf("second press: %q, %s; want %q", got.Down, got.DownState, want)
	}
	if want := []string{"channel", "channel", "plain loop", "plain loop", "zeropool", "zeropool", ""}; !slices.Equal(got.Variants, want) || got.Left != 1 {
		t.Errorf("by another column: %q, %d columns are marked; want %q", got.Variants, got.Left, want)
	}
	if !got.Focused {
		t.Error("a heading cannot be reached by keyboard")
	}
	if !slices.Equal(got.Filtered, []string{"slow"}) || got.Count != "1 of 7 rows" {
		t.Errorf("filtered: %q, %q", got.Filtered, got.Count)
	}
}

// TestStoredPage loads the page that is kept with the documents.
func TestStoredPage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/benchmarks.html")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("there is none")
	}
	if err != nil {
		t.Fatal(err)
	}
	// The script fills this in at its end.
	if dom := browse(t, string(page)); !regexp.MustCompile(`<p id="count"[^>]*>(\d+) of \d+ rows</p>`).MatchString(dom) {
		t.Error("the script of the page did not come to its end")
	}
}
