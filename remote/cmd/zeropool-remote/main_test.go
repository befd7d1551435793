package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/remote"
)

// childVariable makes this binary the command itself.
const childVariable = "ZEROPOOL_REMOTE_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		main()
	}
	os.Exit(m.Run())
}

func runAll(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

// tree makes files, and returns what submit is to write for them.
func tree(t *testing.T, files int) (dir, want string) {
	t.Helper()
	dir = t.TempDir()
	for i := range files {
		path := filepath.Join(dir, fmt.Sprintf("%03d", i))
		text := []byte(strings.Repeat("x", i))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		want += line(string(text), path)
	}
	return dir, want
}

// line is what submit is to write for a file of that text.
func line(text, path string) string {
	return digest{SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(text)))}.line(path) + "\n"
}

// TestUsage: help goes to stdout with code 0, mistakes to stderr with code 2.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}} {
		if code, stdout, stderr := runAll(args...); code != 0 || stdout != usage || stderr != "" {
			t.Errorf("%v: code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	for _, name := range []string{"serve", "submit", "status"} {
		if code, stdout, stderr := runAll(name, "-h"); code != 0 || !strings.HasPrefix(stdout, "usage: zeropool-remote "+name) || !strings.Contains(stdout, "\nExample: zeropool-remote "+name) || stderr != "" {
			t.Errorf("%s -h: code %d, stdout %q, stderr %q", name, code, stdout, stderr)
		}
		_, want, _ := runAll(name, "-h")
		if code, stdout, stderr := runAll("help", name); code != 0 || stdout != want || stderr != "" {
			t.Errorf("help %s: code %d, stdout %q, stderr %q", name, code, stdout, stderr)
		}
	}
	for want, args := range map[string][]string{
		"usage:":              {},
		`unknown command "x"`: {"x"},
		`unknown command "y"`: {"help", "y"},
		"serve: exactly one of --server and --dir":  {"serve"},
		"submit: exactly one of --server and --dir": {"submit", "--server", "a", "--dir", "b", "."},
		"no TREE given":                 {"submit", "--dir", "a"},
		`unexpected argument "c"`:       {"submit", "--dir", "a", "b", "c"},
		`serve: unexpected argument`:    {"serve", "--dir", "a", "b"},
		"--listen needs --dir":          {"serve", "--server", "a", "--listen", "b"},
		"--batch 0":                     {"submit", "--dir", "a", "--batch", "0", "."},
		"--timeout -1s":                 {"submit", "--dir", "a", "--timeout", "-1s", "."},
		"--slots -1":                    {"serve", "--dir", "a", "--slots", "-1"},
		"--patience -1s":                {"serve", "--dir", "a", "--patience", "-1s"},
		"--away 0s":                     {"status", "--dir", "a", "--away", "0"},
		"flag provided but not defined": {"status", "--nonsense"},
	} {
		if code, stdout, stderr := runAll(args...); code != 2 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%v: code %d, stdout %q, stderr %q; want %q", args, code, stdout, stderr, want)
		}
	}
}

// TestErrors: bad input has one line on stderr and code 1.
func TestErrors(t *testing.T) {
	dir, _ := tree(t, 1)
	empty := t.TempDir()
	store := t.TempDir()
	e, err := remote.Embedded(store, remote.Stream("other"))
	if err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"no server at nats://127.0.0.1:1":  {"submit", "--server", "nats://127.0.0.1:1", dir},
		"no server at nats://127.0.0.1:1:": {"status", "--server", "nats://127.0.0.1:1"},
		"no files below":                   {"submit", "--dir", store, empty},
		"no-such-tree":                     {"submit", "--dir", store, "no-such-tree"},
		"in use by another engine":         {"submit", "--dir", store, dir},
		"stream zeropool-tasks":            {"status", "--dir", t.TempDir()},
		`Stream("a b")`:                    {"serve", "--dir", t.TempDir(), "--stream", "a b"},
	} {
		code, stdout, stderr := runAll(args...)
		if code != 1 || stdout != "" || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: code %d, stdout %q, stderr %q; want %q", args, code, stdout, stderr, want)
		}
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	// A mistyped directory of status is not made.
	absent := filepath.Join(empty, "absent")
	if code, _, stderr := runAll("status", "--dir", absent); code != 1 || !strings.Contains(stderr, absent) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("code %d, stderr %q", code, stderr)
	}
	if _, err := os.Stat(absent); err == nil {
		t.Error("status made a directory")
	}
}

