package zeropool

import (
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// A ring is a bounded queue of tasks for any number of producers and consumers,
// after Dmitry Vyukov's bounded MPMC queue: every slot carries a sequence
// number that says which position may use it, and for what.
//
// Ownership of the slot of position p (slot p mod capacity):
//
//	seq == p           free: belongs to the submitter whose CAS moved tail over p
//	seq == p+1         full: belongs to nobody; the CAS that sets p's bit in the
//	                   claim word of its block gives it to a consumer
//	seq == p+capacity  released: free for position p+capacity
//	seq == heldBy(p)   taken, and held by the waiter that runs the task; see held.go
//
// Where Vyukov's consumers claim by moving a head cursor, ours claim by a bit:
// one 64-bit claim word for each block of 8 slots holds a bit for each slot and
// a version. One CAS takes any of the up to 8 tasks of a block, so a waiter can
// take the very task it waits for out of the middle, a cancellation can
// withdraw one, a stalled submitter holds up no slot but its own, and a batch
// of 8 still costs one locked instruction. head is only where to start looking.
//
// Positions are 64-bit, compared by signed difference, and may wrap.
//
// The pointer words of a slot are stored by Go code with ordinary typed stores,
// between claim and publish by the submitter and between take and release by
// the consumer: the garbage collector's write barrier must see them. The
// assembly behind claim, publish, take, release and rearm stores integers only.
//
// The labels R1, A1 ... name the ordering edges; docs/protocol.md proves them.
type ring struct {
	tail atomic.Uint64 // next position to fill; moved by submitters' CAS
	_    [lineSize - 8]byte

	head atomic.Uint64 // every position before it has been claimed by a consumer
	_    [lineSize - 8]byte

	slots    unsafe.Pointer  // *slot, capacity of them
	claims   unsafe.Pointer  // *atomic.Uint64, one for each block
	grouped  []groupEntry    // by slot: what belongs to a task of a Group, until it is taken
	held     []atomic.Uint64 // by slot: tasks that waiters have run while they held it
	mask     uint64          // capacity-1
	lapShift uint64          // log2 of the capacity
	id       uint32          // index of the ring in its pool
	plain    *outcome        // what the records in the slots point to
	_        [lineSize - 2*3*wordSize - 2*wordSize - wordSize - 24]byte
}

// lineSize is the distance that keeps two words off each other's cache lines:
// two 64-byte lines, because Intel prefetches in pairs and Apple's are 128.
const lineSize = 128

// groupEntry is the part of a Group's task that its slot has no room for.
type groupEntry struct {
	record *record               // the slot's own record, whose place the group's has taken
	group  atomic.Pointer[Group] // for waiters that look for tasks of their group
}

type slot struct {
	seq  atomic.Uint64
	task task
}

const (
	blockShift = 3
	blockSize  = 1 << blockShift // slots of one claim word; also the largest batch of take
	blockMask  = blockSize - 1
	claimBits  = 1<<blockSize - 1 // the claim word's bits; the rest is a version
	claimStep  = 1 << blockSize   // added to the claim word by each claim
	maxClaim   = 64               // largest batch of claim

	minCapacity     = 2
	defaultCapacity = 1024
	maxCapacity     = 1 << 24
)

// A slot is 32 bytes where pointers have 8.
const (
	_ = uint(unsafe.Sizeof(slot{}) - (8 + (3*wordSize+7)&^7))
	_ = uint((8 + (3*wordSize+7)&^7) - unsafe.Sizeof(slot{}))
	_ = uint(unsafe.Offsetof(ring{}.head) - lineSize)
	_ = uint(unsafe.Offsetof(ring{}.slots) - 2*lineSize)
	_ = uint(-(unsafe.Sizeof(ring{}) % lineSize))
)

// initRing prepares q for capacity slots (a power of two), the first position
// being start. slots and claims may be longer than needed.
func (q *ring) init(id uint32, slots []slot, claims []atomic.Uint64, capacity int, start uint64) {
	q.slots = unsafe.Pointer(unsafe.SliceData(slots[:capacity]))
	q.claims = unsafe.Pointer(unsafe.SliceData(claims[:(capacity+blockMask)/blockSize]))
	q.grouped = make([]groupEntry, capacity)
	q.held = make([]atomic.Uint64, capacity)
	q.mask = uint64(capacity - 1)
	q.lapShift = uint64(bits.TrailingZeros64(uint64(capacity)))
	q.id = id
	q.tail.Store(start)
	q.head.Store(start)
	for i := range uint64(capacity) {
		p := start + i
		q.slot(p).seq.Store(p)
		// Unclaimed for the first lap means claimed for the one before.
		if q.lapBits(p-q.mask-1) != 0 {
			c := q.claim(p)
			c.Store(c.Load() | 1<<(p&q.mask&blockMask))
		}
	}
}

func (q *ring) slot(pos uint64) *slot {
	return (*slot)(unsafe.Add(q.slots, uintptr(pos&q.mask)*unsafe.Sizeof(slot{})))
}

func (q *ring) claim(pos uint64) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Add(q.claims, uintptr(pos&q.mask)>>blockShift*8))
}

// lapBits is what the claim bits of pos's block read once claimed in pos's lap:
// all ones in even laps, all zeros in odd ones.
func (q *ring) lapBits(pos uint64) uint64 {
	return (pos>>q.lapShift&1 - 1) & claimBits
}

