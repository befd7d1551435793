package zeropool

import (
	"sync/atomic"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/proven"
	"github.com/zeropool-go/zeropool/topology"
)

// A stand-in is a goroutine that works in the place of one that waits: so that
// the waiter stays free to heed a deadline, survives a task that calls
// runtime.Goexit, and does not run a stranger's task while it holds a lock that
// the task may want.
//
// Stand-ins are started by stand-ins: there is always a spare one, which starts
// the next spare before it begins to work. So no goroutine of a user is the
// parent of one, whose labels, or whose bubble of testing/synctest, it would
// inherit.
type standIn struct {
	runner
	job   job  // its parker gets a signal when there is one, or the pool has closed
	last  bool // there was no other spare one, so it is to start the next
	index int  // in pool.standIns; guarded by pool.mu
}

// A job is what a stand-in does first. Then, unless that was one task that was handed over,
// it goes on as a runner, as long as there is a place for it.
type job struct {
	l     *lane // run the task in s, taken with state v
	s     *slot
	v     uint64
	own   *lane  // then more of its function until that is proven: the lane of the caller, who has attached the stand-in to it
	group *Group // then run more of its tasks
	from  groupSearch
	span  span // work on a batch
	polls bool // it is the poller
}

// startStandIn gives a job to the spare stand-in. It returns false if there are none any
// more, because nothing was left to do when look let them end. If by has counted the task
// of the job as begun, it counts it as given.
func (p *Pool) startStandIn(j job, by *account) bool {
	p.mu.Lock()
	n := len(p.spares)
	if p.spares == nil {
		p.mu.Unlock()
		return false
	}
	if by != nil {
		by.give(1)
	}
	begun := &p.handed.begun
	if n == 0 {
		p.jobs.Push(j) // whoever has taken the last spare is about to look here
	} else {
		s := p.spares[n-1]
		p.spares[n-1] = nil
		p.spares = p.spares[:n-1]
		s.job, s.last = j, n == 1
		begun = &s.begun
		defer s.parker.Signal() // after p.mu: it takes longer than all the rest
	}
	if j.l != nil {
		begun.add(1)
	}
	p.mu.Unlock()
	return true
}

// spare makes another stand-in, with a job if one is waiting. The caller holds
// p.mu and is a worker or a stand-in, or New.
func (p *Pool) spare() {
	s := new(standIn)
	s.parker.Init(false, p.bubbled)
	s.pool, s.near, s.labels = p, p.workers, p.standInLabels
	s.lease.cpu.Store(topology.Unknown)
	s.marks = make([]mark, p.laneIDs) // now, not when s first steals, much later perhaps
	if p.jobs.Len() > 0 {
		s.job = p.jobs.Pop()
		if s.job.l != nil {
			p.handed.given.add(1)
			s.begun.add(1)
		}
		s.parker.Signal()
	} else {
		p.spares = append(p.spares, s)
	}
	s.index = len(p.standIns)
	p.standIns = append(p.standIns, s)
	go s.serve()
}

const maxSpares = 128

// serve does one job after another, until the stand-in is not needed any more.
func (s *standIn) serve() {
	p := s.pool
	s.settleIn()
	for {
		s.parker.Await()
		if s.job == (job{}) { // the pool has closed
			p.mu.Lock()
			s.end()
			return
		}
		if s.last {
			p.mu.Lock()
			for p.jobs.Len() > 0 || len(p.spares) == 0 {
				p.spare()
			}
			p.mu.Unlock()
		}
		s.perform()
		if !s.rest() {
			return
		}
	}
}

// rest makes s a spare one, unless there are enough.
func (s *standIn) rest() bool {
	p := s.pool
	p.mu.Lock()
	if len(p.spares) >= maxSpares || p.over() {
		s.end()
		return false
	}
	p.spares = append(p.spares, s)
	p.mu.Unlock()
	return true
}

// end ends the stand-in, and keeps its counts. The caller holds p.mu, which end unlocks.
func (s *standIn) end() {
	p := s.pool
	s.moveOut()
	p.past.add(&s.tally)
	p.pastStolen += s.stolen.load()
	last := len(p.standIns) - 1
	moved := p.standIns[last]
	p.standIns[s.index], moved.index = moved, s.index
	p.standIns[last] = nil
	p.standIns = p.standIns[:last]
	p.look()
	p.mu.Unlock()
}

