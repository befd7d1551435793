package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/topology"
)

// TestCaptureReplays protects the promise that a capture is replayed by --root:
// topo and plan say of it what they say of the machine, and two captures have
// the same bytes.
func TestCaptureReplays(t *testing.T) {
	dir := t.TempDir()
	for _, tree := range []string{"server", "hybrid", "container", "loaded"} {
		first, second := filepath.Join(dir, "first.tar.gz"), filepath.Join(dir, "second.tar.gz")
		for _, file := range []string{first, second} {
			code, stdout, stderr := runAll("capture", "--root", testdata+tree, "--now", "-o", file)
			if code != 0 || stderr != "" || !strings.HasPrefix(stdout, file+": ") || !strings.Contains(stdout, "\n  proc/self/status: only the CPUs allowed\n") {
				t.Fatalf("%s: exit code %d, stderr %q, output %s", tree, code, stderr, stdout)
			}
		}
		a, err := os.ReadFile(first)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(second)
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: two captures differ: %v", tree, err)
		}
		for _, args := range [][]string{{"topo", "--format", "json"}, {"plan"}, {"plan", "--placement", "scatter", "--workers", "2"}} {
			_, want, _ := runAll(append(args, "--root", testdata+tree)...)
			code, got, stderr := runAll(append(args, "--root", first)...)
			// The names of cgroups are those of the capture.
			for i, name := range []string{"pods", "pool"} {
				got = strings.ReplaceAll(got, []string{"cgroup1", "cgroup2"}[i], name)
			}
			if code != 0 || stderr != "" || got != want {
				t.Errorf("%s %v: exit code %d, stderr %q; the replay differs from the machine", tree, args, code, stderr)
			}
		}
	}
}

// TestCaptureThisMachine protects the promise for the running machine: the
// replay of its capture is its report, but for what changes from second to
// second.
func TestCaptureThisMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		code, stdout, stderr := runAll("capture", "-o", filepath.Join(t.TempDir(), "x.tar.gz"))
		if code != 1 || stdout != "" || !strings.Contains(stderr, runtime.GOOS) {
			t.Errorf("exit code %d, output %q, stderr %q", code, stdout, stderr)
		}
		return
	}
	file := filepath.Join(t.TempDir(), "this.tar.gz")
	if code, stdout, stderr := runAll("capture", "-o", file); code != 0 || stderr != "" || !strings.Contains(stdout, "capture.json") {
		t.Fatalf("exit code %d, output %s, stderr %q", code, stdout, stderr)
	}
	report := func(args ...string) (m map[string]any) {
		code, stdout, stderr := runAll(append([]string{"topo", "--format", "json"}, args...)...)
		if code != 0 || stderr != "" {
			t.Fatalf("%v: exit code %d, stderr %q", args, code, stderr)
		}
		if err := json.Unmarshal([]byte(stdout), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	this, replay := report(), report("--root", file)
	keys := []string{"quota", "gomaxprocs", "affinity_cpus", "cpus", "nodes", "plan"}
	top, err := topology.Detect()
	if err != nil {
		t.Fatal(err)
	}
	// A build that does not execute CPUID cannot take the leaves that name the
	// hypervisor.
	if dumps, err := topology.DumpCPUID(top); err == nil && len(dumps) > 0 {
		keys = append(keys, "source", "model", "vm", "hypervisor", "cache_line_bytes", "caches")
	}
	for _, key := range keys {
		a, _ := json.Marshal(this[key])
		b, _ := json.Marshal(replay[key])
		if !bytes.Equal(a, b) {
			t.Errorf("%s is %s, in the replay %s", key, a, b)
		}
	}
}

// TestCapturePlacement protects the plan of a bug report from a process that
// does not pin: the replay does not pin either.
func TestCapturePlacement(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("captures are taken on Linux")
	}
	file := filepath.Join(t.TempDir(), "this.tar.gz")
	t.Setenv("ZEROPOOL_PLACEMENT", "sideways")
	if code, _, stderr := runAll("capture", "-o", file); code != 1 || !strings.Contains(stderr, "sideways") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	t.Setenv("ZEROPOOL_PLACEMENT", "unpinned")
	if code, _, stderr := runAll("capture", "-o", file); code != 0 {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	t.Setenv("ZEROPOOL_PLACEMENT", "")
	for want, args := range map[string][]string{"unpinned: ": nil, "compact: ": {"--placement", "compact"}} {
		if code, stdout, _ := runAll(append([]string{"plan", "--root", file}, args...)...); code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%v: exit code %d, output %q, want %q", args, code, stdout, want)
		}
	}
}

