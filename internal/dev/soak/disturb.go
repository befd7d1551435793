package main

import (
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"runtime/pprof"
	"runtime/trace"
	"time"
)

// disturb shakes the process: the collector, GOMAXPROCS, stop-the-world, signals
// from profiling, affinity.
func (w *world) disturb(act *actor, r *rand.Rand) {
	for !w.stopping.Load() {
		w.running.RLock()
		w.disturbOnce(r)
		w.running.RUnlock()
		act.beats.Add(1)
		time.Sleep(time.Duration(r.IntN(int(5 * time.Millisecond))))
	}
}

func (w *world) disturbOnce(r *rand.Rand) {
	c := &w.count
	switch r.IntN(12) {
	case 0:
		debug.SetGCPercent([]int{1, 5, 20, 100, 400}[r.IntN(5)])
		c.collections.Add(1)
	case 1:
		runtime.GC()
		c.collections.Add(1)
	case 2, 3:
		churn(r)
	case 4, 5:
		runtime.GOMAXPROCS([]int{1, 2, 2, 3, 4, 8, 16}[r.IntN(7)])
		c.procs.Add(1)
	case 6:
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.stops.Add(1)
	case 7:
		var s debug.GCStats
		debug.ReadGCStats(&s)
		metrics.Read([]metrics.Sample{{Name: "/sched/goroutines:goroutines"}, {Name: "/gc/heap/allocs:bytes"}})
		c.stops.Add(1)
	case 8:
		_ = pprof.Lookup("goroutine").WriteTo(io.Discard, r.IntN(3))
		c.stops.Add(1)
	case 9: // with a signal to every thread, many times a second
		if pprof.StartCPUProfile(io.Discard) == nil {
			time.Sleep(time.Duration(r.IntN(int(20 * time.Millisecond))))
			pprof.StopCPUProfile()
			c.profiles.Add(1)
		}
	case 10:
		if r.IntN(4) == 0 && trace.Start(io.Discard) == nil {
			time.Sleep(time.Duration(r.IntN(int(5 * time.Millisecond))))
			trace.Stop()
			c.profiles.Add(1)
		}
	case 11:
		w.moveThreads(r)
	}
}

// moveThreads gives some threads of the process, workers' too, other CPUs, and
// others all of them.
func (w *world) moveThreads(r *rand.Rand) {
	all := r.IntN(3) == 0
	for _, id := range threads() {
		if r.IntN(2) == 0 && w.affinity.narrow(id, func() bool { return all || r.IntN(2) == 0 }) {
			w.count.moves.Add(1)
		}
	}
}

// churn makes garbage of many sizes, some of it linked.
func churn(r *rand.Rand) {
	type node struct {
		next *node
		data []byte
	}
	var keep *node
	for range 500 {
		n := &node{data: make([]byte, 1<<r.IntN(14))}
		if r.IntN(4) != 0 {
			n.next = keep
		}
		keep = n
	}
	runtime.KeepAlive(keep)
}
