package bench

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/zeropool-go/zeropool"
)

var base = time.Now()

// now is a cheap monotonic clock, in nanoseconds.
func now() int64 { return int64(time.Since(base)) }

// clockCost is what one reading of the clock adds to a latency, in nanoseconds.
func clockCost() float64 {
	samples := make([]float64, 1001)
	last := now()
	for i := range samples {
		t := now()
		samples[i] = float64(t - last)
		last = t
	}
	return quantile(sorted(samples), 0.5)
}

// idleTime is long enough for workers to park and for a virtual CPU to halt.
const idleTime = 200 * time.Microsecond

func hot() Workload {
	return roundTrip("hot", "one tiny task, submitted and waited for, again and again", 2000, 0)
}

func afterIdle() Workload {
	return roundTrip("idle-200us", "one tiny task, submitted and waited for, after 200 µs asleep", 100, idleTime)
}

// roundTrip is a submission with the wait for it, after a pause.
func roundTrip(name, title string, samples int, pause time.Duration) Workload {
	return Workload{
		Name:    name,
		Title:   title,
		Kind:    Latency,
		Tasks:   1,
		Samples: samples,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, 1)
			timed := func(op func()) Instance {
				i := onCells(cells, op)
				i.Sample = func() time.Duration {
					if pause > 0 {
						time.Sleep(pause)
					}
					t := now()
					op()
					return time.Duration(now() - t)
				}
				return i
			}
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				return timed(func() { must(zeropool.Submit(p, &cells[0], store).Wait()) })
			})}
			return append([]Variant{ours}, others(e, func(r *Runner[cell]) Instance {
				return timed(func() { r.do(&cells[0], store) })
			}, e.Peers.Cells, channelPeer[cell](), goroutinePeer[cell]())...)
		},
	}
}

// stamp is the params of a task that notes when it began.
type stamp struct{ began atomic.Int64 }

var note = func(s *stamp) { s.began.Store(now()) }

// goOnLimit bounds the time that a submitter keeps busy: beyond it the task
// counts as begun that late.
const goOnLimit = time.Second

// goOn measures how long a task waits for a sleeping worker while its submitter
// goes on with other work.
func goOn() Workload {
	return Workload{
		Name:    "go-on",
		Title:   "one task for sleeping workers while the submitter goes on: until it begins",
		Kind:    Latency,
		Tasks:   1,
		Samples: 60,
		Variants: func(e *Env) []Variant {
			s := new(stamp)
			// submit returns how to wait for the end.
			timed := func(submit func() (wait func())) Instance {
				sample := func() time.Duration {
					time.Sleep(idleTime)
					s.began.Store(0)
					t := now()
					wait := submit()
					for s.began.Load() == 0 && now()-t < int64(goOnLimit) {
					}
					wait()
					return time.Duration(s.began.Load() - t)
				}
				return Instance{
					Op:     func() { sample() },
					Sample: sample,
					Verify: func() error {
						if sample() < 0 {
							return fmt.Errorf("the task did not begin")
						}
						return nil
					},
				}
			}
			ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
				var f zeropool.Future
				wait := func() { must(f.Wait()) }
				return timed(func() func() {
					f = zeropool.Submit(p, s, note)
					return wait
				})
			})}
			return append([]Variant{ours}, others(e, func(r *Runner[stamp]) Instance {
				return timed(func() func() { return r.Submit(s, note) })
			}, e.Peers.Stamps, channelPeer[stamp](), goroutinePeer[stamp]())...)
		},
	}
}
