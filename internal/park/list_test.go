package park

import (
	"slices"
	"testing"
	"unsafe"
)

// Waiters leave a List in the order in which they came, also after some have left from
// anywhere: so who has waited longest is woken first.
func TestListOrder(t *testing.T) {
	for _, leave := range [][]int{{}, {0}, {1}, {3}, {0, 1}, {3, 2}, {1, 2}, {0, 3}, {0, 1, 2}, {0, 1, 2, 3}} {
		var list List
		ws := make([]Waiter, 4)
		for i := range ws {
			list.Add(&ws[i], nil)
		}
		want := []*Waiter{&ws[0], &ws[1], &ws[2], &ws[3]}
		for _, i := range leave {
			list.Remove(&ws[i])
			want = slices.DeleteFunc(want, func(w *Waiter) bool { return w == &ws[i] })
		}
		last := new(Waiter)
		list.Add(last, nil)
		for _, w := range append(want, last) {
			if list.Head() != w || !w.listed {
				t.Fatalf("without %v: wrong order", leave)
			}
			list.Remove(w)
			if w.listed {
				t.Fatalf("without %v: one that has left is listed", leave)
			}
		}
		if list.Head() != nil {
			t.Fatalf("without %v: somebody is left", leave)
		}
	}
}

// Wake wakes those who wait for the thing that has happened, as many as it is told, who
// came first, and nobody else.
func TestListWakes(t *testing.T) {
	things := make([]int, 2)
	const waiters = 6 // every other one for the second thing
	for n := range waiters {
		var list List
		ws := make([]Waiter, waiters)
		for i := range ws {
			ws[i] = *newWaiter()
			list.Add(&ws[i], unsafe.Pointer(&things[i%2]))
		}
		list.Wake(unsafe.Pointer(&things[1]), n)
		for i := range ws {
			woken := i%2 == 1 && i/2 < n
			if ws[i].listed == woken {
				t.Errorf("%d to be woken: waiter %d, listed: %t", n, i, ws[i].listed)
			}
			if !ws[i].listed {
				ws[i].Sleep(nil, 0) // returns, because it was woken
			}
		}
	}
}
