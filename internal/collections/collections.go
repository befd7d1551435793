// Package collections counts the cycles of the garbage collector without asking the
// runtime, which takes longer than a task.
package collections

import (
	"runtime"
	"sync"
	"sync/atomic"
)

var cycles atomic.Uint32

// Count returns how many cycles there have been since the first call of Start, as far as
// the runtime has come with its cleanups. It wraps.
func Count() uint32 { return cycles.Load() }

// Start starts to count. A cleanup runs after each cycle, and attaches the next one.
var Start = sync.OnceFunc(func() { attach(0) })

func attach(int) {
	cycles.Add(1)
	object := new([16]byte)
	runtime.AddCleanup(object, attach, 0)
}
