//go:build linux

package guest

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// chore is a task of a few microseconds.
type chore struct {
	begun *atomic.Int64 // tasks begun by all
	after int64         // what it was when this one was submitted
	late  int64         // how many began between its submission and it
	sum   uint64
}

func (c *chore) run() {
	c.late = c.begun.Add(1) - 1 - c.after
	x := uint64(c.after) | 1
	for range 2000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	c.sum = x
}

// With 1, 2, 4 ... workers, up to one for each CPU, and as many submitters, no
// worker is left without tasks, no submitter without room, and no task waits
// while a multiple of what the queues hold begins. How long it takes is printed
// only: emulated CPUs share the machine's own.
func TestScale(t *testing.T) {
	m := theMachine(t)
	const (
		capacity = 64 // of each queue
		window   = 32 // tasks that a submitter has under way
		share    = 64 // tasks for each worker, at least
		limit    = 64 // times that, at most
	)
	base := 0.0
	for workers := 1; ; workers = min(2*workers, len(m.allowed)) {
		p, err := zeropool.New(zeropool.WithPlacement(topology.PerThread), zeropool.WithWorkers(workers), zeropool.WithQueueCapacity(capacity))
		if err != nil {
			t.Fatal(err)
		}
		submitters := workers
		var begun atomic.Int64
		var enough atomic.Bool
		accepted := make([]int64, submitters)
		late := make([]int64, submitters)
		began := time.Now()
		var wg sync.WaitGroup
		for s := range submitters {
			wg.Go(func() {
				cs := make([]chore, window)
				fs := make([]zeropool.Future, window)
				for n := 0; !enough.Load() || n < window; n++ {
					c, f := &cs[n%window], &fs[n%window]
					if err := f.Wait(); err != nil {
						t.Error(err)
					}
					late[s] = max(late[s], c.late)
					*c = chore{begun: &begun, after: begun.Load()}
					*f = zeropool.Submit(p, c, (*chore).run)
					accepted[s]++
				}
				for _, f := range fs {
					if err := f.Wait(); err != nil {
						t.Error(err)
					}
				}
				for i := range cs {
					late[s] = max(late[s], cs[i].late)
				}
			})
		}
		idle := func() int {
			return slices.IndexFunc(p.Stats().Workers, func(w zeropool.WorkerStats) bool { return w.Completed == 0 })
		}
		for begun.Load() < int64(share*workers) || idle() >= 0 && begun.Load() < int64(limit*share*workers) {
			runtime.Gosched()
		}
		enough.Store(true)
		wg.Wait()
		elapsed := time.Since(began).Seconds()
		if err := p.Close(); err != nil {
			t.Error(err)
		}

		stats := p.Stats()
		if i := idle(); i >= 0 {
			t.Errorf("%d workers: worker %d got none of %d tasks", workers, i, stats.Total.Completed)
		}
		if slices.Min(accepted) == 0 {
			t.Errorf("%d workers: a submitter got no task in, all of them %v", workers, accepted)
		}
		var done []uint64
		for _, w := range stats.Workers {
			done = append(done, w.Completed)
		}
		rate := float64(stats.Total.Completed) / elapsed
		if base == 0 {
			base = rate
		}
		t.Logf("%2d workers, %2d submitters: %6.0f tasks/s (%.2f of 1 worker), %5.0f per worker; a worker ran %d to %d tasks, helpers %d in all; %d entries stolen; a submitter got %d to %d in; a task began after at most %d others",
			workers, submitters, rate, rate/base, rate/float64(workers), slices.Min(done), slices.Max(done), stats.Total.Helped, stats.Total.Stolen, slices.Min(accepted), slices.Max(accepted), slices.Max(late))
		if workers == len(m.allowed) {
			return
		}
	}
}
