package zeropool

import "sync/atomic"

// A waiter that runs the very task it waits for holds the task's slot until the
// task has ended. So it needs no agent and no spare record, and one store to the
// task's record both ends the task, because its Future's key is no longer there,
// and prepares the record for the slot's next use.
//
// While the task runs the slot's sequence number reads heldBy(pos), and nobody
// needs the slot until the ring comes round to it. A submitter that finds it in
// its way then displaces the waiter: it takes the slot over, with a new record.
//
// T1: waiter and submitter both leave the held state by a CAS of the sequence
// number, so one of them gets the slot, and the other one knows. The waiter stores
// into the record before its CAS and touches the slot no more after it; the
// submitter stores into the slot after its own.

// heldBias separates the sequence numbers of held slots from all others.
const heldBias = 1 << 62

// heldBy is the sequence number of a slot while a waiter runs the task that was
// at pos: far below pos, so that it reads as not yet free to submitters.
func heldBy(pos uint64) uint64 { return pos + 1 - heldBias }

// lead returns how far a slot whose sequence number is seq is past the point where
// the task at pos is published: below 0 it is not published yet, above 0 it has
// been taken, and so it has at 0 if the slot is held.
func lead(seq, pos uint64) int64 {
	d := int64(seq - (pos + 1))
	if isHeld(d) {
		d += heldBias
		if d >= 0 {
			d++
		}
	}
	return d
}

// isHeld reports whether a sequence number that lies d past a position near tail
// is that of a held slot.
func isHeld(d int64) bool { return d < -heldBias/2 }

// runHeld runs a task that a waiter has taken out of the slot at pos, and reports
// whether it returned. It does not return itself if the task calls
// runtime.Goexit.
func (p *Pool) runHeld(q *ring, pos uint64, t *task) (returned bool) {
	defer func() {
		if !returned {
			p.unwoundHeld(q, pos, t, recover())
		}
	}()
	s, n := q.slot(pos), q.heldRuns(pos)
	s.task.fn = nil
	s.task.params = nil
	holdSlot(n, n.Load()+1, &s.seq, heldBy(pos))
	if p.whenFull == Block {
		p.displaced.Add(0) // B1: a full fence, away from the slot, which may be another's by now
		p.wakeBlocked()
	}
	t.run()
	returned = true
	// Also F1, and C1 with the locked instruction that follows. R1: the CAS is
	// the release of the slot.
	next := pos + q.mask + 1
	store(&t.done.state, taskKey(q.id, next)<<phaseBits)
	if !s.seq.CompareAndSwap(heldBy(pos), next) { // T1
		p.displaced.Add(-1)
	}
	if gate := p.gate.Load(); gate >= gateWaiter || gate&gateClosed != 0 {
		p.heldEnded(t.done)
	}
	return true
}

// heldEnded tells those that wait for the end of a task or of the pool.
func (p *Pool) heldEnded(r *record) {
	p.wakeWaiters(r)
	p.tellClosers()
}

// unwoundHeld ends a task that did not return; v is what recover returned. An
// agent, which has a record to spare, ends it as if it had run it.
func (p *Pool) unwoundHeld(q *ring, pos uint64, t *task, v any) {
	a := p.borrow(stackHash())
	defer p.giveBack(a)
	p.heldFailed.Add(1)
	if q.slot(pos).seq.CompareAndSwap(heldBy(pos), pos+1) { // T1
		a.settleSlot(q, pos, t)
	} else {
		p.displaced.Add(-1)
		a.begun.add(1)
	}
	a.unwound(t, v)
}

// claimHeld claims the next position of a ring that was found full, if a waiter
// holds its slot or has released it since. It returns false only if the slot at
// tail belongs to a task that is queued, or that has been taken a moment ago.
func (p *Pool) claimHeld(q *ring) (pos uint64, ok bool) {
	var s *slot
	var holder uint64
	for {
		pos = q.tail.Load()
		s, holder = q.slot(pos), heldBy(pos-q.mask-1)
		if s.seq.Load() == holder {
			if q.tail.CompareAndSwap(pos, pos+1) { // P1
				break
			}
		} else if pos, got := claim(q, 1); got != 0 {
			return pos, true
		} else if q.tail.Load() == pos && s.seq.Load() != holder {
			return 0, false
		}
	}
	p.displaced.Add(1)                     // before the slot stops telling of the waiter: see holding
	if s.seq.CompareAndSwap(holder, pos) { // T1
		r := p.newRecord()
		r.info.Store(q.plain)
		r.state.Store(taskKey(q.id, pos) << phaseBits)
		s.task.done = r
		return pos, true
	}
	p.displaced.Add(-1)
	for rounds := 0; s.seq.Load() != pos; rounds++ { // the task failed, its slot is about to be released
		pause(rounds)
	}
	return pos, true
}

// holding reports whether a waiter is running a task of the pool, or somebody has
// taken one and not released its slot.
func (p *Pool) holding() bool {
	for _, w := range p.workers {
		if !w.ring.allFree() {
			return true
		}
	}
	return p.displaced.Load() != 0 // after the slots: it rises before they change
}

// heldRuns returns the counter of tasks that waiters have run in the slot of pos,
// written by whoever owns the slot.
func (q *ring) heldRuns(pos uint64) *atomic.Uint64 { return &q.held[pos&q.mask] }

// allFree reports whether every slot has been released.
func (q *ring) allFree() bool {
	tail := q.tail.Load()
	for pos := tail; pos-tail <= q.mask; pos++ {
		if q.slot(pos).seq.Load() != pos {
			return false
		}
	}
	return true
}

// heldTasks returns how many tasks waiters have begun in their slots and, looked
// at after that, how many slots are held, and how many hold a task that has been
// taken, by whomever, and may not have ended.
func (q *ring) heldTasks() (begun, held, taken uint64) {
	for i := range q.held {
		begun += q.held[i].Load()
	}
	tail := q.tail.Load()
	for pos := tail - q.mask - 1; pos != tail; pos++ {
		switch seq := q.slot(pos).seq.Load(); {
		case isHeld(int64(seq - pos)):
			held++
			taken++
		case seq == pos+1 && q.look(pos) == gone:
			taken++
		}
	}
	return begun, held, taken
}

// heldByWaiters reports whether a waiter is running a task of the pool.
func (p *Pool) heldByWaiters() bool {
	for _, w := range p.workers {
		if _, held, _ := w.ring.heldTasks(); held != 0 {
			return true
		}
	}
	return p.displaced.Load() != 0 // after the slots, see holding
}
