package main

import (
	"bytes"
	"image"
	"image/png"
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

// TestThumbnails: the example does what it says, also with a file that is no
// picture.
func TestThumbnails(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 200, 100))); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.png": b.String(), "sub/b.PNG": b.String(), "broken.gif": "GIF", "c.txt": ""} {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := submit(from, to, "", 40, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "not made: ") || !strings.Contains(out.String(), "2 of 3 thumbnails") {
		t.Errorf("output %s", out.String())
	}
	for _, name := range []string{"a.png.png", filepath.Join("sub", "b.PNG.png")} {
		text, err := os.ReadFile(filepath.Join(to, name))
		if err != nil {
			t.Error(err)
			continue
		}
		c, err := png.DecodeConfig(bytes.NewReader(text))
		if c.Width != 40 || c.Height != 20 || err != nil {
			t.Errorf("%s: %d by %d, error %v", name, c.Width, c.Height, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(to, ".thumbnail-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
