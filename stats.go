package zeropool

import (
	"log/slog"
	"math"
	"time"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/version"
)

// Stats is a snapshot of a pool's counters. They are read one after the other
// while the pool works; at rest, with nothing queued or running, they are exact
// and Submitted == Completed + Panicked + Canceled. Counters only grow; Queued,
// Running and Pinned tell of the moment.
//
// Each element of a batch, of a ForEach, and each index of a For counts as a task.
// Those of a loop count as running from the moment that the loop begins, because
// its caller is at work on it.
type Stats struct {
	Total   WorkerStats
	Workers []WorkerStats // by worker; what waiters and submitters ran is in Total only
}

// WorkerStats counts tasks, except where said otherwise.
type WorkerStats struct {
	Submitted   uint64        // accepted; for a worker: by its queues; batches, and tasks in the lanes of other goroutines, are in Total only
	Completed   uint64        // returned normally
	Panicked    uint64        // panicked, returned an error, or called runtime.Goexit
	Canceled    uint64        // withdrawn before they began, by Cancel, Close or Shutdown
	Stolen      uint64        // taken from a queue that is not the worker's
	Helped      uint64        // ended by a waiter or submitter, or its stand-in
	Parked      uint64        // times a worker went to sleep
	Woken       uint64        // times a sleeping worker was woken
	Queued      uint64        // accepted and not begun
	Running     uint64        // begun and not ended
	PinsTaken   uint64        // times a worker was pinned to its CPU
	PinsRefused uint64        // times that it could not be
	PinsLost    uint64        // times that the system or its operator changed the mask of a pinned worker
	Pinned      uint64        // workers that are pinned now
	PinnedFor   time.Duration // how long workers have been pinned, in all
	Thread      int           // the kernel's number of the worker's thread while it is pinned, on Linux; 0 otherwise, and in Total
}

func (t *tally) add(o *tally) {
	t.begun.add(o.begun.load())
	t.given.add(o.given.load())
	t.completed.add(o.completed.load())
	t.panicked.add(o.panicked.load())
	t.canceled.add(o.canceled.load())
}

// read adds t to w, and returns the tasks begun and not given away. It reads ends before
// begins: a task that does both meanwhile counts as running.
func (t *tally) read(w *WorkerStats) (begun uint64) {
	w.Completed += t.completed.load()
	w.Panicked += t.panicked.load()
	w.Canceled += t.canceled.load()
	given := t.given.load()
	return t.begun.load() - given
}

func (w *WorkerStats) ended() uint64 { return w.Completed + w.Panicked + w.Canceled }

// Stats returns the pool's counters. Reading them costs the workers nothing. It may
// be called at any time, from any goroutine.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{Workers: make([]WorkerStats, len(p.workers))}
	t := &s.Total
	t.Stolen = p.pastStolen
	var begun uint64
	p.tallies(func(of *tally, w *worker) {
		if w == nil {
			begun += of.read(t)
		} else {
			ws := &s.Workers[w.index]
			ws.Running += of.read(ws) // begun, so far
		}
	})
	t.Helped = t.Completed + t.Panicked
	for _, r := range p.standIns {
		t.Stolen += r.stolen.load()
	}
	for i, w := range p.workers {
		ws := &s.Workers[i]
		begun += ws.Running
		ws.Running -= min(ws.Running, ws.ended())
		ws.Submitted = w.pastPushed
		ws.Stolen, ws.Parked, ws.Woken = w.stolen.load(), w.parks.load(), w.wakes.load()
		w.lease.read(ws)
		t.Completed += ws.Completed
		t.Panicked += ws.Panicked
		t.Canceled += ws.Canceled
		t.Stolen += ws.Stolen
		t.Parked += ws.Parked
		t.Woken += ws.Woken
		t.PinsTaken += ws.PinsTaken
		t.PinsRefused += ws.PinsRefused
		t.PinsLost += ws.PinsLost
		t.Pinned += ws.Pinned
		t.PinnedFor += ws.PinnedFor
	}
	// Submissions last: what has begun has been submitted.
	for _, l := range *p.lanes.Load() {
		if l.worker != nil {
			ws := &s.Workers[l.worker.index]
			ws.Submitted += l.pushed.load()
			ws.Queued += uint64(max(l.queued(), 0))
		}
	}
	t.Submitted = p.submitted()
	t.Running = begun - t.ended()
	t.Queued = waiting(t.Submitted, begun)
	return s
}

