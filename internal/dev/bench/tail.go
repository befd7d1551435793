package bench

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeropool-go/zeropool"
)

// The workloads of this file are about what happens to one submitter while
// others are at work: in the same pool, or in the same process.

// A server is what does the tasks, ours or the channel.
type server struct {
	// client returns what one goroutine does one task by, and waits.
	client func() (do func(s *spin))
	// each does tasks submitted one by one, and waits.
	each func(spins []spin)
	// fork does tasks submitted all at a time, where that is possible, and waits.
	fork func(spins []spin)
	// told does tasks submitted one by one, and waits for a WaitGroup in which they count
	// themselves as done.
	told func(spins []spin)
}

// served makes the variants that have a server. What prepare returns is the
// instance; its Wake and Rest surround each turn. procs is what GOMAXPROCS is
// while the server starts and works, 0 for what it is.
func served(e *Env, procs int, prepare func(s *server) Instance) []Variant {
	ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
		prove(p)
		do := func(s *spin) { must(zeropool.Submit(p, s, compute).Wait()) }
		return prepare(&server{
			client: func() func(*spin) { return do },
			each: func(spins []spin) {
				var room [loadBurst]zeropool.Future
				futures := room[:0]
				for i := range spins {
					futures = append(futures, zeropool.Submit(p, &spins[i], compute))
				}
				for _, f := range futures {
					must(f.Wait())
				}
			},
			fork: func(spins []spin) { must(zeropool.SubmitBatch(p, spins, compute).Wait()) },
			told: func(spins []spin) {
				var done sync.WaitGroup
				done.Add(len(spins))
				counted := make([]countedSpin, len(spins))
				for i := range spins {
					counted[i] = countedSpin{&spins[i], &done}
					zeropool.Submit(p, &counted[i], computeCounted)
				}
				done.Wait()
			},
		})
	})}
	theirs := Variant{Channel, func() (Instance, error) {
		p := newChanPool[spin](e.Workers)
		each := func(spins []spin) {
			var done sync.WaitGroup
			p.each(spins, compute, &done)
			done.Wait()
		}
		i := prepare(&server{
			client: func() func(*spin) {
				done := new(sync.WaitGroup)
				return func(s *spin) {
					p.submit(s, compute, done)
					done.Wait()
				}
			},
			each: each,
			fork: each,
			told: each,
		})
		i.Stop = p.stop
		return i, nil
	}}
	variants := []Variant{ours, theirs}
	for i := range variants {
		variants[i].Start = withProcs(procs, variants[i].Start)
	}
	return variants
}

// prove has the pool run the task often enough for its waiters to run it
// themselves, which would take long while others are at work.
func prove(p *zeropool.Pool) {
	must(zeropool.SubmitBatch(p, make([]spin, warmUps), compute).Wait())
}

// withProcs sets GOMAXPROCS while a variant starts and during its turns.
func withProcs(procs int, start func() (Instance, error)) func() (Instance, error) {
	if procs == 0 {
		return start
	}
	return func() (Instance, error) {
		before := runtime.GOMAXPROCS(procs)
		defer runtime.GOMAXPROCS(before)
		in, err := start()
		if err != nil {
			return in, err
		}
		wake, rest := in.Wake, in.Rest
		in.Wake = func() {
			runtime.GOMAXPROCS(procs)
			wake()
		}
		in.Rest = func() {
			rest()
			runtime.GOMAXPROCS(before)
		}
		return in, nil
	}
}

// A crowd is goroutines that are at work from start to stop.
type crowd struct {
	stopped atomic.Bool
	ended   sync.WaitGroup
}

// start has n goroutines do step over and over.
func (c *crowd) start(n int, step func(i int)) {
	c.stopped.Store(false)
	for i := range n {
		c.ended.Go(func() {
			for !c.stopped.Load() {
				step(i)
			}
		})
	}
}

func (c *crowd) stop() {
	c.stopped.Store(true)
	c.ended.Wait()
}

// A load is what other submitters have a pool do.
type load struct {
	name, title string
	burst       int // tasks that a submitter submits before it waits for them
	each        time.Duration
}

const loadBurst = 64

var (
	busyLoad = load{"10us", "10 µs", 8, 10 * time.Microsecond}
	tinyLoad = load{"tiny", "a few ns", loadBurst, 0}
)

// spins makes the tasks that each of some submitters submits at a time.
func (l *load) spins(submitters int) [][]spin {
	all := make([][]spin, submitters)
	for i := range all {
		all[i] = make([]spin, l.burst)
		for k := range all[i] {
			all[i][k].turns = TurnsIn(l.each)
		}
	}
	return all
}

// start has one submitter for each worker keep the server busy.
func (l *load) start(c *crowd, e *Env, s *server) {
	spins := l.spins(e.Workers)
	c.start(e.Workers, func(i int) { s.each(spins[i]) })
}

// TurnsIn returns how many multiplications, each of the one before's product, this
// machine does in that time; NewEnv measures it.
func TurnsIn(d time.Duration) int {
	return int(d * time.Duration(turnsPerMicrosecond) / time.Microsecond)
}

// timed makes the instance whose sample is the time that op takes, after a pause
// that lets the others at work get ahead.
func timed(op func(), verify func() error) Instance {
	return Instance{Op: op, Verify: verify, Sample: func() time.Duration {
		time.Sleep(idleTime)
		t := now()
		op()
		return time.Duration(now() - t)
	}}
}

