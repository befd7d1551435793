package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/internal/cli"
)

func command(args ...string) (code int, out, problems string) {
	var stdout, stderr strings.Builder
	code = run(args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// Every litmus test of the tree has the outcome that it expects, and the weakened
// twins show theirs.
func TestTree(t *testing.T) {
	files, err := filepath.Glob("../../../ci/litmus/*.litmus")
	if err != nil || len(files) == 0 {
		t.Fatalf("no litmus tests: %v", err)
	}
	if code, _, problems := command(files...); code != cli.OK {
		t.Errorf("exit code %d\n%s", code, problems)
	}
}

// The example of how to write a test is one, and its twin without the membarrier
// shows the outcome.
func TestExample(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var example []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "//\tAArch64") || len(example) > 0 {
			code, ok := strings.CutPrefix(line, "//\t")
			if !ok {
				break
			}
			example = append(example, code)
		}
	}
	never := strings.Join(example, "")
	for text, want := range map[string]string{never: "Never", strings.Replace(never, "MEMBARRIER", "DMB SY    ", 1): "Sometimes"} {
		parsed, err := parse(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if _, seen, _ := parsed.check(); seen != want {
			t.Errorf("%s, not %s:\n%s", seen, want, text)
		}
	}
}

// Each file that fails is named, with what is wrong, and the others run.
func TestFailures(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("minimal.litmus", minimal)
	other := write("other.litmus", minimal)
	never := write("never.litmus", strings.NewReplacer("minimal", "never", "exists", "~exists").Replace(minimal))
	bad := write("bad.litmus", "nonsense")
	missing := filepath.Join(dir, "missing.litmus")

	code, out, problems := command("-v", good)
	if code != cli.OK || problems != "" || !strings.Contains(out, "minimal: Always\n* x=1\n") {
		t.Errorf("exit code %d\n%s%s", code, out, problems)
	}
	code, _, problems = command(other, never, bad, missing, good)
	if code != cli.Error || strings.Count(problems, "\n") != 5 || !strings.Contains(problems, "4 of 5") {
		t.Errorf("exit code %d\n%s", code, problems)
	}
	for file, what := range map[string]string{other: "minimal", never: "Always, expected Never", bad: "first line", missing: "no such file"} {
		if !strings.Contains(problems, file+": ") || !strings.Contains(problems, what) {
			t.Errorf("nothing of %s, %q in\n%s", file, what, problems)
		}
	}
	for _, args := range [][]string{nil, {"-x", good}} {
		if code, out, problems := command(args...); code != cli.Usage || out != "" || problems == "" {
			t.Errorf("%q: exit code %d, %q", args, code, problems)
		}
	}
}
