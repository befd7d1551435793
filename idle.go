package zeropool

import (
	"context"
	"runtime/trace"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/membarrier"
	"github.com/zeropool-go/zeropool/internal/park"
)

// Who looks for work, and who sleeps.
//
// Runners are the workers, and the stand-ins that run queued work in the place of
// goroutines that are blocked in a Wait. Of the runners without work one is the
// poller: it looks at all queues, first in a spin, then between naps. The others
// are parked.
//
// Invariant: while a runner is parked, there is a poller, or gateSleeping is set.
//
//   - A poller that takes work makes a parked runner the poller, and wakes it,
//     before it runs the work. So a burst wakes all runners that it can use, one
//     after the other, and the submitter pays for one wake at most. (The Go
//     scheduler's rule for its spinning threads.)
//   - A poller that finds nothing queued, and sees that tasks have begun without it, naps
//     twice as long: their submitters run them as they wait, and a look costs as much as a
//     short task. While tasks are queued that it may not steal yet, its naps are short.
//   - If it has not seen that since a runner took a task, it naps lightly: it sets
//     gateSleeping, so that the next submitter cuts the nap short.
//   - A poller that has found nothing, and seen nothing begin, for pollTime parks. It
//     sets gateSleeping, executes a heavy barrier, and looks at the queues once more
//     (P2).
//   - A submitter loads the gate after it has published (P1). If it finds
//     gateSleeping, it clears it and summons a runner: it cuts the poller's nap short, or
//     makes a parked runner the poller, and wakes it.
//   - Where the Ps are saturated there may be no poller, and gateSleeping be set, while
//     runners are at work: each submission wakes one that is parked.
//   - A runner that finds itself on the CPU of the submitter that woke it, which is
//     where systems often put it, and nothing that it may steal yet, does not spin but
//     naps at once: meanwhile the submitter could not go on.
//
// A goroutine that parks in a Wait lends its place: one more stand-in may run.
// Places that nobody uses count as parked runners in all of this. Only a stand-in that
// is one too many gives back the use of a place, so no place falls free in silence.

const (
	pollTime = 2 * time.Millisecond  // a poller that has seen no task begin for that long parks
	firstNap = 50 * time.Microsecond // how long it sleeps between two looks, at first
	lastNap  = time.Millisecond      // at most: where submitters run their tasks themselves, or thieves shun them
)

// A roster knows what the runners of a pool do.
type roster struct {
	mu        sync.Mutex
	parked    []*runner // the one that parked last is woken first
	poller    atomic.Pointer[runner]
	places    atomic.Int32 // that blocked waiters lend, less those that stand-ins have; it changes under mu
	napper    park.Napper
	waker     atomic.Int64  // the CPU of who has woken a runner last, -1 if that was a runner; a hint, no order hangs on it
	nap       time.Duration // how long the poller naps; only the poller uses it
	begun     uint64        // what Pool.begun returned when the poller looked last; likewise
	saturated atomic.Int64  // ticks until which the Ps count as saturated; a hint, no order hangs on it
	parkedAt  int64         // ticks when a poller has last parked at once for that; only the poller uses it
}

// Where other goroutines keep all Ps busy, in slices of 10 ms, who yields goes on when several
// of them have had theirs, and so does who has napped. Only who is woken is the next on a P,
// that of who wakes it. So when a yield has taken longer than lateTime, the Ps count as
// saturated for saturatedFor times as long: nobody yields, a poller that finds nothing
// queued parks, once in parkPause at most, because of the heavy barrier, submitters go on to
// wake runners that are parked (summon), and what may be stolen soon is waited for in a spin.
const lateTime, saturatedFor, parkPause = 5 * time.Millisecond, 100, 100 * time.Microsecond

// isSaturated reports whether the Ps count as saturated. Ticks may be below 0: in bubbles
// of testing/synctest, without assembly.
func (ro *roster) isSaturated(now int64) bool {
	till := ro.saturated.Load()
	return till != 0 && now < till
}

// letRun lets others run: those whom a task has just told, or a stand-in that has just got
// one.
func (p *Pool) letRun() {
	start := cpu.Ticks()
	if p.roster.isSaturated(start) {
		return
	}
	yield()
	if took := cpu.Ticks() - start; took > p.times.late {
		p.roster.saturated.Store(start + saturatedFor*took)
	}
}

// A runner is a worker or a stand-in.
type runner struct {
	account
	thief
	pool         *Pool
	worker       *worker // that it is part of, or nil: a stand-in
	keep         bool    // stays locked to its thread: WithPinning(Hold)
	parker       park.Parker
	near         []*worker // where to look for work, nearest first
	inside       *Group    // of the task that it runs, or nil; for ErrOwnGroup
	lease        lease
	labels       context.Context
	region       *trace.Region // of the busy period, while tracing is on
	beside       bool          // woken on the CPU of the submitter, which cannot go on until r pauses
	parks, wakes counter
}

