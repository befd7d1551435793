package zeropool

import (
	"math"
	"time"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/bubble"
	"github.com/zeropool-go/zeropool/internal/cpu"
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

// waitSpins is how many turns a waiter watches before it parks.
const waitSpins = 8

// park blocks the goroutine until ended returns true, which it reports, or until
// stop is closed, or the timeout is over unless it is 0. Where what it waits for may end
// by a plain store of the owner of a lane, ended executes the heavy barrier.
//
// If it lends its place, a stand-in may run queued work meanwhile.
func (p *Pool) park(what unsafe.Pointer, ended func() bool, lends bool, stop <-chan struct{}, timeout time.Duration) bool {
	return watchFor(ended) || p.parkNow(what, ended, lends, stop, timeout)
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
func (p *Pool) parkNow(what unsafe.Pointer, ended func() bool, lends bool, stop <-chan struct{}, timeout time.Duration) bool {
	h := p.helper() // once: the stack, which it goes by, may move meanwhile
	w := p.newWaiter(h)
	for {
		p.gate.Add(gateWaiter) // W1, pairs with C1
		p.waits.Enter(w, what)
		done, gaveUp := ended(), false // W1
		if !done {
			if lends {
				p.lend()
			}
			gaveUp = w.Sleep(stop, timeout)
			if lends {
				p.takePlace()
			}
			done = ended()
		}
		p.waits.Leave(w, what, gaveUp)
		p.gate.Add(^uint64(gateWaiter - 1))
		if done || gaveUp {
			h.waiters.Keep(w)
			return done
		}
	}
}

// newWaiter returns a waiter, if it may one that h has kept.
func (p *Pool) newWaiter(h *helper) *park.Waiter {
	if !p.bubbled && bubble.In() {
		return park.NewBetween()
	}
	return h.waiters.Take()
}

const everyone = math.MaxInt // for wake

// wake wakes the n goroutines that have waited longest for what is at that address: they
// look again at it.
func (p *Pool) wake(what unsafe.Pointer, n int) { p.waits.Wake(what, n) }
