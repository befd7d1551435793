package main

import (
	"sync"
	"sync/atomic"

	"github.com/Jeffail/tunny"
	"github.com/alitto/pond/v2"
	"github.com/bytedance/gopkg/util/gopool"
	"github.com/gammazero/workerpool"
	"github.com/panjf2000/ants/v2"
	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/iter"
	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// must stops a benchmark whose figures would be worthless.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// closures is a pool that takes a func() and leaves the waiting to others.
func closures[T any](name string, start func(workers int) (submit func(func()), stop func(), err error)) bench.Peer[T] {
	return bench.Peer[T]{Name: name, Start: func(e *bench.Env) (*bench.Runner[T], error) {
		submit, stop, err := start(e.Workers)
		if err != nil {
			return nil, err
		}
		var one sync.WaitGroup
		wait := one.Wait
		return &bench.Runner[T]{
			Each: func(params []T, fn func(*T)) {
				var done sync.WaitGroup
				done.Add(len(params))
				for i := range params {
					p := &params[i]
					submit(func() {
						fn(p)
						done.Done()
					})
				}
				done.Wait()
			},
			Submit: func(params *T, fn func(*T)) func() {
				one.Add(1)
				submit(func() {
					fn(params)
					one.Done()
				})
				return wait
			},
			Stop: stop,
		}, nil
	}}
}

// startAnts starts a pool of that capacity; 0: of one goroutine for each worker.
func startAnts(capacity int) func(workers int) (func(func()), func(), error) {
	return func(workers int) (func(func()), func(), error) {
		if capacity > 0 {
			workers = capacity
		}
		p, err := ants.NewPool(workers)
		if err != nil {
			return nil, nil, err
		}
		return func(f func()) { must(p.Submit(f)) }, p.Release, nil
	}
}

func startPond(workers int) (func(func()), func(), error) {
	p := pond.NewPool(workers)
	return func(f func()) { must(p.Go(f)) }, p.StopAndWait, nil
}

func startWorkerpool(workers int) (func(func()), func(), error) {
	p := workerpool.New(workers)
	return func(f func()) { must(p.Do(f)) }, p.StopWait, nil
}

// startGopool starts a pool that needs no end: its goroutines end when there is
// no work.
func startGopool(workers int) (func(func()), func(), error) {
	p := gopool.NewPool("bench", int32(workers), gopool.NewConfig())
	return p.Go, func() {}, nil
}

// task is what peers with typed tasks carry: 24 bytes, as a zeropool's queue.
type task[T any] struct {
	fn     func(*T)
	params *T
	done   *sync.WaitGroup
}

func (t task[T]) run() {
	t.fn(t.params)
	t.done.Done()
}

// typed is a pool that takes a task.
func typed[T any](submit func(task[T])) *bench.Runner[T] {
	var one sync.WaitGroup
	wait := one.Wait
	return &bench.Runner[T]{
		Each: func(params []T, fn func(*T)) {
			var done sync.WaitGroup
			done.Add(len(params))
			for i := range params {
				submit(task[T]{fn, &params[i], &done})
			}
			done.Wait()
		},
		Submit: func(params *T, fn func(*T)) func() {
			one.Add(1)
			submit(task[T]{fn, params, &one})
			return wait
		},
		Stop: func() {},
	}
}

func antsFunc[T any]() bench.Peer[T] {
	return bench.Peer[T]{Name: "ants-func", Start: func(e *bench.Env) (*bench.Runner[T], error) {
		p, err := ants.NewPoolWithFuncGeneric(e.Workers, task[T].run)
		if err != nil {
			return nil, err
		}
		r := typed(func(t task[T]) { must(p.Invoke(t)) })
		r.Stop = p.Release
		return r, nil
	}}
}

func pondTask[T any]() bench.Peer[T] {
	return bench.Peer[T]{Name: "pond-task", Start: func(e *bench.Env) (*bench.Runner[T], error) {
		p := pond.NewPool(e.Workers)
		return &bench.Runner[T]{
			Each: func(params []T, fn func(*T)) {
				tasks := make([]pond.Task, len(params))
				for i := range params {
					tasks[i] = p.Submit(func() { fn(&params[i]) })
				}
				for _, t := range tasks {
					must(t.Wait())
				}
			},
			Submit: func(params *T, fn func(*T)) func() {
				t := p.Submit(func() { fn(params) })
				return func() { must(t.Wait()) }
			},
			Stop: p.StopAndWait,
		}, nil
	}}
}

func concPool[T any]() bench.Peer[T] {
	return bench.Peer[T]{Name: "conc", Start: func(e *bench.Env) (*bench.Runner[T], error) {
		var one conc.WaitGroup
		wait := one.Wait
		return &bench.Runner[T]{
			Each: func(params []T, fn func(*T)) {
				p := pool.New().WithMaxGoroutines(e.Workers)
				for i := range params {
					p.Go(func() { fn(&params[i]) })
				}
				p.Wait()
			},
			All: iter.Iterator[T]{MaxGoroutines: e.Workers}.ForEach,
			Submit: func(params *T, fn func(*T)) func() {
				one.Go(func() { fn(params) })
				return wait
			},
			Stop: func() {},
		}, nil
	}}
}

func tunnyPool[T any]() bench.Peer[T] {
	return bench.Peer[T]{Name: "tunny", Start: func(e *bench.Env) (*bench.Runner[T], error) {
		p := tunny.NewCallback(e.Workers)
		process := func(params *T, fn func(*T)) { p.Process(func() { fn(params) }) }
		var one sync.WaitGroup
		wait := one.Wait
		return &bench.Runner[T]{
			Each: func(params []T, fn func(*T)) {
				var next atomic.Int64
				var done sync.WaitGroup
				for range 2 * e.Workers {
					done.Go(func() {
						for i := next.Add(1) - 1; i < int64(len(params)); i = next.Add(1) - 1 {
							process(&params[i], fn)
						}
					})
				}
				done.Wait()
			},
			Submit: func(params *T, fn func(*T)) func() {
				one.Go(func() { process(params, fn) })
				return wait
			},
			Do:   process,
			Stop: p.Close,
		}, nil
	}}
}

func errGroup[T any]() bench.Peer[T] {
	return bench.Peer[T]{Name: "errgroup", Start: func(e *bench.Env) (*bench.Runner[T], error) {
		return &bench.Runner[T]{
			Each: func(params []T, fn func(*T)) {
				var g errgroup.Group
				g.SetLimit(e.Workers)
				for i := range params {
					g.Go(func() error {
						fn(&params[i])
						return nil
					})
				}
				must(g.Wait())
			},
			Submit: func(params *T, fn func(*T)) func() {
				g := new(errgroup.Group)
				g.Go(func() error {
					fn(params)
					return nil
				})
				return func() { must(g.Wait()) }
			},
			Stop: func() {},
		}, nil
	}}
}
