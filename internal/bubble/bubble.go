// Package bubble deals with bubbles of testing/synctest, for a library whose
// goroutines may be on the other side of a bubble's wall than its callers.
package bubble

import (
	"runtime"
	"sync"
	"time"

	"github.com/zeropool-go/zeropool/internal/clock"
)

// Tells says whether In can tell: on Linux it can.
const Tells = runtime.GOOS == "linux"

// In reports whether the calling goroutine is in a bubble: time stands in the year
// 2000 there.
func In() bool {
	now := clock.Wall()
	d := now - time.Now().UnixNano()
	return now != 0 && (d > int64(time.Hour) || d < -int64(time.Hour))
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
