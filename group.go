package zeropool

import (
	"context"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/bubble"
)

// A Group is a set of tasks that grows while they run, with one wait for all.
// It may be used again after Wait. Tasks may be added from any goroutine, from
// the group's own tasks too. A Group must be made by NewGroup.
type Group struct {
	added atomic.Int64 // tasks ever added, see unadded too
	_     [lineSize - 8]byte

	finished atomic.Int64 // tasks ever ended
	_        [lineSize - 8]byte

	pool    *Pool
	failure atomic.Pointer[groupFailure] // the first since a Wait has returned one
	limit   atomic.Pointer[groupLimit]   // nil until SetLimit
	inside  [8]atomic.Uint64             // identities of goroutines that run tasks of the group underneath calls of their own; each looks for itself, so no order hangs on them
	cancel  context.CancelCauseFunc      // of NewGroupContext, or nil
}

// A groupFailure is why a task of a Group has failed.
type groupFailure struct {
	err  error
	told atomic.Bool // a Wait has returned it: the next task added, or error, replaces it
}

// NewGroup returns an empty group whose tasks run on p.
func (p *Pool) NewGroup() *Group {
	check(p, false, "NewGroup")
	return &Group{pool: p}
}

// NewGroupContext returns an empty group whose tasks run on p, and a context derived
// from ctx which ends when the first task of the group fails, in whatever way, with
// its error as the cause, and when Wait returns, unless that is ErrOwnGroup. The tasks
// must heed it themselves: its end withdraws none; see Group.Cancel. Once it has ended it
// stays so, even if the group is used again.
//
// In a bubble of testing/synctest, on a pool outside of it, tasks may use the context,
// because its channel belongs to no bubble. One derived from it in the bubble must not
// be in use when a task fails, and ctx must be one of package context.
//
// It panics if p is nil.
func (p *Pool) NewGroupContext(ctx context.Context) (*Group, context.Context) {
	check(p, false, "NewGroupContext")
	ctx, cancel := context.WithCancelCause(ctx)
	if !p.bubbled && bubble.In() {
		bubble.Outside(func() { ctx.Done() }) // makes its channel there
	}
	return &Group{pool: p, cancel: cancel}, ctx
}

// SubmitTo adds the task fn(params) to g. It allocates nothing. After Close, or
// when a pool with the policy Reject has no room, the task is not run and Wait
// returns ErrClosed or ErrFull.
//
// It panics if g or fn is nil.
func SubmitTo[T any](g *Group, params *T, fn func(*T)) {
	checkGroup(g, fn == nil, "SubmitTo")
	g.submit(funcOf(fn), unsafe.Pointer(params), 0)
}

// SubmitErrTo is SubmitTo for a function that may fail: Wait returns the first
// error.
func SubmitErrTo[T any](g *Group, params *T, fn func(*T) error) {
	checkGroup(g, fn == nil, "SubmitErrTo")
	g.submit(funcOf(fn), unsafe.Pointer(params), fallible)
}

// Go adds fn to g. It panics if g or fn is nil.
func (g *Group) Go(fn func()) {
	checkGroup(g, fn == nil, "Group.Go")
	g.submit(callFunc, unsafe.Pointer(funcOf(fn)), 0)
}

// GoErr is Go for a function that may fail: Wait returns the first error.
func (g *Group) GoErr(fn func() error) {
	checkGroup(g, fn == nil, "Group.GoErr")
	g.submit(callErrFunc, unsafe.Pointer(funcOf(fn)), fallible)
}

func checkGroup(g *Group, nilFunc bool, call string) {
	if g == nil {
		panic("zeropool: " + call + ": nil Group")
	}
	check(g.pool, nilFunc, call)
}

func (g *Group) submit(fn *funcval, params unsafe.Pointer, flags uint64) {
	g.add()
	if g.limit.Load() != nil {
		g.enlist(fn, params, flags)
		return
	}
	f, _ := g.pool.submit(fn, params, flags|grouped, g, true)
	if err := f.refusal(); err != nil {
		g.fail(err)
		g.end()
	}
}

// add counts a task as added, and forgets an error that a Wait has returned.
func (g *Group) add() {
	g.added.Add(1)
	if g.failure.Load() != nil {
		g.forget()
	}
}

// forget forgets the error of g, if there is one and a Wait has returned it.
func (g *Group) forget() {
	if f := g.failure.Load(); f != nil && f.told.Load() {
		g.failure.CompareAndSwap(f, nil)
	}
}

