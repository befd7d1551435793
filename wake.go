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
	tinyTask    = 100 * time.Nanosecond  // what a tiny one does, and its way through the queue
)

type later struct {
	armed atomic.Uint32 // the timer is running
	timer *time.Timer
	procs atomic.Int32 // GOMAXPROCS, as last seen
	task  atomic.Int64 // ticks that tasks have taken of late, on average
	keep  atomic.Int64 // how many such tasks a waiter may keep to itself
	short int64        // ticks that a short task takes at most
	tiny  int64        // ticks that a tiny task takes at most
	burst int64        // ticks of short tasks that a waiter may keep to itself

	selfHelp atomic.Uint64 // times that a submitter of tiny tasks has helped itself
	retired  atomic.Uint32 // workers have left tiny tasks to their submitters

	begun uint64   // progress when the timer last fired
	tails []uint64 // the rings' cursors then
}

func (p *Pool) initLater() {
	p.later.procs.Store(int32(runtime.GOMAXPROCS(0)))
	p.later.task.Store(math.MaxInt64)
	p.later.short = ticksOf(shortTask)
	p.later.tiny = ticksOf(tinyTask)
	p.later.burst = ticksOf(burstTime)
	p.later.tails = make([]uint64, len(p.workers))
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
	if p.later.retired.Load() != 0 {
		return true
	}
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
// P4: it disarms with a locked store before it looks at the queues. Who saw the
// timer armed had claimed a position, or announced itself idle, before, so this
// sees it.
func (p *Pool) wakeNow() {
	p.later.armed.Store(0)
	p.later.procs.Store(int32(runtime.GOMAXPROCS(0)))
	goingOn := p.goingOn()
	if p.gate.Load()&gateIdle == 0 || !p.hasWork() {
		p.later.retired.Store(0)
		return
	}
	if goingOn {
		p.wakeLater()
		return
	}
	p.later.retired.Store(0)
	p.wakeOne(p.workers[0])
}

// goingOn reports whether tasks have begun since it was last called, and all Ps
// are occupied by workers and submitters. Only the timer calls it.
func (p *Pool) goingOn() bool {
	p.mu.Lock() // the timer may fire again meanwhile
	defer p.mu.Unlock()
	begun, submitters, helpers := uint64(0), 0, 0
	for i, w := range p.workers {
		begun += w.begun.load() + w.ring.head.Load()
		if t := w.ring.tail.Load(); t != p.later.tails[i] {
			p.later.tails[i] = t
			submitters++
		}
	}
	for i := range p.agents {
		a := &p.agents[i]
		begun += a.begun.load()
		helpers += int(a.busy.Load())
	}
	was := p.later.begun
	p.later.begun = begun
	return begun != was && p.up()+max(submitters, helpers) >= int(p.later.procs.Load())
}

// Tiny tasks. Handing over a task costs several transfers of cache lines, more
// than a tiny one is worth. While submitters fill their rings faster than that,
// they help themselves, each on its own CPU; workers only take their Ps. So a
// worker that finds tasks tiny, all Ps taken and submitters helping themselves
// retires: it sleeps although there is work, and wakes are put off until the timer
// finds that the work does not go on without it.

// tiny reports whether tasks have been tiny of late.
func (p *Pool) tiny() bool { return p.later.task.Load() < p.later.tiny }

// retireEvery is how many tasks a worker runs between two thoughts of retiring.
const retireEvery = 64

// retire sleeps in the place of idle if w had better leave the tasks to their
// submitters. It returns false, having done nothing, if not.
//
// P4: the worker announces itself before it arms the timer, and the timer looks
// for idle workers after it has disarmed: so it finds this one, whoever armed it.
func (w *worker) retire() bool {
	p := w.agent.pool
	if p.up()+1 < int(p.later.procs.Load()) || p.later.selfHelp.Load() == w.selfHelpBefore {
		return false
	}
	p.measure(w)
	if !p.tiny() {
		return false
	}
	w.parker.announce()
	p.setIdle(w)
	p.later.retired.Store(1)
	p.wakeLater()
	if p.gate.Load()&gateClosed != 0 && p.unidle(w) { // D1: Close wakes those it sees idle
		w.parker.retract()
		return false
	}
	p.recent.Store(uint32(w.index))
	w.parked.add(1)
	w.parker.rest()
	w.woken.add(1)
	w.arrived()
	return true
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
