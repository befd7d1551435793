package zeropool

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// The rows that concern the ring alone. In each round the ring and a buffered
// channel of equal elements and capacity have their turn; "ratio/channel" is
// the median of the rounds' quotients.

const queueTurn = 20_000 // tasks of one turn; a multiple of blockSize

func BenchmarkQueueOneThread(b *testing.B) {
	q := newBenchRing()
	ch := make(chan task, defaultCapacity)
	r := new(record)
	compareQueues(b,
		func() {
			for range queueTurn {
				var t task
				putBench(q, r)
				pos, got, _ := q.dequeue(q.head.Load(), &t, 1)
				releaseBench(q, pos, got)
			}
		},
		func() {
			for range queueTurn {
				ch <- task{done: r}
				<-ch
			}
		})
}

func BenchmarkQueueBatchOf8(b *testing.B) {
	q := newBenchRing()
	ch := make(chan task, defaultCapacity)
	r := new(record)
	compareQueues(b,
		func() {
			for range queueTurn / blockSize {
				var t [blockSize]task
				pos, got := claim(q, blockSize)
				for i := range got {
					q.slot(pos + i).task = task{done: r}
				}
				publish(q, pos, got)
				pos, got, _ = q.dequeue(q.head.Load(), &t[0], blockSize)
				releaseBench(q, pos, got)
			}
		},
		func() {
			for range queueTurn / blockSize {
				for range blockSize {
					ch <- task{done: r}
				}
				for range blockSize {
					<-ch
				}
			}
		})
}

func BenchmarkQueueOneToOne(b *testing.B) {
	if runtime.GOMAXPROCS(0) < 2 {
		b.Skip("needs two CPUs")
	}
	q := newBenchRing()
	ch := make(chan task, defaultCapacity)
	r := new(record)
	compareQueues(b,
		func() {
			done := make(chan struct{})
			go func() {
				defer close(done)
				var t [blockSize]task
				next := q.head.Load()
				for n := uint64(0); n < queueTurn; {
					pos, got, _ := q.dequeue(next, &t[0], blockSize)
					next = pos + got
					if got == 0 {
						relax(16)
						spinTurn()
						continue
					}
					releaseBench(q, pos, got)
					n += got
				}
			}()
			for range queueTurn {
				putBench(q, r)
			}
			<-done
		},
		func() {
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range queueTurn {
					<-ch
				}
			}()
			for range queueTurn {
				ch <- task{done: r}
			}
			<-done
		})
}

// newBenchRing returns a ring laid out as a worker's.
func newBenchRing() *ring {
	w := new(worker)
	w.ring.init(0, w.slots[:], w.claims[:], defaultCapacity, 0)
	return &w.ring
}

// putBench enqueues one task, waiting for room.
func putBench(q *ring, r *record) {
	pos, got := claim(q, 1)
	for got == 0 {
		relax(16)
		spinTurn()
		pos, got = claim(q, 1)
	}
	q.slot(pos).task = task{done: r}
	publish(q, pos, 1)
}

// releaseBench gives slots back as a consumer does, clearing their pointers.
func releaseBench(q *ring, pos, n uint64) {
	for i := range n {
		q.slot(pos + i).task = task{}
	}
	release(q, pos, n)
}

func compareQueues(b *testing.B, ours, channel func()) {
	var a, c, ratios []float64
	turn := func(f func()) float64 {
		t := time.Now()
		f()
		return float64(time.Since(t)) / queueTurn
	}
	for b.Loop() {
		x, y := turn(ours), turn(channel)
		a, c, ratios = append(a, x), append(c, y), append(ratios, x/y)
	}
	median := func(v []float64) float64 {
		slices.Sort(v)
		return v[len(v)/2]
	}
	b.ReportMetric(0, "ns/op") // of a round, which says nothing
	b.ReportMetric(median(a), "ns/task")
	b.ReportMetric(median(c), "channel-ns/task")
	b.ReportMetric(median(ratios), "ratio/channel")
}
