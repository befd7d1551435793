package zeropool

import (
	"runtime"
	"time"
	"unsafe"
)

// Submit queues one task, fn(params), and returns its Future. The queue keeps
// params alive: dropping every other reference to it is fine. params may be
// nil. Submit allocates nothing.
//
// It panics if p or fn is nil. After Close the Future is done with ErrClosed.
// When every queue is full it does what WithWhenFull says.
func Submit[T any](p *Pool, params *T, fn func(*T)) Future {
	f, _ := p.submit(funcOf(fn), unsafe.Pointer(params), true)
	return f
}

// TrySubmit is Submit, except that it returns false, and has queued nothing,
// when every queue is full. After Close it returns a Future that is done with
// ErrClosed, and true.
func TrySubmit[T any](p *Pool, params *T, fn func(*T)) (Future, bool) {
	return p.submit(funcOf(fn), unsafe.Pointer(params), false)
}

// Go queues fn and returns its Future. It allocates nothing itself, but a
// closure that captures variables costs its allocation where it is made; Submit
// with a params struct does not.
//
// It panics if p or fn is nil.
func (p *Pool) Go(fn func()) Future {
	check(p, fn == nil, "Go")
	f, _ := p.submit(callFunc, unsafe.Pointer(*(**funcval)(unsafe.Pointer(&fn))), true)
	return f
}

// Task is one task of a SubmitMixed call, made by Bind. The zero Task is not
// valid.
type Task struct {
	fn     *funcval
	params unsafe.Pointer
}

// Bind joins a function and its argument to a Task. It panics if fn is nil;
// params may be nil.
func Bind[T any](params *T, fn func(*T)) Task {
	if fn == nil {
		panic("zeropool: Bind: nil function")
	}
	return Task{funcOf(fn), unsafe.Pointer(params)}
}

func check(p *Pool, nilFunc bool, call string) {
	if p == nil {
		panic("zeropool: " + call + ": nil Pool")
	}
	if nilFunc {
		panic("zeropool: " + call + ": nil function")
	}
}

// funcOf returns the function value behind fn.
func funcOf[T any](fn func(*T)) *funcval { return *(**funcval)(unsafe.Pointer(&fn)) }

// callFunc runs a func() that a task carries as its params.
var callFunc = funcOf(func(fn *funcval) { (*(*func())(unsafe.Pointer(&fn)))() })

func (p *Pool) submit(fn *funcval, params unsafe.Pointer, wait bool) (Future, bool) {
	if p == nil || fn == nil {
		call := "TrySubmit"
		if wait {
			call = "Submit"
		}
		check(p, fn == nil, call)
	}
	w := p.home()
	waits := false
	if gate := p.gate.Load(); gate != 0 {
		if gate&gateClosed != 0 {
			return closedFuture, true
		}
		if waits = p.habits.waits(stackHash()); !waits {
			w = p.target(w)
		}
	}
	q := &w.ring
	pos := q.tail.Load()
	if q.slot(pos).seq.Load() != pos || !q.tail.CompareAndSwap(pos, pos+1) { // claim(q, 1), inlined: A1, P1
		if q, pos = p.claimElsewhere(w, wait); q == nil {
			f, err := fullFuture(p)
			if !wait && err == ErrFull {
				return Future{}, false
			}
			return f, true
		}
	}
	s := q.slot(pos)
	r := s.task.done
	s.task.fn = fn
	s.task.params = params
	publish(q, pos, 1)
	// P1: claim was a locked instruction, so a worker that announced itself
	// idle before it is seen here, and one that did after it sees the claim.
	if gate := p.gate.Load(); gate != 0 {
		if waits && p.leaveToSentry(q, pos) {
			gate &= gateClosed // neither an idle worker nor a stand-in is needed
		}
		if gate != 0 && !p.published(gate, q, pos) {
			return closedFuture, true
		}
	}
	return Future{r: r, key: taskKey(q.id, pos)}, true
}

// published finds somebody to run the entry at pos: an idle worker, or a
// stand-in for a goroutine that is blocked in a Wait. gate is what p.gate was
// after publishing. It returns false if the pool has been closed meanwhile and it
// took the entry back.
func (p *Pool) published(gate uint64, q *ring, pos uint64) bool {
	if gate&gateIdle != 0 {
		p.wakeFor(p.workers[q.id])
	} else if gate >= gateWaiter {
		p.helpWaiters()
	}
	// D1: Close may have missed the claim, the workers may have ended: whoever
	// takes the entry now decides.
	var t task
	if gate&gateClosed == 0 || !q.takeAt(pos, &t) {
		return true
	}
	p.refused.Add(1)
	a := p.borrow(stackHash())
	a.settleSlot(q, pos, &t)
	a.begun.add(^uint64(0))
	if r := t.done; r.state.Load() != groupState {
		a.spare = r
	}
	p.giveBack(a)
	return false
}

