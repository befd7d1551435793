//go:build !linux

package zeropool

import (
	"sync/atomic"
	"time"
)

// parker blocks one worker until another goroutine wakes it.
type parker struct {
	word atomic.Uint32 // wakeAwake or wakeAsleep
	ch   chan struct{}
}

const (
	wakeAwake  = 0
	wakeAsleep = 1
)

func (k *parker) init(bool) { k.ch = make(chan struct{}, 1) }

// announce says that the worker is about to sleep. The caller re-checks every
// source of work between announce and sleep.
func (k *parker) announce() { k.word.Store(wakeAsleep) }

// asleep reports whether nobody has called wake since announce.
func (k *parker) asleep() bool { return k.word.Load() == wakeAsleep }

// retract takes announce back. A wake that comes too late for it is dropped.
func (k *parker) retract() {
	if k.word.Swap(wakeAwake) == wakeAwake {
		<-k.ch
	}
}

// sleep blocks until wake is called after announce.
func (k *parker) sleep() { <-k.ch }

// sleepFor is sleep for at most d, and reports whether wake was called.
func (k *parker) sleepFor(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-k.ch:
		return true
	case <-t.C:
		return false
	}
}

// wake ends the sleep that announce began, and reports whether there was one.
func (k *parker) wake() bool {
	if k.word.Swap(wakeAwake) != wakeAsleep {
		return false
	}
	k.ch <- struct{}{}
	return true
}