// idle is called when r has found no work. It returns true when r is to look
// again, and false when r is not needed any more: its pool is closed and
// everything is taken, or it is a stand-in that has lost its place, or beside which enough
// runners are parked.
func (r *runner) idle() bool {
	p := r.pool
	r.lease.end()
	r.drop() // a stand-in that was one too many has not looked
	ro := &p.roster
	ro.mu.Lock()
	over := p.gate.Load()&gateEnding != 0 && !p.hasWork() // in this order
	enough := r.worker == nil && ro.poller.Load() != r && len(ro.parked) >= maxSpares
	if over || enough || r.surplus() {
		r.pollTill = 0
		if r.worker == nil {
			ro.places.Add(1)
		}
		var w *runner
		if poller := ro.poller.Load(); poller == r || poller == nil && p.hasWork() { // r was woken for that, see summon
			ro.poller.Store(nil)
			if !over || len(ro.parked) > 0 { // a stand-in would find nothing either
				w = ro.elect()
			}
		}
		ro.mu.Unlock()
		p.wakeRunner(w)
		return false
	}
	if ro.poller.Load() == nil {
		ro.poller.Store(r)
		p.gate.And(^uint64(gateSleeping))
	}
	if ro.poller.Load() == r {
		ro.mu.Unlock()
		r.poll()
		return true
	}
	r.parker.Announce()
	ro.parked = append(ro.parked, r)
	ro.mu.Unlock()
	r.sleep()
	return true
}

// surplus reports whether r is a stand-in and there are more than places for them. At the
// end of the pool there are not: the workers may have ended, and what is left is theirs.
func (r *runner) surplus() bool {
	return r.worker == nil && r.pool.roster.places.Load() < 0 && r.pool.gate.Load()&gateEnding == 0
}

func (r *runner) sleep() {
	r.parks.add(1)
	r.endBusy()
	r.parker.Sleep()
	cpu := currentCPU()
	r.beside = cpu >= 0 && int64(cpu) == r.pool.roster.waker.Load()
	r.beginBusy()
	r.wakes.add(1)
}

// poll waits for work as the poller. It returns when it may have found some, when r is
// not the poller any more, or when the pool closes.
func (r *runner) poll() {
	p, ro := r.pool, &r.pool.roster
	if r.pollTill == 0 {
		p.letRun()
		r.pollTill = cpu.Ticks() + p.times.poll
		for n := 0; n < int(p.spin/spinRound) && !r.beside; n++ {
			if p.hasWork() {
				return
			}
			cpu.Relax(32)
			cpu.SpinTurn()
		}
	}
	ro.napper.Announce()
	work, now := p.hasWork(), cpu.Ticks()
	if begun := p.begun(); begun != ro.begun {
		ro.begun = begun
		ro.nap = min(2*ro.nap, lastNap)
		if work { // some of it may have been left
			ro.nap = firstNap
		}
		r.pollTill = now + p.times.poll
	}
	r.beside = false
	switch left := r.pollTill - now; {
	case !work && ro.isSaturated(now) && now-ro.parkedAt > p.times.parkPause: // a wake makes r the next on a P, the end of a nap does not
		ro.parkedAt = now
	case left > 0 && !work && ro.nap == firstNap:
		p.napLightly(cpu.DurationOf(p.times.poll - left))
		return
	case left > 0, work:
		ro.napper.Nap(ro.nap)
		return
	}
	p.mu.Lock()
	p.sweep()
	p.mu.Unlock()
	ro.mu.Lock()
	ro.poller.Store(nil)
	r.parker.Announce()
	ro.parked = append(ro.parked, r)
	p.gate.Or(gateSleeping)
	ro.mu.Unlock()
	membarrier.Heavy(true) // P2, pairs with P1
	if p.hasWork() || p.gate.Load()&gateEnding != 0 {
		ro.mu.Lock()
		// If r is not parked any more, somebody has chosen it, and its wake-up is
		// coming; if there is a poller, that one sees the work.
		if i := slices.Index(ro.parked, r); i >= 0 && ro.poller.Load() == nil {
			ro.parked = slices.Delete(ro.parked, i, i+1)
			r.parker.Retract()
			ro.poller.Store(r)
			p.gate.And(^uint64(gateSleeping))
			ro.mu.Unlock()
			return
		}
		ro.mu.Unlock()
	}
	r.sleep()
	r.pollTill = 0
}

