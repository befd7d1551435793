package zeropool

import (
	"sync/atomic"
	"time"
)

// States of a parker.
const (
	awake  = 0
	drowsy = 1 // announced: looks for work once more, or spins
	asleep = 2 // blocked, or about to be
)

// parker blocks one worker until another goroutine wakes it.
type parker struct {
	word   atomic.Uint32
	thread bool // sleep in a futex, see park_linux.go
	ch     chan struct{}
	timer  *time.Timer
}

func (k *parker) init(thread bool) {
	k.thread = thread
	k.ch = make(chan struct{}, 1)
	k.timer = time.NewTimer(time.Hour)
	k.timer.Stop()
}

// announce says that the worker is about to sleep. The caller re-checks every
// source of work between announce and sleep.
func (k *parker) announce() { k.word.Store(drowsy) }

// woken reports whether wake has been called since announce.
func (k *parker) woken() bool { return k.word.Load() == awake }

// retract takes announce back, for a worker that nobody can wake any more.
func (k *parker) retract() { k.word.Store(awake) }

// sleep blocks until wake is called after announce.
func (k *parker) sleep() {
	if !k.word.CompareAndSwap(drowsy, asleep) {
		return
	}
	if k.thread {
		k.futexWait(0)
		return
	}
	<-k.ch
}

// sleepFor is sleep for at most about d, and reports whether wake was called. If
// not, the announcement still stands.
func (k *parker) sleepFor(d time.Duration) bool {
	if !k.word.CompareAndSwap(drowsy, asleep) {
		return true
	}
	if k.thread {
		k.futexWait(d)
		return !k.word.CompareAndSwap(asleep, drowsy)
	}
	k.timer.Reset(d)
	select {
	case <-k.ch:
		k.timer.Stop()
		return true
	case <-k.timer.C:
	}
	if k.word.CompareAndSwap(asleep, drowsy) {
		return false
	}
	<-k.ch
	return true
}

// wake ends the sleep that announce began. It is called once for each announce
// that is not retracted.
func (k *parker) wake() {
	switch {
	case k.word.Swap(awake) != asleep:
	case k.thread:
		k.futexWake()
	default:
		k.ch <- struct{}{}
	}
}
