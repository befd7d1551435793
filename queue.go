package zeropool

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/membarrier"
)

// A lane is a queue of tasks that one goroutine owns: its owner pushes tasks and
// takes them back when it waits for them, with plain loads and stores. Others
// take tasks only while they are attached; then everybody takes by a CAS.
//
// An inbox is a lane without an owner, to which everybody may push, and from
// which everybody may take, by CAS.
//
// The state of a slot says who owns it, and whether the task has ended:
//
//	free(p)    belongs to the owner of the lane, in an inbox to whoever reserves it
//	full(p)    holds a task: belongs to nobody until it is taken
//	owned(p)   taken by the owner of the lane while nobody was attached
//	taken(p)   taken by a CAS, or reserved by one that pushes to an inbox
//	failed(p)  the task has not returned; the slot keeps the outcome for good
//
// p is the slot's position. It grows with each use of the slot, and in the lane of an
// owner with each push. So no two tasks of a lane have the same one for months, and a task
// has ended when the state of its slot has left full(p), owned(p) and taken(p). A slot is
// free again when its task ends, so the slots of running tasks are skipped by those who
// push, and only a lane without any free slot is full.
//
// The pointer words of a slot are stored by Go code, between reserving and
// publishing by the one who pushes and after taking by the one who runs the task:
// the garbage collector's write barrier must see them. Assembly stores integers
// only. The labels in brackets name the ordering edges of docs/protocol.md.
type lane struct {
	owner   atomic.Uint64 // who may push and take without a CAS: an identity, or 0
	tail    counter       // the position to try next; of an inbox only the slot counts, modulo the capacity
	pushed  counter       // tasks ever pushed
	account               // of the owner; it counts tasks of the lane only
	known   uintptr       // the code of a proven function; not the function, which may keep memory alive
	exits   uint32        // proven.Exits before it was found to be so
	last    atomic.Uint64 // key of the task that the owner took last, or somebody waited for; a hint, no order hangs on it
	busy    atomic.Uint32 // the owner is between two steps of a push or a take
	ack     atomic.Uint32 // the last value of seq that the owner has seen
	_       [lineSize]byte

	shared  atomic.Uint32 // thieves attached
	seq     atomic.Uint32 // times that the first thief attached
	stolen  atomic.Uint64 // tasks taken by others than the owner
	scan    atomic.Uint64 // where thieves begin to look, modulo the capacity
	lingers atomic.Uint64 // an attachment lingers until the owner's begun is that; or 0
	mu      sync.Mutex    // one handshake of attaching at a time
	_       [lineSize]byte

	slots   unsafe.Pointer // *slot, capacity of them
	mask    uint64         // number of slots-1
	bound   int            // tasks that it takes before it is full
	pool    *Pool
	worker  *worker // whose inbox or lane it is, or nil
	id      int     // index of a thief's notes on it
	inbox   bool
	ghost   bool                    // shared counts one thief more: there is no heavy barrier yet, or never
	retired atomic.Bool             // changes under pool.mu
	quietAt uint64                  // what the owner had done when somebody last looked for a quiet lane; guarded by pool.mu
	groups  atomic.Pointer[groupOf] // of the slot of index 0, and those of the others after it; nil before the first task of a Group
	_       [lineSize]byte
}

// lineSize is the distance that keeps two words off each other's cache lines:
// two 64-byte lines, because Intel prefetches in pairs and Apple's are 128.
const lineSize = 128

// A slot is what a lane stores of a task: 24 bytes where pointers have 8. Once
// the task has failed, params points to its outcome.
type slot struct {
	state  atomic.Uint64 // position<<posShift | flags | kind
	fn     *funcval
	params unsafe.Pointer
}

