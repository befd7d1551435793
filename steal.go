package zeropool

import (
	"time"

	"github.com/zeropool-go/zeropool/internal/cpu"
)

// How runners find work, and which.
//
// A task that a goroutine has just submitted is most likely about to be waited
// for by it, and then it is fastest to leave it there. So a runner takes from a
// lane only what has been there for a moment, and leaves lanes alone whose owner
// gets through its tasks faster than a theft would.

const (
	// agedTime is how long a queue must have had tasks before they are stolen.
	agedTime = 2 * time.Microsecond
	// burstTime is how long a queue may have had tasks while its owner goes on pushing
	// them quickly: most likely it is about to run tiny ones itself.
	burstTime = 50 * time.Microsecond
	// worthStealing is the least time of a task, on average, that is worth a theft.
	worthStealing = 300 * time.Nanosecond
	// trial is after how many thefts a thief asks what the tasks took, and after how many
	// the owner is away, if it has come to no task meanwhile.
	trial = 8
	// firstShun and lastShun are how long a lane of tiny tasks is left alone.
	firstShun = 100 * time.Microsecond
	lastShun  = 5 * time.Millisecond
	// answerTime is how long a thief waits for the answer of an owner before it
	// turns to a heavy barrier.
	answerTime = 2 * time.Microsecond
	// turnTime is how long a runner takes work from where it comes to first. Then it begins
	// its search elsewhere, once: the queues that come last would never have their turn
	// while the first ones are never empty.
	turnTime = 5 * time.Millisecond
)

// A mark is what a thief has noted of one lane.
type mark struct {
	seen   int64  // ticks when it first had tasks, or when its owner was last seen at work on tiny ones; or 0
	begun  uint64 // how many tasks the owner had begun by then
	pushed uint64 // and pushed
	quick  bool   // the owner gets through its tasks faster than thieves could
	left   uint64 // key of a task that a quick owner may have left
	since  int64  // ticks when that was seen first, or 0
	till   int64  // the lane is shunned until then
	shun   int64  // for how long it was shunned
	last   uint64 // key that the owner has come to
	thefts int    // since then
}

// A thief is the part of a runner that steals.
type thief struct {
	marks    []mark
	on       *lane // attached to it
	ran      int   // tasks stolen since then, until it asks what they took
	spent    int64 // ticks that they took
	soon     bool  // a lane has tasks that may be stolen soon
	turnAt   int64 // ticks when it is to begin its search elsewhere
	turn     int   // how often it has
	yieldAt  int64 // ticks when it last let others run, see yieldPause
	next     int   // in the list of lanes, where it has come to
	stolen   counter
	pollTill int64 // ticks when it is to park; 0 before it polls
}

// mark returns the notes on l.
func (t *thief) mark(l *lane) *mark {
	if n := l.id + 1 - len(t.marks); n > 0 {
		t.marks = append(t.marks, make([]mark, n)...)
	}
	return &t.marks[l.id]
}

// ripe reports whether tasks of l may be stolen now; with anyway, whether there are
// any.
func (r *runner) ripe(l *lane, anyway bool) bool {
	m := r.mark(l)
	if l.queued() <= 0 {
		m.seen = 0
		return false
	}
	m.quick = false
	if anyway {
		return true
	}
	now, t := cpu.Ticks(), &r.pool.times
	if now < m.till {
		return false
	}
	if l.lingers.Load() != 0 && m.unwaited(l) {
		return true
	}
	begun := l.begun.load()
	age := now - m.seen
	m.quick = m.seen != 0 && int64(begun-m.begun)*t.worth > age
	switch {
	case m.seen == 0:
		m.seen, m.begun, m.pushed = now, begun, l.pushed.load()
		r.soon = true
		return false
	case m.quick:
		m.seen, m.begun = now, begun
		return m.overdue(l, now, t.burst)
	case age < t.aged, age < t.burst && int64(l.pushed.load()-m.pushed)*t.worth > age:
		r.soon = true
		return false
	}
	return true
}

// unwaited reports whether the runner whose mark it is has stolen from l, and since then
// its owner has taken no task, and nobody waited for one: they are left to runners.
func (m *mark) unwaited(l *lane) bool { return m.thefts > 0 && m.last == l.last.Load() }

// overdue reports whether the owner of a lane, who gets through other tasks quickly, has
// left one for so long. It is a branch of a tree of forks, with much to do before its
// turn comes, or nobody waits for it.
func (m *mark) overdue(l *lane, now, long int64) bool {
	if m.since != 0 && l.slot(m.left).state.Load() == m.left|full {
		return now-m.since > long
	}
	_, key, ok := l.find(false)
	m.left, m.since = key, now
	if !ok {
		m.since = 0
	}
	return false
}