// unclaimed returns the bits, at pos and after it in its block, that claim word
// c shows as not yet claimed in pos's lap.
func (q *ring) unclaimed(c, pos uint64) uint64 {
	at := pos & q.mask
	n := min(q.mask+1-at&^blockMask, blockSize)
	return (c ^ q.lapBits(pos)) & (1<<n - 1) >> (at & blockMask) << (at & blockMask)
}

// look says what has become of position pos.
func (q *ring) look(pos uint64) position {
	c := q.claim(pos).Load() // before seq, as in take (A3)
	switch d := lead(q.slot(pos).seq.Load(), pos); {
	case d < 0:
		return blank
	case d == 0 && q.unclaimed(c, pos)&(1<<(pos&q.mask&blockMask)) != 0:
		return full
	}
	return gone
}

type position uint8

const (
	blank position = iota // nothing published there yet
	full                  // a task that anybody may take
	gone                  // taken
)

type dequeueStatus uint8

const (
	taken   dequeueStatus = iota
	empty                 // every position that a submitter claimed has been taken
	pending               // the oldest task's submitter is between claim and publish
)

// dequeue takes the oldest tasks, at most n <= blockSize of them and never
// beyond their block, into out. The caller owns their slots until it calls
// release or rearm. It starts at from: every position before it must have been
// taken; pass q.head.Load() when nothing better is known.
func (q *ring) dequeue(from uint64, out *task, n uint64) (pos, got uint64, st dequeueStatus) {
	for {
		// Skip what the claim word shows as taken. Should from be more than a
		// lap old, the bits may mean another lap, but take cannot be deceived.
		un := q.unclaimed(q.claim(from).Load(), from)
		if un == 0 {
			from = q.nextBlock(from)
			if int64(q.tail.Load()-from) <= 0 {
				return from, 0, empty
			}
			continue
		}
		from += uint64(bits.TrailingZeros64(un)) - from&q.mask&blockMask
		if got = take(q, from, n, out); got != 0 {
			if end := from + got; end == q.nextBlock(from) {
				q.advance(end)
			}
			return from, got, taken
		}
		switch q.look(from) {
		case gone:
			from++
			if h := q.head.Load(); int64(h-from) > 0 {
				from = h
			}
		case blank:
			// A claimed position is work that is about to appear, which a
			// parking worker must not overlook.
			if int64(q.tail.Load()-from) <= 0 {
				return from, 0, empty
			}
			return from, 0, pending
		}
	}
}

// dequeuePast takes one task from behind a position whose submitter has not
// published yet.
func (q *ring) dequeuePast(pos uint64, out *task) (uint64, bool) {
	for end := q.tail.Load(); int64(end-pos) > 0; pos++ {
		if take(q, pos, 1, out) == 1 {
			return pos, true
		}
	}
	return 0, false
}

// takeAt takes the task of one position, wherever it stands in the queue, and
// reports whether it was there to be taken.
func (q *ring) takeAt(pos uint64, out *task) bool {
	if take(q, pos, 1, out) == 0 {
		return false
	}
	// Either end of a block will do: whatever order tasks are taken in, head
	// stays behind by a block or two at most.
	if at := pos & q.mask; at&blockMask == 0 || (at+1)&q.mask&blockMask == 0 {
		q.settle()
	}
	return true
}

func (q *ring) nextBlock(pos uint64) uint64 {
	at := pos & q.mask
	return pos - at + min(at&^blockMask+blockSize, q.mask+1)
}

// advance moves head up to end, every position before which has been taken.
// Losing the CAS to another consumer costs that consumer's successors nothing
// but a few taken positions to skip.
func (q *ring) advance(end uint64) {
	if h := q.head.Load(); int64(end-h) > 0 {
		q.head.CompareAndSwap(h, end)
	}
}

// settle moves head over the blocks that have been taken whole: those whose claim
// word says so, and those that lie a lap behind tail. Every position before head
// has been taken, so a bit has flipped for each lap before head's; if it has
// flipped twice more, it reads as not taken.
func (q *ring) settle() {
	for {
		h := q.head.Load()
		next := q.nextBlock(h)
		if q.unclaimed(q.claim(h).Load(), h) != 0 && int64(q.tail.Load()-next) <= int64(q.mask) {
			return
		}
		q.head.CompareAndSwap(h, next)
	}
}

// hasWork reports whether a position that a submitter has claimed has not been
// taken: a queued task, or one that is about to be published.
//
// The caller has announced itself idle with a locked instruction before. The
// load of tail pairs with the submitter's CAS (edge P1): either this load sees
// the claim, or the submitter's later load of the gate sees the announcement.
func (q *ring) hasWork() bool {
	pos := q.head.Load()
	for end := q.tail.Load(); int64(end-pos) > 0; pos++ {
		if q.look(pos) != gone {
			return true
		}
	}
	return false
}

// oldest returns the first position that has not been taken.
func (q *ring) oldest() uint64 {
	pos := q.head.Load()
	for end := q.tail.Load(); int64(end-pos) > 0 && q.look(pos) == gone; {
		pos++
	}
	return pos
}

// queued counts the tasks that have not been taken; it is exact at rest.
func (q *ring) queued() int {
	n := 0
	pos := q.head.Load()
	for end := q.tail.Load(); int64(end-pos) > 0; pos++ {
		if q.look(pos) != gone {
			n++
		}
	}
	return n
}
