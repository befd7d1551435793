package zeropool

import (
	"maps"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool/internal/place"
	"github.com/zeropool-go/zeropool/topology"
)

// An invalid option is refused by name, with the value and what is allowed, and
// before anything has been started.
func TestInvalidOptions(t *testing.T) {
	before := place.InUse()
	for _, c := range []struct {
		opt   Option
		words []string
	}{
		{WithWorkers(-1), []string{"WithWorkers(-1)", "0", "4096"}},
		{WithWorkers(4097), []string{"WithWorkers(4097)", "4096"}},
		{WithQueueCapacity(1), []string{"WithQueueCapacity(1)", "2", "16777216"}},
		{WithQueueCapacity(0), []string{"WithQueueCapacity(0)", "2", "16777216"}},
		{WithQueueCapacity(-8), []string{"WithQueueCapacity(-8)", "2", "16777216"}},
		{WithQueueCapacity(1<<24 + 1), []string{"WithQueueCapacity(16777217)", "16777216"}},
		{WithWhenFull(Reject + 1), []string{"WithWhenFull(3)", "Help", "Block", "Reject"}},
		{WithWhenFull(255), []string{"WithWhenFull(255)", "Help", "Block", "Reject"}},
		{WithPlacement(topology.Unpinned + 1), []string{"WithPlacement", "PerCore", "PerThread", "Compact", "Scatter", "Unpinned"}},
		{WithCPUs(), []string{"WithCPUs()", "at least one"}},
		{WithCPUs(-1), []string{"WithCPUs(-1)", "negative"}},
		{WithCPUs(0, 0), []string{"WithCPUs(0)", "twice"}},
		{WithCPUs(1 << 20), []string{"WithCPUs(1048576)", "0"}},
		{WithPanicHandler(nil), []string{"WithPanicHandler(nil)"}},
		{WithName(""), []string{`WithName("")`}},
		{WithSpin(-time.Nanosecond), []string{"WithSpin(-1ns)", "1ms"}},
		{WithSpin(time.Second), []string{"WithSpin(1s)", "1ms"}},
		{WithTopology(nil), []string{"WithTopology(nil)"}},
	} {
		before := runtime.NumGoroutine()
		p, err := New(WithName("x"), c.opt, WithName("y"))
		if err == nil {
			p.Close()
			t.Errorf("%v: accepted", c.words)
			continue
		}
		if p != nil {
			t.Errorf("%v: an error and a pool", c.words)
		}
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("%v: %d goroutines were started", c.words, after-before)
		}
		for _, w := range append(c.words, "zeropool: ") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("error %q does not mention %q", err, w)
			}
		}
	}
	if after := place.InUse(); !maps.Equal(before, after) {
		t.Errorf("CPUs in use before %v, after refused pools %v", before, after)
	}
}

// The last option of a kind counts and nil options are skipped; a queue has at
// least the capacity that was asked for, rounded up to a power of two, and not before
// that is needed; an option keeps no slice of its caller's.
func TestOptions(t *testing.T) {
	p := newTestPool(t, unpinned(3, nil, WithWorkers(1), WithWorkers(3))...)
	if p.Workers() != 3 {
		t.Errorf("%d workers", p.Workers())
	}
	for asked, got := range map[int]int{2: 2, 3: 4, 4: 4, 5: 8, 1000: 1024, 1025: 2048} {
		p := newTestPool(t, unpinned(1, WithQueueCapacity(asked), WithWhenFull(Reject))...)
		release := hold(t, p)
		inbox := func() int { return p.workers[0].inbox.Load().bound }
		if c, want := inbox(), min(got, minSlots); c != want {
			t.Errorf("a capacity of %d begins with an inbox of %d, want %d", asked, c, want)
		}
		if n := len(fill(p)); n < got-1 || n > 3*got || got < minSlots && n != got {
			t.Errorf("a capacity of %d takes %d tasks", asked, n)
		}
		if c := inbox(); c != got {
			t.Errorf("a capacity of %d makes an inbox of %d, want %d", asked, c, got)
		}
		release()
	}
	// The slice is the caller's.
	cpus := []int{firstCPU(t)}
	opt := WithCPUs(cpus...)
	cpus[0] = -7
	p = newTestPool(t, opt)
	if p.Workers() != 1 {
		t.Errorf("one CPU, %d workers", p.Workers())
	}
}

// firstCPU returns a CPU that this process may use.
func firstCPU(t *testing.T) int {
	t.Helper()
	machine, err := place.Detect()
	if err != nil {
		t.Skip(err)
	}
	for _, cpu := range machine.CPUs {
		if cpu.Allowed {
			return cpu.ID
		}
	}
	t.Skip("no CPU is known to be allowed")
	return 0
}

// Policies have their names, and numbers that are no policy say so.
func TestWhenFullString(t *testing.T) {
	for w, want := range map[WhenFull]string{Help: "Help", Block: "Block", Reject: "Reject", 9: "WhenFull(9)"} {
		if w.String() != want {
			t.Errorf("%q, want %q", w, want)
		}
	}
}

// A task whose Future nobody waits for is run, however short or long workers
// look for work before they park.
func TestSpinAndPark(t *testing.T) {
	for _, spin := range []time.Duration{0, time.Nanosecond, time.Microsecond, time.Millisecond} {
		for _, opts := range [][]Option{unpinned(2, WithSpin(spin)), {WithSpin(spin)}} {
			p := newTestPool(t, opts...)
			for range 500 {
				done := make(chan struct{})
				p.Go(func() { close(done) })
				<-done
			}
		}
	}
}
