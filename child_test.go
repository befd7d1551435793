//go:build linux

package zeropool

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/internal/dev/testenv"
)

// allowedIn returns the CPUs that a status file of /proc says may be used.
func allowedIn(t *testing.T, status []byte) string {
	t.Helper()
	_, rest, ok := strings.Cut(string(status), "Cpus_allowed_list:")
	if !ok {
		t.Skip("no Cpus_allowed_list")
	}
	list, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(list)
}

func processCPUs(t *testing.T) string {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	return allowedIn(t, status)
}

// childCPUs starts a process and returns the CPUs that it may use.
func childCPUs(t *testing.T) string {
	out, err := exec.Command("cat", "/proc/self/status").Output()
	if err != nil {
		t.Error(err)
		return ""
	}
	return allowedIn(t, out)
}

// byWorker has a worker run a task: nobody waits for it, so neither a waiter nor a
// stand-in does.
func byWorker(t *testing.T, p *Pool, fn func()) error {
	t.Helper()
	f := p.Go(fn)
	eventually(t, f.Done, func() string { return "no worker runs the task" })
	return f.Wait()
}

// A process that a task starts may use every CPU that this one may use: in the
// first task after rest, because the worker has no lease yet, and in Unpinned
// always, even when pins are held for ever.
func TestChildProcesses(t *testing.T) {
	testenv.NeedsProcesses(t)
	want := processCPUs(t)
	for name, c := range map[string]struct {
		pinning  Pinning
		unpinned bool
	}{
		"lease": {Lease, false}, "lease, Unpinned": {Lease, true}, "hold, Unpinned": {Hold, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTestPool(t, WithPinning(c.pinning))
			for range 2 * p.Workers() {
				got := ""
				err := byWorker(t, p, func() {
					if c.unpinned {
						p.Unpinned(func() { got = childCPUs(t) })
					} else {
						got = childCPUs(t)
					}
				})
				if err != nil || got != want {
					t.Errorf("a child may use CPUs %q, this process %q; %v", got, want, err)
				}
			}
			if c.pinning == Hold {
				var s seat
				if err := byWorker(t, p, func() { s = findSeat() }); err != nil || len(s.mask) != 1 {
					t.Errorf("after Unpinned the worker is not pinned again: %+v, %v", s, err)
				}
			}
		})
	}
}

// Unpinned gives the lease back and takes it again also if the function panics, and
// just runs it elsewhere.
func TestUnpinnedPanics(t *testing.T) {
	p := newTestPool(t, WithWorkers(1), WithPinning(Hold), quiet)
	var inside, after seat
	err := byWorker(t, p, func() {
		defer func() { after = findSeat() }()
		p.Unpinned(func() { inside = findSeat(); panic("x") })
	})
	if err == nil {
		t.Error("the panic is lost")
	}
	if p.Plan().Workers[0].CPU >= 0 && len(after.mask) != 1 {
		t.Errorf("inside %+v, after %+v", inside, after)
	}
	ran := false
	p.Unpinned(func() { ran = true })
	if !ran {
		t.Error("Unpinned outside of tasks does not run the function")
	}
}
