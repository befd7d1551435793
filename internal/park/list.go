package park

import "unsafe"

// A List is a list of Waiters, the one that was added first at its head. Its users have
// a lock for it.
type List struct{ head *Waiter }

// Head returns the Waiter that was added first, or nil.
func (l *List) Head() *Waiter { return l.head }

// Add makes w, which is in no List, the last one. What it waits for is at that address,
// which means nothing here.
func (l *List) Add(w *Waiter, what unsafe.Pointer) {
	w.what, w.prev, w.listed = what, w, true
	if head := l.head; head == nil {
		l.head = w
	} else {
		w.prev, head.prev.next, head.prev = head.prev, w, w
	}
}

// Remove takes w out of the List that it is in.
func (l *List) Remove(w *Waiter) {
	if l.head == w {
		l.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else if l.head != nil {
		l.head.prev = w.prev
	}
	w.what, w.prev, w.next, w.listed = nil, nil, nil, false
}

// Wake removes and wakes the n Waiters for what is at that address that were added first.
func (l *List) Wake(what unsafe.Pointer, n int) {
	for w := l.head; w != nil && n > 0; {
		next := w.next
		if w.what == what {
			l.Remove(w)
			w.Wake()
			n--
		}
		w = next
	}
}
