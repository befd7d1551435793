package zeropool

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// The gate packs the number of idle workers below other fields. A worker that
// falls asleep while submitters wake it must never make it borrow from those.
func TestGateNeverBorrows(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	p := &Pool{idle: make([]atomic.Uint64, 1)}
	w := &worker{}
	rounds := stressRounds(1 << 20)
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		for range rounds {
			for !p.isIdle(w) || !p.unidle(w) {
				spinTurn()
			}
		}
	}()
	worst := uint64(0)
	go func() {
		for range rounds {
			for p.isIdle(w) {
				spinTurn()
			}
			p.setIdle(w)
		}
	}()
	for {
		worst = max(worst, p.gate.Load())
		select {
		case <-woken:
			if worst > 2 || p.gate.Load() != 0 { // 2: the next round may begin before the last is through
				t.Errorf("the gate of one worker went up to %#x and ended at %#x", worst, p.gate.Load())
			}
			return
		default:
		}
	}
}
