package zeropool

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/bubble"
	"github.com/zeropool-go/zeropool/internal/chunk"
	"github.com/zeropool-go/zeropool/internal/collections"
	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/fifo"
	"github.com/zeropool-go/zeropool/internal/membarrier"
	"github.com/zeropool-go/zeropool/internal/park"
	"github.com/zeropool-go/zeropool/internal/place"
	"github.com/zeropool-go/zeropool/internal/scratch"
	"github.com/zeropool-go/zeropool/topology"
)

// A Pool runs tasks on a fixed set of workers. All its methods, and all
// functions that take a *Pool, may be called from any goroutine at any time,
// from inside its own tasks and after Close too. A Pool must be made by New or
// Default; its workers live until Close.
type Pool struct {
	// gate is what one looks at after publishing or ending a task: whether there
	// is a runner to be woken, whether the pool is closed, and the number of
	// parked waiters. It changes only when somebody goes to sleep or is woken, so
	// all CPUs keep a copy.
	gate  atomic.Uint64
	lanes atomic.Pointer[[]*lane]
	table laneTable
	_     [lineSize]byte

	workers []*worker
	config
	bubbled       bool // made in a bubble of testing/synctest
	standInLabels context.Context
	times         times
	helpers       [helpers]helper

	batched atomic.Uint64 // tasks submitted in batches and loops
	batches atomic.Int64  // of SubmitBatch and SubmitMixed that have not ended
	board   board
	roster  roster
	waits   park.Table

	blocked        atomic.Uint32 // submitters that wait for room
	blockedUntimed atomic.Uint32 // of them, those that look again only if they are told

	candidates candidates
	scratch    scratch.Shelf // for Reduce
	cutWork    atomic.Bool   // a task has ended with ErrClosed because of gateCut

	mu         sync.Mutex
	laneIDs    int
	freeIDs    []int
	takeOverAt int64
	past       tally   // of lanes and stand-ins that are gone, but for workers'
	handed     tally   // of tasks that have been handed over and that no stand-in has begun; both counts change under mu
	driven     account // has begun the loops that stand-ins drive: a stand-in may end before its loop
	pastPushed uint64
	pastStolen uint64
	spares     []*standIn
	standIns   []*standIn         // all, spares too
	runners    map[uint64]*runner // by runnerID of their goroutines
	jobs       fifo.Queue[job]
	recycled   *batch // and those behind it
	plan       topology.Plan
	live       int   // workers that have not ended
	pins       []int // CPUs to give back when they have
}

const (
	gateSleeping    = 1 << iota // nobody looks for work: the next submitter summons a runner
	gateClosed                  // submissions are refused
	gateEnding                  // runners end when they find nothing: all that missed gateClosed is visible
	gateCut                     // Shutdown's context has ended: what has not begun is not to be
	gateWaiterShift = 8
	gateWaiter      = 1 << gateWaiterShift // counts goroutines that are parked in parkNow
)

// times are durations in ticks.
type times struct {
	answer, aged, burst, worth, firstShun, lastShun  int64
	poll, takeOver, chunk, worthwhile, long          int64
	leaseAfter, collectOften, collectSeldom          int64
	crowd, crowdedPause                              int64
	refusedPause, help, turn, yield, late, parkPause int64
}

func newTimes() times {
	return times{
		answer: cpu.TicksOf(answerTime), aged: cpu.TicksOf(agedTime), burst: cpu.TicksOf(burstTime),
		worth: cpu.TicksOf(worthStealing), firstShun: cpu.TicksOf(firstShun), lastShun: cpu.TicksOf(lastShun),
		poll: cpu.TicksOf(pollTime), takeOver: cpu.TicksOf(takeOverPause),
		chunk: cpu.TicksOf(chunk.Time), worthwhile: cpu.TicksOf(chunk.WorthWaking), long: cpu.TicksOf(longTime),
		leaseAfter: cpu.TicksOf(leaseAfter), collectOften: cpu.TicksOf(collectOften), collectSeldom: cpu.TicksOf(collectSeldom),
		crowd: cpu.TicksOf(crowdTime), crowdedPause: cpu.TicksOf(crowdedPause),
		refusedPause: cpu.TicksOf(refusedPause), help: cpu.TicksOf(helpTime), turn: cpu.TicksOf(turnTime), yield: cpu.TicksOf(yieldPause), late: cpu.TicksOf(lateTime), parkPause: cpu.TicksOf(parkPause),
	}
}

// New starts a pool. Without options it has one worker for each physical core
// that this process may use, as many as the CPU quota and GOMAXPROCS allow. A
// worker that is at work for more than a moment is pinned to its core. An error
// names the option, its value and what is allowed; nothing has been started then.
func New(opts ...Option) (*Pool, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	plan, machine, err := place.Workers(c.at)
	if err != nil {
		return nil, fmt.Errorf("zeropool: %w", err)
	}
	return start(c, plan, machine), nil
}

