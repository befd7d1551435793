//go:build linux

package guest

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// chore is a task of about a tenth of a millisecond when emulated.
type chore struct {
	begun *atomic.Int64
	sum   uint64
}

func (c *chore) run() {
	x := uint64(c.begun.Add(1))
	for range 10_000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	c.sum = x
}

// crowd runs chores in one of the ways that are compared.
type crowd struct {
	submit func(*chore)
	close  func()
	ran    func() []uint64 // by worker
}

// poolCrowd has pinned workers.
func poolCrowd(t *testing.T, workers, capacity int, whenFull zeropool.WhenFull) crowd {
	p, err := zeropool.New(zeropool.WithPlacement(topology.PerThread), zeropool.WithWorkers(workers),
		zeropool.WithQueueCapacity(capacity), zeropool.WithWhenFull(whenFull))
	if err != nil {
		t.Fatal(err)
	}
	return crowd{
		submit: func(c *chore) { zeropool.Submit(p, c, (*chore).run) },
		close: func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			if s := p.Stats().Total; s.Completed != s.Submitted {
				t.Errorf("%d workers: not all tasks were completed: %+v", workers, s)
			}
		},
		ran: func() (ran []uint64) {
			for _, w := range p.Stats().Workers {
				ran = append(ran, w.Completed)
			}
			return ran
		},
	}
}

// channelCrowd has goroutines that receive from one channel.
func channelCrowd(workers, capacity int) crowd {
	c := make(chan *chore, workers*capacity)
	counts := make([]atomic.Uint64, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for task := range c {
				task.run()
				counts[i].Add(1)
			}
		})
	}
	return crowd{
		submit: func(task *chore) { c <- task },
		close:  func() { close(c); wg.Wait() },
		ran: func() (ran []uint64) {
			for i := range counts {
				ran = append(ran, counts[i].Load())
			}
			return ran
		},
	}
}

// feed lets eight goroutines submit until enough says so, which is asked now and
// then, and each of them has got a chore in. It returns how many each got in.
func (c crowd) feed(begun *atomic.Int64, enough func() bool) []int64 {
	const submitters, interval = 8, 64
	accepted := make([]int64, submitters)
	var ended atomic.Bool
	var wg sync.WaitGroup
	for s := range submitters {
		wg.Go(func() {
			for accepted[s] == 0 || !ended.Load() {
				c.submit(&chore{begun: begun})
				accepted[s]++
				if accepted[s]%interval == 0 && enough() {
					ended.Store(true)
				}
			}
		})
	}
	wg.Wait()
	return accepted
}

// One worker, two, four, up to one for each CPU, and eight submitters that fill
// the queues: each submitter gets tasks in, and all of them are run; if the work
// goes on long enough, every worker has a part in it. How long it takes is
// printed only, next to what goroutines on a channel take: emulated CPUs share
// the machine's own.
func TestScale(t *testing.T) {
	m := theMachine(t)
	const (
		capacity = 16      // for each worker
		chores   = 2000    // in a round that is measured
		rounds   = 5       // of each kind
		limit    = 1 << 20 // chores after which a worker without any is a fault
	)
	ways := []struct {
		name string
		make func(workers int) crowd
	}{
		{"help", func(n int) crowd { return poolCrowd(t, n, capacity, zeropool.Help) }},
		{"block", func(n int) crowd { return poolCrowd(t, n, capacity, zeropool.Block) }},
		{"channel", func(n int) crowd { return channelCrowd(n, capacity) }},
	}
	t.Log("workers, submitters when the queues are full: median tasks/s, per worker; in the last round, fewest and most tasks of a worker, of a submitter")
	for workers := 1; ; workers = min(2*workers, len(m.allowed)) {
		rates := make([][]float64, len(ways))
		for round := range rounds {
			for i, way := range ways {
				c := way.make(workers)
				var begun atomic.Int64
				began := time.Now()
				got := c.feed(&begun, func() bool { return begun.Load() >= chores })
				rates[i] = append(rates[i], float64(begun.Load())/time.Since(began).Seconds())
				c.close()
				if round == rounds-1 {
					slices.Sort(rates[i])
					ran := c.ran()
					t.Logf("%2d %-8s %6.0f %6.0f; %5d %5d; %5d %5d", workers, way.name, rates[i][rounds/2], rates[i][rounds/2]/float64(workers),
						slices.Min(ran), slices.Max(ran), slices.Min(got), slices.Max(got))
				}
			}
		}

		c := poolCrowd(t, workers, capacity, zeropool.Block)
		var begun, looked atomic.Int64
		got := c.feed(&begun, func() bool {
			n := begun.Load()
			if last := looked.Load(); n-last < chores || !looked.CompareAndSwap(last, n) {
				return false
			}
			return n >= limit || !slices.Contains(c.ran(), 0)
		})
		c.close()
		if ran := c.ran(); slices.Contains(ran, 0) {
			t.Errorf("%d workers: some got none of %d tasks: %v", workers, begun.Load(), ran)
		} else {
			t.Logf("%2d: every worker had tasks (%d to %d) when %d had begun, every submitter %d to %d", workers, slices.Min(ran), slices.Max(ran), begun.Load(), slices.Min(got), slices.Max(got))
		}
		if workers == len(m.allowed) {
			return
		}
	}
}
