package zeropool

import (
	"runtime"
	"slices"
	"sync"
	"unsafe"
)

// Whether a goroutine is inside a task is asked on slow paths only: it takes a
// walk up the stack.

// inOwnTask reports whether the caller runs inside a task of p: workers are told
// by their goroutine's number, helpers by the frames under which they run
// tasks. A helper of another pool is taken for one of p's while p has helpers at
// work.
func (p *Pool) inOwnTask() bool {
	if id := goroutineID(); slices.ContainsFunc(p.workers, func(w *worker) bool { return w.goroutine.Load() == id }) {
		return true
	}
	p.mu.Lock()
	helped := p.helped() || p.heldByWaiters()
	p.mu.Unlock()
	return helped && onStack(taskFrames().helpers[:])
}

// inTask reports whether the caller runs inside a task of any pool.
func inTask() bool {
	f := taskFrames()
	return onStack(f.helpers[:]) || onStack(f.workers[:])
}

// code is the part of the program that holds one function.
type code struct{ from, to uintptr }

type frames struct {
	helpers [4]code
	workers [1]code
}

// taskFrames returns the functions under which borrowed agents and workers run
// tasks. All have a deferred call, so the compiler inlines none of them.
var taskFrames func() *frames

func init() { taskFrames = sync.OnceValue(findTaskFrames) } // not above: an initialization cycle

func findTaskFrames() *frames {
	runTaken, runHeld, runOwn, runRange, loop := (*agent).runTaken, (*Pool).runHeld, (*agent).runOwn, (*agent).runRange, (*worker).loop
	return &frames{
		helpers: [...]code{
			codeOf(*(**funcval)(unsafe.Pointer(&runTaken))),
			codeOf(*(**funcval)(unsafe.Pointer(&runHeld))),
			codeOf(*(**funcval)(unsafe.Pointer(&runOwn))),
			codeOf(*(**funcval)(unsafe.Pointer(&runRange))),
		},
		workers: [...]code{codeOf(*(**funcval)(unsafe.Pointer(&loop)))},
	}
}

// codeOf finds out how far the code of a function reaches: as long as the
// runtime names the same function.
func codeOf(fn *funcval) code {
	const step, limit = 4, 1 << 16
	entry := runtime.FuncForPC(fn.code).Entry()
	end := entry + step
	for end < entry+limit {
		if f := runtime.FuncForPC(end); f == nil || f.Entry() != entry {
			break
		}
		end += step
	}
	return code{entry, end}
}

// onStack reports whether the caller was called, however deep, by one of the
// functions. It allocates nothing.
func onStack(functions []code) bool {
	var pcs [64]uintptr
	for skip := 3; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			for _, f := range functions {
				if f.from < pc && pc <= f.to { // pc is where the call returns to
					return true
				}
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}

// goroutineID reads the number of the calling goroutine from its stack trace,
// the only place where Go shows it.
func goroutineID() uint64 {
	var buf [40]byte
	b := buf[:runtime.Stack(buf[:], false)]
	var id uint64
	for _, c := range b[min(len("goroutine "), len(b)):] {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}
