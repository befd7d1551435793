package zeropool

import (
	"runtime"
	"sync"
)

// outsideBubble calls f, on another goroutine if the caller is in a bubble of
// testing/synctest: what f starts then belongs to no bubble. Only cleanups run
// outside of the bubble that asks for them.
func outsideBubble(f func()) {
	if !inBubble() {
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
