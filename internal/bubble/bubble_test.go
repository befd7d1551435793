package bubble

import (
	"testing"
	"testing/synctest"
	"time"
)

// A goroutine is known to be in a bubble there and nowhere else, also when the clocks of
// both show the same; what Outside calls is not in one.
func TestBubble(t *testing.T) {
	if In() {
		t.Error("in a bubble, outside of any")
	}
	ran := false
	if Outside(func() { ran = true }); !ran {
		t.Error("Outside has returned before its function ran")
	}
	now := time.Now()
	synctest.Test(t, func(t *testing.T) {
		if !In() {
			t.Error("not in a bubble, inside of one")
		}
		time.Sleep(time.Until(now))
		if !In() {
			t.Error("not in a bubble whose clock shows the real time")
		}
		inside, ran := false, 0
		Outside(func() {
			inside = In()
			ran++
		})
		if ran != 1 || inside {
			t.Errorf("ran %d times, in the bubble: %v", ran, inside)
		}
	})
}