// target returns the worker whose ring to use when some are idle: w if it is
// idle itself or if nobody will be woken, else the idle one nearest to it.
func (p *Pool) target(w *worker) *worker {
	if p.isIdle(w) || !p.wouldWake() {
		return w
	}
	for _, v := range w.near {
		if p.isIdle(v) {
			return v
		}
	}
	return w
}

// claimElsewhere claims a slot when the ring of w is full: in another ring, or,
// if wait, when the pool's policy has made room. It returns nil when there is
// none to be had.
func (p *Pool) claimElsewhere(w *worker, wait bool) (*ring, uint64) {
	for {
		if q, pos := p.claimAny(w); q != nil {
			return q, pos
		}
		if !wait || p.whenFull == Reject || p.gate.Load()&gateClosed != 0 {
			return nil, 0
		}
		if p.gate.Load()&gateIdle != 0 {
			// Submitters that are about to wait may have left the queues to
			// the sentry.
			p.wakeOne(w)
		}
		if p.whenFull == Block && !inTask() {
			if q, pos := p.claimBlocking(w); q != nil {
				return q, pos
			}
			continue
		}
		p.help(w)
	}
}

func (p *Pool) claimAny(w *worker) (*ring, uint64) {
	if pos, got := claim(&w.ring, 1); got != 0 {
		return &w.ring, pos
	}
	for _, v := range w.near {
		if pos, got := claim(&v.ring, 1); got != 0 {
			return &v.ring, pos
		}
	}
	if pos, ok := p.claimHeld(&w.ring); ok {
		return &w.ring, pos
	}
	for _, v := range w.near {
		if pos, ok := p.claimHeld(&v.ring); ok {
			return &v.ring, pos
		}
	}
	return nil, 0
}

// claimBlocking waits for room. It announces itself, then tries again: either
// that sees the room or the consumer that made it sees the announcement (B1).
func (p *Pool) claimBlocking(w *worker) (*ring, uint64) {
	p.blocked.Add(1)
	defer p.blocked.Add(^uint32(0))
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if q, pos := p.claimAny(w); q != nil {
			return q, pos
		}
		if p.gate.Load()&gateClosed != 0 {
			return nil, 0
		}
		p.changed.Wait()
	}
}

// madeRoom tells the submitters that wait for room. The locked instruction, on
// a word that nobody else uses, stands between the release of the slot and the
// look at blocked (B1).
func (a *agent) madeRoom() {
	a.fence.Add(1)
	a.pool.wakeBlocked()
}

// wakeBlocked wakes the submitters that wait for room.
func (p *Pool) wakeBlocked() {
	if p.blocked.Load() != 0 {
		p.mu.Lock()
		p.changed.Broadcast()
		p.mu.Unlock()
	}
}

const (
	// helpRuns is how many tasks a submitter runs at most before it looks for
	// room again, and helpTime about how long.
	helpRuns = 512
	helpTime = 20 * time.Microsecond
)

// help makes room for a submitter that found none, by running queued tasks.
//
// A submitter that is itself a task leaves them to stand-ins and does not wait:
// one of them may wait for the submitter, which could not go on underneath it.
func (p *Pool) help(w *worker) {
	if !inTask() {
		p.helpOut(w)
		return
	}
	a := p.borrow(stackHash())
	var t task
	if a.takeAny(w, &t) {
		p.standIn(a, &t)
		return
	}
	p.giveBack(a)
	runtime.Gosched() // as in helpOut
}

// helpOut is help for a submitter that is not a task.
func (p *Pool) helpOut(w *worker) {
	a := p.borrow(stackHash())
	held := true
	defer func() {
		if held { // a task may have called runtime.Goexit
			p.giveBack(a)
		}
	}()
	var start int64
	for n := range helpRuns {
		var t task
		if !a.takeAny(w, &t) {
			if n == 0 {
				// Every slot belongs to somebody who is about to publish
				// or release it.
				runtime.Gosched()
			}
			return
		}
		if !t.proven() {
			held = false
			p.standInAndWait(a, &t)
			return
		}
		a.runTaken(&t)
		if n == 0 {
			start = ticks()
		} else if n%4 == 0 && ticks()-start > p.helpTicks {
			return
		}
	}
}

// takeAny takes a queued task, looking at the ring of w first.
func (a *agent) takeAny(w *worker, t *task) bool {
	if a.takeFrom(&w.ring, t) {
		return true
	}
	for _, v := range w.near {
		if a.takeFrom(&v.ring, t) {
			return true
		}
	}
	return false
}

func (a *agent) takeFrom(q *ring, t *task) bool {
	pos, got, st := q.dequeue(q.head.Load(), t, 1)
	ok := got != 0
	if st == pending {
		pos, ok = q.dequeuePast(pos, t)
	}
	if ok {
		a.settleSlot(q, pos, t)
	}
	return ok
}
