package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// writeTree makes a directory of the named files.
func writeTree(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The jobs of the real workloads do what they say: sums are SHA-256,
// declarations are counted, sources with errors are marked, and a file that is
// gone is an error.
func TestTasks(t *testing.T) {
	dir := writeTree(t, map[string]string{
		"a/abc":     "abc",
		"b/good.go": "package b\nvar x, y int\nfunc f() {}\n",
		"c/bad.go":  "package c\nfunc",
	})
	list, err := files(dir)
	if err != nil || len(list) != 3 {
		t.Fatalf("%d files, error %v", len(list), err)
	}
	abc, sources := list[0], withSuffix(list, ".go")
	hash(&abc)
	if got := hex.EncodeToString(abc.sum[:]); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" || abc.size != 3 {
		t.Errorf("the sum of %d bytes is %s", abc.size, got)
	}
	for i := range sources {
		parse(&sources[i])
	}
	if good, bad := sources[0], sources[1]; good.broken || good.decls != 2 || !bad.broken {
		t.Errorf("parsed: %+v and %+v", good, bad)
	}
	gone := file{path: filepath.Join(dir, "gone")}
	for _, task := range []func(*file){hash, parse} {
		f := gone
		task(&f)
		if err := readable([]file{f}); err == nil || !strings.Contains(err.Error(), "gone") {
			t.Errorf("a missing file: %v", err)
		}
	}
}

// Thumbnails are made of the pictures that can be read, and the scaled picture
// is the right one.
func TestThumbnail(t *testing.T) {
	red := color.RGBA{200, 0, 0, 255}
	from := image.NewRGBA(image.Rect(0, 0, 200, 100))
	for i := range from.Bounds().Dx() * from.Bounds().Dy() {
		from.SetRGBA(i%200, i/200, red)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, from); err != nil {
		t.Fatal(err)
	}
	dir := writeTree(t, map[string]string{"red.png": b.String(), "broken.png": "not a picture"})
	list, err := files(dir)
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := decoded(list)
	if err != nil || len(jobs) != len(widths) {
		t.Fatalf("%d thumbnails, error %v", len(jobs), err)
	}
	// Scaled, one colour is the same colour everywhere.
	want := bytes.Repeat([]byte{red.R, red.G, red.B, red.A}, widths[0]*widths[0]/2)
	if thumbnail(&jobs[0]); jobs[0].sum != sha256.Sum256(want) {
		t.Error("a red picture has another thumbnail than a red one of half its width in height")
	}
}

// A pool that gives another answer than the plain loop is found out, with the
// job and both answers named.
func TestWrongAnswer(t *testing.T) {
	if err := compare([]int{1, 2}, []int{1, 3}); err == nil || !strings.Contains(err.Error(), "job 1 is 2, want 3") {
		t.Errorf("a wrong answer: %v", err)
	}
}

// A directory that is missing or empty is an error that names it, and a
// workload for which a directory has no files is reported as missing with the
// reason.
func TestOtherTrees(t *testing.T) {
	all := regexp.MustCompile("")
	if _, err := onTree(filepath.Join(t.TempDir(), "gone"), all); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("a missing directory: %v", err)
	}
	empty := t.TempDir()
	if _, err := onTree(empty, all); err == nil || !strings.Contains(err.Error(), empty) {
		t.Errorf("an empty directory: %v", err)
	}
	e, err := newEnv(all)
	if err != nil {
		t.Fatal(err)
	}
	workloads, err := onTree(writeTree(t, map[string]string{"text": "no picture, no Go"}), all)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range workloads {
		r, err := bench.Measure(w, e, brief, nil)
		if err != nil || (r.Missing != "") != (w.Name != "sha256-tree") {
			t.Errorf("%s: missing %q, error %v", w.Name, r.Missing, err)
		}
	}
}

// One of every n files is the first of each n, and those of a short rest too.
func TestOneOf(t *testing.T) {
	list := []file{{path: "a"}, {path: "b"}, {path: "c"}, {path: "d"}, {path: "e"}}
	var got strings.Builder
	for _, f := range oneOf(2, list) {
		got.WriteString(f.path)
	}
	if got.String() != "ace" || len(oneOf(1, list)) != len(list) {
		t.Errorf("one of two: %q; one of one: %d", got.String(), len(oneOf(1, list)))
	}
}
