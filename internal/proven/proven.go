// Package proven remembers which functions are known to return, and which took long.
//
// A function that calls runtime.Goexit ends the goroutine it runs on. A goroutine that
// can be replaced may run any function; one that must go on afterwards may run only a
// proven one: Runs calls of it have returned or panicked, and none has ever exited.
//
// A function is named by its entry point, 0 being none.
package proven

import (
	"sync"
	"sync/atomic"
)

// Runs is after how many runs a function is proven.
const Runs = 64

// slots is how many functions are known at a time. Where two of the same hash meet, one
// of them is known.
const slots = 1024

// proven[hash(code)] is the entry point of a proven function.
var proven [slots]atomic.Uintptr

// exited[hash(code)] is the entry point of a function that has exited. trials knows all
// of them.
var exited [slots]atomic.Uintptr

// trials counts runs of functions that are not yet proven, and remembers those
// that never will be.
var trials = struct {
	sync.Mutex
	runs   map[uintptr]int
	exited map[uintptr]bool
}{runs: map[uintptr]int{}, exited: map[uintptr]bool{}}

func hash(code uintptr) uint64 {
	const factor = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio
	return uint64(code) * factor >> 32 % slots
}

// Is reports whether a function is proven.
func Is(code uintptr) bool { return proven[hash(code)].Load() == code }

// Observe records n runs of a function, on goroutines that can be replaced, that did
// not exit. It takes no lock for a function that has exited: who waits for the end of
// such a run would wait for the lock too.
func Observe(code uintptr, n int) {
	if exited[hash(code)].Load() == code {
		return
	}
	trials.Lock()
	defer trials.Unlock()
	if trials.exited[code] {
		return
	}
	if trials.runs[code] += n; trials.runs[code] >= Runs {
		delete(trials.runs, code)
		proven[hash(code)].Store(code)
	}
}

// exits counts functions that have been found to exit.
var exits atomic.Uint32

// Exits returns how many functions have been found to exit. Who remembers one that is
// proven asks again when that has changed.
func Exits() uint32 { return exits.Load() }

// Exited records that a function has called runtime.Goexit.
func Exited(code uintptr) {
	trials.Lock()
	defer trials.Unlock()
	trials.exited[code] = true
	exited[hash(code)].Store(code)
	delete(trials.runs, code)
	proven[hash(code)].CompareAndSwap(code, 0)
	exits.Add(1)
}

// Forget makes a function one that is not proven, for tests. It keeps its entry in the
// map of trials, so that Observe need not make one.
func Forget(code uintptr) {
	trials.Lock()
	defer trials.Unlock()
	trials.runs[code] = 0
	proven[hash(code)].CompareAndSwap(code, 0)
}