// Kinds of state, and flags that a task keeps from push to end.
const (
	free = iota
	full
	owned
	taken
	failed

	kindMask = 7
	grouped  = 8  // the lane's groups say which Group the task belongs to
	fallible = 16 // the function returns an error
	flagMask = grouped | fallible
	posShift = 5

	minCapacity     = 2
	defaultCapacity = 1024
	maxCapacity     = 1 << 24
	maxLaneCapacity = 1024 // of a lane with an owner; inboxes have what the option says
	// minSlots is how many slots an inbox has at least, for tasks that run: its
	// capacity counts those that nobody has taken. Pools with smaller queues have
	// inboxes only.
	minSlots = 64
)

const wordSize = unsafe.Sizeof(uintptr(0))

// A funcval is a function value as the compiler lays it out: its first word is
// the code.
type funcval struct{ code uintptr }

// A counter is written by one goroutine at a time, without a locked instruction,
// and read by anybody.
type counter struct{ v atomic.Uint64 }

func (c *counter) add(n uint64) { store(&c.v, c.v.Load()+n) }
func (c *counter) load() uint64 { return c.v.Load() }

// newLane returns a lane of capacity slots, a power of two, whose first position
// is start.
func newLane(p *Pool, capacity int, start uint64) *lane {
	l := &lane{pool: p, mask: uint64(capacity - 1), bound: capacity}
	slots := make([]slot, capacity)
	l.slots = unsafe.Pointer(unsafe.SliceData(slots))
	l.tail.v.Store(start)
	l.last.Store(start<<posShift + 1<<62) // newer than all: the owner has taken none
	for i := range slots {
		// Nobody else knows it yet, and a thousand locked stores take 5 to 8 µs.
		*(*uint64)(unsafe.Pointer(&slots[i].state)) = (start + uint64(i)) << posShift
	}
	return l
}

// at returns the slot of index i, modulo the capacity.
func (l *lane) at(i uint64) *slot {
	return (*slot)(unsafe.Add(l.slots, uintptr(i&l.mask)*unsafe.Sizeof(slot{})))
}

// slot returns the slot of a state.
func (l *lane) slot(state uint64) *slot { return l.at(state >> posShift) }

// next returns the state of a slot after the task of v has ended: free for the
// next position.
func (l *lane) next(v uint64) uint64 {
	return v&^(flagMask|kindMask) + (l.mask+1)<<posShift
}

// queued returns how many tasks nobody has taken. It is never too low for a task
// whose push has ended before the call: the tasks taken are counted before those
// pushed.
func (l *lane) queued() int {
	gone := l.begun.load() + l.stolen.Load()
	return int(int64(l.pushed.load() - gone))
}

// room returns a free slot of the caller's own lane, and the key of its next task, or nil;
// of an inbox it only says whether there is a free slot.
func (l *lane) room() (*slot, uint64) {
	if l.queued() >= l.bound {
		return nil, 0
	}
	tail := l.tail.load()
	for i := tail; i-tail <= l.mask; i++ {
		s := l.at(i)
		if s.state.Load()&kindMask == free { // A1, pairs with R1
			store(&l.tail.v, i)
			return s, i << posShift
		}
	}
	return nil, 0
}

// leave ends what enter has begun, without a push.
func (l *lane) leave() { l.busy.Store(0) } // B2

// acknowledge tells the thieves that attach that the owner has seen them: from now on
// it takes by CAS. It loads seq after shared, which the caller has seen not to be
// zero (N1).
func (l *lane) acknowledge() {
	if q := l.seq.Load(); l.ack.Load() != q {
		l.ack.Store(q) // N1, pairs with attach
	}
}

// pushInbox pushes a task to an inbox, and returns its key. It returns false if
// there is no free slot.
func (l *lane) pushInbox(fn *funcval, params unsafe.Pointer, flags uint64, g *Group) (key uint64, ok bool) {
	if l.queued() >= l.bound {
		return 0, false
	}
	tail := l.tail.load()
	for i := tail; i-tail <= l.mask; i++ {
		s := l.at(i)
		v := s.state.Load() // A1, pairs with R1
		if v&kindMask != free || !s.state.CompareAndSwap(v, v|taken) {
			continue
		}
		s.fn = fn
		s.params = params
		if g != nil {
			if l.groups.Load() == nil {
				l.makeGroups()
			}
			l.group(v).store(g)
		}
		store(&l.tail.v, i+1)
		l.pushed.v.Add(1)
		s.state.Store(v | flags | full) // R2, pairs with A2; P1: a full fence before the load of the gate
		return v | flags, true
	}
	return 0, false
}

