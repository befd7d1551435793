package zeropool

import (
	"math"
	"sync"
	"time"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/bubble"
	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/membarrier"
	"github.com/zeropool-go/zeropool/internal/park"
)

// Goroutines that wait park here: for the end of a task, a batch or a Group, and
// submitters for room.
//
// A waiter announces itself (the pool's count, then its bucket), looks once more at
// what it waits for, and sleeps. Whoever ends a task changes the state of its
// slot, then looks at the count. Both are a store and then a load of what the
// other one stores: one of the two sees the other (C1, W1). The owner of a lane
// that runs its own task has no fence between the two, so a waiter that finds a
// task that may be taken in that way executes a heavy barrier between its own.

// What one waits for is told by an address: of the slot of a task, of a batch, of a
// Group, of the lane in which its owner wants room; for room in an inbox it is
// Pool.blocked, for the end of the pool Pool.live. The address says which bucket the
// waiter is in, as in a table of futexes.

const waitBucketBits = 7

// A waitBucket holds those who wait for things with the same hash, the one that has
// waited longest first.
type waitBucket struct {
	mu      sync.Mutex
	waiting park.List
}

func (p *Pool) bucket(what unsafe.Pointer) *waitBucket {
	return &p.waits[uint64(uintptr(what)>>3)*hashFactor>>(64-waitBucketBits)]
}

// waitFor returns the address of the task with that key, after it has noted that
// somebody waits for a task of the lane.
func (l *lane) waitFor(key uint64) unsafe.Pointer {
	if !l.waited.Load() {
		l.waited.Store(true) // W1: before the count of waiters
	}
	return unsafe.Pointer(l.slot(key))
}

// waitSpins is how many turns a waiter watches before it parks.
const waitSpins = 8

// park blocks the goroutine until ended returns true, which it reports, or until
// stop is closed, or the timeout is over unless it is 0. plain says that what it
// waits for may end by a plain store of the owner of a lane.
//
// If it lends its place, a stand-in may run queued work meanwhile.
func (p *Pool) park(what unsafe.Pointer, ended func() bool, plain func() bool, lends bool, stop <-chan struct{}, timeout time.Duration) bool {
	return watchFor(ended) || p.parkNow(what, ended, plain, lends, stop, timeout)
}

// watchFor reports whether ended returns true within some turns.
func watchFor(ended func() bool) bool {
	for range waitSpins {
		if ended() {
			return true
		}
		cpu.Relax(32)
		cpu.SpinTurn()
	}
	return false
}

// parkNow is park without watching first: for those who have just given work to a
// stand-in, which is about to run on the caller's P.
func (p *Pool) parkNow(what unsafe.Pointer, ended func() bool, plain func() bool, lends bool, stop <-chan struct{}, timeout time.Duration) bool {
	b, w := p.bucket(what), p.newWaiter()
	for {
		p.gate.Add(gateWaiter) // W1, pairs with C1
		b.mu.Lock()
		b.waiting.Add(w, what)
		b.mu.Unlock()
		if plain != nil && plain() {
			membarrier.Heavy(true) // W1
		}
		done, gaveUp := ended(), false // W1
		if !done {
			if lends {
				p.lend()
			}
			gaveUp = w.Sleep(stop, timeout)
			if lends {
				p.reclaim()
			}
			done = ended()
		}
		b.mu.Lock()
		if w.Listed() {
			b.waiting.Remove(w)
			if gaveUp {
				w.Abandon()
			}
		} else {
			w.Drain() // woken while it gave up, or before it slept
		}
		b.mu.Unlock()
		p.gate.Add(^uint64(gateWaiter - 1))
		if done || gaveUp {
			p.free(w)
			return done
		}
	}
}

// newWaiter returns a waiter.
func (p *Pool) newWaiter() *park.Waiter {
	if !p.bubbled && bubble.In() {
		w := new(park.Waiter)
		w.InitBetween()
		return w
	}
	h := p.helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.waiters.Head(); w != nil {
		h.waiters.Remove(w)
		return w
	}
	w := new(park.Waiter)
	w.Init()
	return w
}

// free keeps w for the next one.
func (p *Pool) free(w *park.Waiter) {
	if w.Reusable() {
		h := p.helper()
		h.mu.Lock()
		h.waiters.Add(w, nil)
		h.mu.Unlock()
	}
}

const everyone = math.MaxInt // for wake

// wake wakes the n goroutines that have waited longest for what is at that address: they
// look again at it.
func (p *Pool) wake(what unsafe.Pointer, n int) {
	b := p.bucket(what)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting.Wake(what, n)
}
