package zeropool

import (
	"math"
	"runtime"
	"sync/atomic"
	"time"
)

// Who wakes whom.
//
// A submitter that finds idle workers after publishing wakes one, unless a wake
// is in flight: at most one is. The woken worker takes a task, and before it
// runs it, wakes the next if there is more. So a burst wakes all workers that it
// can use, and the submitter pays for one wake.
//
// A worker that is woken while all of the runtime's Ps are busy cannot run, and
// takes the CPU from whoever is on it when it is pinned there: on two CPUs, a
// third thread costs the others a time slice of milliseconds. So when the awake
// workers and the caller make up GOMAXPROCS, and tasks have been short of late,
// the wake is put off: whoever parks in a Wait wakes a worker for the P that
// falls free. A timer looks after half a millisecond at work that is still
// queued: it gets a worker then, unless goroutines of the pool are at work on
// all Ps and begin new tasks all the time.

const (
	crowdedWake = 500 * time.Microsecond // how long a wake is put off
	shortTask   = 50 * time.Microsecond  // what a short task takes at most
)

type later struct {
	armed atomic.Uint32 // the timer is running
	timer *time.Timer
	procs atomic.Int32  // GOMAXPROCS, as last seen
	task  atomic.Int64  // ticks that tasks have taken of late, on average
	keep  atomic.Int64  // how many such tasks a waiter may keep to itself
	short int64         // ticks that a short task takes at most
	burst int64         // ticks of short tasks that a waiter may keep to itself
	begun atomic.Uint64 // progress when the timer last fired
}

func (p *Pool) initLater() {
	p.later.procs.Store(int32(runtime.GOMAXPROCS(0)))
	p.later.task.Store(math.MaxInt64)
	p.later.short = ticksOf(shortTask)
	p.later.burst = ticksOf(burstTime)
	p.later.timer = time.AfterFunc(time.Hour, p.wakeNow)
	p.later.timer.Stop()
}

// up returns how many workers are not idle.
func (p *Pool) up() int { return len(p.workers) - int(p.gate.Load()&gateIdle) }

// measure notes how long the tasks took that w has begun since it was woken.
func (p *Pool) measure(w *worker) {
	if n := int64(w.begun.load() - w.begunBefore); n > 0 {
		each := max((ticks()-w.since)/n, 1)
		p.later.task.Store(each)
		p.later.keep.Store(0)
		if each < p.later.short {
			p.later.keep.Store(p.later.burst / each)
		}
	}
}

// wakeFor finds somebody for work that has just been queued at w's ring.
func (p *Pool) wakeFor(w *worker) {
	switch {
	case p.waking.Load() != 0: // P3
	case p.putsOff():
		p.wakeLater()
	default:
		p.wakeOne(w)
	}
}

// wouldWake reports whether wakeFor would wake a worker now.
func (p *Pool) wouldWake() bool { return p.waking.Load() == 0 && !p.putsOff() }

// putsOff reports whether a wake had better wait: see above.
func (p *Pool) putsOff() bool {
	up := p.up()
	return up > 0 && up+1 >= int(p.later.procs.Load()) && p.later.task.Load() < p.later.short
}

// wakeIfWork finds somebody for what else is queued: an idle worker, or a
// stand-in for a goroutine that is blocked in a Wait.
func (p *Pool) wakeIfWork(w *worker) {
	switch gate := p.gate.Load(); {
	case gate&gateIdle != 0:
		if p.hasWork() {
			p.wakeFor(w)
		}
	case gate >= gateWaiter:
		if p.hasTasks() {
			p.helpWaiters()
		}
	}
}

func (p *Pool) wakeLater() {
	if p.later.armed.Load() == 0 && p.later.armed.CompareAndSwap(0, 1) { // P4
		p.later.timer.Reset(crowdedWake)
	}
}

// wakeNow is what the timer runs.
//
// P4: it disarms with a locked store before it looks at the queues. A submitter
// that saw the timer armed had claimed its position before, so this sees it.
func (p *Pool) wakeNow() {
	p.later.armed.Store(0)
	p.later.procs.Store(int32(runtime.GOMAXPROCS(0)))
	if p.gate.Load()&gateIdle == 0 || !p.hasWork() {
		return
	}
	if begun, helpers := p.progress(); p.later.begun.Swap(begun) != begun && p.up()+helpers >= int(p.later.procs.Load()) {
		p.wakeLater()
		return
	}
	p.wakeOne(p.workers[0])
}

// progress returns a number that changes whenever a task or a range of a batch
// begins, and how many goroutines besides the workers run tasks. Waiters that run
// their own task are not among them: such work goes on without the queues.
func (p *Pool) progress() (begun uint64, helpers int) {
	for _, w := range p.workers {
		begun += w.begun.load()
	}
	for i := range p.agents {
		a := &p.agents[i]
		begun += a.begun.load()
		helpers += int(a.busy.Load())
	}
	return begun, helpers
}

// wakeOne wakes the idle worker nearest to w, unless a wake is in flight: the
// worker that it concerns will look for work and wake the next.
func (p *Pool) wakeOne(w *worker) {
	for p.waking.Load() == 0 && p.waking.CompareAndSwap(0, 1) {
		if v := p.claimIdle(w); v != nil {
			v.parker.wake()
			return
		}
		// Nobody was idle, but somebody may be since, and a submitter may have
		// taken this for a wake in flight (P3). Those whose bit is not set yet
		// will look at the queues after setting it.
		p.waking.Add(^uint32(0))
		if !p.anyIdle() || !p.hasWork() {
			return
		}
	}
}

// claimIdle takes the idle worker that can start soonest out of the idle ones:
// the one that went to sleep last, which most likely still holds a P of the
// runtime, else the one nearest to w. One that is pinned to the caller's CPU
// comes last, because the caller is using that CPU.
func (p *Pool) claimIdle(w *worker) *worker {
	here := currentCPU()
	var last *worker
	try := func(v *worker) bool {
		if !p.isIdle(v) {
			return false
		}
		if v.cpu == here && here >= 0 {
			last = v
			return false
		}
		return p.unidle(v)
	}
	if v := p.workers[p.recent.Load()]; try(v) {
		return v
	}
	if try(w) {
		return w
	}
	for _, v := range w.near {
		if try(v) {
			return v
		}
	}
	if last != nil && p.unidle(last) {
		return last
	}
	return nil
}
