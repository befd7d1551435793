package bench

import (
	"fmt"
	"sync"
	"time"
)

// neighbour is how long a goroutine that has nothing to do with a pool has to
// wait for a P when it becomes runnable: the pool has worked and has had nothing
// to do for a while, in which the goroutine that measures computes. It goes on
// computing until the other one runs.
func neighbour(name string, idle time.Duration) Workload {
	when := "just"
	if idle > 0 {
		when = fmt.Sprintf("%d µs", idle.Microseconds())
	}
	return Workload{
		Name:    name,
		Title:   fmt.Sprintf("a goroutine that another one makes runnable, %s after a pool has worked, while that one goes on computing: until it runs", when),
		Kind:    Latency,
		Tasks:   1,
		Samples: 50,
		Further: true,
		Variants: func(e *Env) []Variant {
			work := make([]spin, 4*e.Workers)
			for i := range work {
				work[i].turns = TurnsIn(10 * time.Microsecond)
			}
			after := func(do func(work []spin)) Instance {
				var woken stamp
				var runnable chan struct{}
				var ended sync.WaitGroup
				sample := func() time.Duration {
					do(work)
					for t := now(); now()-t < int64(idle); {
					}
					woken.began.Store(0)
					t := now()
					runnable <- struct{}{}
					for woken.began.Load() == 0 && now()-t < int64(goOnLimit) {
					}
					for woken.began.Load() == 0 { // beyond the limit
						time.Sleep(time.Millisecond)
					}
					return time.Duration(woken.began.Load() - t)
				}
				return Instance{
					Op:     func() { sample() },
					Sample: sample,
					Wake: func() {
						runnable = make(chan struct{}, 1)
						ended.Go(func() {
							for range runnable {
								note(&woken)
							}
						})
					},
					Rest: func() {
						close(runnable)
						ended.Wait()
					},
				}
			}
			variants := served(e, 0, func(s *server) Instance { return after(s.fork) })
			return append(variants, Variant{Nothing, plain(after(func(work []spin) { serialLoop(work, compute) }))})
		},
	}
}
