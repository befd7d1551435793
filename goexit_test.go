package zeropool_test

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/zeropool-go/zeropool"
)

// A function that has long been taken for one that returns exits inside a batch
// or loop that its waiter runs itself. The waiter's goroutine cannot be saved,
// but every other element runs, and everybody else learns what happened.
func TestProvenFunctionExitsInBatch(t *testing.T) {
	p, err := zeropool.New(zeropool.WithWorkers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	// The only worker is busy, so waiters work themselves.
	hold, held := make(chan struct{}), make(chan struct{})
	p.Go(func() { close(held); <-hold })
	<-held
	defer close(hold)

	type element struct {
		exit bool
		ran  *atomic.Int64
		all  chan struct{}
		want int64
	}
	run := func(e *element) {
		if e.exit {
			runtime.Goexit()
		}
		if e.ran.Add(1) == e.want {
			close(e.all)
		}
	}
	elements := func(exits bool) ([]element, chan struct{}) {
		ran, all := new(atomic.Int64), make(chan struct{})
		es := make([]element, 50)
		for i := range es {
			es[i] = element{exit: exits && i == 7, ran: ran, all: all, want: int64(len(es))}
			if exits {
				es[i].want--
			}
		}
		return es, all
	}
	for range 60 { // 3,000 clean runs
		es, _ := elements(false)
		if err := zeropool.ForEach(p, es, run); err != nil {
			t.Fatal(err)
		}
		if err := zeropool.SubmitBatch(p, es[:0:0], run).Wait(); err != nil {
			t.Fatal(err)
		}
	}

	es, all := elements(true)
	f := zeropool.SubmitBatch(p, es, run)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = f.Wait()
	}()
	<-ended
	<-all
	if err := f.Wait(); !errors.Is(err, zeropool.ErrGoexit) {
		t.Errorf("the batch ended with %v", err)
	}

	es, all = elements(true)
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		_ = zeropool.ForEach(p, es, run)
	}()
	<-ended
	<-all
}
