package zeropool

import (
	"cmp"
	"math"
	"slices"
	"sync/atomic"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/proven"
	"github.com/zeropool-go/zeropool/topology"
)

// A worker owns an inbox and, once its tasks submit, a lane. It runs what it
// finds there, works on open batches, steals, nearest queue first, and sleeps.
type worker struct {
	runner
	inbox      atomic.Pointer[lane]
	lane       atomic.Pointer[lane]
	index      int
	cpu        int
	pastPushed uint64 // of inboxes that have been replaced; guarded by pool.mu
	pastTally  tally
}

// start makes the worker's inbox and runs the worker. The inbox is first touched
// on the worker's CPU, so that its memory comes from the CPU's own NUMA node.
func (w *worker) start(ready chan<- *worker, begin <-chan struct{}) {
	w.label()
	p := w.pool
	if w.cpu != topology.Unknown {
		w.lease.take()
	}
	p.mu.Lock()
	p.addInbox(w, min(p.capacity, minSlots))
	p.mu.Unlock()
	w.lease.giveUp()
	ready <- w
	<-begin
	w.serve()
}

// serve runs the worker until the pool closes. A task that calls runtime.Goexit
// ends the goroutine; the worker goes on with a new one.
func (w *worker) serve() {
	ended := false
	defer func() {
		w.endBusy()
		w.drop()
		w.lease.giveUp()
		if l := w.lane.Load(); l != nil {
			l.owner.Store(0)
		}
		w.pool.mu.Lock()
		w.moveOut()
		if ended {
			w.pool.live--
			w.pool.look()
		}
		w.pool.mu.Unlock()
		if ended {
			return
		}
		clear(w.groups)
		w.groups = w.groups[:0]
		if w.keep {
			go onOwnThread(w.again)
		} else {
			go w.again()
		}
	}()
	w.settle()
	w.work(w)
	ended = true
}

func (w *worker) again() {
	w.label()
	w.serve()
}

// settle makes the calling goroutine the one that runs w.
func (w *worker) settle() {
	if w.keep {
		w.lease.take()
	}
	l := w.lane.Load()
	if l == nil {
		return
	}
	p := w.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if place := p.placeFor(identity()); place != nil {
		l.owner.Store(identity())
		place.Store(l)
	} else {
		l.owner.Store(0)
	}
}

// setNear sorts the workers by their distance from w, which comes first.
func (w *worker) setNear(machine *topology.Topology) {
	all := w.pool.workers
	w.near = make([]*worker, 0, len(all))
	for i := range all {
		w.near = append(w.near, all[(w.index+i)%len(all)])
	}
	if machine == nil {
		return
	}
	distance := func(v *worker) int {
		switch {
		case w == v:
			return -1
		case w.cpu == topology.Unknown || v.cpu == topology.Unknown:
			return math.MaxInt
		}
		return machine.Distance(w.cpu, v.cpu)
	}
	slices.SortStableFunc(w.near, func(a, b *worker) int { return cmp.Compare(distance(a), distance(b)) })
}

// work runs tasks and batches until the runner is not needed any more; w is the
// worker that r is, or nil.
func (r *runner) work(w *worker) {
	p := r.pool
	r.beginBusy()
	for rounds := 0; ; {
		if r.standIn && r.surplus() {
			if !r.idle() {
				return
			}
			continue
		}
		r.soon = false
		if l, s, v, ok := r.findTask(w); ok {
			rounds = 0
			r.found()
			r.runTaken(l, s, v)
			continue
		}
		if b := p.openBatch(); b != nil {
			rounds = 0
			r.found()
			p.join(b, &r.hand)
			r.relabel()
			r.lease.check(cpu.Ticks())
			continue
		}
		if rounds++; r.soon && rounds < maxRounds && !r.beside {
			cpu.Relax(64)
			cpu.SpinTurn()
			continue
		}
		rounds = 0
		if !r.idle() {
			return
		}
	}
}

// maxRounds is how often a runner looks for a task that is about to be there,
// before it naps.
const maxRounds = 64

// runTaken runs a task that r has taken.
func (r *runner) runTaken(l *lane, s *slot, v uint64) {
	code, start := codeOf(s.fn, s.params), cpu.Ticks()
	if r.worker != nil && l == r.worker.lane.Load() {
		r.pool.run(l, s, v, &l.hand)
	} else {
		r.begun.add(1)
		r.pool.run(l, s, v, &r.hand)
	}
	if !proven.Is(code) {
		proven.Observe(code, 1)
	}
	r.relabel()
	now := cpu.Ticks()
	r.judge(l, now-start)
	r.lease.check(now)
}
