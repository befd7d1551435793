package zeropool

import (
	"runtime"
	"testing"
	"time"
)

// A worker that announces itself idle and then finds a task is counted on by
// submitters in between: one that sees it counted, and a wake in flight whose
// owner then finds no idle worker, wakes nobody. The worker must look after such
// tasks before it runs its own: here by starting a helper in the place of a
// goroutine that is blocked in a Wait.
func TestWorkerThatStaysUpPassesOn(t *testing.T) {
	p, err := New(WithWorkers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	w := p.workers[0]

	begun, ran, end := make(chan struct{}), make(chan struct{}), make(chan struct{})
	p.Go(func() {
		close(begun)
		for p.gate.Load() < gateWaiter {
			runtime.Gosched()
		}
		p.gate.Add(1)   // the worker, in setIdle, before its bit
		p.waking.Add(1) // somebody else's wakeOne, which will not find the bit
		p.Go(func() {
			select {
			case <-ran:
			case <-time.After(20 * time.Second):
				t.Error("a task waits for the one that the worker runs, although a waiter is parked")
			}
		})
		p.Go(func() { close(ran) })
		p.waking.Add(^uint32(0))
		p.gate.Add(^uint64(0))
		if !w.idle() {
			t.Error("the worker has ended")
		}
	})
	<-begun
	// Its function is new, so a stand-in runs it, and the Wait parks.
	f := p.Go(func() { <-end })
	waited := make(chan error)
	go func() { waited <- f.Wait() }()
	<-ran
	close(end)
	if err := <-waited; err != nil {
		t.Error(err)
	}
}
