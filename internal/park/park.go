// Package park blocks goroutines so that waking them is as quick as it can be, at the
// price that its comments name.
package park

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// States of a Parker.
const (
	awake  = 0
	drowsy = 1 // announced: looks for work once more
	asleep = 2 // blocked, or about to be
)

// A Parker blocks one goroutine until another goroutine wakes it. It waits for a channel,
// so it holds neither a thread nor a P, and the scheduler wakes the thread that has gone to
// sleep last: most likely the CPU of that one has nothing to do. For a timer it wakes the
// thread that waits for the network, which may have gone to sleep long ago on the CPU of
// who wakes it; there Linux leaves it, also while another CPU is idle, if that shares the
// last-level cache with few others.
//
// It sleeps in a futex if it is to keep its thread.
type Parker struct {
	word    atomic.Uint32
	inFutex bool
	ch      chan struct{}
}

// Init makes k usable; thread says that its goroutine keeps its thread, and bubbled that
// it belongs to a bubble of testing/synctest.
func (k *Parker) Init(thread, bubbled bool) {
	k.ch = make(chan struct{}, 1)
	k.inFutex = thread && hasFutex && !bubbled
}

// Announce says that the caller is about to sleep. It looks at what it waits for once
// more between Announce and Sleep.
func (k *Parker) Announce() { k.word.Store(drowsy) }

// Retract takes Announce back, when nobody can wake the caller any more.
func (k *Parker) Retract() { k.word.Store(awake) }

// Sleep blocks until Wake is called after Announce.
func (k *Parker) Sleep() {
	if !k.word.CompareAndSwap(drowsy, asleep) {
		return
	}
	if !k.inFutex {
		<-k.ch
		return
	}
	for k.word.Load() == asleep {
		futexWait(&k.word, asleep, 0)
	}
}

// Wake ends the sleep that Announce began. It is called once for each Announce that is
// not retracted.
func (k *Parker) Wake() {
	switch {
	case k.word.Swap(awake) != asleep:
	case k.inFutex:
		futexWake(&k.word)
	default:
		k.ch <- struct{}{}
	}
}

// Signal lets one Await return. A goroutine is in Await or in Sleep, never in both, and
// at most one signal waits for it.
func (k *Parker) Signal() { k.ch <- struct{}{} }

// Await blocks until Signal is called.
func (k *Parker) Await() { <-k.ch }

// A Napper blocks one goroutine for some microseconds. It may be cut short.
type Napper struct {
	word    atomic.Uint32
	bubbled bool     // a bubble stops its clock for a nap in the kernel, and moves it for a time.Sleep
	timer   *os.File // or nil: there is none; then it waits for sleep and ch
	sleep   *time.Timer
	ch      chan struct{}
	mu      sync.Mutex // so that Cut, after Close, does not set another timer that has got the number fd
	fd      int
}

// Init makes n usable; thread says that its goroutine keeps its thread, and bubbled that it
// belongs to a bubble of testing/synctest.
func (n *Napper) Init(thread, bubbled bool) {
	n.bubbled = bubbled
	if thread && hasFutex || bubbled {
		return
	}
	if n.timer, n.fd = newTimer(); n.timer == nil {
		n.sleep, n.ch = time.NewTimer(0), make(chan struct{}, 1)
	}
}

// Close ends the use of n.
func (n *Napper) Close() {
	if n.timer != nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.fd = -1
		_ = n.timer.Close()
	}
}

// Announce says that the caller may be about to nap: from now on Cut keeps it from that.
// It looks for a reason not to nap between Announce and Nap.
func (n *Napper) Announce() { n.word.Store(drowsy) }

// Nap blocks for about d, or until Cut is called after Announce.
func (n *Napper) Nap(d time.Duration) {
	switch {
	case n.bubbled:
		runtime.Gosched()
	case n.timer != nil:
		setTimer(n.fd, d) // before anybody may fire it
		if n.word.CompareAndSwap(drowsy, asleep) {
			waitTimer(n.timer)
		}
		if n.word.Load() != asleep {
			setTimer(n.fd, 0) // never, else it would fire for nobody
		}
	case !n.word.CompareAndSwap(drowsy, asleep):
	case n.sleep != nil:
		n.sleep.Reset(d)
		select {
		case <-n.sleep.C:
		case <-n.ch:
		}
	default:
		futexWait(&n.word, asleep, d)
	}
	n.word.Store(awake)
}

// Cut ends the nap that Announce has announced, before it begins or early.
func (n *Napper) Cut() {
	if n.word.Load() == awake || n.word.Swap(awake) != asleep {
		return
	}
	switch {
	case n.timer != nil:
		n.mu.Lock()
		defer n.mu.Unlock()
		fireTimer(n.fd)
	case n.sleep != nil:
		select {
		case n.ch <- struct{}{}:
		default:
		}
	default:
		futexWake(&n.word)
	}
}
