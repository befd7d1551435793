package zeropool

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/zeropool-go/zeropool/topology"
)

// A Pool runs tasks on a fixed set of workers. All its methods, and all
// functions that take a *Pool, may be called from any goroutine at any time,
// from inside its own tasks and after Close too. A Pool must be made by New or
// Default; its workers live until Close.
type Pool struct {
	// gate is what one looks at after publishing or finishing a task: the number
	// of idle workers, whether the pool is closed, and the number of parked
	// waiters. It changes only when somebody goes to sleep or is woken, so all
	// CPUs keep a copy.
	gate   atomic.Uint64
	waking atomic.Uint32   // wakes in flight: decided on, worker not yet up
	idle   []atomic.Uint64 // bitmap of idle workers
	recent atomic.Uint32   // index of the worker that went to sleep last
	habits habits
	_      [lineSize]byte

	workers    []*worker
	agents     []agent
	whenFull   WhenFull
	onPanic    func(*PanicError)
	name       string
	spins      int
	plain      outcome   // what records point to while nothing went wrong
	worthwhile int64     // ticks of work that justify waking a worker
	chunkTicks int64     // ticks that one claim of a batch should take
	helpTicks  int64     // ticks that a submitter helps before it looks for room
	width      int       // goroutines that can work on one batch at a time
	homes      []*worker // by CPU, see home.go
	later      later

	mu         sync.Mutex
	changed    sync.Cond     // an agent was given back, a slot released, or a worker ended, after Close
	blocked    atomic.Uint32 // submitters that wait for room
	moreAgents []*agent
	standIns   []*standIn
	invitees   []*batch // invitations that no queue had room for
	batches    []*batch
	plan       topology.Plan
	live       int   // workers that have not ended
	pins       []int // CPUs to give back when they have

	invitations atomic.Int32  // length of invitees
	cutWork     atomic.Bool   // a task has ended with ErrClosed because of gateCut
	batched     atomic.Uint64 // tasks submitted in batches
	joins       atomic.Uint64 // queue entries that are not tasks
	refused     atomic.Uint64 // queue entries withdrawn because the pool had closed
	helping     atomic.Int32  // stand-ins that run queued work for a blocked waiter
	displaced   atomic.Int64  // waiters that run a task whose slot somebody else has taken over
	heldFailed  atomic.Uint64 // tasks that waiters have run and that did not return
	heldEnds    uint64        // tasks that waiters have run to their end, at least: see Stats
}

const (
	gateIdle        = 1<<32 - 1
	gateClosed      = 1 << 32
	gateCut         = 1 << 33 // Shutdown's context has ended: what has not begun is not to be
	gateWaiterShift = 34
	gateWaiter      = 1 << gateWaiterShift // counts goroutines parked until a task ends
)

// New starts a pool. Without options it has one worker for each physical core
// that this process may use, each pinned to its core, as many as the CPU quota
// and GOMAXPROCS allow. An error names the option, its value and what is
// allowed; nothing has been started then.
//
// Workers that are pinned stay locked to an operating system thread. A pool
// works best when GOMAXPROCS exceeds its workers by the number of other busy
// goroutines.
func New(opts ...Option) (*Pool, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	plan, machine, err := c.place()
	if err != nil {
		return nil, fmt.Errorf("zeropool: %w", err)
	}
	return start(c, plan, machine), nil
}

// start makes the pool and returns once its workers can take tasks.
func start(c *config, plan topology.Plan, machine *topology.Topology) *Pool {
	n := len(plan.Workers)
	p := &Pool{
		idle:       make([]atomic.Uint64, (n+63)/64),
		workers:    make([]*worker, n),
		agents:     make([]agent, min(nextPowerOfTwo(2*runtime.GOMAXPROCS(0)), maxAgents)),
		whenFull:   c.whenFull,
		onPanic:    c.onPanic,
		name:       c.name,
		spins:      int(c.spin / spinRound),
		plan:       plan,
		live:       n,
		pins:       plannedCPUs(plan),
		worthwhile: ticksOf(worthWaking),
		chunkTicks: ticksOf(chunkTime),
		helpTicks:  ticksOf(helpTime),
		width:      max(min(n+1, runtime.GOMAXPROCS(0)), 1),
	}
	p.changed.L = &p.mu
	p.habits.seen = make([]uint64, n)
	p.initLater()
	p.plain.pool = p
	for i := range p.agents {
		p.agents[i].pool = p
		p.agents[i].spare = p.newRecord()
	}
	ready := make(chan *worker, n)
	for i := range n {
		go startWorker(p, i, c.capacity, plan.Workers[i].CPU, ready)
	}
	for range n {
		w := <-ready
		p.workers[w.index] = w
		if w.pinError != nil {
			p.unpinned(w)
		}
	}
	for _, w := range p.workers {
		w.setNear(machine)
	}
	p.setHomes(machine)
	for _, w := range p.workers {
		close(w.begin)
	}
	return p
}

func nextPowerOfTwo(n int) int {
	p := 1
	for p < n {
		p *= 2
	}
	return p
}

