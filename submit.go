package zeropool

import (
	"time"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/bubble"
	"github.com/zeropool-go/zeropool/internal/cpu"
)

// Submit queues one task, fn(params), and returns its Future. The queue keeps
// params alive: dropping every other reference to it is fine. params may be
// nil. Submit allocates nothing.
//
// It panics if p or fn is nil. After Close the Future is done with ErrClosed.
// When every queue is full it does what WithWhenFull says.
func Submit[T any](p *Pool, params *T, fn func(*T)) Future {
	f, _ := p.submit(funcOf(fn), unsafe.Pointer(params), 0, nil, true)
	return f
}

// SubmitErr is Submit for a function that may fail: Wait returns its error.
func SubmitErr[T any](p *Pool, params *T, fn func(*T) error) Future {
	f, _ := p.submit(funcOf(fn), unsafe.Pointer(params), fallible, nil, true)
	return f
}

// TrySubmit is Submit, except that it returns false, and has queued nothing,
// when every queue is full. After Close it returns a Future that is done with
// ErrClosed, and true.
func TrySubmit[T any](p *Pool, params *T, fn func(*T)) (Future, bool) {
	check(p, fn == nil, "TrySubmit")
	return p.submit(funcOf(fn), unsafe.Pointer(params), 0, nil, false)
}

// Go queues fn and returns its Future. It allocates nothing itself, but a
// closure that captures variables costs its allocation where it is made; Submit
// with a params struct does not.
//
// It panics if p or fn is nil.
func (p *Pool) Go(fn func()) Future {
	check(p, fn == nil, "Go")
	f, _ := p.submit(callFunc, unsafe.Pointer(funcOf(fn)), 0, nil, true)
	return f
}

