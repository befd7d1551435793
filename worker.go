package zeropool

import (
	"cmp"
	"context"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"sync/atomic"
	"time"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/topology"
)

// A worker owns an inbox and, once its tasks submit, a lane. It runs what it
// finds there, works on open batches, steals, nearest queue first, and sleeps.
type worker struct {
	runner
	inbox      atomic.Pointer[lane]
	lane       atomic.Pointer[lane]
	index, cpu int
	pastPushed uint64 // of inboxes that have been replaced; guarded by pool.mu
	pastTally  tally
}

// start makes the worker's inbox and runs the worker. The inbox is first touched
// on the worker's CPU, so that its memory comes from the CPU's own NUMA node.
func (w *worker) start(ready chan<- *worker, begin <-chan struct{}) {
	w.settleIn()
	p := w.pool
	w.lease.take()
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
		p := w.pool
		p.mu.Lock()
		defer p.mu.Unlock()
		w.moveOut()
		if ended {
			p.live--
			p.look()
			return
		}
		if l := w.lane.Load(); l != nil {
			p.disown(l) // the next goroutine earns one of its own
		}
		go onThread(w.keep, w.serve)
	}()
	w.settleIn()
	if w.keep {
		w.lease.take()
	}
	w.work()
	ended = true
}

// setNear sorts the workers by their distance from w, which comes first.
func (w *worker) setNear(machine *topology.Topology) {
	all := w.pool.workers
	w.near = slices.Concat(all[w.index:], all[:w.index])
	if w.cpu == topology.Unknown {
		return
	}
	slices.SortStableFunc(w.near, func(a, b *worker) int {
		return cmp.Compare(machine.Distance(w.cpu, a.cpu), machine.Distance(w.cpu, b.cpu))
	})
}

// work runs tasks and batches until the runner is not needed any more.
func (r *runner) work() {
	p := r.pool
	r.beginBusy()
	elsewhere := false
	for rounds := 0; ; {
		r.soon = false
		if !r.surplus() { // else it takes nothing more
			elsewhere = !elsewhere && r.turns() // not twice in a row: else the own lane never had its turn
			if !elsewhere || r.turn%2 == 0 || p.board.count.Load() == 0 {
				if l, s, v, ok := r.findTask(elsewhere); ok {
					rounds = 0
					r.found()
					r.runTaken(l, s, v)
					continue
				}
			}
			if b := p.openBatch(); b != nil {
				rounds = 0
				r.found()
				p.join(b, &r.account, false, r.turnAt)
				r.relabel()
				r.lease.check(cpu.Ticks())
				continue
			}
		}
		if rounds++; r.soon && (rounds < maxRounds && !r.beside || rounds < saturatedRounds && p.roster.isSaturated(cpu.Ticks())) {
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
// before it naps; saturatedRounds, where the Ps are saturated.
const maxRounds, saturatedRounds = 64, 1024

// runTaken runs a task that r has taken.
func (r *runner) runTaken(l *lane, s *slot, v uint64) {
	code, start := codeOf(s.fn, s.params), cpu.Ticks()
	if r.worker != nil && l == r.worker.lane.Load() {
		r.runInside(l, s, v, &l.account)
	} else {
		r.begun.add(1)
		r.runInside(l, s, v, &r.account)
	}
	r.pool.observe(code, 1)
	now := cpu.Ticks()
	r.judge(l, now-start)
	r.lease.check(now)
	if v&grouped == 0 && now-r.yieldAt > r.pool.times.yield && !r.pool.roster.isSaturated(now) && l.queued() <= 0 && r.mark(l).unwaited(l) {
		r.lease.end() // a yield of a locked goroutine costs several switches of threads; with Hold less than the wait
		r.pool.letRun()
		r.yieldAt = cpu.Ticks()
	}
}

// yieldPause is the least time between two yields of a runner that has run the last task of
// a queue. If nobody waits for the tasks by a Future or a Group, their submitter may have
// been told by the last one, with a sync.WaitGroup or a channel, and be about to submit
// more. It is ready on the P of r, and without a yield it would go on only when r found no
// work anywhere.
const yieldPause = 10 * time.Microsecond

// labels returns the labels for profiles of what runs the pool's tasks: the pool, and
// what it is there.
func (p *Pool) labels(worker string) context.Context {
	return pprof.WithLabels(context.Background(), pprof.Labels("zeropool", p.name, "worker", worker))
}

// relabel ends the labels that a task may have given itself, or that the calling goroutine
// has from the one that started it.
func (r *runner) relabel() { pprof.SetGoroutineLabels(r.labels) }

// busyRegion is the name of the trace regions of runners.
const busyRegion = "zeropool.busy"

// beginBusy begins a region of runtime/trace that lasts until the runner parks or
// its goroutine ends. It asks once whether tracing is on: a trace that begins in
// the middle of a busy period shows the next one.
func (r *runner) beginBusy() {
	if trace.IsEnabled() {
		r.region = trace.StartRegion(r.labels, busyRegion)
	}
}

// endBusy ends the region, on the goroutine that began it.
func (r *runner) endBusy() {
	if r.region != nil {
		r.region.End()
		r.region = nil
	}
}
