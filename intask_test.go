package zeropool

import (
	"testing"

	"github.com/zeropool-go/zeropool/internal/proven"
)

// The pool knows whether its caller is inside a task, and whether the task is
// one of its own, by whomever the task is run; without that, a Wait inside a
// task could take work that it must not.
func TestInTask(t *testing.T) {
	if inTask() {
		t.Error("inTask outside of any task")
	}
	p, other := newTestPool(t, WithWorkers(1)), newTestPool(t, WithWorkers(1))
	inside := func() bool {
		in := false
		if err := p.For(1, func(lo, hi int) { in = inTask() && p.inOwnTask() && !other.inOwnTask() }); err != nil {
			t.Fatal(err)
		}
		return in
	}
	if !inside() {
		t.Error("a range of a loop is not taken for a task")
	}
	for range 2 * proven.Runs { // by a worker, a stand-in, and the waiter itself
		in := false
		if err := p.Go(func() { in = inTask() && p.inOwnTask() && !other.inOwnTask() }).Wait(); err != nil {
			t.Fatal(err)
		}
		if !in {
			t.Fatal("a task is not taken for one")
		}
	}
}
