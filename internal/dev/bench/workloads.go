package bench

import (
	"fmt"

	"github.com/zeropool-go/zeropool"
)

// onCells makes the instance that works on cells by op.
func onCells(cells []cell, op func()) Instance {
	return Instance{Op: op, Verify: verifyCells(cells, op)}
}

// eachCell does one task for each cell, submitted one by one; allCells by what
// the peer has for many at a time.
func eachCell(cells []cell) func(r *Runner[cell]) Instance {
	return func(r *Runner[cell]) Instance { return onCells(cells, func() { r.Each(cells, store) }) }
}

func allCells(cells []cell) func(r *Runner[cell]) Instance {
	return func(r *Runner[cell]) Instance { return onCells(cells, func() { r.DoAll(cells, store) }) }
}

// others makes the variants by the baselines and by the peers.
func others[T any](e *Env, instance func(r *Runner[T]) Instance, peers []Peer[T], baselines ...Peer[T]) []Variant {
	return ByPeers(e, append(baselines, peers...), instance)
}

// submitAll submits a task for each element, each with its own Future, and then
// waits for every one.
func submitAll[T any](p *zeropool.Pool, params []T, futures []zeropool.Future, fn func(*T)) {
	for i := range params {
		futures[i] = zeropool.Submit(p, &params[i], fn)
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
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				futures := make([]zeropool.Future, n)
				return onCells(cells, func() { submitAll(p, cells, futures, store) })
			})}
			return append([]Variant{ours}, others(e, eachCell(cells), e.Peers.Cells, channelPeer[cell](), goroutinePeer[cell](), serialPeer[cell]())...)
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
			part := func(i int) []cell { return cells[i*each : (i+1)*each] }
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				futures := make([]zeropool.Future, n)
				return onCells(cells, func() {
					concurrently(goroutines, func(i int) { submitAll(p, part(i), futures[i*each:(i+1)*each], store) })
				})
			})}
			return append([]Variant{ours}, others(e, func(r *Runner[cell]) Instance {
				return onCells(cells, func() {
					concurrently(goroutines, func(i int) { r.Each(part(i), store) })
				})
			}, sharable(e.Peers.Cells), channelPeer[cell](), goroutinePeer[cell]())...)
		},
	}
}

// groupCells submits a task for each cell to a Group, and waits once.
func groupCells(cells []cell) func(p *zeropool.Pool) Instance {
	return func(p *zeropool.Pool) Instance {
		g := p.NewGroup()
		return onCells(cells, func() {
			for i := range cells {
				zeropool.SubmitTo(g, &cells[i], store)
			}
			must(g.Wait())
		})
	}
}

func group(n int) Workload {
	return Workload{
		Name:  fmt.Sprintf("group-%d", n),
		Title: fmt.Sprintf("%s tiny tasks submitted one by one to a Group, with one wait", thousands(n)),
		Tasks: n,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, n)
			ours := Variant{Ours, e.Pool(groupCells(cells))}
			return append([]Variant{ours}, others(e, eachCell(cells), e.Peers.Cells, channelPeer[cell](), goroutinePeer[cell]())...)
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
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				return onCells(cells, func() { must(zeropool.SubmitBatch(p, cells, store).Wait()) })
			})}
			return append([]Variant{ours}, others(e, allCells(cells), e.Peers.Cells,
				channelPeer[cell](), goroutinePeer[cell](), chunkPeer[cell](), serialPeer[cell]())...)
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
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				return onCells(cells, func() { must(zeropool.ForEach(p, cells, store)) })
			})}
			return append([]Variant{ours}, others(e, allCells(cells), e.Peers.Cells, serialPeer[cell](), chunkPeer[cell](), channelPeer[cell]())...)
		},
	}
}

// span is the params of a task that is a part of a loop.
type span struct {
	lo, hi int
	cells  []cell
}

// storeSpan is the loop: its body is in the task.
var storeSpan = func(s *span) {
	part := s.cells[s.lo:s.hi]
	for i := range part {
		part[i].value = answer
	}
}

// spansPerCPU is into how many parts one cuts a loop by hand, so that CPUs which
// are late do not hold up the others.
const spansPerCPU = 4

func loop(n int) Workload {
	return Workload{
		Name:  fmt.Sprintf("for-%d", n),
		Title: fmt.Sprintf("For over %s indices, the loop in its body", thousands(n)),
		Tasks: n,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, n)
			cut := func(parts int) []span {
				spans := make([]span, parts)
				for i := range spans {
					spans[i] = span{n * i / parts, n * (i + 1) / parts, cells}
				}
				return spans
			}
			in := func(spans []span) func(r *Runner[span]) Instance {
				return func(r *Runner[span]) Instance { return onCells(cells, func() { r.DoAll(spans, storeSpan) }) }
			}
			variants := []Variant{
				{Ours, e.Pool(func(p *zeropool.Pool) Instance {
					body := func(lo, hi int) { storeSpan(&span{lo, hi, cells}) }
					return onCells(cells, func() { must(p.For(n, body)) })
				})},
				serialPeer[span]().variant(e, in(cut(1))),
				chunkPeer[span]().variant(e, in(cut(e.CPUs))),
			}
			return append(variants, ByPeers(e, e.Peers.Spans, in(cut(spansPerCPU*e.CPUs)))...)
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
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				return on(func() { must(zeropool.SubmitBatch(p, tasks, compute).Wait()) })
			})}
			return append([]Variant{ours}, others(e, func(r *Runner[spin]) Instance {
				return on(func() { r.DoAll(tasks, compute) })
			}, e.Peers.Spins, channelPeer[spin](), goroutinePeer[spin](), chunkPeer[spin](), serialPeer[spin]())...)
		},
	}
}

// heavyOneByOne is n heavy tasks of so many microseconds when nobody knows in advance how
// many they are. Workers are pinned while the long ones run.
func heavyOneByOne(name string, n, µs int) Workload {
	return Workload{
		Name:   fmt.Sprintf("%s-%d", name, n),
		Title:  fmt.Sprintf("%s equal tasks of %s µs submitted one by one", thousands(n), thousands(µs)),
		Tasks:  n,
		Rounds: fewRounds,
		Heavy:  true,
		Variants: func(e *Env) []Variant {
			tasks := spins(n, µs, µs)
			on := func(op func()) Instance { return Instance{Op: op, Verify: verifySpins(tasks, op)} }
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				futures := make([]zeropool.Future, len(tasks))
				return on(func() { submitAll(p, tasks, futures, compute) })
			})}
			return append([]Variant{ours}, others(e, func(r *Runner[spin]) Instance {
				return on(func() { r.Each(tasks, compute) })
			}, e.Peers.Spins, channelPeer[spin](), goroutinePeer[spin](), serialPeer[spin]())...)
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
