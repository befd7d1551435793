package zeropoolprom

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A real Prometheus server scrapes the example program: it accepts what the program
// serves, the alerts are rules to it and are raised when they should, its own check finds nothing, and no counter
// was ever reset.
func TestRealServer(t *testing.T) {
	server, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("no prometheus here (Debian package prometheus; ci/contrib fetches it)")
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool here")
	}
	dir := t.TempDir()
	target := startExample(t, dir)

	resp, err := http.Get("http://" + target + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = resp.Body
	if out, err := check.CombinedOutput(); err != nil || len(out) != 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	resp.Body.Close()
	if out, err := exec.Command(promtool, "check", "rules", "alerts.yml").CombinedOutput(); err != nil || !strings.Contains(string(out), "3 rules found") {
		t.Errorf("promtool check rules: %v\n%s", err, out)
	}
	if out, err := exec.Command(promtool, "test", "rules", filepath.Join("testdata", "alerts_test.yml")).CombinedOutput(); err != nil {
		t.Errorf("promtool test rules: %v\n%s", err, out)
	}

	alerts, err := filepath.Abs("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global:\n  scrape_interval: 500ms\n  evaluation_interval: 500ms\nrule_files: [%q]\nscrape_configs:\n- job_name: example\n  static_configs:\n  - targets: [%q]\n", alerts, target)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	cmd := exec.Command(server, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		log.Close()
	})

	for _, q := range []struct {
		query string
		ok    func(n float64) bool
	}{
		// A scrape that the machine was too slow for is no fault.
		{`sum_over_time(up{job="example"}[1m])`, func(n float64) bool { return n >= 8 }},
		{`min(increase(zeropool_tasks_submitted_total{pool="example"}[30s]))`, func(n float64) bool { return n > 0 }},
		{`zeropool_tasks_total{outcome="panicked"}`, func(n float64) bool { return n > 0 }},
		{`zeropool_tasks_total{outcome="canceled"}`, func(n float64) bool { return n >= 0 }},
		{noResets(), func(n float64) bool { return n == 0 }},
		{`count(count by (__name__) ({__name__=~"zeropool_.*"}))`, func(n float64) bool { return n >= 20 }},
		{`zeropool_pool_info{pool="example"}`, func(n float64) bool { return n == 1 }},
	} {
		await(t, address, q.query, q.ok, log.Name())
	}
	for _, query := range append(panelQueries(t), alertQueries(t, address)...) {
		query = strings.ReplaceAll(query, "$__rate_interval", "1m")
		query = strings.ReplaceAll(query, "$pool", "example")
		if _, _, err := ask(address, query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// noResets asks how often the server saw a counter fall.
func noResets() string {
	var sums []string
	for _, name := range []string{"tasks_submitted", "tasks", "tasks_helped", "tasks_stolen", "pin_leases", "worker_tasks", "worker_stolen", "worker_parks", "worker_wakes", "worker_cpu_seconds"} {
		sums = append(sums, "sum(resets(zeropool_"+name+"_total[1m]))")
	}
	return strings.Join(sums, " + ")
}

// startExample starts the example program and returns where it serves.
func startExample(t *testing.T, dir string) string {
	t.Helper()
	binary := filepath.Join(dir, "example")
	if out, err := exec.Command("go", "build", "-o", binary, "./example").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	cmd := exec.Command(binary)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the example ended with %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// await asks until the first value of the answer is what it is certain to become.
func await(t *testing.T, address, query string, ok func(float64) bool, log string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last := ""
	for deadline := time.Now().Add(25 * time.Second); time.Now().Before(deadline); <-tick.C {
		n, any, err := ask(address, query)
		if err == nil && any && ok(n) {
			return
		}
		last = fmt.Sprintf("%v (any: %v, error: %v)", n, any, err)
	}
	said, _ := os.ReadFile(log)
	t.Fatalf("%s: %s\n%s", query, last, said)
}

// ask returns the first value of the answer to a query, if there is any.
func ask(address, query string) (n float64, any bool, err error) {
	resp, err := http.Get("http://" + address + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, false, err
	}
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct{ Value [2]json.RawMessage }
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, false, fmt.Errorf("%w in %s", err, body)
	}
	if answer.Status != "success" {
		return 0, false, fmt.Errorf("%s", answer.Error)
	}
	if len(answer.Data.Result) == 0 {
		return 0, false, nil
	}
	var text string
	if err := json.Unmarshal(answer.Data.Result[0].Value[1], &text); err != nil {
		return 0, false, err
	}
	n, err = strconv.ParseFloat(text, 64)
	return n, true, err
}

// panelQueries returns what the panels of the dashboard ask.
func panelQueries(t *testing.T) (queries []string) {
	t.Helper()
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Title  string
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("panel %q asks nothing", p.Title)
		}
		for _, target := range p.Targets {
			queries = append(queries, target.Expr)
		}
	}
	if d.Title == "" || len(queries) == 0 {
		t.Error("the dashboard is empty")
	}
	return queries
}

// alertQueries returns the expressions of the alerts that the server has loaded.
func alertQueries(t *testing.T, address string) (queries []string) {
	t.Helper()
	resp, err := http.Get("http://" + address + "/api/v1/rules")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Query, LastError string }
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			if r.LastError != "" {
				t.Errorf("%s: %s", r.Query, r.LastError)
			}
			queries = append(queries, r.Query)
		}
	}
	if len(queries) != 3 {
		t.Errorf("%d alerts, want 3", len(queries))
	}
	return queries
}
