package zeropool

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/zeropool-go/zeropool/topology"
)

// A worker owns a ring and runs what it finds there, then what it can steal,
// nearest ring first, then sleeps.
//
// It is one object larger than 32 KiB, which the allocator aligns to a page:
// smaller objects with pointers start 8 bytes off.
type worker struct {
	ring
	slots  [defaultCapacity]slot
	claims [defaultCapacity / blockSize]atomic.Uint64
	agent

	parker parker
	_      [lineSize]byte

	next        uint64 // every position of the own ring before it has been taken
	victim      *ring  // the ring stolen from last, or nil
	victimNext  uint64 // every position of it before this one has been taken
	near        []*worker
	index       int
	cpu         int
	pinError    error
	thread      thread
	fresh       bool          // has been idle and not taken anything since
	since       int64         // ticks when it was woken
	begunBefore uint64        // tasks it had begun then
	begin       chan struct{} // closed when every worker of the pool is there
	goroutine   atomic.Uint64 // number of the goroutine that runs the worker
	parked      counter
	woken       counter
}

// No slot lies across two cache lines.
const (
	_ = uint(-(unsafe.Offsetof(worker{}.slots) % lineSize))
	_ = uint(-(unsafe.Offsetof(worker{}.claims) % lineSize))
)

// startWorker makes the worker on the thread that it will keep, after pinning
// it, so that its memory comes from its own NUMA node.
func startWorker(p *Pool, index, capacity, cpu int, ready chan<- *worker) {
	begin := func() {
		w := &worker{index: index, cpu: cpu, begin: make(chan struct{})}
		w.agent.pool = p
		w.agent.spare = p.newRecord()
		if w.pinError = w.pin(); w.pinError != nil {
			w.cpu = topology.Unknown
		}
		w.parker.init(w.cpu != topology.Unknown && canPin)
		w.initRing(p, capacity)
		ready <- w
		<-w.begin
		w.serve()
	}
	if cpu == topology.Unknown {
		begin()
		return
	}
	onOwnThread(begin)
}

// initRing prepares the worker's ring, each slot with a record.
func (w *worker) initRing(p *Pool, capacity int) {
	slots, claims := w.slots[:], w.claims[:]
	if capacity > len(slots) {
		slots = make([]slot, capacity)
		claims = make([]atomic.Uint64, capacity/blockSize)
	}
	w.ring.init(uint32(w.index), slots, claims, capacity, 0)
	w.ring.plain = &outcome{pool: p, ring: &w.ring}
	records := make([]record, capacity)
	for i := range records {
		r := &records[i]
		r.info.Store(w.ring.plain)
		r.state.Store(taskKey(uint32(w.index), uint64(i)) << phaseBits)
		slots[i].task.done = r
	}
}

