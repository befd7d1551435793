package park

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Each Wake ends one Sleep, whichever of the two comes first, in every way of parking.
func TestParkerWakes(t *testing.T) {
	for _, thread := range []bool{false, true} {
		var k Parker
		k.Init(thread, false)
		turn := make(chan struct{})
		var slept atomic.Int32
		const n = 2000
		go func() {
			if thread {
				runtime.LockOSThread()
			}
			for range n {
				k.Announce()
				turn <- struct{}{}
				k.Sleep()
				slept.Add(1)
			}
			close(turn)
		}()
		woken := int32(0)
		for range turn {
			if got := slept.Load(); got != woken {
				t.Fatalf("thread %v: %d wake-ups ended %d sleeps", thread, woken, got)
			}
			woken++
			k.Wake()
		}
		if woken != n {
			t.Errorf("thread %v: %d turns", thread, woken)
		}
	}
}

// Who takes Announce back needs no Wake, and the next one works.
func TestParkerRetracts(t *testing.T) {
	var k Parker
	k.Init(false, false)
	k.Announce()
	k.Retract()
	k.Announce()
	go k.Wake()
	k.Sleep()
}

// A Signal is for Await.
func TestParkerSignal(t *testing.T) {
	var k Parker
	k.Init(false, false)
	k.Signal()
	k.Await()
	go k.Signal()
	k.Await()
}

// A parker of a bubble sleeps and wakes there.
func TestParkerInBubble(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		var k Parker
		k.Init(false, true)
		k.Announce()
		go func() {
			time.Sleep(time.Hour)
			k.Wake()
		}()
		k.Sleep()
	})
}

// A goroutine outside of a bubble is woken from inside.
func TestParkerWokenFromBubble(t *testing.T) {
	var k Parker
	k.Init(false, false)
	woken := make(chan struct{})
	k.Announce()
	go func() {
		defer close(woken)
		k.Sleep()
	}()
	for k.word.Load() != asleep {
		runtime.Gosched()
	}
	synctest.Test(t, func(*testing.T) { k.Wake() })
	<-woken
}

// A nap ends by itself, and a cut ends a long one, before it begins and early: no test may
// wait for its hour.
func TestNapperCut(t *testing.T) {
	for name, prepare := range map[string]func(n *Napper){
		"futex":    func(n *Napper) { n.Init(true, false) },
		"timer":    func(n *Napper) { n.Init(false, false) },
		"no timer": func(n *Napper) { n.sleep, n.ch = time.NewTimer(0), make(chan struct{}, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			var n Napper
			prepare(&n)
			defer n.Close()
			n.Announce()
			n.Nap(time.Microsecond)
			for range 100 {
				n.Announce()
				n.Cut()
				n.Nap(time.Hour)
				ended := make(chan struct{})
				n.Announce()
				go func() {
					defer close(ended)
					n.Nap(time.Hour)
				}()
				n.Cut()
				<-ended
				n.Announce()
				go func() {
					for n.word.Load() != asleep {
						runtime.Gosched()
					}
					n.Cut()
				}()
				n.Nap(time.Hour)
			}
		})
	}
}

// A Wake before Sleep is kept; a drained one is not; and a Sleep gives up when it is told
// to.
func TestWaiter(t *testing.T) {
	w := newWaiter()
	w.Wake()
	if w.Sleep(nil, 0) {
		t.Error("gave up, though it was woken before")
	}
	w.Wake()
	w.Drain()
	stop := make(chan struct{})
	close(stop)
	if !w.Sleep(stop, 0) || !w.Sleep(nil, time.Nanosecond) {
		t.Error("was woken by what was drained")
	}
	w.Drain()
	go w.Wake()
	if w.Sleep(nil, time.Hour) {
		t.Error("gave up after an hour")
	}
}

// A goroutine of a bubble is woken from outside of it; one that gives up leaves nobody
// behind, who would keep the bubble from ending.
func TestWaiterBetween(t *testing.T) {
	wake := make(chan *Waiter)
	defer close(wake)
	go func() {
		for w := range wake {
			w.Wake()
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		for _, timeout := range []time.Duration{0, time.Hour} {
			w := NewBetween()
			wake <- w
			if w.Sleep(nil, timeout) {
				t.Errorf("timeout %v: gave up", timeout)
			}
		}
		w := NewBetween()
		stop := make(chan struct{})
		close(stop)
		if !w.Sleep(stop, 0) {
			t.Error("was woken by nobody")
		}
		w.Abandon()
	})
}

// A timeout that came at the same time as a wake-up ends no later sleep, though under
// GODEBUG=asynctimerchan=1 the channel of a timer keeps it.
func TestTimeoutOfAnEarlierSleep(t *testing.T) {
	for _, setting := range []string{"asynctimerchan=0", "asynctimerchan=1"} {
		t.Setenv("GODEBUG", setting)
		w := newWaiter()
		for range 20_000 {
			go w.Wake()
			if w.Sleep(nil, time.Microsecond) {
				w.Sleep(nil, 0)
			}
			w.Wake()
			if w.Sleep(nil, time.Hour) {
				t.Fatalf("%s: a timeout of an hour has come at once", setting)
			}
		}
	}
}
