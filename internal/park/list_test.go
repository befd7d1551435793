package park

import (
	"slices"
	"testing"
)

// Waiters leave a List in the order in which they came, also after some have left from
// anywhere: so who has waited longest is woken first.
func TestListOrder(t *testing.T) {
	for _, leave := range [][]int{{}, {0}, {1}, {3}, {0, 1}, {3, 2}, {1, 2}, {0, 3}, {0, 1, 2}, {0, 1, 2, 3}} {
		var list List
		ws := make([]Waiter, 4)
		for i := range ws {
			list.Add(&ws[i])
		}
		want := []*Waiter{&ws[0], &ws[1], &ws[2], &ws[3]}
		for _, i := range leave {
			list.Remove(&ws[i])
			want = slices.DeleteFunc(want, func(w *Waiter) bool { return w == &ws[i] })
		}
		last := new(Waiter)
		list.Add(last)
		for _, w := range append(want, last) {
			if list.Head() != w || !w.Listed() {
				t.Fatalf("without %v: wrong order", leave)
			}
			list.Remove(w)
			if w.Listed() {
				t.Fatalf("without %v: one that has left is listed", leave)
			}
		}
		if list.Head() != nil {
			t.Fatalf("without %v: somebody is left", leave)
		}
	}
}
