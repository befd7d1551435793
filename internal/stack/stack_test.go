package stack

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

//go:noinline
func outer(f func()) { f(); runtime.KeepAlive(f) }

//go:noinline
func deep(n int, f func()) {
	if n > 0 {
		deep(n-1, f)
		runtime.KeepAlive(n)
		return
	}
	f()
}

//go:noinline
func asks(functions []Code) bool { return Nearest(functions) == 1 }

// A function is found on the stack however deep the call is, and only while it is there.
func TestNearest(t *testing.T) {
	code := CodeOf(outer)
	if code.from >= code.to {
		t.Fatalf("the code of a function is %+v", code)
	}
	for _, depth := range []int{0, 1, 60, 61, 62, 63, 64, 65, 500} {
		check := func(want bool) func() {
			return func() {
				deep(depth, func() {
					if got := asks([]Code{{}, code}); got != want {
						t.Errorf("depth %d: called by outer: %v, want %v", depth, got, want)
					}
				})
			}
		}
		outer(check(true))
		check(false)()
	}
	if allocs := testing.AllocsPerRun(100, func() { asks([]Code{code}) }); allocs != 0 {
		t.Errorf("CalledBy allocates %v times", allocs)
	}
}

// The number of a goroutine is the one that its stack trace shows, and no other lives
// with the same.
func TestGoroutineID(t *testing.T) {
	seen := map[uint64]bool{}
	ids, free := make(chan uint64), make(chan struct{})
	const n = 20
	for range n {
		go func() {
			id := GoroutineID()
			var b [64]byte
			if s := string(b[:runtime.Stack(b[:], false)]); !strings.HasPrefix(s, fmt.Sprintf("goroutine %d [", id)) {
				t.Errorf("number %d, but the trace begins with %q", id, s)
			}
			ids <- id
			<-free
		}()
	}
	for range n {
		id := <-ids
		if id == 0 || seen[id] {
			t.Errorf("two goroutines, or none, have number %d", id)
		}
		seen[id] = true
	}
	close(free)
}
