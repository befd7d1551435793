package zeropool

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// A task that calls runtime.Goexit ends the goroutine it runs on. A worker can
// be replaced; a goroutine that waits for the task cannot. So a waiter runs a
// task itself only if its function is proven: provenRuns calls on workers and
// stand-ins, which can be replaced, have returned or panicked, and none has ever
// exited. Otherwise a stand-in runs it.

const (
	provenRuns  = 64
	provenSlots = 1024
)

// provenCode[hash(code)] is the entry point of a proven function, or 0.
var provenCode [provenSlots]atomic.Uintptr

// exitedCode[hash(code)] is the entry point of a function that has exited, or 0. Where
// two functions meet it knows one of them, and trials both.
var exitedCode [provenSlots]atomic.Uintptr

// trials counts runs of functions that are not yet proven, and remembers those
// that never will be.
var trials = struct {
	sync.Mutex
	runs   map[uintptr]int
	exited map[uintptr]bool
}{runs: map[uintptr]int{}, exited: map[uintptr]bool{}}

func provenSlot(code uintptr) *atomic.Uintptr { return &provenCode[slotOf(code)] }

func slotOf(code uintptr) uint64 { return uint64(code) * hashFactor >> 32 % provenSlots }

// codeOf returns the entry point of the user's function that a task runs.
func codeOf(fn *funcval, params unsafe.Pointer) uintptr {
	if fn == callFunc || fn == callErrFunc {
		fn = (*funcval)(params)
	}
	if fn == nil { // see standIn.runHanded
		return 0
	}
	return fn.code
}

// proven reports whether a task may run on a goroutine that must go on afterwards.
func proven(fn *funcval, params unsafe.Pointer) bool { return isProven(codeOf(fn, params)) }

func isProven(code uintptr) bool { return provenSlot(code).Load() == code }

// proven reports whether the task in s may run on the goroutine of the lane's owner,
// who calls it. It remembers the last function of which it was true.
func (l *lane) proven(s *slot) bool {
	fn := s.fn
	if fn == l.known {
		return true
	}
	if !proven(fn, s.params) {
		return false
	}
	if fn != callFunc && fn != callErrFunc {
		l.known = fn
	}
	return true
}

// observe records n runs of a function, on goroutines that can be replaced, that
// did not exit. It takes no lock for a function that has exited: a stand-in that
// waited for it after its task has ended would be missing for the next task.
func observe(code uintptr, n int) {
	if exitedCode[slotOf(code)].Load() == code {
		return
	}
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
func exited(fn *funcval, params unsafe.Pointer) {
	code := codeOf(fn, params)
	trials.Lock()
	defer trials.Unlock()
	trials.exited[code] = true
	exitedCode[slotOf(code)].Store(code)
	delete(trials.runs, code)
	provenSlot(code).CompareAndSwap(code, 0)
}
