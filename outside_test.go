package zeropool

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
)

// What exporters ask for beside the counters.
func TestAccessors(t *testing.T) {
	p := newTestPool(t, unpinned(2, WithName("one"), WithQueueCapacity(100))...)
	if p.Name() != "one" || p.QueueCapacity() != 128 || p.Placement() != "unpinned" {
		t.Errorf("%q, %d, %q", p.Name(), p.QueueCapacity(), p.Placement())
	}
	if Version() == "" {
		t.Error("no version")
	}
}

// The thread of a worker is told while it is pinned, and only then.
func TestStatsThread(t *testing.T) {
	p := newTestPool(t, WithWorkers(1), WithPinning(Hold))
	w := p.Stats().Workers[0]
	if (w.Thread != 0) != (w.Pinned == 1) {
		t.Errorf("thread %d of a worker with Pinned %d", w.Thread, w.Pinned)
	}
	if w.Thread != 0 {
		if name, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/comm", w.Thread)); err == nil && !strings.HasPrefix(string(name), "zp/") {
			t.Errorf("thread %d is %q", w.Thread, name)
		}
	}
	u := newTestPool(t, unpinned(1)...)
	if n := u.Stats().Workers[0].Thread; n != 0 {
		t.Errorf("a worker without a CPU tells the thread %d", n)
	}
}

// A snapshot, a plan and a panic are readable in a log.
func TestLogValues(t *testing.T) {
	p := newTestPool(t, unpinned(2, quiet)...)
	var out bytes.Buffer
	err := p.Go(func() { panic("boom") }).Wait()
	var e *PanicError
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("now", "pool", p.Stats(), "plan", p.Plan(), "task", e)
	for _, want := range []string{"pool.submitted=1", "pool.pinnedFor=0s", `plan.cpus="[-1 -1]"`, "task.panic=boom", "task.stack="} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, out.String())
		}
	}
}