// underLoad is a round trip while other submitters keep the pool busy.
func underLoad() Workload {
	return Workload{
		Name:    "loaded",
		Title:   "one tiny task, submitted and waited for, while a submitter for each worker keeps all busy with tasks of 10 µs",
		Kind:    Latency,
		Tasks:   1,
		Samples: 100,
		Further: true,
		Variants: func(e *Env) []Variant {
			return served(e, 0, func(s *server) Instance {
				task := []spin{{turns: 1}}
				do := s.client()
				op := func() { do(&task[0]) }
				var others crowd
				in := timed(op, verifySpins(task, op))
				in.Wake = func() { busyLoad.start(&others, e, s) }
				in.Rest = others.stop
				return in
			})
		},
	}
}

// What one does beside goroutines that have nothing to do with the pool.
const (
	oneTask  = ""
	oneBatch = "batch-"
	oneTold  = "told-"
)

// crowded is a round trip, a batch, or tasks that tell their submitter, while goroutines
// that have nothing to do with the pool use as many of the Ps as there are workers.
func crowded(name, title string, procs func(workers int) int, what string) Workload {
	w := Workload{
		Name:    "busy-" + what + name,
		Title:   "one tiny task, submitted and waited for, while a goroutine for each worker computes, GOMAXPROCS " + title,
		Kind:    Latency,
		Tasks:   1,
		Samples: 10,
		Further: true,
	}
	switch what {
	case oneBatch:
		w.Title = "a batch of 16 tasks of 10 µs, waited for, while a goroutine for each worker computes, GOMAXPROCS " + title
		w.Tasks = 16
	case oneTold:
		w.Title = "8 tasks of 10 µs, submitted and waited for by a WaitGroup, while a goroutine for each worker computes, GOMAXPROCS " + title
		w.Tasks = 8
	}
	w.Variants = func(e *Env) []Variant {
		return served(e, procs(e.Workers), func(s *server) Instance {
			task := make([]spin, w.Tasks)
			do := s.client()
			op := func() { do(&task[0]) }
			if what != oneTask {
				for i := range task {
					task[i] = spin{turns: TurnsIn(busyLoad.each), x: uint64(i)}
				}
				op = func() { s.fork(task) }
			}
			if what == oneTold {
				op = func() { s.told(task) }
			}
			var others crowd
			in := timed(op, verifySpins(task, op))
			in.Wake = func() {
				own := make([]spin, e.Workers)
				others.start(e.Workers, func(i int) {
					own[i].turns = turnsPerMicrosecond
					compute(&own[i])
				})
			}
			in.Rest = others.stop
			return in
		})
	}
	return w
}

// stopTheWorld is how long it takes to stop and start all goroutines while all
// workers are busy: without workers, while as many goroutines do the same work, none of
// which ever waits.
func stopTheWorld(l load) Workload {
	return Workload{
		Name:    "stop-world-" + l.name,
		Title:   fmt.Sprintf("runtime.ReadMemStats, which stops the world, while a submitter for each worker keeps all busy with tasks of %s", l.title),
		Kind:    Latency,
		Tasks:   1,
		Samples: 100,
		Further: true,
		Variants: func(e *Env) []Variant {
			stopped := func(s *server) Instance {
				var m runtime.MemStats
				var others crowd
				in := timed(func() { runtime.ReadMemStats(&m) }, nil)
				in.Wake = func() { l.start(&others, e, s) }
				in.Rest = others.stop
				return in
			}
			return append(served(e, 0, stopped), Variant{Nothing, plain(stopped(&server{
				each: func(spins []spin) { serialLoop(spins, compute) },
			}))})
		},
	}
}

// fairness is how unequal the shares are that submitters get of a pool: each
// submits a few tasks and waits for them, over and over, until all together
// have done the work. It must be much more work than the time slices of the
// scheduler.
func fairness(submitters, tasks int) Workload {
	return Workload{
		Name:    fmt.Sprintf("fairness-%d", submitters),
		Title:   fmt.Sprintf("%d goroutines submit %d tasks of 10 µs at a time and wait for them, %s in all: tasks of the one that did most per task of the one that did least", submitters, busyLoad.burst, thousands(tasks)),
		Kind:    Share,
		Tasks:   tasks,
		Further: true,
		Variants: func(e *Env) []Variant {
			return served(e, 0, func(s *server) Instance {
				counts := make([]int, submitters)
				run := func() {
					var next atomic.Int64
					var all sync.WaitGroup
					for i, own := range busyLoad.spins(submitters) {
						counts[i] = 0
						all.Go(func() {
							for next.Add(int64(len(own))) <= int64(tasks) {
								s.each(own)
								counts[i] += len(own)
							}
						})
					}
					all.Wait()
				}
				return Instance{
					Op: run,
					Value: func() float64 {
						run()
						return float64(slices.Max(counts)) / math.Max(float64(slices.Min(counts)), 1)
					},
					Verify: func() error {
						run()
						sum := 0
						for _, n := range counts {
							sum += n
						}
						if sum != tasks {
							return fmt.Errorf("%d tasks were done of %d", sum, tasks)
						}
						return nil
					},
				}
			})
		},
	}
}

// tails returns the workloads of this file.
func tails() []Workload {
	all := []Workload{underLoad()}
	asMany := func(n int) int { return n }
	for _, what := range []string{oneTask, oneBatch} {
		all = append(all,
			crowded("procs", "= workers", asMany, what),
			crowded("procs+1", "= workers + 1", func(n int) int { return n + 1 }, what),
			crowded("procs-x2", "= twice the workers", func(n int) int { return 2 * n }, what))
	}
	all = append(all, crowded("procs", "= workers", asMany, oneTold))
	return append(all, fairness(8, 40_000), stopTheWorld(busyLoad), stopTheWorld(tinyLoad),
		neighbour("neighbour", 0), neighbour("neighbour-100us", 100*time.Microsecond),
		overHTTP(1, 400), overHTTP(8, 800), childMask())
}