// napLightly is a nap that the next submission cuts short, of a poller that has found
// nothing, and seen nothing begin, for so long. It executes no heavy barrier: at worst a
// submission that comes at the same moment waits for the end of the nap.
func (p *Pool) napLightly(quiet time.Duration) {
	p.gate.Or(gateSleeping)
	if !p.hasWork() {
		p.roster.napper.Nap(max(firstNap, quiet/2)) // a few naps in pollTime, not forty
	}
	p.gate.And(^uint64(gateSleeping))
}

// found is called when r has taken work, before it runs it: if r is the poller,
// another runner becomes it. If there is none, and more work, r wakes another one.
func (r *runner) found() {
	r.pollTill = 0
	ro := &r.pool.roster
	if ro.poller.Load() != r { // only r changes this from r; nobody changes it to r while r is at work
		if r.pool.gate.Load()&gateSleeping != 0 && r.pool.hasWork() { // the Ps are saturated
			r.pool.summon()
		}
		return
	}
	ro.nap = firstNap
	ro.mu.Lock()
	w := ro.elect()
	ro.mu.Unlock()
	ro.waker.Store(-1) // no submitter
	r.pool.wakeRunner(w)
}

// elect makes a parked runner the poller, or a stand-in if there is a place left
// for one, or nobody, and returns it for wakeRunner. The caller holds ro.mu; it is the
// poller, or there is none.
func (ro *roster) elect() (w *runner) {
	if n := len(ro.parked); n > 0 {
		w = ro.parked[n-1]
		ro.parked[n-1] = nil
		ro.parked = ro.parked[:n-1]
	} else if ro.places.Load() > 0 {
		ro.places.Add(-1)
		w = newcomer
	}
	ro.poller.Store(w)
	return w
}

// newcomer stands for a stand-in that has been decided on and not begun.
var newcomer = new(runner)

func (p *Pool) wakeRunner(w *runner) {
	switch w {
	case nil:
	case newcomer:
		p.startStandIn(job{polls: true}, nil)
	default:
		w.parker.Wake()
	}
}

// summon gets a runner now, for a submitter that has seen gateSleeping, or whose work will
// not wait for the end of a nap. Where the Ps are saturated it leaves gateSleeping set and
// names no poller while others are parked: the one that it wakes may have to wait for its
// turn, so the next submitter wakes another one.
func (p *Pool) summon() {
	ro := &p.roster
	ro.mu.Lock()
	var w *runner
	if ro.poller.Load() == nil {
		w = ro.elect()
	}
	if w != nil && len(ro.parked) > 0 && ro.isSaturated(cpu.Ticks()) {
		ro.poller.Store(nil)
	} else {
		p.gate.And(^uint64(gateSleeping))
	}
	ro.mu.Unlock()
	ro.waker.Store(int64(currentCPU()))
	ro.napper.Cut()
	p.wakeRunner(w)
}

// wakeParked wakes all parked runners, for Close.
func (p *Pool) wakeParked() {
	ro := &p.roster
	ro.mu.Lock()
	parked := ro.parked
	ro.parked = nil
	p.gate.And(^uint64(gateSleeping))
	ro.mu.Unlock()
	for _, w := range parked {
		w.parker.Wake()
	}
	ro.napper.Cut()
}

// lend gives the place of a goroutine that parks to a stand-in. If all runners are
// at work, and none looks for more, a stand-in begins to do so.
func (p *Pool) lend() {
	ro := &p.roster
	ro.mu.Lock()
	ro.places.Add(1)
	var w *runner
	if ro.poller.Load() == nil && p.gate.Load()&gateSleeping == 0 {
		w = ro.elect()
	}
	ro.mu.Unlock()
	p.wakeRunner(w)
	if w == nil && p.hasWork() {
		ro.napper.Cut()
	}
}

// takePlace ends lend, or takes a place for a stand-in that is about to begin. If there is
// none left, a stand-in is one too many, and ends when it has run its task.
func (p *Pool) takePlace() {
	p.roster.mu.Lock()
	p.roster.places.Add(-1)
	p.roster.mu.Unlock()
}

// begun returns how many tasks the owners of lanes have taken from these, and goroutines
// without a lane from inboxes: tasks for which no runner had to be woken.
func (p *Pool) begun() uint64 {
	var n uint64
	for _, l := range *p.lanes.Load() {
		n += l.begun.load()
	}
	for i := range p.helpers {
		n += p.helpers[i].begun.load()
	}
	return n
}

// hasWork reports whether there is anything for a runner to take, or a submitter
// is about to publish it.
func (p *Pool) hasWork() bool {
	for _, l := range *p.lanes.Load() {
		if l.queued() > 0 {
			return true
		}
	}
	return p.board.count.Load() != 0
}
