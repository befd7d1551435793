package zeropool

import (
	"sync/atomic"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/park"
	"github.com/zeropool-go/zeropool/internal/proven"
)

// A tally counts the tasks that one goroutine, or a group of them, has run.
type tally struct {
	begun     counter // tasks taken; those not counted below are running
	given     counter // to somebody else, who counts them as begun, and is to count their ends; see give
	completed counter
	panicked  counter // and those that called runtime.Goexit or returned an error
	canceled  counter // withdrawn before they began
}

// An account is where a goroutine that runs tasks counts them.
type account struct {
	tally
	many bool // several goroutines write the tally
}

func (acc *account) count(c *counter, n uint64) {
	if acc.many {
		c.v.Add(n)
	} else {
		c.add(n)
	}
}

// give counts n tasks that acc has begun as given to somebody else. Anybody may call it.
func (acc *account) give(n int) { acc.given.v.Add(uint64(n)) }

// A helper is the account of goroutines that are neither workers nor stand-ins and
// own no lane.
type helper struct {
	account
	batch   atomic.Pointer[batch] // recycled
	waiters park.Reserve          // to be used again
	_       [lineSize]byte
}

const helpers = 8

// helper returns the account for a goroutine that has none of its own.
func (p *Pool) helper() *helper { return &p.helpers[stackHash()%helpers] }

// stackHash returns 32 bits that are the same for most calls from one goroutine.
func stackHash() uint64 {
	var here byte
	return uint64(uintptr(unsafe.Pointer(&here))>>13) * hashFactor >> 32
}

// runInside runs a task that r has taken, inside its Group, and ends the labels that the task
// may have given r.
func (r *runner) runInside(l *lane, s *slot, v uint64, acc *account) {
	r.inside = l.groupOf(v)
	r.pool.run(l, s, v, acc)
	r.inside = nil
	r.relabel()
}

// outcome is what a failed slot points to.
type outcome struct{ err error }

// callTask calls the function of a task. A func(*T) takes its one pointer
// argument in the same way whatever T is, so calling it through
// func(unsafe.Pointer) is calling it. Why the copy: see callFunc.
func callTask(fn *funcval, params unsafe.Pointer) {
	f := fn
	(*(*func(unsafe.Pointer))(unsafe.Pointer(&f)))(params)
}

func callFallible(fn *funcval, params unsafe.Pointer) error {
	f := fn
	return (*(*func(unsafe.Pointer) error)(unsafe.Pointer(&f)))(params)
}

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

// provenTask reports whether a task is known to return, so that it may run on a goroutine
// that must go on afterwards, a waiter's. Workers and stand-ins can be replaced.
func provenTask(fn *funcval, params unsafe.Pointer) bool { return proven.Is(codeOf(fn, params)) }

// observe notes that a function has been run so often by goroutines that can be replaced,
// unless the pool may have cut these tasks off before they began.
func (p *Pool) observe(code uintptr, runs int) {
	if p.gate.Load()&gateCut == 0 && !proven.Is(code) {
		proven.Observe(code, runs)
	}
}

// knows reports whether the function of the task in s is the one that the lane remembers,
// and none has been found to exit since.
func (l *lane) knows(s *slot) bool { return s.fn.code == l.known && l.exits == proven.Exits() }

// proven is provenTask for the task in s; the owner of the lane calls it. It remembers the
// last function of which that was true.
func (l *lane) proven(s *slot) bool {
	fn, exits := s.fn, proven.Exits()
	if !provenTask(fn, s.params) {
		return false
	}
	if fn != callFunc && fn != callErrFunc {
		l.known, l.exits = fn.code, exits
	}
	return true
}

// run runs a task that the caller has taken, and ends it; v is the state that the
// caller has put into its slot. It counts the end, not the begin. It returns
// false if the task panicked or was not to begin any more, and not at all if it
// called runtime.Goexit.
//
// It is the only function that runs single tasks, but for join2: see taskFrames.
func (p *Pool) run(l *lane, s *slot, v uint64, acc *account) (returned bool) {
	if p.gate.Load()&gateCut != 0 { // D1: after the take; a heavy barrier follows the setting of the bit
		p.cutOff(l, s, v, acc)
		return false
	}
	r := running{l: l, s: s, v: v, acc: acc}
	defer func() {
		if !r.returned {
			r.unwound(recover())
		}
	}()
	if v&flagMask == 0 {
		callTask(s.fn, s.params)
		r.returned = true
	} else if err := r.callFlagged(); err != nil {
		p.fail(l, s, v, acc, &acc.panicked, err)
		return true
	}
	r.s.fn = nil
	r.s.params = nil
	if r.v&kindMask == owned {
		finish(r.l, r.s, r.l.next(r.v)) // F1, R1; C1: no fence here, a waiter executes a heavy barrier
	} else {
		r.acc.count(&r.acc.completed, 1)
		r.s.state.Store(r.l.next(r.v)) // F1, R1; C1: a full fence before the load of the gate
	}
	if r.group != nil {
		r.group.end()
	}
	if g := p.gate.Load(); g&^gateSleeping != 0 { // C1
		p.told(r.l, r.v)
	}
	return true
}

