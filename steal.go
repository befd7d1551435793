package zeropool

import "time"

// How runners find work, and which.
//
// A task that a goroutine has just submitted is most likely about to be waited
// for by it, and then it is fastest to leave it there. So a runner takes from a
// lane only what has been there for a moment, and leaves lanes alone whose owner
// gets through its tasks faster than a theft would.

const (
	// agedTime is how long a queue must have had tasks before they are stolen, if
	// its owner does nothing with them, and busyAgedTime if it is at work on them.
	agedTime     = 2 * time.Microsecond
	busyAgedTime = 20 * time.Microsecond
	// worthStealing is the least time of a task, on average, that is worth a theft.
	worthStealing = 300 * time.Nanosecond
	// trial is after how many tasks a thief asks what they took.
	trial = 8
	// firstShun and lastShun are how long a lane of tiny tasks is left alone.
	firstShun = 100 * time.Microsecond
	lastShun  = 5 * time.Millisecond
	// answerTime is how long a thief waits for the answer of an owner before it
	// turns to a heavy barrier.
	answerTime = 2 * time.Microsecond
)

// A mark is what a thief has noted of one lane.
type mark struct {
	seen int64  // ticks when it first had tasks, or 0
	ops  uint64 // what the owner had done by then
	till int64  // the lane is shunned until then
	shun int64  // for how long it was shunned
}

// A thief is the part of a runner that steals.
type thief struct {
	marks    []mark
	on       *lane // attached to it
	ran      int   // tasks stolen since since
	since    int64
	soon     bool // a lane has tasks that may be stolen soon
	stolen   counter
	polled   bool
	pollTill int64
	napTime  time.Duration
}

// ops is a number that grows with each push and take of the owner.
func (l *lane) ops() uint64 { return l.pushed.load() + l.begun.load() }

// mark returns the notes on l.
func (t *thief) mark(l *lane) *mark {
	for l.id >= len(t.marks) {
		t.marks = append(t.marks, mark{})
	}
	return &t.marks[l.id]
}

// ripe reports whether tasks of l may be stolen now.
func (r *runner) ripe(l *lane, closed bool) bool {
	m := r.mark(l)
	if l.queued() <= 0 {
		m.seen = 0
		return false
	}
	if closed {
		return true
	}
	now, t := ticks(), &r.pool.times
	if now < m.till {
		return false
	}
	if m.seen == 0 {
		m.seen, m.ops = now, l.ops()
		r.soon = true
		return false
	}
	age := now - m.seen
	if age < t.aged {
		r.soon = true
		return false
	}
	if !l.inbox && age < t.busyAged && int64(l.ops()-m.ops)*t.worth > age {
		r.soon = true
		return false
	}
	return true
}

// stealFrom takes a task of l.
func (r *runner) stealFrom(l *lane) (s *slot, key uint64, ok bool) {
	if l == r.on || l.inbox {
		return r.stealOne(l)
	}
	r.drop()
	if !l.attach(false) {
		r.soon = true
		return nil, 0, false
	}
	r.on, r.ran, r.since = l, 0, ticks()
	r.mark(l).ops = l.ops()
	return r.stealOne(l)
}

// stealOne takes a task of an inbox, or of the lane that r is attached to.
func (r *runner) stealOne(l *lane) (s *slot, key uint64, ok bool) {
	for l.queued() > 0 {
		s, key, ok = l.find(l.ownerTakesOldest())
		if !ok {
			r.soon = true // somebody is about to publish it
			return nil, 0, false
		}
		if l.takeOpen(s, key) {
			return s, key, true
		}
	}
	return nil, 0, false
}

// drop ends the attachment.
func (r *runner) drop() {
	if r.on != nil {
		r.on.detach()
		r.on = nil
	}
}

// judge is called after a stolen task has been run: if those of its lane are not
// worth a theft, the lane is shunned for a while.
func (r *runner) judge(l *lane) {
	if l != r.on {
		return
	}
	if r.ran++; r.ran < trial {
		return
	}
	now, m := ticks(), r.mark(l)
	if (now-r.since)/trial < r.pool.times.worth && l.ops() != m.ops { // its owner is at work on it
		m.shun = min(max(2*m.shun, r.pool.times.firstShun), r.pool.times.lastShun)
		m.till = now + m.shun
		r.drop()
	} else {
		m.shun = 0
	}
	m.ops = l.ops()
	r.ran, r.since = 0, now
}

// findTask takes the next task for r: of the lane it is attached to, of its own
// lane and inbox, then of others, nearest first.
func (r *runner) findTask(w *worker) (l *lane, s *slot, v uint64, ok bool) {
	closed := r.pool.gate.Load()&gateEnding != 0
	var key uint64
	if w != nil {
		if l = w.lane.Load(); l != nil && l.queued() > 0 {
			if s, v, ok = l.takeOwnOldest(); ok {
				return l, s, v, true
			}
		}
		if l = w.inbox.Load(); r.ripe(l, closed) {
			if s, key, ok = r.stealOne(l); ok {
				return l, s, key | taken, true
			}
		}
	}
	if l = r.on; l != nil {
		if s, key, ok = r.stealOne(l); ok {
			return l, s, key | taken, true
		}
		r.drop()
	}
	steal := func(l *lane) bool {
		if l == nil || !r.ripe(l, closed) {
			return false
		}
		s, key, ok = r.stealFrom(l)
		return ok
	}
	for _, o := range r.near {
		if o == w {
			continue
		}
		if l = o.inbox.Load(); steal(l) {
			r.stolen.add(1)
			return l, s, key | taken, true
		}
		if l = o.lane.Load(); steal(l) {
			r.stolen.add(1)
			return l, s, key | taken, true
		}
	}
	for _, l = range *r.pool.lanes.Load() {
		if (l.worker == nil || l.retired) && steal(l) {
			r.stolen.add(1)
			return l, s, key | taken, true
		}
	}
	return nil, nil, 0, false
}

// takeOwnOldest takes a task of the caller's own lane, the oldest first.
func (l *lane) takeOwnOldest() (s *slot, v uint64, ok bool) {
	for l.queued() > 0 {
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
