// Package costly remembers which functions took long when they ran last: a loop over one
// of them need not find that out again by its first element, alone.
//
// A function is named by its entry point, as in package proven. All of this is a hint:
// entries are shared by functions of the same hash, and several goroutines write them.
package costly

import "sync/atomic"

const slots = 256

// costly[hash(code)] is the entry point of a function that took long, or 0.
var costly [slots]atomic.Uintptr

func entry(code uintptr) *atomic.Uintptr {
	const factor = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio
	return &costly[uint64(code)*factor>>32%slots]
}

// Is reports whether a function took long when it ran last.
func Is(code uintptr) bool { return entry(code).Load() == code }

// Note records whether it did. It writes only what is new, so that the entries of functions
// that are in use stay in all caches.
func Note(code uintptr, long bool) {
	switch e := entry(code); {
	case (e.Load() == code) == long:
	case long:
		e.Store(code)
	default:
		e.Store(0)
	}
}
