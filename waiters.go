package zeropool

import (
	"sync"
	"unsafe"
)

// Goroutines that wait for tasks park here, in a table of buckets by the
// address of the record, so that a record needs no room for them and is touched
// no more once its task has ended.
//
// A waiter announces itself (the pool's count, then the bucket), looks at the
// record again, and sleeps. The goroutine that ends a task changes the record,
// then looks at the count. Both are full fences between a store and a load of
// the other's (C1, W1): one of the two sees the other.
const waitBuckets = 256

var waitTable [waitBuckets]struct {
	mu    sync.Mutex
	first *waiter
	spare *waiter
	_     [lineSize]byte
}

// waitable is what one can wait for: a Future or a Group.
type waitable struct {
	f Future
	g *Group
}

func (w waitable) ended() bool {
	if w.g != nil {
		return w.g.ended()
	}
	return w.f.Done()
}

func (w waitable) record() *record {
	if w.g != nil {
		return &w.g.rec
	}
	return w.f.r
}

type waiter struct {
	what waitable
	wake chan struct{}
	next *waiter
}

func bucketOf(r *record) int {
	return int(uint64(uintptr(unsafe.Pointer(r))>>4) * 0x9E3779B97F4A7C15 >> 56)
}

// waitSpins is how many turns a waiter watches before it parks.
const waitSpins = 8

// park blocks the goroutine until what has ended, which it reports, or until
// stop is closed.
func (p *Pool) park(what waitable, stop <-chan struct{}) bool {
	for range waitSpins {
		if what.ended() {
			return true
		}
		relax(32)
		spinTurn()
	}
	b := &waitTable[bucketOf(what.record())]
	p.gate.Add(gateWaiter) // W1, pairs with C1; H1, see beforePark
	b.mu.Lock()
	w := b.spare
	if w != nil {
		b.spare = w.next
	} else {
		w = &waiter{wake: make(chan struct{}, 1)}
	}
	w.what, w.next = what, b.first
	b.first = w
	b.mu.Unlock()

	ended := what.ended()
	if !ended {
		p.beforePark()
		select {
		case <-w.wake:
			ended = true
		case <-stop:
		}
	}

	b.mu.Lock()
	for at := &b.first; *at != nil; at = &(*at).next {
		if *at == w {
			*at = w.next
			break
		}
	}
	select {
	case <-w.wake:
	default:
	}
	w.what, w.next = waitable{}, b.spare
	b.spare = w
	b.mu.Unlock()
	p.gate.Add(^uint64(gateWaiter - 1))
	return ended || what.ended()
}

// wakeWaiters wakes the goroutines that wait for the use of r that has just
// ended.
func (p *Pool) wakeWaiters(r *record) (woke bool) {
	if p.gate.Load() >= gateWaiter { // C1, pairs with W1
		return wakeBucket(r)
	}
	return false
}

func wakeBucket(r *record) (woke bool) {
	b := &waitTable[bucketOf(r)]
	b.mu.Lock()
	defer b.mu.Unlock()
	for at := &b.first; *at != nil; {
		w := *at
		if w.what.record() != r || !w.what.ended() {
			at = &w.next
			continue
		}
		*at = w.next
		w.wake <- struct{}{} // has room: it is sent once for each time in the list
		woke = true
	}
	return woke
}
