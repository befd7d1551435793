package bench

import (
	"sync"
)

// chanTask is what the channel carries: 24 bytes, as a zeropool's queue does.
type chanTask[T any] struct {
	fn     func(*T)
	params *T
	done   *sync.WaitGroup
}

// chanPool is the pool that one writes in ten lines of Go: one buffered channel
// and a few goroutines.
type chanPool[T any] struct {
	tasks chan chanTask[T]
	ended sync.WaitGroup
}

// chanBuffer is the default capacity of a zeropool's queue.
const chanBuffer = 1024

func newChanPool[T any](workers int) *chanPool[T] {
	p := &chanPool[T]{tasks: make(chan chanTask[T], chanBuffer)}
	for range workers {
		p.ended.Go(func() {
			for t := range p.tasks {
				t.fn(t.params)
				t.done.Done()
			}
		})
	}
	return p
}

// each does one task for each element, waiting for all by one WaitGroup, which
// is cheaper than a future for each.
func (p *chanPool[T]) each(params []T, fn func(*T), done *sync.WaitGroup) {
	done.Add(len(params))
	for i := range params {
		p.tasks <- chanTask[T]{fn, &params[i], done}
	}
}

func (p *chanPool[T]) submit(params *T, fn func(*T), done *sync.WaitGroup) {
	done.Add(1)
	p.tasks <- chanTask[T]{fn, params, done}
}

func (p *chanPool[T]) stop() {
	close(p.tasks)
	p.ended.Wait()
}

// plain makes an instance that needs nothing to be started.
func plain(i Instance) func() (Instance, error) {
	i.Stop = func() {}
	return func() (Instance, error) { return i, nil }
}

// serialLoop calls through a function value, as every pool must.
//
//go:noinline
func serialLoop[T any](params []T, fn func(*T)) {
	for i := range params {
		fn(&params[i])
	}
}

// goEach starts a goroutine for each element.
func goEach[T any](params []T, fn func(*T), done *sync.WaitGroup) {
	for i := range params {
		done.Go(func() { fn(&params[i]) })
	}
}

// goChunks starts a goroutine for each of n equal parts.
func goChunks[T any](params []T, fn func(*T), n int) {
	var done sync.WaitGroup
	for i := range n {
		part := params[len(params)*i/n : len(params)*(i+1)/n]
		done.Go(func() { serialLoop(part, fn) })
	}
	done.Wait()
}
