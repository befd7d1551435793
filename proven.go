package zeropool

import (
	"sync"
	"sync/atomic"
)

// A task that calls runtime.Goexit ends the goroutine it runs on. A worker can
// be replaced; a goroutine that waits for the task cannot. So a waiter runs a
// task itself only if its function is proven: provenRuns calls on goroutines
// that do not matter have returned or panicked, and none has ever exited.
// Otherwise a stand-in runs it.

const (
	provenRuns  = 1024
	provenSlots = 1024
)

// proven[hash(code)] is the entry point of a proven function, or 0.
var provenCode [provenSlots]atomic.Uintptr

// trials counts runs of functions that are not yet proven, and remembers those
// that never will be.
var trials = struct {
	sync.Mutex
	runs   map[uintptr]int
	exited map[uintptr]bool
}{runs: map[uintptr]int{}, exited: map[uintptr]bool{}}

func provenSlot(code uintptr) *atomic.Uintptr {
	return &provenCode[uint64(code)*0x9E3779B97F4A7C15>>32%provenSlots]
}

// code returns the entry point of the user's function that t runs.
func (t *task) code() uintptr {
	fn := t.fn
	switch {
	case fn == nil:
		return (*batch)(t.params).code()
	case fn == callFunc:
		fn = (*funcval)(t.params)
	}
	return fn.code
}

// proven reports whether t may run on a goroutine that must go on afterwards.
func (t *task) proven() bool {
	if fn := t.fn; fn != nil && fn != callFunc {
		return isProven(fn.code)
	}
	if t.fn == nil {
		return (*batch)(t.params).proven()
	}
	return isProven(t.code())
}

func isProven(code uintptr) bool { return provenSlot(code).Load() == code }

// observe records n runs of a function that did not exit.
func observe(code uintptr, n int) {
	trials.Lock()
	defer trials.Unlock()
	if trials.exited[code] {
		return
	}
	if trials.runs[code] += n; trials.runs[code] >= provenRuns {
		delete(trials.runs, code)
		provenSlot(code).Store(code)
	}
}

// exited records that a function has called runtime.Goexit.
func exited(code uintptr) {
	trials.Lock()
	defer trials.Unlock()
	trials.exited[code] = true
	delete(trials.runs, code)
	provenSlot(code).CompareAndSwap(code, 0)
}
