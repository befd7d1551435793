package bench

import (
	"fmt"
	"sync"

	"github.com/zeropool-go/zeropool"
)

// pass has one goroutine submit n tasks and another one wait for them, in order; so many
// of them are between the two at most.
func pass[F any](n, window int, submit func(i int) F, wait func(F)) {
	between := make(chan F, window)
	go func() {
		defer close(between)
		for i := range n {
			between <- submit(i)
		}
	}()
	for f := range between {
		wait(f)
	}
}

// pipeline is what a server or a parser does that hands its results on in the order of
// its input.
func pipeline(n, µs, window int) Workload {
	return Workload{
		Name:  fmt.Sprintf("pipeline-%d", n),
		Title: fmt.Sprintf("%s tasks of %d µs that one goroutine submits and another waits for in order, %d between them at most", thousands(n), µs, window),
		Tasks: n,
		Heavy: true,
		Variants: func(e *Env) []Variant {
			tasks := spins(n, µs, µs)
			on := func(op func()) Instance { return Instance{Op: op, Verify: verifySpins(tasks, op)} }
			// A WaitGroup for each task stands for its future: besides those between the
			// two goroutines each of them has one.
			dones := make([]sync.WaitGroup, window+2)
			by := func(start func(i int, done *sync.WaitGroup)) Instance {
				return on(func() {
					pass(n, window, func(i int) *sync.WaitGroup {
						done := &dones[i%len(dones)]
						start(i, done)
						return done
					}, (*sync.WaitGroup).Wait)
				})
			}
			return []Variant{
				{Ours, e.Pool(func(p *zeropool.Pool) Instance {
					return on(func() {
						pass(n, window, func(i int) zeropool.Future {
							return zeropool.Submit(p, &tasks[i], compute)
						}, func(f zeropool.Future) { must(f.Wait()) })
					})
				})},
				{Channel, func() (Instance, error) {
					p := newChanPool[spin](e.Workers)
					i := by(func(i int, done *sync.WaitGroup) { p.submit(&tasks[i], compute, done) })
					i.Stop = p.stop
					return i, nil
				}},
				{Goroutines, plain(by(func(i int, done *sync.WaitGroup) {
					done.Go(func() { compute(&tasks[i]) })
				}))},
				{Serial, plain(on(func() { serialLoop(tasks, compute) }))},
			}
		},
	}
}