// hasFree reports whether an inbox has a free slot.
func (l *lane) hasFree() bool {
	s, _ := l.room()
	return s != nil
}

// takeByCAS takes the task with that key if it is there, for a caller that is
// attached or that takes from an inbox.
func (l *lane) takeByCAS(s *slot, key uint64) bool {
	if s.state.CompareAndSwap(key|full, key|taken) { // A2, pairs with R2
		l.stolen.Add(1)
		l.pool.tellBlocked(l)
		return true
	}
	return false
}

// lingerTakes is how many tasks the owner takes before it ends an attachment that lingers,
// so that those who come now and then need not attach anew each time.
const lingerTakes = 128

// takeForeign is takeByCAS for a caller that is not attached, and waits for that task, or
// withdraws it. It may fail. Where one goroutine waits for what another one submits, the
// next one comes soon: so the attachment lingers, and the owner ends it when it has taken
// some tasks since.
func (l *lane) takeForeign(s *slot, key uint64) bool {
	if l.inbox {
		return l.takeByCAS(s, key)
	}
	if !l.attach(true) {
		return false
	}
	defer l.linger()
	return l.takeByCAS(s, key)
}

// linger ends attach for a caller after whom most likely others come.
func (l *lane) linger() {
	if l.lingers.Swap((l.begun.load()+lingerTakes)|1) != 0 { // R3, pairs with takeShared
		l.detach() // another one lingers already
	}
}

// takeShared is takeByCAS for the owner of the lane, while thieves are attached.
func (l *lane) takeShared(s *slot, key uint64) bool {
	l.acknowledge()
	if s.state.CompareAndSwap(key|full, key|taken) { // A2, pairs with R2
		l.begun.add(1)
		store(&l.last, key)
		l.pool.tellBlocked(l)
		if n := l.lingers.Load(); n != 0 && int64(l.begun.load()-n) >= 0 { // R3, pairs with linger
			l.lingers.Store(0)
			l.detach()
		}
		return true
	}
	return false
}

// takeOwn takes a task of the caller's own lane, and returns the state that it
// has put into the slot, or 0.
func (l *lane) takeOwn(s *slot, key uint64) uint64 {
	switch take(l, s, key) {
	case tookIt:
		return key | owned
	case isShared:
		if l.takeShared(s, key) {
			return key | taken
		}
	}
	return 0
}

// What take returns.
const (
	notThere = iota // the slot does not hold that task any more
	tookIt
	isShared // thieves are attached: take by CAS
	notOwner
)

// oldest returns about where the oldest task is that nobody has taken: most likely as far
// behind the tail as there are such tasks.
func (l *lane) oldest() uint64 { return l.tail.load() - uint64(max(l.queued(), 0)) }

// find returns a task that is there to be taken, the oldest first, or, if newest,
// the last one pushed. The caller may be anybody: only taking it decides.
func (l *lane) find(newest bool) (s *slot, key uint64, ok bool) {
	tail := l.tail.load()
	if newest {
		for i := tail - 1; tail-i <= l.mask+1; i-- {
			s = l.at(i)
			if v := s.state.Load(); v&kindMask == full {
				return s, v &^ kindMask, true
			}
		}
		return nil, 0, false
	}
	from := l.scan.Load()
	if tail-from > l.mask+1 { // also if from is ahead of tail
		from = tail - l.mask - 1
	}
	for i := from; i-from <= l.mask; i++ {
		s = l.at(i)
		if v := s.state.Load(); v&kindMask == full {
			l.scan.Store(i)
			return s, v &^ kindMask, true
		}
	}
	return nil, 0, false
}

