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
// A waiter announces itself (the pool's count, then the list), looks once more at
// what it waits for, and sleeps. Whoever ends a task changes the state of its
// slot, then looks at the count. Both are a store and then a load of what the
// other one stores: one of the two sees the other (C1, W1). The owner of a lane
// that runs its own task has no fence between the two, so a waiter that finds a
// task that may be taken in that way executes a heavy barrier between its own.

// A waitList is the list of the goroutines that wait for one thing, under the
// lock of its stripe, the one that has waited longest first.
type waitList = park.List

const (
	waitStripeBits = 4
	waitStripes    = 1 << waitStripeBits
)

type waitStripe struct {
	mu    sync.Mutex
	spare park.List
	_     [lineSize]byte
}

func (p *Pool) stripe(l *waitList) *waitStripe {
	return &p.stripes[uint64(uintptr(unsafe.Pointer(l))>>3)*hashFactor>>(64-waitStripeBits)]
}

// waitListOf returns the list of those who wait for the task with that key.
func (l *lane) waitListOf(key uint64) *waitList {
	ws := l.waits.Load()
	if ws == nil {
		made := make([]waitList, l.mask+1)
		l.waits.CompareAndSwap(nil, &made)
		ws = l.waits.Load()
	}
	return &(*ws)[key>>posShift&l.mask]
}

// waitSpins is how many turns a waiter watches before it parks.
const waitSpins = 8

// park blocks the goroutine until ended returns true, which it reports, or until
// stop is closed, or the timeout is over unless it is 0. plain says that what it
// waits for may end by a plain store of the owner of a lane.
//
// If it lends its place, a stand-in may run queued work meanwhile.
func (p *Pool) park(list *waitList, ended func() bool, plain func() bool, lends bool, stop <-chan struct{}, timeout time.Duration) bool {
	return watchFor(ended) || p.parkNow(list, ended, plain, lends, stop, timeout)
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
func (p *Pool) parkNow(list *waitList, ended func() bool, plain func() bool, lends bool, stop <-chan struct{}, timeout time.Duration) bool {
	st := p.stripe(list)
	w := p.newWaiter(st)
	for {
		p.gate.Add(gateWaiter) // W1, pairs with C1
		st.mu.Lock()
		list.Add(w)
		st.mu.Unlock()
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
		st.mu.Lock()
		if w.Listed() {
			list.Remove(w)
			if gaveUp {
				w.Abandon()
			}
		} else {
			w.Drain() // woken while it gave up, or before it slept
		}
		if done || gaveUp {
			p.free(w, st)
		}
		st.mu.Unlock()
		p.gate.Add(^uint64(gateWaiter - 1))
		if done || gaveUp {
			return done
		}
	}
}

// newWaiter returns a waiter.
func (p *Pool) newWaiter(st *waitStripe) *park.Waiter {
	if !p.bubbled && bubble.In() {
		w := new(park.Waiter)
		w.InitBetween()
		return w
	}
	if w := p.helper().waiter.Swap(nil); w != nil {
		return w
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if w := st.spare.Head(); w != nil {
		st.spare.Remove(w)
		return w
	}
	w := new(park.Waiter)
	w.Init()
	return w
}

// free keeps w for the next one, that of the same goroutine first. The caller holds
// st.mu.
func (p *Pool) free(w *park.Waiter, st *waitStripe) {
	if w.Reusable() && !p.helper().waiter.CompareAndSwap(nil, w) {
		st.spare.Add(w)
	}
}

const everyone = math.MaxInt // for wake

// wake wakes the n goroutines in a list that have waited longest: they look again at
// what they wait for.
func (p *Pool) wake(list *waitList, n int) {
	st := p.stripe(list)
	st.mu.Lock()
	defer st.mu.Unlock()
	for w := list.Head(); w != nil && n > 0; w = list.Head() {
		list.Remove(w)
		w.Wake()
		n--
	}
}
