package membarrier

import "testing"

// Where there is a barrier, each one that must be is executed and counted; where there is
// none, Heavy says yes and does nothing.
func TestHeavy(t *testing.T) {
	before := Count()
	if !Ready.Load() && (!Heavy(true) || !Heavy(false) || Count() != before) {
		t.Errorf("not registered: %d barriers", Count()-before)
	}
	is := Register()
	if again := Register(); again != is || Ready.Load() != is {
		t.Fatalf("Register says %v, then %v; ready: %v", is, again, Ready.Load())
	}
	if !is {
		t.Skip("this system has no such barrier")
	}
	const n = 100
	for range n {
		if !Heavy(true) {
			t.Fatal("a barrier that must be was left out")
		}
	}
	left := 0
	for range n {
		if !Heavy(false) {
			left++
		}
	}
	if got := Count() - before; got != 2*n-uint64(left) {
		t.Errorf("%d barriers are counted, %d were left out of %d", got, left, 2*n)
	}
}
