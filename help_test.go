package zeropool_test

import (
	"testing"

	"github.com/zeropool-go/zeropool"
)

// A submitter that finds the queues full runs queued tasks, but not underneath a
// task that they may wait for.
func TestHelpInsideTaskCannotDeadlock(t *testing.T) {
	p, err := zeropool.New(zeropool.WithWorkers(1), zeropool.WithQueueCapacity(64))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	type node struct {
		submit bool
		self   chan zeropool.Future // the submitting task's own Future
	}
	var run func(*node)
	run = func(n *node) {
		self := <-n.self
		n.self <- self
		if !n.submit {
			if err := self.Wait(); err != nil { // until the submitter has ended
				t.Error(err)
			}
			return
		}
		child := node{self: n.self}
		for range 200 { // more than the queues hold
			zeropool.Submit(p, &child, run)
		}
	}
	for range 100 { // long enough for run to be taken for a function that returns
		root := node{submit: true, self: make(chan zeropool.Future, 1)}
		f := zeropool.Submit(p, &root, run)
		root.self <- f
		if err := f.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}
