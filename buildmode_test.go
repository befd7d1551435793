package zeropool

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/zeropool-go/zeropool/internal/dev/testenv"
)

// The assembly finds the g through the thread's storage, which each kind of build
// reaches in its own way: the programs below testdata submit from several goroutines,
// and end with status 0 if every task has run once.

// buildProgram builds a program below testdata and returns the file.
func buildProgram(t *testing.T, program string, flags ...string) string {
	t.Helper()
	testenv.NeedsProcesses(t)
	if testing.Short() {
		t.Skip("builds a program")
	}
	if runtime.GOOS != "linux" {
		t.Skip("tried on Linux")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command here")
	}
	binary := filepath.Join(t.TempDir(), "program")
	build := exec.Command(tool, append(append([]string{"build", "-o", binary}, flags...), "./testdata/"+program)...)
	build.Env = append(os.Environ(), "GOARCH="+runtime.GOARCH, "GOOS="+runtime.GOOS)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build %v: %v\n%s", flags, err, out)
	}
	return binary
}

func runProgram(t *testing.T, binary string, args ...string) {
	t.Helper()
	watch(t)
	if out, err := exec.Command(binary, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %v: %v\n%s", binary, args, err, out)
	}
}

// needC skips the test where there is no C compiler, and lets the go command use it.
func needC(t *testing.T) (compiler string) {
	t.Helper()
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no C compiler here")
	}
	t.Setenv("CGO_ENABLED", "1")
	return compiler
}

// TestPositionIndependent: the assembly finds the g in a position-independent
// executable too.
func TestPositionIndependent(t *testing.T) {
	runProgram(t, buildProgram(t, "submitter", "-buildmode=pie"))
}

// TestCallbacksSubmit: a goroutine that C has called back submits and waits, and
// so does one on a thread that C has made.
func TestCallbacksSubmit(t *testing.T) {
	needC(t)
	runProgram(t, buildProgram(t, "callback"))
}

// TestSharedLibrary: the assembly finds the g in a library that a program in C loads.
func TestSharedLibrary(t *testing.T) {
	compiler := needC(t)
	library := buildProgram(t, "library", "-buildmode=c-shared")
	host := filepath.Join(t.TempDir(), "host")
	if out, err := exec.Command(compiler, "-o", host, "testdata/library/host/host.c", "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	runProgram(t, host, library)
}

// TestPlugin: the assembly finds the g in a plugin.
func TestPlugin(t *testing.T) {
	needC(t)
	runProgram(t, buildProgram(t, "pluginhost"), buildProgram(t, "library", "-buildmode=plugin"))
}
