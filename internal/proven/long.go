package proven

import "sync/atomic"

// long[hash(code)] is the entry point of a function that took long when it ran last, or 0.
// It is a hint: several goroutines write it, and nothing hangs on what they see.
var long [slots]atomic.Uintptr

// Long reports whether a function took long when it ran last: a loop over it need not find
// that out again by its first element, alone.
func Long(code uintptr) bool { return long[hash(code)].Load() == code }

// NoteLong records whether a function took long. It writes only what is new, so that the
// entries of functions that are in use stay in all caches.
func NoteLong(code uintptr, tookLong bool) {
	switch e := &long[hash(code)]; {
	case Long(code) == tookLong:
	case tookLong:
		e.Store(code)
	default:
		e.Store(0)
	}
}
