package zeropool

import (
	"sync/atomic"
	"unsafe"
)

// An agent is what a goroutine needs to run tasks: a spare record to leave in
// the slot a task came from, and counters that nobody else writes. Each worker
// is one; waiters and submitters that help borrow one of the pool's.
type agent struct {
	pool  *Pool
	spare *record
	batch *batch // recycled, for the next loop
	rest  share  // of a batch, left behind by a task that called runtime.Goexit
	woke  bool   // has made a waiter runnable since it last gave up its P

	begun     counter // tasks taken; those not counted below are running
	completed counter
	panicked  counter // and those that called runtime.Goexit
	canceled  counter
	stolen    counter
	fence     atomic.Uint32 // see madeRoom

	busy atomic.Uint32 // a borrowed agent is held by one goroutine at a time
	_    [lineSize]byte
}

// counter is written by one goroutine at a time, without a locked instruction,
// and read by anybody.
type counter struct{ v atomic.Uint64 }

func (c *counter) add(n uint64) { store(&c.v, c.v.Load()+n) }
func (c *counter) load() uint64 { return c.v.Load() }

// settleSlot puts a record that is free into the slot at pos, from which t was
// taken, clears the slot's references to the task, and releases it.
func (a *agent) settleSlot(q *ring, pos uint64, t *task) {
	var r *record
	if t.done.state.Load() == groupState {
		e := &q.grouped[pos&q.mask]
		r, e.record = e.record, nil
		e.group.Store(nil)
	} else {
		r, a.spare = a.spare, nil
	}
	if r.info.Load() != q.plain {
		r.info.Store(q.plain)
	}
	q.slot(pos).task = task{done: r}
	rearm(q, pos, r, taskKey(q.id, pos+q.mask+1)<<phaseBits, &a.begun.v, a.begun.load()+1)
	if a.pool.whenFull == Block {
		a.madeRoom()
	}
}

// newRecord returns a record fit for a slot.
func (p *Pool) newRecord() *record {
	r := new(record)
	r.info.Store(&p.plain)
	return r
}

// succeed ends a task that returned.
func (a *agent) succeed(t *task) {
	r := t.done
	*t = task{}
	state := r.state.Load()
	if state == groupState {
		a.completed.add(1)
		(*Group)(unsafe.Pointer(r)).finish(a, 1, nil)
		return
	}
	// The record is free again once its state says done: this is the last
	// touch of it on behalf of the task.
	complete(&a.completed.v, a.completed.load()+1, r, state|phaseDone)
	a.spare = r
	a.noteWake(a.pool.wakeWaiters(r))
}

// fail ends a task that panicked, exited or was withdrawn.
func (a *agent) fail(t *task, err error) {
	c := &a.panicked
	switch err {
	case ErrCanceled, ErrClosed, ErrFull:
		c = &a.canceled
	}
	r := t.done
	*t = task{}
	state := r.state.Load()
	if state == groupState {
		c.add(1)
		(*Group)(unsafe.Pointer(r)).finish(a, 1, err)
		return
	}
	r.info.Store(&outcome{pool: a.pool, err: err})
	complete(&c.v, c.load()+1, r, state|phaseFailed)
	a.spare = a.pool.newRecord()
	a.noteWake(a.pool.wakeWaiters(r))
}

// noteWake remembers that the agent has made a waiter runnable.
func (a *agent) noteWake(woke bool) {
	if woke {
		a.woke = true
	}
}

// unwound ends a task that did not return; v is what recover returned.
func (a *agent) unwound(t *task, v any) {
	if v == nil {
		exited(t.code())
		a.fail(t, ErrGoexit)
		return
	}
	e := newPanicError(v)
	defer a.fail(t, e) // even if the handler calls runtime.Goexit
	a.pool.report(e)
}

// runTaken runs a task that has been taken and whose slot has been settled. It
// does not return if the task calls runtime.Goexit; the task is accounted for
// all the same.
func (a *agent) runTaken(t *task) {
	if t.fn == nil {
		a.joinEntry(t)
		return
	}
	returned := false
	defer func() {
		if !returned {
			a.unwound(t, recover())
		}
	}()
	t.run()
	returned = true
	a.succeed(t)
}

// joinEntry works on the batch that a queue entry asks to join.
func (a *agent) joinEntry(t *task) {
	b := (*batch)(t.params)
	a.spare = t.done // the slot's record was not used
	*t = task{}
	a.begun.add(^uint64(0)) // it was no task
	a.join(b)
}

const maxAgents = 64

// borrow returns an agent for a goroutine that is not a worker; hash spreads
// goroutines over agents.
func (p *Pool) borrow(hash uint32) *agent {
	a := &p.agents[int(hash>>16)&(len(p.agents)-1)]
	if a.busy.Load() == 0 && a.busy.CompareAndSwap(0, 1) {
		return a
	}
	return p.borrowAny()
}

func (p *Pool) borrowAny() *agent {
	for i := range p.agents {
		if a := &p.agents[i]; a.busy.Load() == 0 && a.busy.CompareAndSwap(0, 1) {
			return a
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.moreAgents {
		if a.busy.CompareAndSwap(0, 1) {
			return a
		}
	}
	a := &agent{pool: p, spare: p.newRecord()}
	a.busy.Store(1)
	p.moreAgents = append(p.moreAgents, a)
	return a
}

// giveBack ends borrow. What a task that called runtime.Goexit left undone of a
// batch goes to a stand-in.
func (p *Pool) giveBack(a *agent) {
	if a.rest.b != nil {
		p.standIn(a, &task{})
		return
	}
	a.busy.Store(0) // L1: a full fence before the load of the gate, for Close
	p.tellClosers()
}

// tellClosers lets Close look again at what still runs.
func (p *Pool) tellClosers() {
	if p.gate.Load()&gateClosed != 0 {
		p.mu.Lock()
		p.changed.Broadcast()
		p.mu.Unlock()
	}
}

// stackHash is a cheap number that tends to be the same for one goroutine and
// different for two: goroutines have no number, but their stacks have addresses.
func stackHash() uint32 {
	var here byte
	return uint32(uint64(uintptr(unsafe.Pointer(&here))>>13) * 0x9E3779B97F4A7C15 >> 32)
}
