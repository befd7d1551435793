package proven

import "testing"

// newPair returns addresses that no function of this program has, that no call has
// returned before, and that share an entry in the tables.
func newPair() (a, b uintptr) {
	a = last + 1
	for b = a + 1; hash(b) != hash(a); b++ {
	}
	last = b
	return a, b
}

var last uintptr

// A function is proven after Runs runs, and never again once it has exited, whatever
// other function shares its entry.
func TestProven(t *testing.T) {
	a, b := newPair()
	Observe(a, Runs-1)
	if Is(a) {
		t.Error("proven one run too early")
	}
	Observe(a, 1)
	if !Is(a) || Is(b) {
		t.Errorf("after %d runs: proven %v, the other one %v", Runs, Is(a), Is(b))
	}
	Observe(b, Runs) // takes the entry
	if Is(a) || !Is(b) {
		t.Errorf("the entry is b's: a %v, b %v", Is(a), Is(b))
	}
	Exited(a)
	if !Is(b) {
		t.Error("b is not proven any more, because a has exited")
	}
	Exited(b)
	for _, code := range []uintptr{a, b} {
		Observe(code, 10*Runs)
		if Is(code) {
			t.Errorf("%#x has exited, and is proven", code)
		}
	}
}

// Forget makes a function begin anew.
func TestForget(t *testing.T) {
	code, _ := newPair()
	Observe(code, Runs)
	Forget(code)
	if Is(code) {
		t.Error("still proven")
	}
	if Observe(code, Runs-1); Is(code) {
		t.Error("proven too early")
	}
	if Observe(code, 1); !Is(code) {
		t.Error("never proven again")
	}
}
