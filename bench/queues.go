package main

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v4"
	"github.com/smarty/go-disruptor"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// queueCapacity is the default capacity of a zeropool's queue.
const queueCapacity = 1024

// polling makes a pool of a queue that cannot block: workers ask it again and
// again, and give way in between.
func polling[T any](workers int, take func(worker int) (task[T], bool), try func(task[T]) bool) *bench.Runner[T] {
	r := typed(func(t task[T]) {
		for !try(t) {
			runtime.Gosched()
		}
	})
	var over atomic.Bool
	var ended sync.WaitGroup
	r.Wake = func() {
		over.Store(false)
		for w := range workers {
			ended.Go(func() {
				for !over.Load() {
					if t, ok := take(w); ok {
						t.run()
					} else {
						runtime.Gosched()
					}
				}
			})
		}
	}
	r.Rest = func() {
		over.Store(true)
		ended.Wait()
	}
	return r
}

func xsyncMPMC[T any]() bench.Peer[T] {
	return bench.Peer[T]{Name: "xsync-mpmc", Start: func(e *bench.Env) (*bench.Runner[T], error) {
		q := xsync.NewMPMCQueue[task[T]](queueCapacity)
		return polling(e.Workers, func(int) (task[T], bool) { return q.TryDequeue() }, q.TryEnqueue), nil
	}}
}

func xsyncSPSC[T any]() bench.Peer[T] {
	return bench.Peer[T]{Name: "xsync-spsc", OneSubmitter: true, Start: func(e *bench.Env) (*bench.Runner[T], error) {
		queues := make([]*xsync.SPSCQueue[task[T]], e.Workers)
		for i := range queues {
			queues[i] = xsync.NewSPSCQueue[task[T]](queueCapacity)
		}
		next := 0
		return polling(e.Workers,
			func(worker int) (task[T], bool) { return queues[worker].TryDequeue() },
			func(t task[T]) bool {
				next = (next + 1) % len(queues)
				return queues[next].TryEnqueue(t)
			}), nil
	}}
}

// share is a worker that takes every n-th entry of the ring: in a disruptor each
// handler sees all of them.
type share[T any] struct {
	ring   []task[T]
	worker int64
	n      int64
}

func (s share[T]) Handle(lower, upper int64) {
	for i := lower; i <= upper; i++ {
		if i%s.n == s.worker {
			s.ring[i%queueCapacity].run()
		}
	}
}

// yield is a wait strategy that gives way to others. The default one sleeps,
// which takes 60 µs or more for each task once several submitters have filled
// the ring.
type yield struct{}

func (yield) Gate(int64)    { runtime.Gosched() }
func (yield) Idle(int64)    { runtime.Gosched() }
func (yield) Reserve(int64) { runtime.Gosched() }

func disruptorPool[T any]() bench.Peer[T] {
	start := func(writers uint8) func(e *bench.Env) (*bench.Runner[T], error) {
		return func(e *bench.Env) (*bench.Runner[T], error) {
			ring := make([]task[T], queueCapacity)
			handlers := make([]disruptor.Handler, e.Workers)
			for i := range handlers {
				handlers[i] = share[T]{ring, int64(i), int64(e.Workers)}
			}
			var d disruptor.Disruptor
			var ended sync.WaitGroup
			r := typed(func(t task[T]) {
				at := d.Reserve(1)
				ring[at%queueCapacity] = t
				d.Commit(at, at)
			})
			r.Wake = func() {
				var err error
				d, err = disruptor.New(disruptor.Options.BufferCapacity(queueCapacity),
					disruptor.Options.WriterCount(writers), disruptor.Options.WaitStrategy(yield{}), disruptor.Options.NewHandlerGroup(handlers...))
				must(err)
				ended.Go(d.Listen)
			}
			r.Rest = func() {
				must(d.Close())
				ended.Wait()
			}
			return r, nil
		}
	}
	return bench.Peer[T]{Name: "disruptor", OneSubmitter: true, Start: start(1), Shared: start(2)}
}
