// Package bubble deals with bubbles of testing/synctest, for a library whose
// goroutines may be on the other side of a bubble's wall than its callers.
package bubble

import (
	"runtime"
	"sync"
	"time"
)

// In reports whether the calling goroutine is in a bubble: only there time.Now returns a
// time without a reading of the monotonic clock, whatever the bubble's clock shows.
func In() bool {
	now := time.Now()
	return now == now.Round(0)
}

// Outside calls f, on another goroutine if the caller is in a bubble: what f starts
// then belongs to no bubble. Only cleanups run outside of the bubble that asks for
// them.
func Outside(f func()) {
	if !In() {
		f()
		return
	}
	var running sync.Mutex // of no bubble, unlike a channel
	running.Lock()
	start := func(running *sync.Mutex) {
		go func() {
			defer running.Unlock()
			f()
		}()
	}
	runtime.AddCleanup(new([16]byte), start, &running)
	for !running.TryLock() {
		runtime.GC()
		runtime.Gosched()
	}
}
