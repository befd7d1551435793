package zeropool

// A standIn is a goroutine that works in the place of one that waits: so that
// the waiter stays free to heed a deadline, survives a task that calls
// runtime.Goexit, and does not run a stranger's task while it holds a lock that
// the task may want.
type standIn struct {
	pool  *Pool
	start func() // s.main, bound once: starting it allocates nothing
	agent *agent
	task  task   // to run first, if it has a record
	loop  *batch // or to drive first
	group *Group // then run queued tasks of it
	helps bool   // or any queued work while somebody is parked
	done  chan struct{}
	sync  bool // somebody receives from done when the stand-in ends
}

// standIn runs t on another goroutine, by the agent that took it.
func (p *Pool) standIn(a *agent, t *task) {
	s := p.newStandIn()
	s.agent, s.task = a, *t
	*t = task{}
	go s.start()
}

// standInFor is standIn for a task that has just been taken out of the slot at
// pos.
func (p *Pool) standInFor(q *ring, pos uint64, t *task) {
	a := p.borrow(stackHash())
	a.settleSlot(q, pos, t)
	p.standIn(a, t)
}

// standInAndWait is standIn, returning when the task has ended.
func (p *Pool) standInAndWait(a *agent, t *task) {
	s := p.newStandIn()
	s.agent, s.task, s.sync = a, *t, true
	*t = task{}
	go s.start()
	<-s.done
	p.freeStandIn(s)
}

// standInForLoop drives b on another goroutine.
func (p *Pool) standInForLoop(a *agent, b *batch) {
	s := p.newStandIn()
	s.agent, s.loop = a, b
	go s.start()
}

// standInForGroup runs t, then further queued tasks of g.
func (p *Pool) standInForGroup(a *agent, t *task, g *Group) {
	s := p.newStandIn()
	s.agent, s.task, s.group = a, *t, g
	*t = task{}
	go s.start()
}

// beforePark finds somebody for work that was queued before the caller, which is
// about to park, announced itself: an idle worker, which can have the caller's P
// now, or a stand-in.
//
// H1: the caller has been counted in gate by a locked instruction. A submitter
// that did not see it claimed its position before, so these looks see the task.
func (p *Pool) beforePark() {
	switch {
	case p.gate.Load()&gateIdle != 0:
		if p.hasWork() {
			p.wakeOne(p.workers[0])
		}
	case p.hasTasks():
		p.helpWaiters()
	}
}

// helpWaiters starts a stand-in that runs queued work, if there are fewer of
// them than parked waiters.
func (p *Pool) helpWaiters() {
	if p.mayHelp() {
		s := p.newStandIn()
		s.agent, s.helps = p.borrow(stackHash()), true
		go s.start()
	}
}

func (p *Pool) mayHelp() bool {
	for {
		n := p.helping.Load() // H2
		if uint64(n) >= p.gate.Load()>>gateWaiterShift {
			return false
		}
		if p.helping.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (p *Pool) newStandIn() *standIn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.standIns); n > 0 {
		s := p.standIns[n-1]
		p.standIns = p.standIns[:n-1]
		return s
	}
	s := &standIn{pool: p, done: make(chan struct{}, 1)}
	s.start = s.main
	return s
}

func (p *Pool) freeStandIn(s *standIn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.standIns = append(p.standIns, s)
}

// main does the stand-in's work. When a task calls runtime.Goexit, another
// goroutine goes on with what is left.
func (s *standIn) main() {
	finished := false
	defer func() {
		if !finished {
			go s.start()
		}
	}()
	s.work()
	finished = true
	s.end()
}

func (s *standIn) work() {
	a := s.agent
	a.finishShare()
	if s.task.done != nil {
		t := s.task
		s.task = task{}
		code := uintptr(0)
		if t.fn != nil {
			code = t.code()
		}
		a.runTaken(&t)
		if code != 0 {
			observe(code, 1)
		}
	}
	if b := s.loop; b != nil {
		s.loop = nil
		a.drive(b, 0)
	}
	if g := s.group; g != nil {
		for from := (place{}); ; {
			var t task
			if !a.takeOwn(g, &from, &t) {
				break
			}
			code := t.code()
			a.runTaken(&t)
			observe(code, 1)
		}
		s.group = nil
	}
	for s.helps {
		var t task
		if s.pool.gate.Load() >= gateWaiter && a.takeAny(s.pool.home(), &t) {
			a.runTaken(&t)
			continue
		}
		s.helps = false
		s.pool.helping.Add(-1)
		// H2: a submitter may have counted on this helper: look once more,
		// now that it is not counted any more.
		if s.pool.gate.Load()&gateIdle == 0 && s.pool.hasTasks() && s.pool.mayHelp() {
			s.helps = true
		}
	}
}

func (s *standIn) end() {
	p, a := s.pool, s.agent
	s.agent = nil
	p.giveBack(a)
	if s.sync {
		s.sync = false
		s.done <- struct{}{}
		return
	}
	p.freeStandIn(s)
}
