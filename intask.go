package zeropool

import (
	"runtime"
	"sync"

	"github.com/zeropool-go/zeropool/internal/stack"
)

// Some calls must know whether they come from inside a task. Go has no storage by
// goroutine, so on these slow paths the stack tells, and the number of the
// goroutine.

// inTask reports whether the caller runs inside a task of any pool.
func inTask() bool {
	return stack.Nearest(taskFrames()[1:]) >= 0
}

// goexited reports, in a deferred call of a function that runs tasks, whether it is
// runtime.Goexit that has ended the task: the goroutine is about to end, even if recover
// has returned a panic, of a deferred call of the task's. And nothing that recover
// returns need mean a Goexit: it may be panic(nil), under GODEBUG=panicnil=1.
func goexited() bool {
	return stack.Nearest(taskFrames()[:]) == 0
}

// runnerID returns what tells the calling goroutine from all others that live: its
// identity, or its number, which takes longer to find.
func runnerID() uint64 {
	if hasIdentity {
		return identity()
	}
	return stack.GoroutineID()
}

// currentRunner returns the worker or stand-in of p that the calling goroutine is,
// or nil.
func (p *Pool) currentRunner() *runner {
	if !hasIdentity && !inTask() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runners[runnerID()]
}

// settleIn makes the calling goroutine the one that runs r.
func (r *runner) settleIn() {
	p := r.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runners[runnerID()] = r
	r.relabel()
}

// moveOut notes that the calling goroutine, which is about to end, is r no more: the
// next one may have the same runnerID. The caller holds p.mu.
func (r *runner) moveOut() {
	delete(r.pool.runners, runnerID())
	r.inside = nil
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

// taskFrames returns runtime.Goexit and the functions that run tasks; the first function
// of a Join counts as one, because its second one is called by the same. They have a
// deferred call, so the compiler inlines none of them.
var taskFrames func() *[6]stack.Code

func init() { taskFrames = sync.OnceValue(findTaskFrames) } // not above: an initialization cycle

func findTaskFrames() *[6]stack.Code {
	return &[6]stack.Code{
		stack.CodeOf(runtime.Goexit), stack.CodeOf((*Pool).run), stack.CodeOf((*Pool).runRange),
		stack.CodeOf((*Pool).driveAlone), stack.CodeOf((*Pool).join2), stack.CodeOf((*Pool).call),
	}
}