// A running task: see run.
type running struct {
	l        *lane
	s        *slot
	v        uint64
	acc      *account
	group    *Group // that it belongs to, or nil
	returned bool
}

// callFlagged calls the function of a task that belongs to a Group or returns an error.
func (r *running) callFlagged() (err error) {
	r.group = r.l.groupOf(r.v)
	if r.v&fallible != 0 {
		err = callFallible(r.s.fn, r.s.params)
	} else {
		callTask(r.s.fn, r.s.params)
	}
	r.returned = true
	if r.group != nil && err == nil {
		r.l.group(r.v).store(nil)
	}
	return err
}

// putBack counts a task that has not returned normally, or not been run, by that counter
// of acc, stores its end into its slot, and returns its Group.
func (p *Pool) putBack(l *lane, s *slot, v uint64, acc *account, how *counter, err error) (g *Group) {
	s.fn = nil
	s.params = nil
	acc.count(how, 1)
	if g = l.groupOf(v); g != nil { // which keeps the error
		l.group(v).store(nil)
		s.state.Store(l.next(v)) // F1, R1; C1
		return g
	}
	s.params = unsafe.Pointer(&outcome{err})
	s.state.Store(v&^kindMask | failed) // F1; C1
	return nil
}

// tell tells those that wait for the end of a task that has failed, and g, which is its
// Group or nil. It may end a context of the user's, so the caller holds no lock.
func (p *Pool) tell(l *lane, v uint64, g *Group, err error) {
	if g != nil {
		g.fail(err)
		g.end()
	}
	if p.gate.Load()&^gateSleeping != 0 { // C1
		p.told(l, v)
	}
}

// fail ends a task that has not returned normally, or not been run.
func (p *Pool) fail(l *lane, s *slot, v uint64, acc *account, how *counter, err error) {
	p.tell(l, v, p.putBack(l, s, v, acc, how, err), err)
}

// cutOff ends a task that has not begun because Shutdown's context has ended. It
// counts the end and stores it in one step for Stats, so that after Shutdown every
// task that is not done is one that Stats counts as running.
func (p *Pool) cutOff(l *lane, s *slot, v uint64, acc *account) {
	p.cutWork.Store(true)
	p.mu.Lock()
	g := p.putBack(l, s, v, acc, &acc.canceled, ErrClosed)
	p.mu.Unlock()
	p.tell(l, v, g, ErrClosed)
}

// unwound ends a task that did not return; e is what recover returned.
func (r *running) unwound(e any) {
	if goexited() {
		proven.Exited(codeOf(r.s.fn, r.s.params))
		if e == nil {
			r.fail(ErrGoexit)
			return
		}
	}
	err := newPanicError(e)
	defer r.fail(err) // even if the handler calls runtime.Goexit
	r.l.pool.report(err)
}

// fail ends a task that did not return.
func (r *running) fail(err error) {
	r.l.pool.fail(r.l, r.s, r.v, r.acc, &r.acc.panicked, err)
}

// told looks after those that wait for the end of a task, for room, or for the
// end of the pool.
func (p *Pool) told(l *lane, v uint64) {
	gate := p.gate.Load()
	if gate >= gateWaiter {
		p.wake(unsafe.Pointer(l.slot(v)), everyone)
		p.tellBlocked(l)
	}
	p.tellClosers(gate)
}

// tellBlocked is called when a slot of l may have become free: the owner of l, or of
// those who wait for room in an inbox the first, looks again; or all who do not look
// again by themselves.
func (p *Pool) tellBlocked(l *lane) {
	switch {
	case p.blocked.Load() == 0: // B3, pairs with makeRoom
	case p.blockedUntimed.Load() != 0:
		p.wakeBlocked(everyone)
	case l.inbox:
		p.wake(unsafe.Pointer(&p.blocked), 1)
	default:
		p.wake(unsafe.Pointer(l), everyone)
	}
}

// tellClosers lets Close look again at what still runs.
func (p *Pool) tellClosers(gate uint64) {
	if gate&gateClosed != 0 {
		p.mu.Lock()
		p.look()
		p.mu.Unlock()
	}
}
