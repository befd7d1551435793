package scratch

import "testing"

type box[T any] struct{ V T }

// A value that is kept is taken again, by callers of its type only, and by one at a time.
func TestTakeWhatIsKept(t *testing.T) {
	var s Shelf
	a, b := Take[box[int]](&s), Take[box[string]](&s)
	Keep(&s, a)
	Keep(&s, b)
	if Take[box[int]](&s) != a || Take[box[string]](&s) != b {
		t.Error("what is kept is not taken again")
	}
	if Take[box[int]](&s) == a {
		t.Error("one value was taken twice")
	}
}

// However many types there are, a Shelf keeps a bounded number of values: those that were
// kept last. Keeping and taking one again allocates nothing.
func TestBound(t *testing.T) {
	var s Shelf
	first := new(box[string])
	Keep(&s, first)
	kept := map[*box[int]]bool{}
	for range most {
		v := new(box[int])
		Keep(&s, v)
		kept[v] = true
	}
	if Take[box[string]](&s) == first {
		t.Error("more than the most is kept")
	}
	for range most {
		if v := Take[box[int]](&s); !kept[v] {
			t.Error("one of the last ones was not kept")
		}
	}
	if n := testing.AllocsPerRun(100, func() { Keep(&s, Take[box[int]](&s)) }); n != 0 {
		t.Errorf("%v allocations each time", n)
	}
}