// limited puts a task that has been added into the list, if g has a limit, and reports that.
func (g *Group) limited(fn *funcval, params unsafe.Pointer, flags uint64) bool {
	if g == nil || g.limit.Load() == nil {
		return false
	}
	g.enlist(fn, params, flags)
	return true
}

// enlist puts a task into the list of a group with a limit, and begins what may begin.
func (g *Group) enlist(fn *funcval, params unsafe.Pointer, flags uint64) {
	m := g.limit.Load()
	m.mu.Lock()
	m.list.Push(groupTask{fn, params, flags &^ grouped})
	m.mu.Unlock()
	g.begin(m, true, false)
}

// Wait blocks until every task added so far, and every task added meanwhile,
// has ended, and returns the first error among the tasks that ended since a Wait
// last returned one: nil, an error of SubmitErrTo or GoErr, a *PanicError, ErrGoexit,
// ErrClosed or ErrFull. Calling it again without adding tasks returns the same. Where
// several goroutines add tasks and wait, one Wait at least returns an error that there
// was. Wait runs tasks of the group that nobody has begun.
//
// Called from inside a task of the group, or from one that such a task runs
// underneath itself, it could never return, and returns ErrOwnGroup at once. It cannot
// tell that where another goroutine runs what a task of the group waits for, such as an
// element of a loop: then it waits for ever, as tasks do that wait for each other in a
// circle. In a bubble of testing/synctest the caller must not hold a lock that tasks of
// others want.
func (g *Group) Wait() error {
	checkGroup(g, false, "Group.Wait")
	if !g.ended() {
		if g.own() {
			return ErrOwnGroup
		}
		g.block(nil, g.help())
	}
	return g.result()
}

// WaitContext is Wait, except that it returns ctx.Err() as soon as ctx ends: the
// tasks go on. None of them is run on the calling goroutine. With a context that
// cannot end it is Wait.
func (g *Group) WaitContext(ctx context.Context) error {
	checkGroup(g, false, "Group.WaitContext")
	if ctx.Done() == nil {
		return g.Wait()
	}
	if !g.ended() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if g.own() {
			return ErrOwnGroup
		}
		if !g.block(ctx.Done(), g.handOwn()) {
			return ctx.Err()
		}
	}
	return g.result()
}

// own reports whether the calling goroutine is inside a task of g.
func (g *Group) own() bool {
	for i := range g.inside {
		if hasIdentity && g.inside[i].Load() == identity() {
			return true
		}
	}
	r := g.pool.currentRunner()
	return r != nil && r.inside == g
}

// An insider is a goroutine that runs tasks of a Group underneath a call of its own.
type insider struct {
	g     *Group // or nil
	entry *atomic.Uint64
}

// enter notes that the calling goroutine runs tasks of g, or of no Group if that is nil, and
// was inside no task of g. It fails if g has no entry left, or goroutines have no identity.
func (in *insider) enter(g *Group) bool {
	if in.g == g {
		return true
	}
	in.leave()
	for i := 0; g != nil && in.g == nil && hasIdentity && i < len(g.inside); i++ {
		if e := &g.inside[i]; e.Load() == 0 && e.CompareAndSwap(0, identity()) {
			*in = insider{g, e}
		}
	}
	return in.g == g
}

// leave ends enter.
func (in *insider) leave() {
	if in.g != nil {
		in.entry.Store(0)
		in.g = nil
	}
}

// help runs tasks of g for the goroutine that waits for it: those in its own lane, of which
// it hands over those whose function is not known to return; then those in inboxes, until it
// comes to such a one, which a stand-in runs, and the others. If it may not enter g, a
// stand-in runs all of them. It reports whether a stand-in has been left with some.
func (g *Group) help() (handed bool) {
	var in insider
	if !in.enter(g) {
		return g.handOwn()
	}
	defer in.leave()
	if l := g.pool.ownLane(); l != nil {
		for s, v, i := g.nextOwn(l, l.oldest()); s != nil; s, v, i = g.nextOwn(l, i) {
			if l.knows(s) || l.proven(s) {
				g.pool.run(l, s, v, &l.account)
				continue
			}
			g.pool.handOver(l, s, v, &l.account)
		}
	}
	if g.ended() {
		return false
	}
	var from groupSearch
	for l, s, key := g.find(&from); l != nil; l, s, key = g.find(&from) {
		if !provenTask(s.fn, s.params) {
			g.hand(l, s, key, from)
			return true
		}
		acc := &g.pool.helper().account
		acc.count(&acc.begun, 1)
		g.pool.run(l, s, key|taken, acc)
	}
	return false
}