// start makes the pool and returns once its workers can take tasks.
func start(c *config, plan topology.Plan, machine *topology.Topology) *Pool {
	n := len(plan.Workers)
	p := &Pool{
		workers: make([]*worker, n),
		config:  *c,
		bubbled: bubble.In(),
		times:   newTimes(),
		plan:    plan,
		live:    n,
		pins:    place.CPUs(plan),
		runners: make(map[uint64]*runner),
	}
	if p.bubbled {
		p.times.poll = 0 // naps are of no use there, see park.Napper
	}
	p.lanes.Store(new([]*lane))
	p.board.ends.prev, p.board.ends.next = &p.board.ends, &p.board.ends
	p.driven.many = true
	for i := range p.helpers {
		p.helpers[i].many = true
	}
	hold := c.pinning == Hold
	p.roster.napper.Init(hold && canPin && len(p.pins) > 0, p.bubbled)
	p.roster.nap = 2 * firstNap // not lightly: nothing is known of the submitters
	if len(p.pins) > 0 {
		collections.Start()
	}
	p.standInLabels = p.labels("stand-in")
	p.mu.Lock()
	p.spare() // before the workers, so that it is there when they are
	p.mu.Unlock()
	ready, begin := make(chan *worker, n), make(chan struct{})
	for i := range n {
		w := &worker{index: i, cpu: plan.Workers[i].CPU}
		w.pool, w.worker, w.labels = p, w, p.labels(fmt.Sprint(i))
		w.lease.hold, w.lease.foreign, w.lease.name, w.lease.times = hold, c.at.CPUs != nil, threadName(p.name, i), &p.times
		w.lease.cpu.Store(int64(w.cpu))
		w.keep = hold && w.cpu != topology.Unknown && canPin
		p.workers[i] = w
		w.parker.Init(w.keep, p.bubbled)
		go onThread(w.keep, func() { w.start(ready, begin) })
	}
	for range n {
		<-ready
	}
	for _, w := range p.workers {
		w.setNear(machine)
		if !hold && c.at.CPUs == nil {
			w.lease.worker = w
		}
	}
	p.prepareBarrier()
	close(begin)
	return p
}

// spinRound is about how long one turn of the spin before parking takes.
const spinRound = 500 * time.Nanosecond

// threadName returns the name of a pinned thread, of which the worker's number is
// to be within the 15 bytes that Linux keeps.
func threadName(name string, index int) string {
	room := 15 - len(fmt.Sprintf("zp//%d", index))
	return fmt.Sprintf("zp/%s/%d", name[:min(len(name), max(room, 1))], index)
}

// onThread runs f, if own on a goroutine locked to a thread which ends with f. It
// keeps off the process's first thread, which cannot end and whose mask and
// name stand for the process's.
func onThread(own bool, f func()) {
	if own {
		runtime.LockOSThread()
	}
	if !own || !onMainThread() {
		f()
		return
	}
	locked := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(locked)
		f()
	}()
	<-locked
	runtime.UnlockOSThread()
}

var (
	defaultPool *Pool
	defaultOnce sync.Once
)

// Default returns a pool shared by the whole process, with default options. It
// is started by the first call, never by an import, and never fails: where
// workers cannot be pinned they are not. Do not close it: the process
// shares it, and later calls return the closed pool.
//
// In a bubble of testing/synctest it is a pool outside of the bubble: its tasks must not
// touch channels and timers of the bubble, whose clock stands still while one waits for
// them. So no deadline of a WaitContext or WaitTimeout comes then.
func Default() *Pool {
	defaultOnce.Do(func() { bubble.Outside(startDefault) })
	return defaultPool
}

func startDefault() {
	p, err := New(WithName("default"))
	if err != nil {
		c, _ := newConfig([]Option{WithName("default")})
		p = start(c, place.Unpinned(0, err.Error()), nil)
	}
	defaultPool = p
}

// Workers returns the number of workers, which never changes.
func (p *Pool) Workers() int { return len(p.workers) }

// Plan says where each worker sits and why, as things stand now: workers that share
// a last-level cache may have exchanged their CPUs, unless WithCPUs named them or the
// pool was made with WithPinning(Hold); a worker whose CPU is refused when it is to be
// pinned, or whose pinned thread the system has moved, is shown as not pinned.
func (p *Pool) Plan() topology.Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	plan := topology.Plan{
		Workers:  slices.Clone(p.plan.Workers),
		Excluded: slices.Clone(p.plan.Excluded),
		Warnings: slices.Clone(p.plan.Warnings),
	}
	for i, w := range p.workers {
		a := &plan.Workers[i]
		err := w.lease.err.Load()
		switch {
		case a.CPU == topology.Unknown:
			continue
		case err != nil:
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("W-PIN-FAILED worker %d could not be pinned to CPU %d: %v", i, a.CPU, *err))
			a.Why = fmt.Sprintf("not pinned: CPU %d was refused", a.CPU)
		case w.lease.held.Load() && !w.lease.thread.has(a.CPU):
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("W-PIN-LOST worker %d is no longer bound to CPU %d: the system has changed the affinity of its thread", i, a.CPU))
			a.Why = fmt.Sprintf("pin to CPU %d lost", a.CPU)
		default:
			continue
		}
		a.CPU, a.Core, a.L3, a.Node = topology.Unknown, topology.Unknown, topology.Unknown, topology.Unknown
	}
	return plan
}

