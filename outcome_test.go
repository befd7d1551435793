package zeropool

import (
	"errors"
	"testing"
)

// Whoever looks at a batch between the note of its error and its end must still
// see that it is a batch: its key is no position of a queue.
func TestFailedBatchStaysABatch(t *testing.T) {
	p, err := New(WithWorkers(1), WithPanicHandler(func(*PanicError) {}))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f := SubmitBatch(p, make([]int, 3), func(*int) { panic(errors.New("no")) })
	if err := f.Wait(); err == nil {
		t.Fatal("no error")
	}
	if f.r.info.Load().batch == nil {
		t.Error("the outcome does not name the batch")
	}
}

// Close waits for a waiter that is about to take a task, and for a loop that is
// about to begin: both borrow an agent first.
func TestCloseWaitsForInlineTasks(t *testing.T) {
	for range stressRounds(500) {
		p, err := New(WithWorkers(1))
		if err != nil {
			t.Fatal(err)
		}
		ran, counted := 0, make(chan error, 1)
		f := Submit(p, &ran, func(n *int) { *n++ })
		started := make(chan struct{})
		go func() {
			close(started)
			counted <- f.Wait()
		}()
		<-started
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if !f.Done() {
			t.Fatal("Close returned before an accepted task had ended")
		}
		if err := <-counted; err != nil || ran != 1 {
			t.Fatal(err, ran)
		}
	}
}
