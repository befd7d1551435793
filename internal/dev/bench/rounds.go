package bench

import (
	"fmt"
	"slices"
	"sync"

	"github.com/zeropool-go/zeropool"
)

// A counted is a cell whose task counts itself as done: nobody waits for its Future.
type counted struct {
	cell *cell
	done *sync.WaitGroup
}

var storeCounted = func(c *counted) {
	store(c.cell)
	c.done.Done()
}

// rounds is what one does who waits for a few tasks at a time by other means than theirs.
func rounds(n, each int) Workload {
	return Workload{
		Name:  fmt.Sprintf("rounds-%d", each),
		Title: fmt.Sprintf("%s tiny tasks, %d submitted and waited for by a WaitGroup at a time", thousands(n), each),
		Tasks: n,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, n)
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				var done sync.WaitGroup
				tasks := make([]counted, n)
				for i := range tasks {
					tasks[i] = counted{&cells[i], &done}
				}
				return onCells(cells, func() {
					for lo := 0; lo < n; lo += each {
						done.Add(each)
						for i := range each {
							zeropool.Submit(p, &tasks[lo+i], storeCounted)
						}
						done.Wait()
					}
				})
			})}
			return append([]Variant{ours}, others(e, func(r *Runner[cell]) Instance {
				return onCells(cells, func() {
					for lo := 0; lo < n; lo += each {
						r.Each(cells[lo:lo+each], store)
					}
				})
			}, e.Peers.Cells, channelPeer[cell](), goroutinePeer[cell](), serialPeer[cell]())...)
		},
	}
}

// heavyRounds is what a program does whose steps are a few long tasks each: a worker is
// needed at once each time, on another CPU than that of the goroutine that waits.
func heavyRounds(n, each, µs int) Workload {
	return Workload{
		Name:   fmt.Sprintf("heavy-rounds-%d", each),
		Title:  fmt.Sprintf("%s equal tasks of %s µs, %d in one batch at a time", thousands(n), thousands(µs), each),
		Tasks:  n,
		Rounds: fewRounds,
		Heavy:  true,
		Variants: func(e *Env) []Variant {
			tasks := spins(n, µs, µs)
			on := func(op func(some []spin)) Instance {
				all := func() {
					for some := range slices.Chunk(tasks, each) {
						op(some)
					}
				}
				return Instance{Op: all, Verify: verifySpins(tasks, all)}
			}
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				return on(func(some []spin) { must(zeropool.SubmitBatch(p, some, compute).Wait()) })
			})}
			return append([]Variant{ours}, others(e, func(r *Runner[spin]) Instance {
				return on(func(some []spin) { r.DoAll(some, compute) })
			}, e.Peers.Spins, channelPeer[spin](), goroutinePeer[spin](), serialPeer[spin]())...)
		},
	}
}

// concurrently calls f in so many goroutines, and returns when all have.
func concurrently(goroutines int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range goroutines {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// A countedSpin is a heavy task that counts itself as done.
type countedSpin struct {
	spin *spin
	done *sync.WaitGroup
}

var computeCounted = func(c *countedSpin) {
	compute(c.spin)
	c.done.Done()
}

// toldRounds is what several goroutines do that wait for a few tasks at a time by other
// means than theirs: each has to go on as soon as its tasks have ended, or the workers have
// nothing to do while it is about to submit more.
func toldRounds(goroutines, n, each, µs int) Workload {
	return Workload{
		Name:   fmt.Sprintf("told-rounds-%dx%d", goroutines, each),
		Title:  fmt.Sprintf("%d goroutines, %s tasks of %d µs each, %d submitted and waited for by a WaitGroup at a time", goroutines, thousands(n), µs, each),
		Tasks:  goroutines * n,
		Rounds: fewRounds,
		Variants: func(e *Env) []Variant {
			tasks := spins(goroutines*n, µs, µs)
			on := func(op func(some []spin, first int)) Instance {
				all := func() {
					concurrently(goroutines, func(i int) {
						for lo := i * n; lo < (i+1)*n; lo += each {
							op(tasks[lo:lo+each], lo)
						}
					})
				}
				return Instance{Op: all, Verify: verifySpins(tasks, all)}
			}
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				counted := make([]countedSpin, len(tasks))
				return on(func(some []spin, first int) {
					var done sync.WaitGroup
					done.Add(len(some))
					for i := range some {
						c := &counted[first+i]
						*c = countedSpin{&some[i], &done}
						zeropool.Submit(p, c, computeCounted)
					}
					done.Wait()
				})
			})}
			return append([]Variant{ours}, others(e, func(r *Runner[spin]) Instance {
				return on(func(some []spin, _ int) { r.Each(some, compute) })
			}, sharable(e.Peers.Spins), channelPeer[spin](), goroutinePeer[spin]())...)
		},
	}
}

// requests is what a server does that begins a goroutine for each request, which forks some
// times.
func requests(goroutines, forks, each, µs int) Workload {
	return Workload{
		Name:   fmt.Sprintf("requests-%dx%d", goroutines, each),
		Title:  fmt.Sprintf("%d new goroutines, each forks %d times into %d tasks of %d µs, a Group each time", goroutines, forks, each, µs),
		Tasks:  goroutines * forks * each,
		Rounds: fewRounds,
		Variants: func(e *Env) []Variant {
			tasks := spins(goroutines*forks*each, µs, µs)
			on := func(op func(some []spin)) Instance {
				all := func() {
					concurrently(goroutines, func(i int) {
						for j := range forks {
							lo := (i*forks + j) * each
							op(tasks[lo : lo+each])
						}
					})
				}
				return Instance{Op: all, Verify: verifySpins(tasks, all)}
			}
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				return on(func(some []spin) {
					g := p.NewGroup()
					for i := range some {
						zeropool.SubmitTo(g, &some[i], compute)
					}
					must(g.Wait())
				})
			})}
			return append([]Variant{ours}, others(e, func(r *Runner[spin]) Instance {
				return on(func(some []spin) { r.Each(some, compute) })
			}, sharable(e.Peers.Spins), channelPeer[spin](), goroutinePeer[spin]())...)
		},
	}
}
