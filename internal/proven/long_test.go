package proven

import "testing"

// What was noted last of a function holds, whatever other function shares its entry: that
// one is forgotten, and takes nothing back.
func TestLong(t *testing.T) {
	a, b := newPair()
	check := func(what string, wantA, wantB bool) {
		t.Helper()
		if Long(a) != wantA || Long(b) != wantB {
			t.Errorf("%s: a is long %v, b %v", what, Long(a), Long(b))
		}
	}
	check("before they ran", false, false)
	NoteLong(a, false)
	check("a was short", false, false)
	NoteLong(a, true)
	check("a took long", true, false)
	NoteLong(b, false)
	check("b was short", true, false)
	NoteLong(b, true)
	check("b took long", false, true)
	NoteLong(b, false)
	check("b was short since", false, false)
}
