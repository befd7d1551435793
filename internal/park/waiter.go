package park

import (
	"sync"
	"time"
	"unsafe"
)

// A Waiter blocks any goroutine, for as long as it likes, and again and again. Sleep
// returns at once if Wake came before it: each Sleep takes one Wake.
type Waiter struct {
	ch         chan struct{}
	lock       *sync.Mutex // or nil; Wake unlocks it instead, see NewBetween
	timer      *time.Timer
	what       unsafe.Pointer // see List.Add
	prev, next *Waiter        // in a List; prev of the first is the last
	listed     bool
}

func newWaiter() *Waiter { return &Waiter{ch: make(chan struct{}, 1)} }

// NewBetween returns a Waiter for a goroutine in a bubble of testing/synctest that others
// outside of it wake. Neither a channel nor a condition may be used there: those of the
// bubble must not be touched from outside, and none of the bubble may be kept. A mutex is
// of no bubble.
func NewBetween() *Waiter {
	w := &Waiter{lock: new(sync.Mutex)}
	w.lock.Lock()
	return w
}

// Wake ends one Sleep.
func (w *Waiter) Wake() {
	if w.lock != nil {
		w.lock.Unlock()
		return
	}
	w.ch <- struct{}{} // has room: the last one has been taken, or drained
}

// Drain forgets a Wake that no Sleep has taken.
func (w *Waiter) Drain() {
	select {
	case <-w.ch:
	default:
	}
}

// Abandon is called after a Sleep that gave up, when no Wake will come any more.
func (w *Waiter) Abandon() {
	if w.lock != nil {
		w.lock.Unlock() // lets the goroutine of sleepBetween end
	}
}

// Sleep blocks until Wake is called, and reports whether it gave up because stop was
// closed or the timeout was over, unless that is 0.
func (w *Waiter) Sleep(stop <-chan struct{}, timeout time.Duration) (gaveUp bool) {
	if w.lock != nil {
		return w.sleepBetween(stop, timeout)
	}
	if stop == nil && timeout == 0 {
		<-w.ch
		return false
	}
	if timeout == 0 {
		return wait(w.ch, stop, nil)
	}
	if w.timer == nil {
		w.timer = time.NewTimer(timeout)
	} else {
		w.timer.Reset(timeout)
	}
	select {
	case <-w.ch:
	case <-stop:
		gaveUp = true
	case <-w.timer.C:
		return true
	}
	if !w.timer.Stop() {
		w.timer = nil // its time has come, and under GODEBUG=asynctimerchan=1 its channel may say so later
	}
	return gaveUp
}

// sleepBetween is Sleep for one of NewBetween: a second goroutine waits for the mutex and
// closes a channel that never leaves the bubble.
func (w *Waiter) sleepBetween(stop <-chan struct{}, timeout time.Duration) (gaveUp bool) {
	if stop == nil && timeout == 0 {
		w.lock.Lock()
		return false
	}
	woken := make(chan struct{})
	go func() {
		w.lock.Lock()
		close(woken)
	}()
	var over <-chan time.Time
	if timeout > 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		over = t.C
	}
	return wait(woken, stop, over)
}

func wait(woken, stop <-chan struct{}, over <-chan time.Time) (gaveUp bool) {
	select {
	case <-woken:
		return false
	case <-stop:
	case <-over:
	}
	return true
}
