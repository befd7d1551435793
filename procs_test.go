package zeropool

import (
	"runtime"
	"testing"
)

// A pool follows GOMAXPROCS, whatever it was when the pool was made: two elements of
// a loop or of a batch that wait for each other meet as soon as there is more than
// one processor, and with one again, everything still ends.
func TestGOMAXPROCSChanges(t *testing.T) {
	setProcs(t, 1)
	p := newTestPool(t, unpinned(2)...)
	long := func(x *int) {
		for i := range 200_000 {
			*x = max(*x, i)
		}
	}
	for range 3 {
		runtime.GOMAXPROCS(1)
		if err := ForEach(p, make([]int, 20), long); err != nil {
			t.Fatal(err)
		}
		if n := p.width(); n != 1 {
			t.Errorf("a loop is shared by %d goroutines with GOMAXPROCS 1", n)
		}
		runtime.GOMAXPROCS(4)
		m := newMeeting(2)
		xs := make([]int, 64)
		err := ForEach(p, xs, func(x *int) {
			long(x)
			if x == &xs[40] || x == &xs[63] { // far apart, so that one claim does not have both
				m.meet()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		m = newMeeting(2)
		if err := SubmitBatch(p, make([]int, 2), func(*int) { m.meet() }).Wait(); err != nil {
			t.Fatal(err)
		}
	}
}
