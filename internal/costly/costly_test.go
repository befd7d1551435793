package costly

import "testing"

// What was noted last of a function holds, whatever other function shares its entry: that
// one is forgotten, and takes nothing back.
func TestNote(t *testing.T) {
	a, b := uintptr(1), uintptr(2)
	for entry(b) != entry(a) {
		b++
	}
	if Is(a) || Is(b) {
		t.Error("known before they ran")
	}
	Note(a, false)
	if Is(a) {
		t.Error("short, and costly")
	}
	Note(a, true)
	if !Is(a) || Is(b) {
		t.Errorf("a long: a %v, b %v", Is(a), Is(b))
	}
	Note(b, false)
	if !Is(a) {
		t.Error("b was short, and a is forgotten")
	}
	Note(b, true)
	if Is(a) || !Is(b) {
		t.Errorf("b long: a %v, b %v", Is(a), Is(b))
	}
	Note(b, false)
	if Is(a) || Is(b) {
		t.Errorf("b short: a %v, b %v", Is(a), Is(b))
	}
}
