package bench

import (
	"fmt"
	"sync"

	"github.com/zeropool-go/zeropool"
)

// onCells makes the instance that works on cells by op.
func onCells(cells []cell, op func()) Instance {
	return Instance{Op: op, Verify: verifyCells(cells, op)}
}

// serially, overChannel and asGoroutines are the baselines of all workloads
// with one task for each cell.
func serially(cells []cell) Variant {
	return Variant{Serial, plain(onCells(cells, func() { serialLoop(cells, store) }))}
}

func overChannel(e *Env, cells []cell) Variant {
	return Variant{Channel, onChannel(e, func(p *chanPool[cell]) Instance {
		var done sync.WaitGroup
		return onCells(cells, func() {
			p.each(cells, store, &done)
			done.Wait()
		})
	})}
}

func asGoroutines(cells []cell) Variant {
	var done sync.WaitGroup
	return Variant{Goroutines, plain(onCells(cells, func() {
		goEach(cells, store, &done)
		done.Wait()
	}))}
}

func inChunks(e *Env, cells []cell) Variant {
	return Variant{Chunks, plain(onCells(cells, func() { goChunks(cells, store, e.CPUs) }))}
}

// submitAll submits a task for each cell, each with its own Future, and then
// waits for every one.
func submitAll(p *zeropool.Pool, cells []cell, futures []zeropool.Future) {
	for i := range cells {
		futures[i] = zeropool.Submit(p, &cells[i], store)
	}
	for i := range futures {
		must(futures[i].Wait())
	}
}

// must stops a benchmark whose task failed: its figures would be worthless.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func single(n int) Workload {
	return Workload{
		Name:  fmt.Sprintf("single-%d", n),
		Title: fmt.Sprintf("%s tiny tasks submitted one by one, each with its own Future, then waited for", thousands(n)),
		Tasks: n,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, n)
			return []Variant{
				{Ours, e.pool(func(p *zeropool.Pool) Instance {
					futures := make([]zeropool.Future, n)
					return onCells(cells, func() { submitAll(p, cells, futures) })
				})},
				overChannel(e, cells),
				asGoroutines(cells),
				serially(cells),
			}
		},
	}
}

func submitters(goroutines, each int) Workload {
	n := goroutines * each
	return Workload{
		Name:  fmt.Sprintf("submitters-%dx%d", goroutines, each),
		Title: fmt.Sprintf("%d goroutines submit %s tiny tasks each, and wait for them", goroutines, thousands(each)),
		Tasks: n,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, n)
			all := func(submit func(i int)) {
				var wg sync.WaitGroup
				for i := range goroutines {
					wg.Go(func() { submit(i) })
				}
				wg.Wait()
			}
			part := func(i int) []cell { return cells[i*each : (i+1)*each] }
			return []Variant{
				{Ours, e.pool(func(p *zeropool.Pool) Instance {
					futures := make([]zeropool.Future, n)
					return onCells(cells, func() {
						all(func(i int) { submitAll(p, part(i), futures[i*each:(i+1)*each]) })
					})
				})},
				{Channel, onChannel(e, func(p *chanPool[cell]) Instance {
					done := make([]sync.WaitGroup, goroutines)
					return onCells(cells, func() {
						all(func(i int) {
							p.each(part(i), store, &done[i])
							done[i].Wait()
						})
					})
				})},
				{Goroutines, plain(onCells(cells, func() {
					all(func(i int) {
						var done sync.WaitGroup
						goEach(part(i), store, &done)
						done.Wait()
					})
				}))},
			}
		},
	}
}

func group(n int) Workload {
	return Workload{
		Name:  fmt.Sprintf("group-%d", n),
		Title: fmt.Sprintf("%s tiny tasks submitted one by one to a Group, with one wait", thousands(n)),
		Tasks: n,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, n)
			return []Variant{
				{Ours, e.pool(func(p *zeropool.Pool) Instance {
					g := p.NewGroup()
					return onCells(cells, func() {
						for i := range cells {
							zeropool.SubmitTo(g, &cells[i], store)
						}
						must(g.Wait())
					})
				})},
				overChannel(e, cells),
				asGoroutines(cells),
			}
		},
	}
}

func batch(n int) Workload {
	return Workload{
		Name:  fmt.Sprintf("batch-%d", n),
		Title: fmt.Sprintf("%s tiny tasks in one SubmitBatch, then waited for", thousands(n)),
		Tasks: n,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, n)
			return []Variant{
				{Ours, e.pool(func(p *zeropool.Pool) Instance {
					return onCells(cells, func() { must(zeropool.SubmitBatch(p, cells, store).Wait()) })
				})},
				overChannel(e, cells),
				asGoroutines(cells),
				inChunks(e, cells),
				serially(cells),
			}
		},
	}
}

func forEach(n int) Workload {
	return Workload{
		Name:  fmt.Sprintf("foreach-%d", n),
		Title: fmt.Sprintf("ForEach over %s tiny tasks", thousands(n)),
		Tasks: n,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, n)
			return []Variant{
				{Ours, e.pool(func(p *zeropool.Pool) Instance {
					return onCells(cells, func() { must(zeropool.ForEach(p, cells, store)) })
				})},
				serially(cells),
				inChunks(e, cells),
				overChannel(e, cells),
			}
		},
	}
}

func loop(n int) Workload {
	return Workload{
		Name:  fmt.Sprintf("for-%d", n),
		Title: fmt.Sprintf("For over %s indices, the loop in its body", thousands(n)),
		Tasks: n,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, n)
			body := func(lo, hi int) {
				part := cells[lo:hi]
				for i := range part {
					part[i].value = answer
				}
			}
			return []Variant{
				{Ours, e.pool(func(p *zeropool.Pool) Instance {
					return onCells(cells, func() { must(p.For(n, body)) })
				})},
				{Serial, plain(onCells(cells, func() { body(0, n) }))},
				{Chunks, plain(onCells(cells, func() {
					var done sync.WaitGroup
					for i := range e.CPUs {
						done.Go(func() { body(n*i/e.CPUs, n*(i+1)/e.CPUs) })
					}
					done.Wait()
				}))},
			}
		},
	}
}

func heavy(name, title string, work func() []spin) Workload {
	const n = 1000
	return Workload{
		Name:  fmt.Sprintf("%s-%d", name, n),
		Title: fmt.Sprintf("%s %s", thousands(n), title),
		Tasks: n,
		Heavy: true,
		Variants: func(e *Env) []Variant {
			tasks := work()
			on := func(op func()) Instance { return Instance{Op: op, Verify: verifySpins(tasks, op)} }
			return []Variant{
				{Ours, e.pool(func(p *zeropool.Pool) Instance {
					return on(func() { must(zeropool.SubmitBatch(p, tasks, compute).Wait()) })
				})},
				{Channel, onChannel(e, func(p *chanPool[spin]) Instance {
					var done sync.WaitGroup
					return on(func() {
						p.each(tasks, compute, &done)
						done.Wait()
					})
				})},
				{Goroutines, plain(on(func() {
					var done sync.WaitGroup
					goEach(tasks, compute, &done)
					done.Wait()
				}))},
				{Chunks, plain(on(func() { goChunks(tasks, compute, e.CPUs) }))},
				{Serial, plain(on(func() { serialLoop(tasks, compute) }))},
			}
		},
	}
}

// thousands writes n with separators.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
