package zeropoolotel

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric"
)

// The dashboard and the alerts name only what Prometheus makes of the instruments:
// underscores for dots, and _total behind a counter. A misspelt name would show
// nothing, without an error.
func TestNamesInFiles(t *testing.T) {
	reader := metric.NewManualReader()
	if _, err := Register(metric.NewMeterProvider(metric.WithReader(reader)).Meter("test"), newPool(t)); err != nil {
		t.Fatal(err)
	}
	_, grows := collect(t, reader)
	exists := map[string]bool{}
	for key, counter := range grows {
		name, _, _ := strings.Cut(key, " ")
		name = strings.ReplaceAll(name, ".", "_")
		if counter {
			name += "_total"
		}
		exists[name] = true
	}
	exists[strings.ReplaceAll(string(poolName), ".", "_")] = true // the label
	for _, file := range []string{"dashboard.json", "alerts.yml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`\bzeropool_[a-z_]+`).FindAllString(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s names no metric", file)
		}
		for _, name := range found {
			if !exists[name] {
				t.Errorf("%s names %s, which does not exist", file, name)
			}
		}
	}
}

// The alerts are rules to Prometheus, and are raised when they should, only then.
func TestAlerts(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool here (Debian package prometheus; ci/contrib fetches it)")
	}
	if out, err := exec.Command(promtool, "check", "rules", "alerts.yml").CombinedOutput(); err != nil || !strings.Contains(string(out), "3 rules found") {
		t.Errorf("promtool check rules: %v\n%s", err, out)
	}
	if out, err := exec.Command(promtool, "test", "rules", filepath.Join("testdata", "alerts_test.yml")).CombinedOutput(); err != nil {
		t.Errorf("promtool test rules: %v\n%s", err, out)
	}
}
