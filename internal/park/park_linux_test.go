package park

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Who cuts a nap short and comes late, when the Napper has been closed, leaves the timer
// alone that has got its number.
func TestNapperCutAfterClose(t *testing.T) {
	var n Napper
	n.Init(false, false)
	if n.timer == nil {
		t.Skip("no timers")
	}
	number := n.fd
	n.Close()
	others, fd := newTimer()
	defer others.Close()
	if fd != number {
		t.Skipf("timer %d is followed by %d", number, fd)
	}
	n.word.Store(asleep)
	n.Cut()
	var left unix.ItimerSpec
	if err := unix.TimerfdGettime(fd, &left); err != nil {
		t.Fatal(err)
	}
	if left != (unix.ItimerSpec{}) {
		t.Errorf("the timer of somebody else was set to %v", left)
	}
	var ready [1]unix.PollFd
	ready[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	if k, err := unix.Poll(ready[:], 0); k != 0 || err != nil {
		t.Errorf("the timer of somebody else has ended (%d, %v)", k, err)
	}
}

// A nap that is cut short ends at once, whether or not the kernel can be told that a timer
// has fired, and leaves no timer behind that would fire for nobody.
func TestNapperCutLeavesNoTimer(t *testing.T) {
	defer func(was uintptr) { setTicks = was }(setTicks)
	for _, setTicks = range []uintptr{setTicks, 0} {
		var n Napper
		n.Init(false, false)
		if n.timer == nil {
			t.Skip("no timers")
		}
		defer n.Close()
		for _, early := range []bool{true, false} {
			n.Announce()
			var cutter sync.WaitGroup
			if early {
				n.Cut()
			} else {
				cutter.Go(func() {
					for n.word.Load() != asleep {
						runtime.Gosched()
					}
					n.Cut()
				})
			}
			n.Nap(time.Hour)
			cutter.Wait()
			var left unix.ItimerSpec
			if err := unix.TimerfdGettime(n.fd, &left); err != nil {
				t.Fatal(err)
			}
			if left != (unix.ItimerSpec{}) {
				t.Errorf("call %#x, early %v: the timer is set to %v", setTicks, early, left)
			}
		}
	}
}
