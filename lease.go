package zeropool

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/zeropool-go/zeropool/internal/collections"
	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/topology"
)

// A pin is a lease. A worker that has been at work without a pause for leaseAfter
// locks itself to its thread and binds the thread to its CPU. It gives both back,
// the mask first, before it naps or parks, and when the garbage collector runs
// often: each collection costs a locked thread several hand-overs in the
// scheduler, and the worker more than the pin is worth. So it does when another thread
// gets onto its CPU: a bound thread must wait there, while the system would move it to
// a CPU that has nothing to do.

const (
	leaseAfter = time.Millisecond
	// A worker gives its lease back when two collections have been less than
	// collectOften apart, and takes one when there has been none for
	// collectSeldom.
	collectOften  = 20 * time.Millisecond
	collectSeldom = 50 * time.Millisecond
	// A worker looks once in crowdTime, between two tasks, whether its thread has had the
	// CPU for ownShare of the time.
	crowdTime = time.Millisecond
	ownShare  = 0.75
	// refusedPause is how long a worker waits after its CPU was refused, or crowded. Of a
	// crowded one the pause is twice as long each time, crowdedPause at most, until the
	// worker has kept a lease for longer than the last pause.
	refusedPause = 100 * time.Millisecond
	crowdedPause = 10 * time.Second
	// lockDepth is how often a worker locks itself to its thread: a task that
	// calls runtime.UnlockOSThread once too often does not unlock it.
	lockDepth = 8
	// maxLocks is how often it does so at most, with one more for each task, before
	// the lease is renewed.
	maxLocks = 4096
	// mainTries is how often in a row a worker tries to leave the process's first thread.
	mainTries = 16
)

// A lease is a worker's hold on its CPU. Only the worker's goroutine writes it, except cpu.
type lease struct {
	cpu     atomic.Int64 // the CPU, or topology.Unknown: then there is no lease; see worker.exchange
	worker  *worker      // whose CPU may be exchanged, or nil
	hold    bool         // WithPinning(Hold): never given back
	foreign bool         // the CPU was named by WithCPUs and may lie outside the process's mask
	name    string
	thread  thread
	held    atomic.Bool
	locks   int   // times that the worker has locked itself to its thread
	since   int64 // ticks when it was taken
	next    int64 // ticks before which it is not tried again
	looked  int64 // ticks when it was last seen whether the CPU is crowded
	used    int64 // and what CPU time the thread had used by then, in ns
	pause   int64 // how long it was not tried again when the CPU was last crowded
	seen    uint32
	changed int64 // ticks when the number of collections last changed
	busy    int64 // ticks since when the worker has been at work, or 0

	taken   counter
	refused counter
	lost    counter
	pinned  counter // ticks that it was held, in all
	err     atomic.Pointer[error]
	times   *times
}

// check is called after each task, at the time now.
func (e *lease) check(now int64) {
	if e.cpu.Load() == topology.Unknown {
		return
	}
	if e.held.Load() {
		e.lock(1)
		if e.locks > maxLocks {
			e.giveUp()
			e.take()
		}
	}
	if e.hold {
		return
	}
	if e.held.Load() && now-e.looked > e.times.crowd && e.crowded(now) {
		e.leaveCrowded(now)
	}
	if n := collections.Count(); n != e.seen {
		often := now-e.changed < e.times.collectOften
		e.seen, e.changed = n, now
		if often && e.held.Load() {
			e.end()
		}
	}
	switch {
	case e.busy == 0:
		e.busy = now
	case e.held.Load() || now-e.busy < e.times.leaseAfter || now < e.next || now-e.changed < e.times.collectSeldom:
	case !e.take():
		e.next = now + e.times.refusedPause
	}
}

// crowded reports whether the thread has not had its CPU for most of the time since it
// was last asked, because of another thread, the host, or a task that blocked.
func (e *lease) crowded(now int64) bool {
	used, elapsed := e.thread.cpuTime(), now-e.looked
	own := cpu.TicksOf(time.Duration(used - e.used))
	e.looked, e.used = now, used
	return float64(own) < ownShare*float64(elapsed)
}

// leaveCrowded gives the lease back because the CPU is crowded.
func (e *lease) leaveCrowded(now int64) {
	if now-e.since > e.pause {
		e.pause = 0
	}
	e.end()
	e.pause = min(max(2*e.pause, e.times.refusedPause), e.times.crowdedPause)
	e.next = now + e.pause
}

