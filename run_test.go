package zeropool

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/proven"
)

// mayPanic is a function that becomes proven, because it always returns or
// panics.
type mayPanic struct{ err error }

func (m *mayPanic) run() {
	if m.err != nil {
		panic(m.err)
	}
}

// TestPanicOfProvenFunction checks that a waiter survives a panic in a task that
// it runs on its own goroutine, in each way of coming to it.
func TestPanicOfProvenFunction(t *testing.T) {
	p := newTestPool(t, unpinned(1, quiet)...)
	run := (*mayPanic).run
	release := hold(t, p) // so that the waiter is the one who runs what follows
	defer release()
	for range 2 * proven.Runs {
		if err := Submit(p, new(mayPanic), run).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	each := func(x *mayPanic) { run(x) }
	if err := SubmitBatch(p, make([]mayPanic, 2*proven.Runs), each).Wait(); err != nil {
		t.Fatal(err)
	}
	for _, fn := range []func(*mayPanic){run, each} {
		code := funcOf(fn).code
		// Whoever ran the elements of the batch may be about to note it.
		eventually(t, func() bool { return proven.Is(code) }, func() string { return "a function that always returned is not proven" })
	}
	for i := range 3 {
		want := fmt.Errorf("panic %d", i)
		bad := &mayPanic{want}
		for what, err := range map[string]error{
			"Submit":      Submit(p, bad, run).Wait(),
			"SubmitBatch": SubmitBatch(p, []mayPanic{{}, *bad, {}}, each).Wait(),
			"SubmitMixed": p.SubmitMixed([]Task{Bind(new(mayPanic), run), Bind(bad, run)}).Wait(),
			"ForEach":     ForEach(p, []mayPanic{*bad, {}}, each),
			"Group": func() error {
				g := p.NewGroup()
				SubmitTo(g, bad, run)
				SubmitTo(g, new(mayPanic), run)
				return g.Wait()
			}(),
		} {
			var pe *PanicError
			if !errors.As(err, &pe) || !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
	}
}

// TestCountersOfWhatIsOver checks that a task is counted by the time that its
// Future says it is done.
func TestCountersOfWhatIsOver(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	n := uint64(stressRounds(20000))
	alone := runtime.GOMAXPROCS(0) == 1
	if alone {
		n /= 20 // who yields again and again keeps the runtime from the network poller, so each nap takes 10 ms
	}
	var c count
	for i := range n {
		f := Submit(p, &c, (*count).run)
		for !f.Done() {
			if cpu.SpinTurn(); alone {
				runtime.Gosched() // or it looks until it is preempted
			}
		}
		if s := p.workers[0].completed.load(); s != i+1 {
			t.Fatalf("%d tasks are done, the only one who ran them has counted %d", i+1, s)
		}
	}
}
