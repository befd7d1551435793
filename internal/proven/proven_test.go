package proven

import "testing"

// Addresses that no function of this program has, and that share a place in the tables.
var same = func() (codes [2]uintptr) {
	codes[0] = 0x1000
	for codes[1] = codes[0] + 1; hash(codes[1]) != hash(codes[0]); codes[1]++ {
	}
	return codes
}()

// A function is proven after Runs runs, and never again once it has exited, whatever
// other function shares its place.
func TestProven(t *testing.T) {
	a, b := same[0], same[1]
	Observe(a, Runs-1)
	if Is(a) {
		t.Error("proven one run too early")
	}
	Observe(a, 1)
	if !Is(a) || Is(b) {
		t.Errorf("after %d runs: proven %v, the other one %v", Runs, Is(a), Is(b))
	}
	Observe(b, Runs) // takes the place
	if Is(a) || !Is(b) {
		t.Errorf("the place is b's: a %v, b %v", Is(a), Is(b))
	}
	Exited(a)
	if !Is(b) {
		t.Error("b is not proven any more, because a has exited")
	}
	Exited(b)
	for _, code := range same {
		Observe(code, 10*Runs)
		if Is(code) {
			t.Errorf("%#x has exited, and is proven", code)
		}
	}
}

// Forget makes a function begin anew.
func TestForget(t *testing.T) {
	const code = 0x123456
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
