package zeropool

import (
	"runtime"
	"sync"
	"unsafe"
)

// Some calls must know whether they come from inside a task. Go has no storage by
// goroutine, so on these slow paths the stack tells, and the number of the
// goroutine.

// inTask reports whether the caller runs inside a task of any pool.
func inTask() bool {
	f := taskFrames()
	return onStack(f[:])
}

// runnerID returns what tells the calling goroutine from all others that live: its
// identity, or its number, which takes longer to find.
func runnerID() uint64 {
	if hasIdentity {
		return identity()
	}
	return goroutineID()
}

// currentRunner returns the worker or stand-in of p that the calling goroutine is,
// or nil.
func (p *Pool) currentRunner() *runner {
	if !hasIdentity && !inTask() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runner(runnerID())
}

// runner returns the worker or stand-in with that runnerID, or nil. The caller holds
// p.mu.
func (p *Pool) runner(id uint64) *runner {
	return p.runners[id]
}

// settleIn notes that the calling goroutine is r.
func (r *runner) settleIn() {
	p := r.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	r.identity = runnerID()
	p.runners[r.identity] = r
}

// moveOut notes that the calling goroutine, which is about to end, is r no more: the
// next one may have the same runnerID. The caller holds p.mu.
func (r *runner) moveOut() {
	delete(r.pool.runners, r.identity)
	r.identity = 0
}

// inOwnTask reports whether the caller runs inside a task of p. One that runs
// inside a task of another pool, or the first function of a Join, may be taken for it
// if goroutines that are neither workers nor stand-ins take tasks of p.
func (p *Pool) inOwnTask() bool {
	if p.currentRunner() != nil {
		return true
	}
	if !inTask() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.helped()
}

// code is the part of the program that holds one function.
type code struct{ from, to uintptr }

// taskFrames returns the functions that run tasks; the first function of a Join counts
// as one, because its second one is called by the same. They have a deferred call, so
// the compiler inlines none of them.
var taskFrames func() *[3]code

func init() { taskFrames = sync.OnceValue(findTaskFrames) } // not above: an initialization cycle

func findTaskFrames() *[3]code {
	run, runRange, join2 := (*Pool).run, (*Pool).runRange, (*Pool).join2
	return &[3]code{
		extentOf(*(**funcval)(unsafe.Pointer(&run))),
		extentOf(*(**funcval)(unsafe.Pointer(&join2))),
		extentOf(*(**funcval)(unsafe.Pointer(&runRange))),
	}
}

// extentOf finds out how far the code of a function reaches: as long as the
// runtime names the same function.
func extentOf(fn *funcval) code {
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
	buf := traces.Get().(*[40]byte)
	defer traces.Put(buf)
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

// traces keeps buffers for goroutineID, which would allocate otherwise.
var traces = sync.Pool{New: func() any { return new([40]byte) }}
