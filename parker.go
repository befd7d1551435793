package zeropool

import (
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

// States of a parker.
const (
	awake  = 0
	drowsy = 1 // announced: looks for work once more
	asleep = 2 // blocked, or about to be
)

// A parker blocks one worker or stand-in until another goroutine wakes it. It
// sleeps in a read of an event descriptor through the network poller, which holds
// neither a thread nor a P and wakes as fast as a futex; in a futex if it is to
// keep its thread (WithPinning(Hold)); and on a channel where neither is to be had
// and in a bubble of testing/synctest, where only a channel counts as blocked.
type parker struct {
	word   atomic.Uint32
	thread bool // sleep in a futex
	event  *os.File
	fd     int
	ch     chan struct{}
}

func (k *parker) init(thread, bubbled bool) {
	if k.ch != nil {
		return
	}
	k.ch = make(chan struct{}, 1)
	k.thread = thread && hasFutex && !bubbled
	if !k.thread && !bubbled {
		k.event, k.fd = newEvent()
	}
}

func (k *parker) close() {
	if k.event != nil {
		_ = k.event.Close()
	}
}

// announce says that the caller is about to sleep. It looks at every source of
// work once more between announce and sleep.
func (k *parker) announce() { k.word.Store(drowsy) }

// retract takes announce back, when nobody can wake the caller any more.
func (k *parker) retract() { k.word.Store(awake) }

// sleep blocks until wake is called after announce.
func (k *parker) sleep() {
	if !k.word.CompareAndSwap(drowsy, asleep) {
		return
	}
	switch {
	case k.thread:
		for k.word.Load() == asleep {
			futexWait(&k.word, asleep, 0)
		}
	case k.event != nil:
		waitEvent(k.event)
	default:
		<-k.ch
	}
}

// wake ends the sleep that announce began. It is called once for each announce
// that is not retracted.
func (k *parker) wake() {
	switch {
	case k.word.Swap(awake) != asleep:
	case k.thread:
		futexWake(&k.word)
	case k.event != nil:
		signalEvent(k.fd)
	default:
		k.ch <- struct{}{}
	}
}

// A napper blocks the pool's poller for some microseconds. It may be cut short.
type napper struct {
	word    atomic.Uint32 // asleep while the poller naps in a futex
	bubbled bool          // a bubble stops its clock for a nap in the kernel, and moves it for a time.Sleep
	timer   *os.File
	fd      int
}

func (n *napper) init(thread, bubbled bool) {
	n.bubbled = bubbled
	if !thread && !bubbled {
		n.timer, n.fd = newTimer()
	}
}

func (n *napper) close() {
	if n.timer != nil {
		_ = n.timer.Close()
	}
}

// nap blocks for about d, or until cut is called; thread says that the caller is
// to keep its thread.
func (n *napper) nap(d time.Duration, thread bool) {
	if n.bubbled {
		runtime.Gosched()
		return
	}
	n.word.Store(asleep)
	switch {
	case thread && hasFutex:
		futexWait(&n.word, asleep, d)
	case n.timer != nil:
		setTimer(n.fd, d)
		waitEvent(n.timer)
	default:
		time.Sleep(d)
	}
	n.word.Store(awake)
}

// cut ends a nap early, as a rule: one that begins at the same moment may last.
func (n *napper) cut() {
	if n.word.Load() != asleep || !n.word.CompareAndSwap(asleep, awake) {
		return
	}
	if n.timer != nil {
		setTimer(n.fd, time.Nanosecond)
	} else if hasFutex {
		futexWake(&n.word)
	}
}
