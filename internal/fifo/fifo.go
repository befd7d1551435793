// Package fifo has a queue without a bound, for one goroutine at a time.
package fifo

import "slices"

// A Queue gives back what was put into it in the same order. It allocates nothing in the
// long run. The zero Queue is empty.
type Queue[T any] struct {
	list []T
	head int // the first one that is still there
}

// Len returns how many are in the queue.
func (q *Queue[T]) Len() int { return len(q.list) - q.head }

// Push makes v the last one.
func (q *Queue[T]) Push(v T) {
	if len(q.list) == cap(q.list) && 2*q.head > len(q.list) { // so seldom that each is moved once on average
		n := copy(q.list, q.list[q.head:])
		clear(q.list[n:])
		q.list, q.head = q.list[:n], 0
	}
	q.list = append(q.list, v)
}

// Pop takes the first one out of a queue that is not empty.
func (q *Queue[T]) Pop() T {
	var none T
	v := q.list[q.head]
	q.list[q.head] = none
	if q.head++; q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	}
	return v
}

// PutBack makes v, which Pop has returned, the first one again.
func (q *Queue[T]) PutBack(v T) {
	if q.head > 0 {
		q.head--
		q.list[q.head] = v
	} else {
		q.list = slices.Insert(q.list, 0, v)
	}
}

// Clear empties the queue and returns how many were in it.
func (q *Queue[T]) Clear() (n int) {
	n = q.Len()
	clear(q.list)
	q.list, q.head = q.list[:0], 0
	return n
}