// TestBadCaptures protects the exit codes and the one clear line, for arguments
// and for archives that are not captures.
func TestBadCaptures(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	archive := func(h tar.Header) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		w := tar.NewWriter(z)
		w.WriteHeader(&h)
		w.Close()
		z.Close()
		return b.Bytes()
	}
	text := write("text.tar.gz", []byte("text"))
	outside := write("outside.tar.gz", archive(tar.Header{Typeflag: tar.TypeReg, Name: "../../etc/passwd"}))
	link := write("link.tar.gz", archive(tar.Header{Typeflag: tar.TypeSymlink, Name: "sys", Linkname: "/sys"}))
	empty := write("empty.tar.gz", archive(tar.Header{Typeflag: tar.TypeDir, Name: "sys/"}))
	half := write("half.tar.gz", archive(tar.Header{Typeflag: tar.TypeDir, Name: "sys/"})[:20])
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"topo", "--root", text}, 1, text},
		{[]string{"plan", "--root", outside}, 1, "outside the archive"},
		{[]string{"topo", "--root", link, "--format", "svg"}, 1, "a link out of the archive"},
		{[]string{"topo", "--root", half}, 1, "truncated"},
		{[]string{"topo", "--root", empty}, 1, empty + ": topology: sys/devices/system/cpu"},
		{[]string{"plan", "--root", dir}, 1, dir + ": topology: sys/devices/system/cpu"},
		{[]string{"topo", "--cpuid", dir}, 1, dir + ": topology: CPUID dump"},
		{[]string{"capture", "--root", text, "-o", filepath.Join(dir, "out")}, 1, text},
		{[]string{"capture", "--root", empty, "-o", filepath.Join(dir, "out")}, 1, empty + ": topology: sys/devices/system/cpu"},
		{[]string{"capture", "--root", filepath.Join(dir, "none"), "-o", filepath.Join(dir, "out")}, 1, "none"},
		{[]string{"capture", "--root", testdata + "server", "-o", dir}, 1, dir},
		{[]string{"capture", "--root", testdata + "server", "-o", filepath.Join(dir, "no", "dir")}, 1, "no"},
		{[]string{"capture", "-o", ""}, 2, "-o is empty"},
		{[]string{"capture", "--root", ""}, 2, "-root is empty"},
		{[]string{"capture", "extra"}, 2, `"extra"`},
		{[]string{"capture", "--nonsense"}, 2, "nonsense"},
	} {
		code, stdout, stderr := runAll(c.args...)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit code %d, output %q, stderr %q; want code %d and %q", c.args, code, stdout, stderr, c.code, c.want)
		}
		if code == 1 && strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: stderr is not one line: %q", c.args, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
		t.Error("a failed capture left a file")
	}
}

// TestHelpHasExamples protects the promise that -h of every command shows how it
// is called.
func TestHelpHasExamples(t *testing.T) {
	for _, name := range []string{"topo", "plan", "capture", "bench", "matrix"} {
		if code, stdout, _ := runAll(name, "-h"); code != 0 || !strings.Contains(stdout, "\nExample: zeropool ") {
			t.Errorf("%s -h: exit code %d, output %s", name, code, stdout)
		}
	}
}
