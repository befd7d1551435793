package park

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// A Table holds Waiters by what they wait for, which is told by an address, as a table of
// futexes does. Its users count the Waiters that are in it before Enter and after Leave.
type Table [1 << tableBits]bucket

const tableBits = 7

// A bucket holds those who wait for things with the same hash, the one that has waited
// longest first.
type bucket struct {
	count   atomic.Int32 // of those that have entered and not left, woken or not: who finds 0 need not lock
	mu      sync.Mutex
	waiting List
}

func (t *Table) bucket(what unsafe.Pointer) *bucket {
	const factor = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio
	return &t[uint64(uintptr(what)>>3)*factor>>(64-tableBits)]
}

// Enter puts w into the table. It waits for what is at that address.
func (t *Table) Enter(w *Waiter, what unsafe.Pointer) {
	b := t.bucket(what)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting.Add(w, what)
	b.count.Add(1) // W1
}

// Leave ends Enter, after a Sleep, which may have given up, or without one.
func (t *Table) Leave(w *Waiter, what unsafe.Pointer, gaveUp bool) {
	b := t.bucket(what)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count.Add(-1)
	if w.listed {
		b.waiting.Remove(w)
		if gaveUp {
			w.Abandon()
		}
	} else {
		w.Drain() // woken while it gave up, or before it slept
	}
}

// Wake wakes the n Waiters that have waited longest for what is at that address.
func (t *Table) Wake(what unsafe.Pointer, n int) {
	b := t.bucket(what)
	if b.count.Load() == 0 { // C1
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting.Wake(what, n)
}

// Holds reports whether w, which has entered, has not been woken yet.
func (t *Table) Holds(w *Waiter, what unsafe.Pointer) bool {
	b := t.bucket(what)
	b.mu.Lock()
	defer b.mu.Unlock()
	return w.listed
}

// A Reserve keeps Waiters that nobody uses.
type Reserve struct {
	mu   sync.Mutex
	kept List
}

// Take returns a Waiter.
func (r *Reserve) Take() *Waiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.kept.Head()
	if w == nil {
		return newWaiter()
	}
	r.kept.Remove(w)
	return w
}

// Keep keeps w, which Take has returned; one of NewBetween is not to be used again.
func (r *Reserve) Keep(w *Waiter) {
	if w.lock == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.kept.Add(w, nil)
	}
}