// perform does the job, then runs queued work, unless s uses no place: see handOver.
// Should a task call runtime.Goexit, another goroutine goes on.
//
// The job stays where it is, and no frame has a copy: a task that blocks at once then
// fits into the 2 KB of a new goroutine. Many wait at a time.
func (s *standIn) perform() {
	p, j := s.pool, &s.job
	placed := j.l == nil || j.group != nil // s uses a place that a waiter lends
	ended := false
	defer func() {
		s.endBusy()
		s.drop()
		if !ended {
			*j = job{}
			p.mu.Lock()
			s.moveOut()
			p.mu.Unlock()
			go s.resume(placed)
		}
	}()
	switch {
	case j.polls:
		p.roster.poller.Store(&s.runner)
	case j.l != nil:
		s.on = j.own
		s.runHanded()
		for j.group != nil {
			l, t, key := j.group.find(&j.from)
			if l == nil {
				break
			}
			s.runTaken(l, t, key|taken)
		}
	case j.span.b != nil:
		p.resume(j.span, &s.account, cpu.Ticks()+p.times.turn)
	}
	*j = job{}
	if placed {
		s.relabel()
		s.work()
	}
	ended = true
}

// resume goes on after a task has ended the goroutine of s.
func (s *standIn) resume(placed bool) {
	s.settleIn()
	if placed {
		s.perform()
	}
	if s.rest() {
		s.serve()
	}
}

// runHanded runs a task that a waiter has taken and must not run itself. While the
// waiter is being woken, it runs further tasks of the same function, so that a
// waiter can run those to come itself.
func (s *standIn) runHanded() {
	j := &s.job
	code := codeOf(j.s.fn, j.s.params)
	s.runInside(j.l, j.s, j.v, &s.account)
	if proven.Is(code) {
		return
	}
	ran := 1
	defer func() { s.pool.observe(code, ran) }()
	more := j.own
	if more == nil && j.l.inbox {
		more = j.l
	}
	// A look at a slot that nobody has taken is a race, but not one that harms: if the slot
	// has the same state after it as before, function and params are those of one task (A2;
	// they are loaded in this order, before the state). Where there are no identities, the
	// race detector may look on.
	for ; hasIdentity && more != nil && ran < proven.Runs; ran++ {
		t, key, ok := more.find(false)
		if !ok {
			return
		}
		fn := (*funcval)(atomic.LoadPointer((*unsafe.Pointer)(unsafe.Pointer(&t.fn))))
		params := atomic.LoadPointer(&t.params)
		if t.state.Load() != key|full || codeOf(fn, params) != code || !more.takeByCAS(t, key) {
			return
		}
		s.begun.add(1)
		s.runInside(more, t, key|taken, &s.account)
	}
}

// handOver has a stand-in run a task that the caller has taken out of its own
// lane, out of an inbox, or as a thief, and that it must not run itself, and waits until
// the task has ended. An owner of a lane makes that shared itself, for the stand-in.
//
// The caller does not lend its place, and the stand-in uses none: it ends with the task.
// If both were counted, a waiter that parks between their two ends would find its own
// place in use, and the pool would be without a poller once the stand-in has ended.
func (p *Pool) handOver(l *lane, s *slot, v uint64, acc *account) {
	f := Future{at: unsafe.Pointer(l), key: v &^ kindMask}
	p.handTask(l, s, v, acc, nil)
	p.parkNow(unsafe.Pointer(s), f.Done, false, nil, 0)
}

// handTask is what handOver does before it waits; its job is not on the stack then. With a
// Group the stand-in goes on with the tasks of that, and uses a place.
func (p *Pool) handTask(l *lane, s *slot, v uint64, acc *account, g *Group) {
	j := job{l: l, s: s, v: v&^kindMask | taken, group: g, from: groupSearch{all: true}}
	if g != nil {
		p.takePlace()
	}
	if v&kindMask == owned {
		s.state.Store(j.v)
	}
	if own := p.ownLane(); own != nil {
		own.shared.Add(1)
		own.acknowledge()
		j.own = own
	}
	p.startStandIn(j, acc)
}

// hand gives a stand-in a job and a place, which a caller that waits is about to lend, and
// reports whether there was a stand-in: there is one for what has been counted as accepted.
func (p *Pool) hand(j job) bool {
	p.takePlace()
	return p.startStandIn(j, nil)
}
