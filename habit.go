package zeropool

import (
	"sync/atomic"
	"time"
)

// Waking a worker costs the submitter 3 to 16 µs. It is wasted when the
// submitter waits for the task at once, because the waiter runs it itself; not
// waking is wrong when the submitter goes on. So the pool learns what each
// submitter does, and relies on it only while a sentry makes a wrong guess
// harmless.
//
//   - A submitter whose Wait has found its task not begun often, since the pool
//     started or all lost the habit, has the habit of waiting.
//   - A worker that goes to sleep while somebody has the habit becomes the
//     sentry, if there is none: it sleeps for 50 µs at a time, then longer, and
//     looks at the queues in between. After sentryEnd without a submission it
//     leaves and sleeps like the others, so an idle pool has no timers.
//   - While there is a sentry, a submitter with the habit does not wake anybody
//     for a task that is alone in its queue, or for one of a burst of short
//     tasks that its Wait will be through with before a worker could help.
//   - A sentry that finds a task for the second time, which nobody has come for
//     since its last nap, takes it, and everybody loses the habit.
//
// S1: the sentry leaves with a locked store to sentry and looks at the queues
// after it; a submitter claims its slot with a locked instruction and loads
// sentry after it. Either the submitter sees that there is no sentry, and
// wakes, or the sentry sees the task.
type habits struct {
	sentry atomic.Uint32 // 1 while there is one
	formed atomic.Uint32 // somebody has the habit
	of     [64]atomic.Uint32
	seen   []uint64 // by ring: one past its oldest task at the sentry's last look, or 0
}

const (
	// habitual is how many confirmations make a habit. A Wait confirms for one
	// position in confirmEvery, which is enough and costs the others nothing.
	habitual     = 4
	confirmEvery = 4
	sentryFirst  = 50 * time.Microsecond
	sentryEnd    = 2 * time.Millisecond
	// burstTime is how much work a waiter may keep to itself.
	burstTime = 100 * time.Microsecond
)

// waits reports whether a submission by the goroutine with this hash may rely on
// its Wait.
func (h *habits) waits(hash uint32) bool {
	return h.of[hash>>26].Load() >= habitual
}

// confirm notes that a Wait found its task not begun.
func (h *habits) confirm(hash uint32) {
	of := &h.of[hash>>26]
	if n := of.Load(); n < habitual {
		of.Store(n + 1)
	} else if h.formed.Load() == 0 {
		h.formed.Store(1)
	}
}

// leaveToSentry reports whether the task just published at pos need not wake
// anybody, provided that its submitter will wait.
func (p *Pool) leaveToSentry(q *ring, pos uint64) bool {
	return p.habits.sentry.Load() != 0 && // S1
		(int64(pos-q.head.Load()) < p.later.keep.Load() || q.look(pos-1) == gone)
}

func (h *habits) forget() {
	h.formed.Store(0)
	for i := range h.of {
		h.of[i].Store(0)
	}
}

// standSentry sleeps in the place of parker.sleep if a sentry is needed. It
// returns whether the worker was woken; if not, it has either found work, and is
// not idle any more, or is to go on to sleep.
func (w *worker) standSentry() (woken, found bool) {
	p := w.agent.pool
	h := &p.habits
	if h.formed.Load() == 0 || !h.sentry.CompareAndSwap(0, 1) {
		return false, false
	}
	last := p.submissions()
	quiet := time.Duration(0)
	clear(h.seen)
	for nap := sentryFirst; quiet < sentryEnd; {
		if w.parker.sleepFor(nap) {
			h.sentry.Store(0)
			return true, false
		}
		if p.abandoned() && p.unidle(w) {
			h.sentry.Store(0)
			h.forget()
			w.parker.retract()
			return false, true
		}
		if now := p.submissions(); now != last {
			last, quiet, nap = now, 0, sentryFirst
			continue
		}
		quiet += nap
		nap *= 2
	}
	h.formed.Store(0)
	h.sentry.Store(0) // S1
	if p.hasWork() && p.unidle(w) {
		w.parker.retract()
		return false, true
	}
	return false, false
}

// submissions is a number that changes with every submission.
func (p *Pool) submissions() uint64 {
	n := uint64(0)
	for _, w := range p.workers {
		n += w.ring.tail.Load()
	}
	return n
}

// abandoned reports whether the oldest task of a queue is the one that it was at
// the sentry's last look. Only the sentry calls it.
func (p *Pool) abandoned() bool {
	found := false
	for i, w := range p.workers {
		q := &w.ring
		now := uint64(0)
		if pos := q.oldest(); q.look(pos) == full {
			now = pos + 1
			found = found || p.habits.seen[i] == now
		}
		p.habits.seen[i] = now
	}
	return found
}