// handOwn has a stand-in run queued tasks of g, for a goroutine that must not do so itself:
// all, if there is one in its own lane, else those in inboxes. It reports whether there were
// any.
func (g *Group) handOwn() bool {
	if l := g.pool.ownLane(); l != nil {
		if s, v, _ := g.nextOwn(l, l.oldest()); s != nil {
			g.pool.handTask(l, s, v, &l.account, g)
			return true
		}
	}
	return g.handOut(false)
}

// handOut has a stand-in run queued tasks of g: those in inboxes, or all. It reports whether
// there were any.
func (g *Group) handOut(all bool) bool {
	from := groupSearch{all: all}
	l, s, key := g.find(&from)
	if l != nil {
		g.hand(l, s, key, from)
	}
	return l != nil
}

// hand has a stand-in run a task of g that find has taken, and those that it finds from there
// on.
func (g *Group) hand(l *lane, s *slot, key uint64, from groupSearch) {
	if !g.pool.hand(job{l: l, s: s, v: key | taken, group: g, from: from}) {
		acc := &g.pool.helper().account // D1: Close has missed it, and whoever takes it decides
		acc.count(&acc.begun, 1)
		g.pool.fail(l, s, key|taken, acc, &acc.canceled, ErrClosed)
	}
}

const (
	// starvedAfter is how long none of a Group's tasks has ended when one who waits for
	// it looks where they are; while none ends, it looks again after twice that, and so
	// on, up to lastLook. Where n goroutines are parked it is n times as long, so all of
	// them together look no more often than one does.
	starvedAfter = 10 * time.Millisecond
	lastLook     = time.Second
)

// block parks until g has ended, which it reports, or until stop is closed; at once if the
// caller has just handed something to a stand-in, which is about to run on its P. It lends
// its place, but who works there may have to wait until the caller goes on, for a lock that
// it holds. So where none of g is at work, a stand-in more runs those that are queued.
func (g *Group) block(stop <-chan struct{}, handed bool) bool {
	if handed && stop != nil {
		g.pool.letRun()
	}
	if g.ended() || !handed && watchFor(g.ended) {
		return true
	}
	done, pause := g.finished.Load(), starvedAfter
	if bubble.In() { // where time stands still while anybody is at work, and a deadlock is to be found
		pause = 0
	}
	for !g.pool.parkNow(unsafe.Pointer(g), g.ended, true, stop, pause*time.Duration(1+g.pool.gate.Load()>>gateWaiterShift)) {
		select {
		case <-stop:
			return false
		default:
		}
		if now := g.finished.Load(); now != done {
			done, pause = now, starvedAfter
			continue
		}
		pause = min(2*pause, lastLook)
		if !g.atWork() {
			g.handOut(true)
		}
	}
	return true
}

// atWork reports whether a task of g has begun and not ended, and does not wait itself, as
// some of those may that are parked. The caller is not parked.
func (g *Group) atWork() bool {
	left := g.added.Load() - g.finished.Load()
	if m := g.limit.Load(); m != nil {
		m.mu.Lock()
		left -= int64(m.list.Len())
		m.mu.Unlock()
	}
	for _, l := range *g.pool.lanes.Load() {
		if l.groups.Load() == nil || l.queued() <= 0 {
			continue
		}
		for i := range l.mask + 1 {
			if l.holds(l.at(i).state.Load(), g) {
				left--
			}
		}
	}
	return left > int64(g.pool.gate.Load()>>gateWaiterShift)
}

// nextOwn takes a task of g that is queued in l, the calling goroutine's own lane, and
// returns its slot, the state that it has put there, and the index of the next one; or nil.
// It looks at each slot once, from index i on: tasks that end may push others, so only a
// whole round that finds none is the end.
func (g *Group) nextOwn(l *lane, i uint64) (s *slot, v, next uint64) {
	for end := i + l.mask + 1; i != end; i++ {
		s = l.at(i)
		if v = s.state.Load(); l.holds(v, g) {
			if v = l.takeOwn(s, v&^kindMask); v != 0 {
				return s, v, i + 1
			}
		} else if l.queued() <= 0 || g.ended() {
			break
		}
	}
	return nil, 0, 0
}

// A groupSearch is where a search for the tasks of a Group goes on: how many lanes it has
// looked at, and how many slots of the next one, from the newest, which is at last, to the
// oldest: who has just pushed some finds these first.
type groupSearch struct {
	all   bool // not only inboxes
	lanes int
	slots uint64
	last  uint64
}

