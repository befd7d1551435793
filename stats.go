package zeropool

// Stats is a snapshot of a pool's counters. They are read one after the other
// while the pool works; at rest, with nothing queued or running, they are exact
// and Submitted == Completed + Panicked + Canceled.
//
// Each element of a batch, of a ForEach, and each index of a For counts as a
// task.
type Stats struct {
	Total   WorkerStats
	Workers []WorkerStats // by worker; what waiters and submitters ran is in Total only
}

// WorkerStats counts tasks, except where said otherwise.
type WorkerStats struct {
	Submitted uint64 // accepted; for a worker: by its queue, batches are in Total only
	Completed uint64 // returned normally
	Panicked  uint64 // panicked, or called runtime.Goexit
	Canceled  uint64 // withdrawn before they began, by Cancel or Shutdown
	Stolen    uint64 // queue entries taken from another worker's queue
	Helped    uint64 // ended by a waiter or submitter, or its stand-in
	Parked    uint64 // times a worker went to sleep
	Woken     uint64 // times an idle worker was woken
	Queued    uint64 // accepted and not begun
	Running   uint64 // begun and not ended
}

// Stats returns the pool's counters. Reading them costs the workers nothing.
func (p *Pool) Stats() Stats {
	s := Stats{Workers: make([]WorkerStats, len(p.workers))}
	t := &s.Total
	begun := uint64(0)
	add := func(a *agent, w *WorkerStats) {
		// Ends before begins: a task that does both meanwhile counts as running.
		w.Completed += a.completed.load()
		w.Panicked += a.panicked.load()
		w.Canceled += a.canceled.load()
		w.Stolen += a.stolen.load()
		b := a.begun.load()
		begun += b
		w.Running += b - min(b, w.Completed+w.Panicked+w.Canceled)
		t.Completed += w.Completed
		t.Panicked += w.Panicked
		t.Canceled += w.Canceled
		t.Stolen += w.Stolen
		t.Running += w.Running
	}
	for i, w := range p.workers {
		ws := &s.Workers[i]
		add(&w.agent, ws)
		ws.Parked, ws.Woken = w.parked.load(), w.woken.load()
		ws.Queued = uint64(w.ring.queued())
		t.Parked += ws.Parked
		t.Woken += ws.Woken
	}
	helper := func(a *agent) {
		var w WorkerStats
		add(a, &w)
		t.Helped += w.Completed + w.Panicked
	}
	for i := range p.agents {
		helper(&p.agents[i])
	}
	p.mu.Lock()
	for _, a := range p.moreAgents {
		helper(a)
	}
	// What waiters have run: those begun, less those that may have been running a
	// little later. So it is never too high, and what an earlier call saw still
	// holds. What failed has been counted by an agent.
	held, running, taken := uint64(0), uint64(0), uint64(0)
	for _, w := range p.workers {
		b, h, n := w.ring.heldTasks()
		held, running, taken = held+b, running+h, taken+n
	}
	displaced := uint64(max(p.displaced.Load(), 0))
	held -= min(held, p.heldFailed.Load())
	p.heldEnds = max(p.heldEnds, held-min(held, taken+displaced))
	t.Completed += p.heldEnds
	t.Helped += p.heldEnds
	t.Running += running + displaced
	begun += held
	p.mu.Unlock()
	for i, w := range p.workers {
		s.Workers[i].Submitted = w.ring.tail.Load()
		t.Submitted += s.Workers[i].Submitted
	}
	t.Submitted += p.batched.Load() - p.joins.Load() - p.refused.Load()
	t.Queued = t.Submitted - min(t.Submitted, begun)
	return s
}
