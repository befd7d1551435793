package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/zeropool-go/zeropool"
)

// The workloads of this file are bursts that find a pool in another state than
// at work: just made, or at rest. What comes before a burst is not in its time.

// freshBursts is how many first bursts a variant has in a round. In all of its
// rounds it must not run out of functions; some are used to check the results.
const (
	freshBursts = 4
	freshRounds = (freshCount - 16) / freshBursts
)

// firstBurst is the first thing that a pool does, with a function that no pool
// has seen.
func firstBurst(n int) Workload {
	return Workload{
		Name:    "first-burst",
		Title:   fmt.Sprintf("%s tiny tasks submitted one by one, then waited for: the first that a new pool runs, of a function that has never run", thousands(n)),
		Tasks:   n,
		Samples: freshBursts,
		Rounds:  freshRounds,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, n)
			futures := make([]zeropool.Future, n)
			variants := []Variant{{Ours, plain(freshly(cells, func() (func(func(*cell)), func()) {
				p, err := zeropool.New(e.Options...)
				must(err)
				return func(fn func(*cell)) { submitAll(p, cells, futures, fn) }, func() { must(p.Close()) }
			}))}}
			for _, peer := range append([]Peer[cell]{channelPeer[cell](), goroutinePeer[cell](), serialPeer[cell]()}, e.Peers.Cells...) {
				variants = append(variants, Variant{peer.Name, plain(freshly(cells, func() (func(func(*cell)), func()) {
					r, err := peer.Start(e)
					must(err)
					r.wake()
					stop := func() {
						r.rest()
						r.Stop()
					}
					return func(fn func(*cell)) { r.Each(cells, fn) }, stop
				}))})
			}
			return variants
		},
	}
}

// freshly makes the instance that starts something for each Op, has it run a
// function that it has not yet run, and stops it.
func freshly(cells []cell, start func() (each func(fn func(*cell)), stop func())) Instance {
	stores := freshStores()
	used := 0
	var each func(fn func(*cell))
	var stop func()
	i := onCells(cells, func() { each(stores[used%len(stores)]) })
	i.Before = func() {
		used++
		each, stop = start()
	}
	i.After = func() { stop() }
	return i
}

// restTime is long enough for every worker to have gone to sleep, and for the
// machine to have noticed.
const restTime = 10 * time.Millisecond

// burstAfterRest is a burst for a pool that knows the function and sleeps.
func burstAfterRest(n int) Workload {
	w := single(n)
	w.Name = "burst-after-rest"
	w.Title = fmt.Sprintf("%s tiny tasks submitted one by one, then waited for, after 10 ms of rest", thousands(n))
	w.Samples, w.Rounds = 2, fewRounds
	warm := w.Variants
	w.Variants = func(e *Env) []Variant {
		variants := warm(e)
		for i := range variants {
			start := variants[i].Start
			variants[i].Start = func() (Instance, error) {
				in, err := start()
				in.Before = func() { time.Sleep(restTime) }
				return in, err
			}
		}
		return variants
	}
	return w
}

// loopOfOne is a submission with the wait for it, many times over and without a
// clock inside.
func loopOfOne(n int) Workload {
	return Workload{
		Name:  "loop-of-one",
		Title: fmt.Sprintf("one tiny task, submitted and waited for, %s times over, without a clock inside", thousands(n)),
		Tasks: n,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, n)
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				return onCells(cells, func() {
					for i := range cells {
						must(zeropool.Submit(p, &cells[i], store).Wait())
					}
				})
			})}
			return append([]Variant{ours}, others(e, func(r *Runner[cell]) Instance {
				return onCells(cells, func() {
					for i := range cells {
						r.do(&cells[i], store)
					}
				})
			}, e.Peers.Cells, channelPeer[cell](), goroutinePeer[cell]())...)
		},
	}
}

// endable is a context that could end, and does not.
var endable, _ = context.WithCancel(context.Background())

// loopOfContexts is loopOfOne with a context that could end: a task has to run on another
// goroutine then, so a goroutine and a channel for each is what one would have without a
// pool.
func loopOfContexts(n int) Workload {
	return Workload{
		Name:    "wait-context",
		Title:   fmt.Sprintf("one tiny task, submitted and waited for with a context that can end, %s times over, without a clock inside", thousands(n)),
		Tasks:   n,
		Further: true,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, n)
			on := func(do func(c *cell) error) Instance {
				return onCells(cells, func() {
					for i := range cells {
						must(do(&cells[i]))
					}
				})
			}
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				return on(func(c *cell) error { return zeropool.Submit(p, c, store).WaitContext(endable) })
			})}
			goroutines := on(func(c *cell) error {
				done := make(chan struct{})
				go func() {
					store(c)
					close(done)
				}()
				select {
				case <-done:
					return nil
				case <-endable.Done():
					return endable.Err()
				}
			})
			return []Variant{ours, {Goroutines, plain(goroutines)}}
		},
	}
}
