package zeropool

import (
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
// workers and the caller make up GOMAXPROCS, the wake is put off: a timer looks
// every 50 µs whether the queues have moved, and wakes a worker when they have
// not. Tasks that block, or run long, thus get their workers a little later.

// crowdedWake is how long a wake is put off when all Ps are taken.
const crowdedWake = 50 * time.Microsecond

type later struct {
	armed atomic.Uint32 // a timer is running
	timer *time.Timer
	begun uint64 // tasks begun when the timer last fired; for its function only
}

func (p *Pool) initLater() {
	p.procs.Store(int32(runtime.GOMAXPROCS(0)))
	p.later.timer = time.AfterFunc(time.Hour, p.wakeNow)
	p.later.timer.Stop()
}

// crowded reports whether the awake workers and the caller can use all Ps.
func (p *Pool) crowded() bool {
	up := len(p.workers) - int(p.gate.Load()&gateIdle)
	return up > 0 && up+1 >= int(p.procs.Load())
}

// wakeFor finds somebody for work that has just been queued at w's ring.
func (p *Pool) wakeFor(w *worker) {
	if p.waking.Load() != 0 {
		return
	}
	if p.crowded() {
		p.wakeLater()
		return
	}
	p.wakeOne(w)
}

// wakeIfWork is wakeFor, provided that there is anything to do.
func (p *Pool) wakeIfWork(w *worker) {
	if p.gate.Load()&gateIdle != 0 && p.hasWork() {
		p.wakeFor(w)
	}
}

func (p *Pool) wakeLater() {
	if p.later.armed.Load() == 0 && p.later.armed.CompareAndSwap(0, 1) {
		p.later.timer.Reset(crowdedWake)
	}
}

// wakeNow is what the timer runs.
//
// P4: it disarms with a locked store before it looks at the queues. A submitter
// that saw the timer armed had claimed its position before, so this sees it.
func (p *Pool) wakeNow() {
	p.later.armed.Store(0)
	p.procs.Store(int32(runtime.GOMAXPROCS(0)))
	if p.gate.Load()&gateIdle == 0 || !p.hasWork() {
		return
	}
	begun := p.begun()
	moved := begun != p.later.begun
	p.later.begun = begun
	if moved && p.crowded() {
		p.wakeLater()
		return
	}
	p.wakeOne(p.workers[0])
}

// begun is a number that changes whenever a worker begins a task.
func (p *Pool) begun() uint64 {
	n := uint64(0)
	for _, w := range p.workers {
		n += w.begun.load()
	}
	return n
}

// wakeOne wakes the idle worker nearest to w, unless a wake is in flight: the
// worker that it concerns will look for work and wake the next.
func (p *Pool) wakeOne(w *worker) {
	for p.waking.Load() == 0 && p.waking.CompareAndSwap(0, 1) {
		if v := p.claimIdle(w); v != nil {
			v.parker.wake()
			return
		}
		// Nobody was idle, but somebody may have been since, and a submitter
		// may have taken this for a wake in flight (P3).
		p.waking.Add(^uint32(0))
		if p.gate.Load()&gateIdle == 0 || !p.hasWork() {
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