// Close makes the pool refuse new work, runs everything that it has accepted,
// and ends every worker before it returns. It may be called more than once and
// from several goroutines; each call returns when the workers have ended. Called
// from inside a task of the pool, it refuses new work and returns ErrInTask at
// once, and the workers end when they have run the rest. It may do so inside a task of
// another pool, or the first function of a Join, too, while a goroutine that waits for a
// task of this one, or submits to it, runs one.
func (p *Pool) Close() error { return p.Shutdown(context.Background()) }

// Shutdown is Close with a limit: once ctx ends, tasks that have not begun end
// with ErrClosed, and Shutdown returns ctx's error without waiting for those
// that have. No task begins after it has returned; elements of batches and loops begin
// in ranges, see Future.Cancel. It returns nil if everything was run and had ended by then,
// or if it was another call of Shutdown that cut off the rest.
func (p *Pool) Shutdown(ctx context.Context) error {
	p.gate.Or(gateClosed)
	membarrier.Heavy(true) // D1: now everything that was pushed by one who did not see gateClosed is visible
	p.gate.Or(gateEnding)
	p.wakeParked()
	p.mu.Lock()
	p.wakeBlocked(everyone)
	p.look()
	p.mu.Unlock()
	if p.inOwnTask() {
		return ErrInTask
	}
	if p.park(unsafe.Pointer(&p.live), p.ended, false, ctx.Done(), 0) {
		return nil
	}
	p.gate.Or(gateCut)
	membarrier.Heavy(true) // D1: who has taken a task and not seen gateCut has it counted as begun for all to see
	if p.drain() != 0 || p.cutWork.Load() {
		return ctx.Err()
	}
	p.park(unsafe.Pointer(&p.live), p.ended, false, nil, 0) // only goroutines are left to end
	return nil
}

// wakeBlocked lets submitters that wait for room look again: all owners of lanes, and n
// of the others.
func (p *Pool) wakeBlocked(n int) {
	p.wake(unsafe.Pointer(&p.blocked), n)
	for _, l := range *p.lanes.Load() {
		p.wake(unsafe.Pointer(l), everyone)
	}
}

// ended reports whether everything has ended, the last goroutine of the pool too.
func (p *Pool) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.over() && len(p.standIns) == 0
}

// over reports whether the workers have ended and every task that was accepted
// too, whoever ran it. The caller holds p.mu.
func (p *Pool) over() bool {
	if p.live != 0 || p.gate.Load()&gateEnding == 0 {
		return false
	}
	var w WorkerStats
	p.totals(&w)
	// A task or batch that has been counted as ended may not show it yet.
	return w.ended() == p.submitted() && p.batches.Load() == 0 && !slices.ContainsFunc(*p.lanes.Load(), (*lane).running)
}

// helped reports whether goroutines that are neither workers nor stand-ins run tasks of
// p. The caller holds p.mu.
func (p *Pool) helped() bool {
	var w WorkerStats
	begun := uint64(0)
	for i := range p.helpers {
		begun += p.helpers[i].tally.read(&w)
	}
	for _, l := range *p.lanes.Load() {
		if l.worker == nil {
			begun += l.tally.read(&w)
		}
	}
	return begun != w.ended()
}

// look is called when something has ended after Close: with the last task and
// worker the stand-ins end, and then Close returns. The caller holds p.mu.
func (p *Pool) look() {
	if p.gate.Load()&gateEnding == 0 || !p.over() {
		return
	}
	p.wakeParked() // what they waited for will not come
	for _, s := range p.spares {
		s.job = job{}
		s.parker.Signal()
	}
	p.spares = nil
	if len(p.standIns) == 0 {
		p.roster.napper.Close()
		place.Release(p.pins)
		p.pins = nil
		p.wake(unsafe.Pointer(&p.live), everyone)
	}
}

// drain ends every queued task with ErrClosed, and every batch, waits until those that
// others have just taken count as begun, and returns how many run then. One look must say
// both: what a goroutine that exits leaves to another one is queued in between.
func (p *Pool) drain() (running int) {
	for _, l := range *p.lanes.Load() {
		for l.queued() > 0 {
			s, key, ok := l.find(false)
			if !ok {
				yield() // somebody is about to publish it, or has just taken it
				continue
			}
			if v, h := p.takeBack(l, s, key); v != 0 {
				p.cutOff(l, s, v, h)
			}
		}
	}
	for b := p.openBatch(); b != nil; b = p.openBatch() {
		p.withdraw(b, ErrClosed)
		b.release()
	}
	for {
		queued, running := p.Load()
		if queued == 0 {
			return running
		}
		yield()
	}
}
