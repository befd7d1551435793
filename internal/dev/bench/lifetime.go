package bench

import (
	"errors"
	"time"

	"github.com/zeropool-go/zeropool"
)

// The workloads of this file are about what is done once in the life of a pool.

// lifetimes is how many pools a variant makes in a round, at most as many as
// there are functions that have never run.
const (
	lifetimes      = 6
	lifetimeRounds = (freshCount - 16) / lifetimes
)

// A life is a pool, ours or the channel, from its start to its end.
type life struct {
	start func()
	do    func(c *cell, fn func(*cell)) // one task, waited for
	each  func(cells []cell)            // tasks submitted one by one, waited for
	stop  func()
}

// lives makes the variants of a latency that is a part of a life.
func lives(e *Env, instance func(l *life) Instance) []Variant {
	var p *zeropool.Pool
	futures := make([]zeropool.Future, restTasks)
	ours := life{
		start: func() {
			var err error
			p, err = zeropool.New(e.Options...)
			must(err)
		},
		do:   func(c *cell, fn func(*cell)) { must(zeropool.Submit(p, c, fn).Wait()) },
		each: func(cells []cell) { submitAll(p, cells, futures, store) },
		stop: func() { must(p.Close()) },
	}
	var r *Runner[cell]
	channel := life{
		start: func() {
			var err error
			r, err = channelPeer[cell]().Start(e)
			must(err)
		},
		do:   func(c *cell, fn func(*cell)) { r.do(c, fn) },
		each: func(cells []cell) { r.Each(cells, store) },
		stop: func() { r.Stop() },
	}
	return []Variant{{Ours, plain(instance(&ours))}, {Channel, plain(instance(&channel))}}
}

// once makes the instance whose sample is the time that op takes; reached says
// whether op did what it should.
func once(before, op, after func(), reached func() bool) Instance {
	return Instance{Before: before, Op: op, After: after,
		Sample: func() time.Duration {
			t := now()
			op()
			return time.Duration(now() - t)
		},
		Verify: func() error {
			if op(); !reached() {
				return errors.New("the task was not run")
			}
			return nil
		},
	}
}

func oneLife(name, title string, variants func(e *Env) []Variant) Workload {
	return Workload{Name: name, Title: title, Kind: Latency, Tasks: 1, Samples: lifetimes, Rounds: lifetimeRounds, Further: true, Variants: variants}
}

// startPool is New after the first one of the process; it runs a task outside
// of the time.
func startPool() Workload {
	return oneLife("new", "New, not the first in the process", func(e *Env) []Variant {
		return lives(e, func(l *life) Instance {
			return once(nil, l.start, l.stop, func() bool {
				var c cell
				l.do(&c, store)
				return c.value == answer
			})
		})
	})
}

// firstTask is the first task of a new pool, of a function that has never run.
func firstTask() Workload {
	return oneLife("first-task", "one tiny task, submitted and waited for: the first of a new pool, of a function that has never run", func(e *Env) []Variant {
		return lives(e, func(l *life) Instance {
			stores := freshStores()
			used := 0
			var c cell
			return once(func() {
				used++
				c.value = 0
				l.start()
			}, func() { l.do(&c, stores[used%len(stores)]) }, l.stop, func() bool { return c.value == answer })
		})
	})
}

// stopPool is Close of a pool that has worked and sleeps.
func stopPool() Workload {
	return oneLife("close", "Close of a pool that has done 1,000 tasks and slept for 200 µs", func(e *Env) []Variant {
		return lives(e, func(l *life) Instance {
			cells := make([]cell, restTasks)
			return once(func() {
				l.start()
				l.each(cells)
				time.Sleep(idleTime)
			}, l.stop, nil, func() bool { return cells[restTasks-1].value == answer })
		})
	})
}

// firstPool is the first New of a process: what the process does once is in it.
func firstPool() Workload {
	return Workload{
		Name:    "new-first",
		Title:   "New with default options, the first in a process",
		Kind:    Once,
		Tasks:   1,
		Rounds:  9,
		Further: true,
		Variants: func(e *Env) []Variant {
			return []Variant{
				{Ours, plain(Instance{Sample: func() time.Duration { return e.firstNew }})},
				{Channel, plain(Instance{Sample: func() time.Duration {
					t := now()
					p := newChanPool[cell](e.Workers)
					d := time.Duration(now() - t)
					p.stop()
					return d
				}})},
			}
		},
	}
}

// inLife returns the workloads of this file.
func inLife() []Workload { return []Workload{firstPool(), startPool(), firstTask(), stopPool()} }