// TestNames: a file is hashed and its line can be read whatever bytes its name has,
// as sha256sum escapes it.
func TestNames(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("such names are not allowed here")
	}
	dir, want := t.TempDir(), ""
	for _, name := range [][2]string{{"a\\b", `a\\b`}, {"c\nd", `c\nd`}, {"e\rf", `e\rf`}, {"g\xe9", "g\xe9"}} {
		if err := os.WriteFile(filepath.Join(dir, name[0]), []byte(name[0]), 0o600); err != nil {
			t.Fatal(err)
		}
		if name[0] != name[1] {
			want += `\`
		}
		want += fmt.Sprintf("%x  %s/%s\n", sha256.Sum256([]byte(name[0])), dir, name[1])
	}
	if code, stdout, stderr := runAll("submit", "--dir", t.TempDir(), dir); code != 0 || stdout != want || stderr != "" {
		t.Errorf("code %d, stderr %q, stdout %q; want %q", code, stderr, stdout, want)
	}
}

// TestOneProcess: with a directory, submit needs nobody else, a tree that has not
// changed is not hashed again, and files that cannot be read are counted.
func TestOneProcess(t *testing.T) {
	dir, want := tree(t, 100)
	store := t.TempDir()
	for range 2 {
		if code, stdout, stderr := runAll("submit", "--dir", store, "--batch", "16", dir); code != 0 || stdout != want || stderr != "" {
			t.Fatalf("code %d, stderr %q, stdout %s", code, stderr, stdout)
		}
	}
	code, stdout, stderr := runAll("status", "--dir", store, "--dead")
	if code != 0 || stderr != "" || !strings.Contains(stdout, "sha256@v1") || !strings.Contains(stdout, "\noutcomes  7 ") {
		t.Errorf("code %d, stderr %q, stdout %s", code, stderr, stdout)
	}
}

// TestProcesses: a worker process that listens, a second one that connects, and a
// submitter; an interrupt ends a worker in good order.
func TestProcesses(t *testing.T) {
	dir, want := tree(t, 50)
	worker := func(args ...string) (*exec.Cmd, string) {
		cmd := exec.Command(os.Args[0], append([]string{"serve"}, args...)...)
		cmd.Env = append(os.Environ(), childVariable+"=1")
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		line, err := bufio.NewReader(out).ReadString('\n')
		_, url, ok := strings.Cut(strings.TrimSpace(line), " slots on ")
		if err != nil || !ok {
			t.Fatalf("the worker wrote %q, error %v", line, err)
		}
		return cmd, url
	}
	first, url := worker("--dir", t.TempDir(), "--listen", "127.0.0.1:0")
	second, _ := worker("--server", url, "--slots", "3")
	if code, stdout, stderr := runAll("submit", "--server", url, "--batch", "4", dir); code != 0 || stdout != want || stderr != "" {
		t.Fatalf("code %d, stderr %q, stdout %s", code, stderr, stdout)
	}
	code, stdout, stderr := runAll("status", "--server", url)
	if code != 0 || stderr != "" || !strings.Contains(stdout, "tasks     0 ") {
		t.Errorf("code %d, stderr %q, stdout %s", code, stderr, stdout)
	}
	for _, cmd := range []*exec.Cmd{second, first} {
		if err := interrupt(cmd.Process); err != nil {
			t.Skip(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("an interrupted worker: %v", err)
		}
	}
}

// TestAway: a command whose server goes away for too long says so in one line, and
// one that nobody serves says that when its time is over.
func TestAway(t *testing.T) {
	dir, _ := tree(t, 3)
	e, err := remote.Embedded(t.TempDir(), remote.Listen("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	url := e.URL()
	code, stdout, stderr := runAll("submit", "--server", url, "--timeout", "5s", dir)
	if code != 1 || stdout != "" || !strings.Contains(stderr, "no worker has served this function yet: not done after 5s") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	other, _ := tree(t, 3)
	done := make(chan bool)
	go func() {
		defer close(done)
		code, stdout, stderr = runAll("submit", "--server", url, "--away", "1s", other)
	}()
	stored(t, e, 2)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	<-done
	if code != 1 || stdout != "" || !strings.Contains(stderr, "has been away for 1s") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// stored waits until so many messages are stored and not done.
func stored(t *testing.T, e *remote.Engine, n uint64) {
	t.Helper()
	for {
		s, err := e.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Tasks.Messages >= n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// TestVanished: a file that is gone when its turn comes has no hash; the others
// have theirs, the exit code is 1, and status lists the dead letter.
func TestVanished(t *testing.T) {
	dir, want := tree(t, 5)
	e, err := remote.Embedded(t.TempDir(), remote.Listen("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var code int
	var stdout, stderr string
	done := make(chan bool)
	go func() {
		defer close(done)
		code, stdout, stderr = runAll("submit", "--server", e.URL(), dir)
	}()
	stored(t, e, 1)
	gone := filepath.Join(dir, "001")
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	pool, err := zeropool.New()
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	s, err := remote.Serve(e, pool, hash)
	if err != nil {
		t.Fatal(err)
	}
	<-done
	lines := strings.SplitAfter(want, "\n")
	if code != 1 || stdout != lines[0]+strings.Join(lines[2:], "") || !strings.Contains(stderr, "1 of 5 files have no hash; the first: open "+gone) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if code, stdout, stderr := runAll("status", "--server", e.URL(), "--dead"); code != 0 || !strings.Contains(stdout, "given up after 1 failures in 1 deliveries: open "+gone) || stderr != "" {
		t.Errorf("code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