// GoErr is Go for a function that may fail: Wait returns its error.
func (p *Pool) GoErr(fn func() error) Future {
	check(p, fn == nil, "GoErr")
	f, _ := p.submit(callErrFunc, unsafe.Pointer(funcOf(fn)), fallible, nil, true)
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

// funcOf returns the function value behind fn, which is a function.
func funcOf[F any](fn F) *funcval { return *(**funcval)(unsafe.Pointer(&fn)) }

// callFunc and callErrFunc run a function without parameters that a task carries
// as its params. They take the address of a copy, never of the parameter: that lies at
// the bottom of the frame of run, the compiler need not store anything there, and while
// the task panics the runtime has a pointer to the bottom of that frame. So the collector
// would take for a pointer what an earlier call has left there, and end the process.
var (
	callFunc = funcOf(func(fn *funcval) {
		f := fn
		(*(*func())(unsafe.Pointer(&f)))()
	})
	callErrFunc = funcOf(func(fn *funcval) error {
		f := fn
		return (*(*func() error)(unsafe.Pointer(&f)))()
	})
)

// submit pushes a task, of g unless that is nil. Without wait it returns false when
// every queue is full.
func (p *Pool) submit(fn *funcval, params unsafe.Pointer, flags uint64, g *Group, wait bool) (Future, bool) {
	if p == nil || fn == nil {
		check(p, fn == nil, "Submit")
	}
	if p.gate.Load()&gateClosed != 0 {
		return closedFuture, true
	}
	l := enter(&p.table)
	if l == nil {
		return p.submitElsewhere(fn, params, flags, g, wait)
	}
	tail := l.tail.load()
	s, key := l.at(tail), tail<<posShift
	if s.state.Load()&kindMask != free { // A1, pairs with R1
		if s, key = l.room(); s == nil {
			l.leave()
			return p.submitFull(l, fn, params, flags, g, wait)
		}
	}
	if g != nil {
		if l.groups.Load() == nil {
			l.makeGroups()
		}
		l.group(key).store(g)
	}
	key |= flags
	s.fn = fn
	s.params = params
	if publish(l, s, key|full) != 0 {
		l.acknowledge()
	}
	// P1: the last runner that went to sleep has executed a heavy barrier between
	// setting the gate and its last look at the lanes; Close did too.
	if gate := p.gate.Load(); gate&(gateSleeping|gateClosed) != 0 {
		p.published(gate, l, s, key)
	}
	return Future{at: unsafe.Pointer(l), key: key}, true
}

// published looks after a task that was pushed while the pool was asleep or
// closed.
func (p *Pool) published(gate uint64, l *lane, s *slot, key uint64) {
	if gate&gateSleeping != 0 {
		p.summon()
	}
	if gate&gateClosed == 0 {
		return
	}
	// D1: Close may have missed the task, the workers may have ended: whoever
	// takes it now decides.
	if v, acc := p.takeBack(l, s, key); v != 0 {
		p.fail(l, s, v, acc, &acc.canceled, ErrClosed)
	}
}

// takeBack takes the task with that key out of l, whoever the caller is, if nobody
// has taken it. It returns the state that it has put into the slot, or 0, and the
// account that has counted the begin.
func (p *Pool) takeBack(l *lane, s *slot, key uint64) (v uint64, acc *account) {
	for s.state.Load() == key|full {
		switch {
		case hasIdentity && l.owner.Load() == identity():
			if v = l.takeOwn(s, key); v != 0 { // else it is gone, or the lane is no more the caller's
				return v, &l.account
			}
		case l.takeForeign(s, key):
			acc = &p.helper().account
			acc.count(&acc.begun, 1)
			return key | taken, acc
		default:
			yield() // the owner is in the middle of a take, and not on a CPU
		}
	}
	return 0, nil
}

// submitElsewhere pushes a task of a goroutine that has no lane: to the lane that it
// has earned, if there is one to be had, else to an inbox.
func (p *Pool) submitElsewhere(fn *funcval, params unsafe.Pointer, flags uint64, g *Group, wait bool) (Future, bool) {
	if hasIdentity && p.capacity >= minSlots {
		if me := identity(); p.candidates.deserves(me) {
			p.mu.Lock()
			l := p.ownLane()
			if l == nil { // else somebody had tried to take it over, and has given it back
				l = p.acquire(me)
			}
			p.mu.Unlock()
			if l != nil {
				return p.submit(fn, params, flags, g, wait)
			}
			p.candidates.deny(me)
		}
	}
	return p.submitInbox(fn, params, flags, g, wait)
}

// submitFull pushes a task of a goroutine whose lane has no free slot. If the lane is
// as large as the queues are to be, its owner helps at once: an inbox, which needs
// locked instructions, only puts that off.
func (p *Pool) submitFull(l *lane, fn *funcval, params unsafe.Pointer, flags uint64, g *Group, wait bool) (Future, bool) {
	if p.renew(l) {
		return p.submit(fn, params, flags, g, wait)
	}
	if wait && l.bound == p.capacity && p.helps() {
		helped := g.unadded(func() bool { return p.runOwnOldest(l) })
		if g.limited(fn, params, flags) {
			return Future{}, true
		}
		if helped {
			return p.submit(fn, params, flags, g, wait)
		}
	}
	return p.submitInbox(fn, params, flags, g, wait)
}

// helps reports whether a submitter who finds the queues full may run tasks that it has
// submitted itself: under the policy Help, and if it is not a task itself: one of its own
// tasks may wait for the submitter, which could not go on underneath it.
func (p *Pool) helps() bool { return p.whenFull == Help && !inTask() }

// home returns the worker whose inbox the calling goroutine tries first.
func (p *Pool) home() *worker {
	return p.workers[stackHash()*uint64(len(p.workers))>>32]
}

// submitInbox pushes a task to an inbox, or does what WithWhenFull says.
func (p *Pool) submitInbox(fn *funcval, params unsafe.Pointer, flags uint64, g *Group, wait bool) (Future, bool) {
	home := p.home()
	impatient := !wait || p.whenFull == Reject
	for {
		for _, w := range home.near {
			for {
				l := w.inbox.Load()
				if key, ok := l.pushInbox(fn, params, flags, g); ok {
					if gate := p.gate.Load(); gate&(gateSleeping|gateClosed) != 0 { // P1
						p.published(gate, l, l.slot(key), key)
					}
					return Future{at: unsafe.Pointer(l), key: key}, true
				}
				if !p.renewInbox(w, l, impatient) {
					break
				}
			}
		}
		switch {
		case p.gate.Load()&gateClosed != 0:
			return closedFuture, true
		case !wait:
			return Future{}, false
		case p.whenFull == Reject:
			return rejectedFuture, true
		}
		impatient = !g.unadded(func() bool { return p.makeRoom(true, p.hasRoom) })
		if g.limited(fn, params, flags) {
			return Future{}, true
		}
		if p.hasOwnRoom() {
			return p.submit(fn, params, flags, g, wait)
		}
	}
}

// patience is how long a submitter waits for the slots of running tasks, which may
// themselves wait for the submitter, before it looks whether to replace the queue. The
// second that waits at a time has twice as much, and so on: so all of them together look
// about once in that time, however many they are.
const patience = time.Millisecond

// makeRoom waits until there is room for a task, or ended says that it need not wait any
// more, which it reports, or the patience is at an end. With help it runs tasks of its own,
// if it may. While it blocks, it lends its place to a stand-in.
func (p *Pool) makeRoom(help bool, ended func() bool) bool {
	what, untimed := unsafe.Pointer(&p.blocked), p.untimed()
	if l := p.ownLane(); l != nil {
		if !untimed {
			what = unsafe.Pointer(l)
		}
		if help && p.helps() && p.runOwnOldest(l) || p.mayReplace(l) {
			return true
		}
	}
	if untimed {
		p.blockedUntimed.Add(1) // before blocked, which tellBlocked loads first (B3)
		defer p.blockedUntimed.Add(^uint32(0))
	}
	n := p.blocked.Add(1) // B3, pairs with the end of a task
	defer p.blocked.Add(^uint32(0))
	pause := time.Duration(n) * patience
	if untimed {
		pause = 0
	}
	return p.park(what, ended, p.whenFull == Help || inTask(), nil, pause)
}

// untimed reports whether the caller is in a bubble of testing/synctest, or its pool is.
// There a submitter that waits for room does not look again after a while: the time of the
// bubble would pass only to look, and no deadlock be found; or, with a pool outside, it
// stands still meanwhile. So it is told of every slot, and see staysFull.
func (p *Pool) untimed() bool { return p.bubbled || bubble.In() }

const (
	// helpRuns is how many tasks a submitter runs at most before it goes on, and
	// helpTime about how long.
	helpRuns = 512
	helpTime = 20 * time.Microsecond
)

// runOwnOldest runs the oldest tasks of the caller's own lane, if their functions are known
// to return, and reports whether there was one.
func (p *Pool) runOwnOldest(l *lane) bool {
	var in insider
	defer in.leave()
	start := cpu.Ticks()
	for n := range helpRuns {
		s, v, ok := l.takeOwnOldest()
		if !ok {
			return n > 0
		}
		if !l.knows(s) && !l.proven(s) || !in.enter(l.groupOf(v)) {
			p.handOver(l, s, v, &l.account)
			return true
		}
		p.run(l, s, v, &l.account)
		if n%4 == 0 && cpu.Ticks()-start > p.times.help {
			break
		}
	}
	return true
}

// hasOwnRoom reports whether the caller has a lane, and this has room or is to be renewed.
func (p *Pool) hasOwnRoom() bool {
	l := enter(&p.table)
	if l == nil {
		return false
	}
	s, _ := l.room()
	l.leave()
	return s != nil || p.mayReplace(l)
}

// hasRoom reports whether a submission may find a free slot, or must not wait any
// more.
func (p *Pool) hasRoom() bool {
	if p.gate.Load()&gateClosed != 0 {
		return true
	}
	if p.hasOwnRoom() {
		return true
	}
	for _, w := range p.workers {
		if l := w.inbox.Load(); l.hasFree() || l.small() || p.mayReplace(l) && p.staysFull(l) {
			return true
		}
	}
	return false
}
