package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The workers are this binary, started again.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "worker" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestFleet: the example does what it says.
func TestFleet(t *testing.T) {
	var paths []string
	for _, text := range []string{"", "one", "one two", "a b c"} {
		path := filepath.Join(t.TempDir(), "text")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	var out bytes.Buffer
	if err := submit(paths, &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, l := range lines {
		if want := []string{"0 words", "1 words", "2 words", "3 words"}[i]; !strings.Contains(l, want) || !strings.HasSuffix(l, paths[i]) {
			t.Errorf("line %q, want %q", l, want)
		}
	}
}
