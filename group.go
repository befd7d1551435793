package zeropool

import (
	"context"
	"sync/atomic"
	"unsafe"
)

// A Group is a set of tasks that grows while they run, with one wait for all.
// It may be used again after Wait. Tasks may be added from any goroutine, from
// the group's own tasks too. A Group must be made by NewGroup.
type Group struct {
	rec record // first: queued tasks point to it
	_   [lineSize]byte

	added atomic.Int64 // tasks ever added
	_     [lineSize - 8]byte

	finished atomic.Int64 // tasks ever ended
	_        [lineSize - 8]byte

	pool   *Pool
	waited atomic.Bool           // a Wait has returned since the last task was added
	fault  atomic.Pointer[error] // the first since then
}

// NewGroup returns an empty group whose tasks run on p.
func (p *Pool) NewGroup() *Group {
	check(p, false, "NewGroup")
	g := &Group{pool: p}
	g.rec.state.Store(groupState)
	g.rec.info.Store(&p.plain)
	return g
}

// SubmitTo adds the task fn(params) to g. It allocates nothing. After Close, or
// when a pool with the policy Reject has no room, the task is not run and Wait
// returns ErrClosed or ErrFull.
//
// It panics if g or fn is nil.
func SubmitTo[T any](g *Group, params *T, fn func(*T)) {
	checkGroup(g, fn == nil, "SubmitTo")
	g.submit(funcOf(fn), unsafe.Pointer(params))
}

// Go adds fn to g. It panics if g or fn is nil.
func (g *Group) Go(fn func()) {
	checkGroup(g, fn == nil, "Group.Go")
	g.submit(callFunc, unsafe.Pointer(*(**funcval)(unsafe.Pointer(&fn))))
}

func checkGroup(g *Group, nilFunc bool, call string) {
	if g == nil {
		panic("zeropool: " + call + ": nil Group")
	}
	check(g.pool, nilFunc, call)
}

func (g *Group) submit(fn *funcval, params unsafe.Pointer) {
	if g.waited.Load() && g.waited.CompareAndSwap(true, false) {
		g.fault.Store(nil)
	}
	g.added.Add(1)
	p := g.pool
	w := p.home()
	if gate := p.gate.Load(); gate != 0 {
		if gate&gateClosed != 0 {
			g.finish(nil, 1, ErrClosed)
			return
		}
		w = p.target(w)
	}
	q := &w.ring
	pos := q.tail.Load()
	if q.slot(pos).seq.Load() != pos || !q.tail.CompareAndSwap(pos, pos+1) { // claim(q, 1), inlined: A1, P1
		if q, pos = p.claimElsewhere(w, true); q == nil {
			_, err := fullFuture(p)
			g.finish(nil, 1, err)
			return
		}
	}
	s := q.slot(pos)
	e := &q.grouped[pos&q.mask]
	e.record = s.task.done
	e.group.Store(g)
	s.task.fn = fn
	s.task.params = params
	s.task.done = &g.rec
	publish(q, pos, 1)
	if gate := p.gate.Load(); gate != 0 && !p.published(gate, q, pos) { // P1, as in Pool.submit
		g.finish(nil, 1, ErrClosed)
	}
}

// Wait blocks until every task added so far, and every task that those added,
// has ended, and returns the first error among the tasks since the group was
// last found complete: nil, a *PanicError, ErrGoexit, ErrClosed or ErrFull.
// Calling it again without adding tasks returns the same. Wait runs tasks of
// the group that nobody has begun.
func (g *Group) Wait() error {
	checkGroup(g, false, "Group.Wait")
	if !g.ended() {
		g.help()
	}
	for !g.ended() {
		g.pool.park(waitable{g: g}, nil)
	}
	return g.result()
}

// WaitContext is Wait, except that it returns ctx.Err() as soon as ctx ends: the
// tasks go on. None of them is run on the calling goroutine.
func (g *Group) WaitContext(ctx context.Context) error {
	checkGroup(g, false, "Group.WaitContext")
	if !g.ended() && ctx.Err() == nil {
		var t task
		a := g.pool.borrow(stackHash())
		if a.takeOwn(g, &place{}, &t) {
			g.pool.standInForGroup(a, &t, g)
		} else {
			g.pool.giveBack(a)
		}
	}
	for !g.ended() {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.pool.park(waitable{g: g}, ctx.Done())
	}
	return g.result()
}

// help runs queued tasks of g on the calling goroutine until there is none, or
// until one comes whose function is not known to return: a stand-in goes on from
// there.
func (g *Group) help() {
	p := g.pool
	a := p.borrow(stackHash())
	held := true
	defer func() {
		if held { // a task may have called runtime.Goexit
			p.giveBack(a)
		}
	}()
	var t task
	for from := (place{}); a.runOwn(g, &from, &t); {
		if t.done != nil {
			held = false
			p.standInForGroup(a, &t, g)
			return
		}
	}
}

// runOwn runs queued tasks of g until there is none, when it returns false, or
// until one has panicked, or until it has taken one that is not known to return
// and leaves it in t. The tasks that have returned are counted as ended together:
// nobody can tell while another one of the group is running.
func (a *agent) runOwn(g *Group, from *place, t *task) (more bool) {
	ended, inTask := int64(0), false
	defer func() {
		if ended > 0 {
			g.finish(a, ended, nil)
		}
		if inTask {
			more = true
			a.unwound(t, recover())
		}
	}()
	for a.takeOwn(g, from, t) {
		if !t.proven() {
			return true
		}
		inTask = true
		t.run()
		inTask = false
		*t = task{}
		a.completed.add(1)
		ended++
	}
	return false
}

// place is where a search for a group's tasks goes on: the ring of a worker, and
// a position unless that lies before the ring's head.
type place struct {
	worker int
	pos    uint64
}

// takeOwn takes a queued task of g, wherever it stands from the given place on.
func (a *agent) takeOwn(g *Group, from *place, t *task) bool {
	for ; from.worker < len(a.pool.workers); *from = (place{worker: from.worker + 1}) {
		q := &a.pool.workers[from.worker].ring
		if h := q.head.Load(); int64(h-from.pos) > 0 {
			from.pos = h
		}
		for end := q.tail.Load(); int64(end-from.pos) > 0; from.pos++ {
			if q.grouped[from.pos&q.mask].group.Load() == g && q.takeAt(from.pos, t) {
				a.settleSlot(q, from.pos, t)
				from.pos++
				return true
			}
		}
	}
	return false
}

func (g *Group) result() error {
	err := g.fault.Load()
	g.waited.Store(true)
	if err == nil {
		return nil
	}
	return *err
}

// ended loads finished first: a task adds before it finishes, so equal counts
// mean that there was a moment with none left.
func (g *Group) ended() bool {
	done := g.finished.Load()
	return done == g.added.Load()
}

// finish counts n tasks as ended; a is the agent that ran them, if one did.
func (g *Group) finish(a *agent, n int64, err error) {
	if err != nil {
		first := err // so that err itself stays on the stack
		g.fault.CompareAndSwap(nil, &first)
	}
	g.finished.Add(n) // C1, pairs with W1
	if g.pool.gate.Load() >= gateWaiter && g.ended() {
		if woke := wakeBucket(&g.rec); a != nil {
			a.noteWake(woke)
		}
	}
}