// find takes a task of g, from there on, or returns nil. Who owns the lane it comes
// from need not be at work on it.
func (g *Group) find(from *groupSearch) (l *lane, s *slot, key uint64) {
	lanes := *g.pool.lanes.Load()
	for ; from.lanes < len(lanes); from.lanes, from.slots = from.lanes+1, 0 {
		l := lanes[from.lanes]
		if l.groups.Load() == nil || !l.inbox && !from.all {
			continue
		}
		if from.slots == 0 {
			from.last = l.tail.load() - 1
		}
		for ; from.slots <= l.mask && l.queued() > 0; from.slots++ {
			s := l.at(from.last - from.slots)
			v := s.state.Load()
			if l.holds(v, g) && l.takeForeign(s, v&^kindMask) {
				return l, s, v &^ kindMask
			}
		}
	}
	return nil, nil, 0
}

func (g *Group) result() error {
	var err error
	if f := g.failure.Load(); f != nil {
		f.told.Store(true)
		err = f.err
	}
	if g.cancel != nil {
		g.cancel(err)
	}
	return err
}

// ended loads finished first: a task adds before it finishes, so equal counts
// mean that there was a moment with none left.
func (g *Group) ended() bool {
	done := g.finished.Load() // F1
	return done == g.added.Load()
}

// end counts a task as ended.
func (g *Group) end() {
	g.finished.Add(1) // F1; C1, pairs with W1
	if g.limit.Load() != nil || g.pool.gate.Load() >= gateWaiter {
		g.changed()
	}
}

// changed is called when fewer tasks are at work than before: it tells those who wait, if
// there are none left, and lets one begin that waits because of the limit.
func (g *Group) changed() {
	g.tell()
	if m := g.limit.Load(); m != nil {
		g.begin(m, false, false)
	}
}

// unadded calls f, which makes or waits for room for a task that is to be added to g, and
// returns what it returns. Meanwhile the task does not count: what is to make room may
// itself wait for g. Afterwards g may have a limit: see limited. If a task that f runs ends
// the goroutine, the task that was to be added never is. With a nil Group unadded only calls
// f.
func (g *Group) unadded(f func() bool) (room bool) {
	if g == nil {
		return f()
	}
	returned := false
	defer func() {
		if returned {
			g.add()
		} else {
			g.fail(ErrGoexit)
		}
	}()
	g.added.Add(-1) // C1, pairs with W1
	g.changed()
	room = f()
	returned = true
	return room
}

// endUnbegun counts n tasks as ended that have never been queued.
func (g *Group) endUnbegun(n int64) {
	g.finished.Add(n) // F1; C1
	g.tell()
}

// tell wakes those who wait for the end of g, if that has come.
func (g *Group) tell() {
	if g.ended() {
		g.pool.wake(unsafe.Pointer(g), everyone)
	}
}

// fail notes the error of a task, before the task is counted as ended. The first counts
// of those that no Wait has returned.
func (g *Group) fail(err error) {
	f := &groupFailure{err: err}
	for old := g.failure.Load(); old == nil || old.told.Load(); old = g.failure.Load() {
		if !g.failure.CompareAndSwap(old, f) {
			continue
		}
		if g.cancel != nil {
			g.cancel(err)
		}
		return
	}
}

// Cancel withdraws the tasks of g that have not begun and returns how many. If there
// are any, Wait returns ErrCanceled, unless another task had failed before. Tasks that
// run go on, and tasks added later run as if nothing had been canceled; of those added
// at the same time some may be withdrawn. It may be called at any time, from any
// goroutine, from tasks of g too.
//
// It looks at every queued task of the pool.
func (g *Group) Cancel() int {
	checkGroup(g, false, "Group.Cancel")
	n := 0
	if m := g.limit.Load(); m != nil {
		// First, so that the ends of the others let none of these begin.
		if n = m.stop(); n > 0 {
			g.fail(ErrCanceled)
			g.endUnbegun(int64(n))
			g.pool.wakeBlocked(everyone) // who waits for room for one of them
		}
		defer func() {
			m.stopped.Add(-1)
			g.begin(m, false, false) // tasks that were added meanwhile
		}()
	}
	for _, l := range *g.pool.lanes.Load() {
		n += g.cancelIn(l)
	}
	return n
}

// cancelIn withdraws the tasks of g in l.
func (g *Group) cancelIn(l *lane) int {
	if l.groups.Load() == nil || l.queued() <= 0 {
		return 0
	}
	n := 0
	for i := range l.mask + 1 {
		s := l.at(i)
		state := s.state.Load()
		if !l.holds(state, g) {
			continue
		}
		// If the slot still holds that task when it is taken, its Group was g.
		if v, acc := g.pool.takeBack(l, s, state&^kindMask); v != 0 {
			g.pool.fail(l, s, v, acc, &acc.canceled, ErrCanceled)
			n++
		}
	}
	return n
}