// findLast returns the task that the owner most likely comes to last: the oldest one,
// or the newest if the owner has taken, or waited for, one that is older than all that
// are left.
func (l *lane) findLast() (s *slot, key uint64, ok bool) {
	s, key, ok = l.find(false)
	if ok && !l.inbox && int64(key-l.last.Load()) > 0 {
		return l.find(true)
	}
	return s, key, ok
}

// attach makes the lane shared: until detach, the caller may take its tasks by
// takeByCAS. It fails if the owner does not answer and is in the middle of a take,
// or if no barrier is to be had now; unless must is set, which waits for one.
//
// The owner loads shared after it has stored busy, in this order of the program
// but not of memory. The caller stores shared and then makes sure that the owner
// has seen it: by the answer of the owner (N1), or by a heavy barrier, after which
// an owner that is not busy sees shared in its next take, and the caller sees all
// takes before (B1).
func (l *lane) attach(must bool) bool {
	if must {
		l.mu.Lock()
	} else if !l.mu.TryLock() {
		return false
	}
	defer l.mu.Unlock()
	if l.shared.Add(1) > 1 {
		return true
	}
	q := l.seq.Add(1)
	for end := cpu.Ticks() + l.pool.times.answer; cpu.Ticks() < end; cpu.SpinTurn() {
		if l.ack.Load() == q { // N1
			return true
		}
		cpu.Relax(8)
	}
	if membarrier.Heavy(must) { // B1
		for range answerTurns {
			if l.busy.Load() == 0 {
				return true
			}
			cpu.Relax(8)
			cpu.SpinTurn()
		}
	}
	l.detach()
	return false
}

const answerTurns = 100

// detach ends attach.
func (l *lane) detach() { l.shared.Add(^uint32(0)) } // R3, pairs with the load of shared in take

// A groupOf says which Group the task in a slot belongs to.
type groupOf struct{ g atomic.Pointer[Group] }

// group returns where the Group of the task with that state is. The task must be
// grouped, or the lane have been prepared for it.
func (l *lane) group(v uint64) *groupOf {
	first := unsafe.Pointer(l.groups.Load())
	return (*groupOf)(unsafe.Add(first, uintptr(v>>posShift&l.mask)*wordSize))
}

// groupOf returns the Group of the task with that state, or nil.
func (l *lane) groupOf(v uint64) *Group {
	if v&grouped == 0 {
		return nil
	}
	return l.group(v).g.Load()
}

// holds reports whether a task of g that nobody has taken is in the slot of which that is
// the state.
func (l *lane) holds(v uint64, g *Group) bool {
	return v&kindMask == full && l.groupOf(v) == g
}

// makeGroups makes room for the Groups of the lane's tasks.
func (l *lane) makeGroups() {
	made := make([]groupOf, l.mask+1)
	l.groups.CompareAndSwap(nil, unsafe.SliceData(made))
}

// store stores the Group of a slot that belongs to the caller. The store of the slot's
// state, which comes after it, releases it. Builds without identities are those that
// the race detector watches.
func (o *groupOf) store(g *Group) {
	if hasIdentity {
		*(**Group)(unsafe.Pointer(o)) = g
	} else {
		o.g.Store(g)
	}
}

// allFailed makes every free slot of a retired lane unusable and reports whether
// there is none left that anybody may use.
func (l *lane) allFailed() bool {
	all := true
	for i := range l.mask + 1 {
		s := l.at(i)
		v := s.state.Load()
		if v&kindMask == free && s.state.CompareAndSwap(v, v|failed) {
			continue
		}
		all = all && v&kindMask == failed
	}
	return all
}

// running reports whether a task of the lane has been taken and not ended.
func (l *lane) running() bool {
	n := l.census()
	return n[owned]+n[taken] > 0
}

// census counts the slots by the kinds of their states.
func (l *lane) census() (n [kindMask + 1]int) {
	for i := range l.mask + 1 {
		n[l.at(i).state.Load()&kindMask]++
	}
	return n
}
