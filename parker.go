package zeropool

import (
	"math"
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
// waits for a timer that whoever wakes it sets to now. So it holds neither a thread
// nor a P, and for a timer the scheduler interrupts the thread that waits for the
// network, or starts one where none does: the sleeper is awake as soon as one in a
// futex would be. A send to a channel starts a thread always, which takes longer. An
// eventfd is seen by a thread that waits for the network, or after 10 ms: the one that
// brings the first of two workers to their work has left the second behind.
//
// It sleeps in a futex if it is to keep its thread (WithPinning(Hold)). In a bubble of
// testing/synctest "now" is another time, so one that is there wakes by a channel.
type parker struct {
	word    atomic.Uint32
	inFutex bool
	timed   bool        // sleeps until a timer; not in a bubble, or where none can be told
	timer   *time.Timer // or nil: not prepared
	ch      chan struct{}
}

func (k *parker) init(thread, bubbled bool) {
	k.ch = make(chan struct{}, 1)
	k.inFutex = thread && hasFutex && !bubbled
	k.timed = !k.inFutex && !bubbled && tellsBubbles
}

// announce says that the caller is about to sleep. It looks at every source of
// work once more between announce and sleep.
func (k *parker) announce() {
	k.prepare()
	k.word.Store(drowsy)
}

// prepare makes what sleep needs, unless there is one.
func (k *parker) prepare() {
	if k.timed && k.timer == nil {
		k.timer = time.NewTimer(math.MaxInt64)
		k.timer.Stop()
	}
}

// retract takes announce back, when nobody can wake the caller any more.
func (k *parker) retract() { k.word.Store(awake) }

// sleep blocks until wake is called after announce.
func (k *parker) sleep() {
	if !k.word.CompareAndSwap(drowsy, asleep) {
		return
	}
	switch {
	case k.inFutex:
		for k.word.Load() == asleep {
			futexWait(&k.word, asleep, 0)
		}
	case k.timed:
		select {
		case <-k.timer.C:
		case <-k.ch:
		}
	default:
		<-k.ch
	}
}

// wake ends the sleep that announce began. It is called once for each announce
// that is not retracted.
func (k *parker) wake() {
	switch {
	case k.word.Swap(awake) != asleep:
	case k.inFutex:
		futexWake(&k.word)
	case k.timed && !inBubble():
		k.timer.Reset(0)
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
		waitTimer(n.timer)
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
