package zeropool

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestNoWakeUpIsLost submits single tasks, which nobody waits for through a
// Future, at every moment of a worker's falling asleep. A lost wake-up leaves a
// task behind, and the test hangs.
func TestNoWakeUpIsLost(t *testing.T) {
	type ping struct{ back chan struct{} }
	for _, workers := range []int{1, 2} {
		for _, pinned := range []bool{false, true} {
			for _, spin := range []time.Duration{0, time.Microsecond} {
				t.Run(fmt.Sprintf("workers=%d/pinned=%v/spin=%v", workers, pinned, spin), func(t *testing.T) {
					opts := []Option{WithWorkers(workers), WithSpin(spin)}
					if !pinned {
						opts = unpinned(workers, WithSpin(spin))
					}
					p := newTestPool(t, opts...)
					rng := rand.New(rand.NewPCG(6, uint64(workers)))
					m := &ping{make(chan struct{}, 1)}
					for range stressRounds(5000) {
						Submit(p, m, func(m *ping) { m.back <- struct{}{} })
						<-m.back
						busy(rng.IntN(1 << rng.IntN(11)))
					}
				})
			}
		}
	}
}

// A task that waits leaves its place to what was queued before, although no
// worker is free and nobody waits for that.
func TestParkedWorkerLeavesItsPlace(t *testing.T) {
	for _, workers := range []int{1, 2} {
		p := newTestPool(t, unpinned(workers)...)
		release := hold(t, p)
		for range stressRounds(500) {
			said := make(chan struct{})
			p.Go(func() { close(said) })
			if err := p.Go(func() { <-said }).Wait(); err != nil {
				t.Fatal(err)
			}
		}
		release()
	}
}
