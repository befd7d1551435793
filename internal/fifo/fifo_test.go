package fifo

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A Queue does what a slice does, and keeps nothing of what has left it.
func TestLikeASlice(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var q Queue[*int]
	var want []*int
	for range 100_000 {
		switch n := r.IntN(100); {
		case n < 50:
			v := new(int)
			q.Push(v)
			want = append(want, v)
		case n < 95 && len(want) > 0:
			v := q.Pop()
			if v != want[0] {
				t.Fatal("not the first one")
			}
			want = want[1:]
			if n < 55 {
				q.PutBack(v)
				want = slices.Insert(want, 0, v)
			}
		case n == 99:
			if got := q.Clear(); got != len(want) {
				t.Fatalf("%d were in the queue, want %d", got, len(want))
			}
			want = nil
		}
		if q.Len() != len(want) {
			t.Fatalf("%d in the queue, want %d", q.Len(), len(want))
		}
		for i, v := range q.list[:cap(q.list)] {
			if v != nil && (i < q.head || i >= len(q.list)) {
				t.Fatal("keeps what has left")
			}
		}
	}
}

// In the long run nothing is allocated, however the queue is used.
func TestAllocatesNothing(t *testing.T) {
	var q Queue[int]
	for range 100 {
		q.Push(0)
	}
	turn := func() {
		q.Push(1)
		q.PutBack(q.Pop())
		q.Pop()
	}
	for range 1000 {
		turn()
	}
	if n := testing.AllocsPerRun(10_000, turn); n != 0 {
		t.Errorf("%v allocations each time", n)
	}
}
