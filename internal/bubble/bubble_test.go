package bubble

import (
	"testing"
	"testing/synctest"
)

// A goroutine is known to be in a bubble there and nowhere else, where the system tells;
// what Outside calls is not in one.
func TestBubble(t *testing.T) {
	if In() {
		t.Error("in a bubble, outside of any")
	}
	ran := false
	if Outside(func() { ran = true }); !ran {
		t.Error("Outside has returned before its function ran")
	}
	synctest.Test(t, func(t *testing.T) {
		if In() != Tells {
			t.Errorf("in a bubble: %v", In())
		}
		inside, ran := false, 0
		Outside(func() {
			inside = In()
			ran++
		})
		if ran != 1 || Tells && inside {
			t.Errorf("ran %d times, in the bubble: %v", ran, inside)
		}
	})
}