// take pins the worker, and reports whether it is pinned now.
func (e *lease) take() bool {
	if e.cpu.Load() == topology.Unknown {
		return false
	}
	here := currentCPU() // now: the thread to which the worker may move below is woken on any CPU
	if !e.lockOffMain() {
		return false
	}
	if e.worker != nil {
		e.worker.pool.mu.Lock()
		defer e.worker.pool.mu.Unlock()
		e.worker.exchange(here)
	}
	if err := e.thread.pin(int(e.cpu.Load()), e.foreign, e.name); err != nil {
		why := err // so that err itself stays on the stack
		e.refused.add(1)
		e.err.Store(&why)
		e.unlock()
		return false
	}
	e.err.Store(nil)
	e.taken.add(1)
	e.since = cpu.Ticks()
	e.looked, e.used = e.since, e.thread.cpuTime()
	e.held.Store(true)
	return true
}

// lockOffMain locks the worker to a thread that is not the process's first one, whose mask
// and name stand for the process's, and reports whether it did. A try fails if a thread
// without work gets hold of the goroutine that is to occupy the first one.
func (e *lease) lockOffMain() bool {
	e.lock(lockDepth)
	for tries := 0; onMainThread(); tries++ {
		e.unlock()
		if tries == mainTries {
			return false
		}
		free := occupyMainThread()
		e.lock(lockDepth)
		free()
	}
	return true
}

// exchange gives w the CPU here, on which it has been running, if that is the CPU of another
// worker who does not hold it now and shares the last-level cache with w's: a move of w to
// its own CPU might push away the goroutine that submits, which the system then puts
// elsewhere only after milliseconds. The caller holds pool.mu.
func (w *worker) exchange(here int) {
	p := w.pool
	mine := &p.plan.Workers[w.index]
	if here == mine.CPU || mine.CPU == topology.Unknown { // the plan has no CPU to give in exchange
		return
	}
	for _, v := range p.workers {
		theirs := &p.plan.Workers[v.index]
		if theirs.CPU != here || v.lease.held.Load() || theirs.L3 != mine.L3 || theirs.Node != mine.Node {
			continue
		}
		mine.CPU, theirs.CPU = theirs.CPU, mine.CPU
		mine.Core, theirs.Core = theirs.Core, mine.Core
		mine.Why, theirs.Why = theirs.Why, mine.Why
		w.lease.cpu.Store(int64(mine.CPU))
		v.lease.cpu.Store(int64(theirs.CPU))
		return
	}
}

// occupyMainThread makes a goroutine lock itself to the process's first thread, on
// which the caller runs, so that the caller goes on with another one, until free is
// called. The scheduler runs a new goroutine next, on the thread of the one that waits
// for it, unless a thread without work gets hold of it first.
func occupyMainThread() (free func()) {
	locked, freed := make(chan struct{}), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		close(locked)
		if onMainThread() {
			<-freed
		}
	}()
	<-locked
	return func() { close(freed) }
}

// end gives the lease back, if there is one, before the worker pauses.
func (e *lease) end() {
	e.busy = 0
	if !e.hold {
		e.giveUp()
	}
}

// giveUp gives the lease back.
func (e *lease) giveUp() {
	if !e.held.Load() {
		return
	}
	bound := int(e.cpu.Load())
	e.held.Store(false)
	e.pinned.add(uint64(cpu.Ticks() - e.since))
	if !e.thread.unpin(bound) {
		e.lost.add(1)
	}
	e.unlock()
}

func (e *lease) lock(n int) {
	for range n {
		runtime.LockOSThread()
	}
	e.locks += n
}

func (e *lease) unlock() {
	for range e.locks {
		runtime.UnlockOSThread()
	}
	e.locks = 0
}

// Unpinned runs fn, with the mask that the thread had before it was pinned if the
// caller is a worker of p that is pinned, and takes the lease again afterwards,
// after a panic of fn too. What fn starts, a process above all, may run on every
// CPU that this process may use. Elsewhere it just runs fn.
//
// It panics if p or fn is nil.
func (p *Pool) Unpinned(fn func()) {
	check(p, fn == nil, "Unpinned")
	if r := p.currentRunner(); r != nil && r.lease.held.Load() {
		r.lease.giveUp()
		defer r.lease.take()
	}
	fn()
}
