// Package examples has programs that show what the pool is for, each in a directory of
// its own. Its test runs them on small input.
package examples

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/internal/dev/testenv"
)

// The examples do what their comments say, on input that is small and has one fault.
func TestExamples(t *testing.T) {
	testenv.NeedsProcesses(t)
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go command: ", err)
	}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "./...").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := write("words/a.txt", "To be, or not to be:\nthat is the question.\n")
	write("good/a.go", "package a\n\nfunc f() {}\n\nfunc g() {}\n")
	write("good/b.go", "package a\n\ntype t int\n\nfunc (t) h() {}\n")
	write("bad/a.go", "package a\n")
	bad := write("bad/b.go", "package a\n\nfunc {\n")
	write("bad/c.go", "package {\n")
	var lines strings.Builder
	var kept strings.Builder
	for i := range 1000 {
		line := fmt.Sprintf(`{"kind":"k%d","n":%d}`+"\n", i%7, i)
		lines.WriteString(line)
		if i%7 == 3 {
			kept.WriteString(line)
		}
	}
	sum := sha256.Sum256([]byte("To be, or not to be:\nthat is the question.\n"))

	for _, e := range []struct {
		args  []string
		stdin string
		want  string // of the output
		fails string // part of the error output, or "" if the program succeeds
	}{
		{args: []string{"hashtree", filepath.Dir(text)}, want: fmt.Sprintf("%x  %s\n", sum, text)},
		{args: []string{"hashtree", filepath.Join(dir, "none")}, fails: "none"},
		{args: []string{"parse", filepath.Join(dir, "good")}, want: "2 files, 3 functions\n"},
		{args: []string{"parse", filepath.Join(dir, "bad")}, fails: bad + ":3:6"},
		{args: []string{"thumbnails", "2"}, want: "32 pictures\n"},
		{args: []string{"thumbnails", "many"}, fails: `"many"`},
		{args: []string{"sorting", "20000"}, want: "slices.Sort true\nquicksort true\nmergesort true\n"},
		{args: []string{"sorting", "0"}, want: "slices.Sort true\nquicksort true\nmergesort true\n"},
		{args: []string{"queens", "1"}, want: "1 queens: 1 solutions\n"},
		{args: []string{"queens", "3"}, want: "3 queens: 0 solutions\n"},
		{args: []string{"queens", "8"}, want: "8 queens: 92 solutions\n"},
		{args: []string{"wordcount", text}, want: "" +
			"      2 be\n      2 to\n      1 is\n      1 not\n      1 or\n      1 question\n      1 that\n      1 the\n"},
		{args: []string{"jsonfilter", "kind", "k3"}, stdin: lines.String(), want: kept.String()},
		{args: []string{"jsonfilter", "kind", "k3"}, stdin: lines.String() + "{\n", want: "", fails: "line 1001"},
	} {
		cmd := exec.Command(filepath.Join(bin, e.args[0]), e.args[1:]...)
		cmd.Stdin = strings.NewReader(e.stdin)
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		if (err != nil) != (e.fails != "") || !strings.Contains(errs.String(), e.fails) {
			t.Errorf("%v: %v: %s", e.args, err, errs.String())
		}
		if err == nil && out.String() != e.want {
			t.Errorf("%v: got\n%s\nwant\n%s", e.args, out.String(), e.want)
		}
	}
}