// stealFrom takes a task of l, for a runner that is not attached to any lane. It stays
// attached to l only if it has got one.
func (r *runner) stealFrom(l *lane) (s *slot, key uint64, ok bool) {
	if l.inbox {
		return r.stealOne(l)
	}
	if !l.attach(false) {
		r.soon = true
		return nil, 0, false
	}
	r.on, r.ran, r.spent = l, 0, 0
	m := r.mark(l)
	m.begun = l.begun.load()
	if !m.quick {
		if s, key, ok = r.stealOne(l); !ok {
			r.drop()
		}
		return s, key, ok
	}
	s, key = l.slot(m.left), m.left
	ok = l.takeByCAS(s, key)
	m.since = 0
	r.drop() // the owner pays for the theft, not for as long as the task runs
	return s, key, ok
}

// stealOne takes a task of an inbox, or of the lane that r is attached to. It takes the
// oldest one while the owner is away: the owner may never come to that one, and the newest
// first would leave it there as long as others are pushed.
func (r *runner) stealOne(l *lane) (s *slot, key uint64, ok bool) {
	m := r.mark(l)
	if last := l.last.Load(); m.last != last {
		m.last, m.thefts = last, 0
	}
	for l.queued() > 0 {
		if m.thefts >= trial {
			s, key, ok = l.find(false)
		} else {
			s, key, ok = l.findLast()
		}
		if !ok {
			r.soon = true // somebody is about to publish it
			return nil, 0, false
		}
		if l.takeByCAS(s, key) {
			m.thefts++
			return s, key, true
		}
	}
	return nil, 0, false
}

// drop ends the attachment. It lingers if the tasks of the lane are left to runners.
func (r *runner) drop() {
	l := r.on
	if l == nil {
		return
	}
	r.on = nil
	if r.mark(l).unwaited(l) {
		l.linger()
	} else {
		l.detach()
	}
}

// judge is called after a task of l has been run, which took so many ticks. If r is
// attached to l, the tasks of l are not worth a theft, and its owner is at work on them,
// then l is shunned for a while.
func (r *runner) judge(l *lane, took int64) {
	if l != r.on {
		return
	}
	r.spent += took
	if r.ran++; r.ran < trial {
		return
	}
	m := r.mark(l)
	if begun := l.begun.load(); r.spent/trial < r.pool.times.worth && begun != m.begun {
		m.shun = min(max(2*m.shun, r.pool.times.firstShun), r.pool.times.lastShun)
		m.seen, m.begun = cpu.Ticks(), begun
		m.till = m.seen + m.shun
		r.drop()
	} else {
		m.shun, m.begun = 0, begun
	}
	r.ran, r.spent = 0, 0
}

// turns reports whether r is to begin its search elsewhere: at the board and in the list of
// lanes by turns, and there behind the lane that it has looked at last.
func (r *runner) turns() bool {
	now := cpu.Ticks()
	if now < r.turnAt {
		return false
	}
	r.turnAt = now + r.pool.times.turn
	r.turn++
	return true
}

// findTask takes the next task for r: of its own lane and inbox, of the lane that it is
// attached to, then of others, nearest first; with elsewhere, of any other lane before.
func (r *runner) findTask(elsewhere bool) (l *lane, s *slot, v uint64, ok bool) {
	w := r.worker
	// In a bubble of testing/synctest the clock may stand still until the task is run.
	now := r.pool.bubbled || r.pool.gate.Load()&gateEnding != 0
	var key uint64
	steal := func(l *lane) bool {
		if l == nil || !r.ripe(l, now) {
			return false
		}
		if s, key, ok = r.stealFrom(l); ok && (w == nil || l.worker != w) {
			r.stolen.add(1)
		}
		return ok
	}
	if elsewhere {
		r.drop()
		lanes := *r.pool.lanes.Load()
		for range lanes {
			r.next++
			l = lanes[r.next%len(lanes)]
			if (w == nil || l != w.lane.Load()) && steal(l) {
				return l, s, key | taken, true
			}
		}
	}
	if w != nil {
		if l = w.lane.Load(); l != nil && l.queued() > 0 {
			if s, v, ok = l.takeOwnOldest(); ok {
				return l, s, v, true
			}
		}
		if l = w.inbox.Load(); r.ripe(l, now) {
			if s, key, ok = r.stealOne(l); ok {
				return l, s, key | taken, true
			}
		}
	}
	if l = r.on; l != nil {
		if s, key, ok = r.stealOne(l); ok {
			r.stolen.add(1)
			return l, s, key | taken, true
		}
		r.drop()
	}
	for _, o := range r.near {
		for _, l = range [...]*lane{o.inbox.Load(), o.lane.Load()} {
			if o != w && steal(l) {
				return l, s, key | taken, true
			}
		}
	}
	for _, l = range *r.pool.lanes.Load() {
		if (l.worker == nil || l.retired.Load()) && steal(l) {
			return l, s, key | taken, true
		}
	}
	return nil, nil, 0, false
}

// takeOwnOldest takes a task of the caller's own lane, the oldest first, unless that is
// the caller's no more: a task that it has run may have had it replaced.
func (l *lane) takeOwnOldest() (s *slot, v uint64, ok bool) {
	for l.queued() > 0 && l.owner.Load() == identity() {
		s, key, ok := l.find(false)
		if !ok {
			return nil, 0, false
		}
		if v := l.takeOwn(s, key); v != 0 {
			return s, v, true
		}
	}
	return nil, 0, false
}