// LogValue shows the total, without the workers, to log/slog.
func (s Stats) LogValue() slog.Value { return s.Total.LogValue() }

// LogValue shows the counters as a group to log/slog.
func (w WorkerStats) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Uint64("submitted", w.Submitted),
		slog.Uint64("completed", w.Completed),
		slog.Uint64("panicked", w.Panicked),
		slog.Uint64("canceled", w.Canceled),
		slog.Uint64("queued", w.Queued),
		slog.Uint64("running", w.Running),
		slog.Uint64("stolen", w.Stolen),
		slog.Uint64("helped", w.Helped),
		slog.Uint64("parked", w.Parked),
		slog.Uint64("woken", w.Woken),
		slog.Uint64("pinned", w.Pinned),
		slog.Duration("pinnedFor", w.PinnedFor),
		slog.Uint64("pinsTaken", w.PinsTaken),
		slog.Uint64("pinsRefused", w.PinsRefused),
		slog.Uint64("pinsLost", w.PinsLost),
	)
}

// Name returns the pool's name, see WithName.
func (p *Pool) Name() string { return p.name }

// QueueCapacity returns how many tasks the queue of each worker holds, see
// WithQueueCapacity.
func (p *Pool) QueueCapacity() int { return p.capacity }

// Placement returns the name of the placement that the pool was made with, as
// topology.ParsePlacement reads it, or "cpus" if WithCPUs named the CPUs. Plan
// says what came of it.
func (p *Pool) Placement() string {
	if p.at.CPUs != nil {
		return "cpus"
	}
	return p.at.Placement.String()
}

// Version returns the version of this module that the program was built with,
// such as "v2.0.0"; "(devel)" where it was built from a working copy, or the
// program does not tell.
func Version() string { return version.Of("github.com/zeropool-go/zeropool") }

// Load returns how many tasks are queued and how many are running, without
// allocating. It may be called at any time, from any goroutine.
func (p *Pool) Load() (queued, running int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var w WorkerStats
	begun := p.totals(&w)
	submitted := p.submitted()
	return int(waiting(submitted, begun)), int(min(begun-w.ended(), math.MaxInt))
}

// waiting returns how many of the tasks submitted have not begun. An element of a loop that
// a stand-in has left to another one may have been counted twice as begun. Begun is never
// behind ended, see tallies; and loops over math.MaxInt bring counts to 2^64, where they
// begin at 0 again.
func waiting(submitted, begun uint64) uint64 { return uint64(max(int64(submitted-begun), 0)) }

// totals adds all tallies to w and returns the tasks begun. The caller holds p.mu.
func (p *Pool) totals(w *WorkerStats) (begun uint64) {
	p.tallies(func(t *tally, _ *worker) { begun += t.read(w) })
	return begun
}

// tallies calls f with each tally of the pool, and with its worker, or the worker whose lane
// or inbox it is of, or nil. Those that are given elements come before those that give them, and
// one is given before it is counted by who has got it: so none counts as begun twice,
// unless one stand-in has left it to another: these are in no order.
// The caller holds p.mu.
func (p *Pool) tallies(f func(*tally, *worker)) {
	f(&p.past, nil)
	f(&p.handed, nil)
	for _, r := range p.standIns {
		f(&r.tally, nil)
	}
	for _, w := range p.workers {
		f(&w.tally, w)
		f(&w.pastTally, w)
	}
	for _, l := range *p.lanes.Load() {
		f(&l.tally, l.worker)
	}
	f(&p.driven.tally, nil)
	for i := range p.helpers {
		f(&p.helpers[i].tally, nil)
	}
}

// submitted returns how many tasks have been accepted. The caller holds p.mu.
func (p *Pool) submitted() uint64 {
	n := p.pastPushed + p.batched.Load()
	for _, w := range p.workers {
		n += w.pastPushed
	}
	for _, l := range *p.lanes.Load() {
		n += l.pushed.load()
	}
	return n
}

func (e *lease) read(w *WorkerStats) {
	w.PinsTaken, w.PinsRefused, w.PinsLost = e.taken.load(), e.refused.load(), e.lost.load()
	w.PinnedFor = cpu.DurationOf(int64(e.pinned.load()))
	if e.held.Load() {
		w.Pinned = 1
		w.Thread = e.thread.number()
	}
}