// unpinned notes that a worker could not be bound to its CPU.
func (p *Pool) unpinned(w *worker) {
	a := &p.plan.Workers[w.index]
	p.plan.Warnings = append(p.plan.Warnings, fmt.Sprintf("W-PIN-FAILED worker %d could not be pinned to CPU %d: %v", w.index, a.CPU, w.pinError))
	a.Why = fmt.Sprintf("not pinned: CPU %d was refused", a.CPU)
	unplace(a)
}

func unplace(a *topology.Assignment) {
	a.CPU, a.Core, a.L3, a.Node = topology.Unknown, topology.Unknown, topology.Unknown, topology.Unknown
}

var (
	defaultPool *Pool
	defaultOnce sync.Once
)

// Default returns a pool shared by the whole process, with default options. It
// is started by the first call, never by an import, and never fails: where
// workers cannot be pinned they are not. Closing it is possible but unkind;
// later calls return the closed pool.
func Default() *Pool {
	defaultOnce.Do(func() {
		p, err := New(WithName("default"))
		if err != nil {
			c, _ := newConfig([]Option{WithName("default")})
			p = start(c, unpinnedPlan(runtime.GOMAXPROCS(0), err.Error()), nil)
		}
		defaultPool = p
	})
	return defaultPool
}

// Workers returns the number of workers, which never changes.
func (p *Pool) Workers() int { return len(p.workers) }

// Plan says where each worker sits and why, as things stand now: a worker
// whose thread the system has moved since it was pinned is shown as not pinned.
func (p *Pool) Plan() topology.Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	plan := topology.Plan{
		Workers:  slices.Clone(p.plan.Workers),
		Excluded: slices.Clone(p.plan.Excluded),
		Warnings: slices.Clone(p.plan.Warnings),
	}
	for i, w := range p.workers {
		if a := &plan.Workers[i]; a.CPU != topology.Unknown && w.thread.lost(a.CPU) {
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("W-PIN-LOST worker %d is no longer bound to CPU %d: the system has changed the affinity of its thread", i, a.CPU))
			a.Why = fmt.Sprintf("pin to CPU %d lost", a.CPU)
			unplace(a)
		}
	}
	return plan
}

// errOwnTask is returned by a Close that cannot wait for its own caller.
var errOwnTask = errors.New("zeropool: closed from inside one of the pool's own tasks: the workers end after it returns")

// Close makes the pool refuse new work, runs everything that it has accepted,
// and ends every worker before it returns. It may be called more than once and
// from several goroutines; each call returns when the workers have ended. Called
// from inside a task of the pool, it refuses new work, returns an error at
// once, and the workers end when they have run the rest.
func (p *Pool) Close() error { return p.Shutdown(context.Background()) }

// Shutdown is Close with a limit: once ctx ends, tasks that have not begun end
// with ErrClosed, and Shutdown returns ctx's error without waiting for those
// that have. It returns nil if everything was run.
func (p *Pool) Shutdown(ctx context.Context) error {
	p.gate.Or(gateClosed) // D1, L1
	for _, w := range p.workers {
		p.wake(w)
	}
	p.mu.Lock()
	p.changed.Broadcast() // submitters that wait for room
	p.mu.Unlock()
	if p.inOwnTask() {
		return errOwnTask
	}
	stop := context.AfterFunc(ctx, func() {
		p.gate.Or(gateCut)
		p.drain()
		p.mu.Lock()
		p.changed.Broadcast()
		p.mu.Unlock()
	})
	defer stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.ended() && p.gate.Load()&gateCut == 0 {
		p.changed.Wait()
	}
	if err := ctx.Err(); err != nil && (p.cutWork.Load() || !p.ended()) {
		return err
	}
	for !p.ended() { // cut by another Shutdown
		p.changed.Wait()
	}
	return nil
}

// ended reports whether all workers have ended and nobody runs a task of the
// pool. The caller holds p.mu.
func (p *Pool) ended() bool {
	// Agents last: who gives up a slot before its task has ended has borrowed one
	// before.
	return p.live == 0 && !p.holding() && !p.helped()
}

// helped reports whether a goroutine that is not a worker runs a task of the
// pool. The caller holds p.mu.
func (p *Pool) helped() bool {
	for i := range p.agents {
		if p.agents[i].busy.Load() != 0 { // L1
			return true
		}
	}
	return slices.ContainsFunc(p.moreAgents, func(a *agent) bool { return a.busy.Load() != 0 })
}

// drain ends every queued task with ErrClosed.
func (p *Pool) drain() {
	a := p.borrow(stackHash())
	defer p.giveBack(a)
	for _, w := range p.workers {
		q := &w.ring
		for {
			var tasks [blockSize]task
			pos, got, st := q.dequeue(q.head.Load(), &tasks[0], blockSize)
			if st == pending {
				if at, ok := q.dequeuePast(pos, &tasks[0]); ok {
					pos, got, st = at, 1, taken
				}
			}
			if st != taken {
				break
			}
			for i := range got {
				t := &tasks[i]
				a.settleSlot(q, pos+i, t)
				if t.fn == nil {
					a.joinEntry(t) // sees that the pool is cut
				} else {
					a.cutOff(t)
				}
			}
		}
	}
	for b := p.invited(); b != nil; b = p.invited() {
		a.join(b)
	}
}

// cutOff ends a task that has not begun because Shutdown's context has ended.
func (a *agent) cutOff(t *task) {
	a.pool.cutWork.Store(true)
	a.fail(t, ErrClosed)
}