// onOwnThread runs f on a goroutine locked to a thread which ends with f. It
// keeps off the process's first thread, which cannot end and whose mask and
// name stand for the process's.
func onOwnThread(f func()) {
	runtime.LockOSThread()
	if !onMainThread() {
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

// pin binds the thread to the worker's CPU. A worker that cannot be bound works
// unbound.
func (w *worker) pin() error {
	if w.cpu == topology.Unknown {
		return nil
	}
	if err := w.thread.pin(w.cpu); err != nil {
		w.thread.fail()
		return err
	}
	setName(fmt.Sprintf("zp/%s/%d", shorten(w.agent.pool.name, w.index), w.index))
	return nil
}

// shorten cuts a pool's name so that the worker's number fits into the 15 bytes
// of a thread's name.
func shorten(name string, index int) string {
	room := 15 - len(fmt.Sprintf("zp//%d", index))
	return name[:min(len(name), max(room, 1))]
}

// setNear sorts the other workers by their distance.
func (w *worker) setNear(machine *topology.Topology) {
	all := w.agent.pool.workers
	w.near = make([]*worker, 0, len(all)-1)
	for i := range all[1:] {
		w.near = append(w.near, all[(w.index+1+i)%len(all)])
	}
	if machine == nil {
		return
	}
	distance := func(v *worker) int {
		if w.cpu == topology.Unknown || v.cpu == topology.Unknown {
			return math.MaxInt
		}
		return machine.Distance(w.cpu, v.cpu)
	}
	slices.SortStableFunc(w.near, func(a, b *worker) int { return cmp.Compare(distance(a), distance(b)) })
}

// serve runs the worker until the pool closes. A task that calls runtime.Goexit
// ends the goroutine, and its thread; the worker goes on with new ones.
func (w *worker) serve() {
	closed := false
	defer func() {
		w.thread.unpin()
		if closed {
			w.agent.pool.workerEnded()
			return
		}
		resume := func() {
			_ = w.pin() // Plan tells, and the next thread has another chance
			w.serve()
		}
		if w.cpu == topology.Unknown {
			go resume()
		} else {
			go onOwnThread(resume)
		}
	}()
	w.goroutine.Store(goroutineID())
	for !closed {
		closed = w.loop()
	}
}

func (p *Pool) workerEnded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live--; p.live == 0 {
		p.later.timer.Stop()
		giveUp(p.pins)
	}
	p.changed.Broadcast()
}

// loop runs tasks until the pool closes, when it returns true, or one panics.
// One deferred call serves all the tasks between two panics.
func (w *worker) loop() (closed bool) {
	var t task
	p := w.agent.pool
	inTask := false
	defer func() {
		if inTask {
			w.unwound(&t, recover())
		}
	}()
	w.finishShare()
	for w.find(&t) {
		if t.fn == nil {
			w.joinEntry(&t)
			continue
		}
		if p.gate.Load()&gateCut != 0 {
			w.cutOff(&t)
			continue
		}
		inTask = true
		t.run()
		inTask = false
		w.succeed(&t)
	}
	return true
}

// find takes the next task, waiting for one if need be; false means that the
// pool is closed and everything it accepted has been taken.
func (w *worker) find(t *task) bool {
	for rounds := 0; ; rounds++ {
		found, soon := w.tryFind(t)
		switch {
		case found:
			return true
		case soon:
			pause(rounds)
		default:
			if !w.idle() {
				return false
			}
			rounds = 0
		}
	}
}

// pause passes the time until a submitter has published what it claimed: it may
// have lost its CPU in between.
func pause(rounds int) {
	if rounds < 16 {
		relax(32)
		spinTurn()
		return
	}
	runtime.Gosched()
}

// tryFind takes a task from the own ring or steals one. soon means that none
// was there, but that a submitter is about to publish one.
func (w *worker) tryFind(t *task) (found, soon bool) {
	q := &w.ring
	pos, got, st := q.dequeue(w.next, t, 1)
	if got != 0 {
		w.next = pos + 1
		w.took(q, pos, t)
		return true, false
	}
	w.next = pos
	if st == pending {
		soon = true
		if pos, ok := q.dequeuePast(pos, t); ok {
			w.took(q, pos, t)
			return true, false
		}
	}
	// Go on where the last theft was before looking around: the cursors of the
	// other rings belong to their submitters' caches.
	if v := w.victim; v != nil {
		if w.steal(v, w.victimNext, t, &soon) {
			return true, false
		}
		w.victim = nil
	}
	for _, v := range w.near {
		q := &v.ring
		if h := q.head.Load(); h != q.tail.Load() && w.steal(q, h, t, &soon) {
			return true, false
		}
	}
	if b := w.agent.pool.invited(); b != nil {
		w.accept(b, t)
		w.passWake()
		return true, false
	}
	return false, soon
}

// steal takes a task from another worker's ring, starting at from.
func (w *worker) steal(q *ring, from uint64, t *task, soon *bool) bool {
	pos, got, st := q.dequeue(from, t, 1)
	if got != 0 {
		w.victim, w.victimNext = q, pos+1
	} else if st == pending {
		*soon = true
		var ok bool
		if pos, ok = q.dequeuePast(pos, t); !ok {
			return false
		}
	} else {
		return false
	}
	w.stolen.add(1)
	w.took(q, pos, t)
	return true
}

// took settles the slot of a task just taken.
func (w *worker) took(q *ring, pos uint64, t *task) {
	w.settleSlot(q, pos, t)
	w.passWake()
}

// passWake wakes the next worker if this one has been idle and there is more to
// do. Submitters that saw its wake in flight woke nobody, for whatever queue,
// so this comes before the task can block.
func (w *worker) passWake() {
	if w.fresh {
		w.fresh = false
		w.agent.pool.wakeIfWork(w)
	}
}

// spinRound is about how long one turn of the spin before parking takes.
const spinRound = 500 * time.Nanosecond

// idle announces that the worker has nothing to do and waits until woken. It
// returns false when the pool is closed and nothing is left to do. See
// docs/protocol.md for the proof that no wake-up is lost.
func (w *worker) idle() bool {
	p := w.agent.pool
	if w.woke {
		// The waiter is next on this thread's P, which the futex would keep
		// from it until the runtime takes it away, 10 ms later at worst.
		w.woke = false
		if w.parker.thread && len(p.workers) >= int(p.later.procs.Load()) {
			runtime.Gosched()
			return true
		}
	}
	p.measure(w)
	w.parker.announce()
	// P2, pairs with P1: the announcement is made of locked instructions, and so
	// is a submitter's claim. Either the claim comes first and hasWork sees it,
	// or the announcement does and the submitter sees that in its load of gate.
	p.setIdle(w)
	closed := p.gate.Load()&gateClosed != 0 // D1: if so, hasWork sees every claim that missed the closing
	if closed || p.hasWork() {
		if p.unidle(w) {
			w.parker.retract()
			// Submitters may have counted on this worker, and the owner of the
			// wake that they saw in flight may have found nobody.
			w.fresh = true
			return !closed || p.hasWork()
		}
		// Somebody has taken it upon them to wake this worker: wait for that.
		w.parker.sleep()
		w.arrived()
		return true
	}
	for range p.spins {
		if w.parker.woken() {
			break
		}
		relax(32)
		spinTurn()
	}
	if !w.parker.woken() {
		p.recent.Store(uint32(w.index))
		w.parked.add(1)
		woken, found := w.standSentry()
		if found {
			// Others may have left their tasks to the sentry too.
			w.fresh = true
			return true
		}
		if !woken {
			w.parker.sleep()
		}
	}
	w.woken.add(1)
	w.arrived()
	return true
}

// arrived ends a wake.
//
// P3: it is no longer in flight before the search begins. A submitter that
// relied on it has claimed its position before, so the search, or wakeIfWork
// after it, sees the task.
func (w *worker) arrived() {
	w.agent.pool.waking.Add(^uint32(0))
	w.fresh = true
	w.since, w.begunBefore = ticks(), w.begun.load()
}

// hasWork reports whether there is anything for a worker to take.
func (p *Pool) hasWork() bool { return p.invitations.Load() != 0 || p.hasTasks() }

// hasTasks reports whether a queue holds anything that nobody has taken.
func (p *Pool) hasTasks() bool {
	for _, w := range p.workers {
		if w.ring.hasWork() {
			return true
		}
	}
	return false
}

// setIdle counts w among the idle workers.
//
// The count comes before the bit, because whoever clears the bit takes from the
// count: it must never be short, the bits above it are others'. A submitter that
// sees the count and not yet the bit has claimed before the bit was set, and so
// before the worker looks at the queues once more.
func (p *Pool) setIdle(w *worker) {
	p.gate.Add(1)
	p.idle[w.index/64].Or(1 << (w.index % 64))
}

// unidle takes w out of the idle workers; who gets true decides what it does
// next.
func (p *Pool) unidle(w *worker) bool {
	bit := uint64(1) << (w.index % 64)
	if p.idle[w.index/64].And(^bit)&bit == 0 {
		return false
	}
	p.gate.Add(^uint64(0))
	return true
}

// wake wakes w if it is idle.
func (p *Pool) wake(w *worker) bool {
	if !p.unidle(w) {
		return false
	}
	p.waking.Add(1)
	w.parker.wake()
	return true
}

func (p *Pool) anyIdle() bool {
	for i := range p.idle {
		if p.idle[i].Load() != 0 {
			return true
		}
	}
	return false
}

func (p *Pool) isIdle(w *worker) bool {
	return p.idle[w.index/64].Load()&(1<<(w.index%64)) != 0
}
