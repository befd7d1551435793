package zeropool

import (
	"bytes"
	"context"
	"math"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/zeropool-go/zeropool/topology"
)

// No goroutine of a pool carries the profiling labels of somebody else: neither of
// whoever made the pool, nor of one that submitted or waited and so made it start a
// goroutine, nor of a task that has ended. Workers have labels of their own.
func TestLabels(t *testing.T) {
	var p *Pool
	free := make(chan struct{})
	pprof.Do(context.Background(), pprof.Labels("request", "42"), func(ctx context.Context) {
		p = newTestPool(t, unpinned(2, WithName("mill"))...)
		for range 3 {
			p.Go(func() { runtime.Goexit() }).Wait() // a new goroutine takes the worker's place
			p.Go(func() { pprof.SetGoroutineLabels(ctx) }).Wait()
			f := p.Go(func() { pprof.SetGoroutineLabels(ctx) })
			eventually(t, f.Done, func() string { return "no worker runs the task" })
			SubmitBatch(p, make([]int, 3), func(*int) { pprof.SetGoroutineLabels(ctx) }).WaitContext(t.Context())
			ForEach(p, make([]int, 3), func(*int) { runtime.Goexit() })
		}
	})
	atRest(t, p)
	var fs []Future
	m := newMeeting(2 + 1)
	for range 3 {
		fs = append(fs, p.Go(func() { m.meet(); <-free }))
	}
	pprof.Do(context.Background(), pprof.Labels("request", "43"), func(context.Context) {
		fs[0].WaitTimeout(1)
		go fs[2].Wait() // lends its place, so that a stand-in begins
	})
	<-m.all
	profile := func() string {
		var b bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	var text, strange string
	eventually(t, func() bool { // the end of a task shows before its labels are taken away
		text, strange = profile(), ""
		for _, g := range strings.Split(text, "\n\n") {
			ours := strings.Contains(g, "zeropool.(*worker)") || strings.Contains(g, "zeropool.(*standIn)") || strings.Contains(g, "zeropool.(*Pool)")
			if strings.Contains(g, `"request"`) && ours && !strings.Contains(g, "zeropool.Future.Wait") {
				strange = g
			}
		}
		return strange == "" && strings.Count(text, `"zeropool":"mill"`) >= 2
	}, func() string {
		return "a goroutine of the pool has the label of a stranger, or none of the pool's:\n" + strange + "\n\n" + text
	})
	close(free)
	for _, f := range fs {
		if err := f.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// A submitter that waits for its tasks with a channel or a WaitGroup, and is told by the
// last of them, goes on before the runner finds no more work anywhere.
func TestToldSubmitterGoesOn(t *testing.T) {
	setProcs(t, 1) // only the runner could let it go on
	l := newTestInbox(built, minSlots, testStart{}).lane
	l.pool.times.yield = -1
	l.pool.times.late = math.MaxInt64 // however long a yield takes
	r := &runner{pool: l.pool, labels: context.Background()}
	r.lease.cpu.Store(topology.Unknown)
	started, told := make(chan bool), make(chan bool)
	var went atomic.Bool
	go func() {
		started <- true
		<-told
		went.Store(true)
	}()
	<-started
	// Go's scheduler lets the runner itself go on first after one yield in 61.
	for _, last := range []func(){func() { close(told) }, func() {}} {
		if _, ok := l.pushInbox(callFunc, unsafe.Pointer(funcOf(last)), 0, nil); !ok {
			t.Fatal("no room")
		}
		s, key, ok := r.stealFrom(l)
		if !ok {
			t.Fatal("the task is not there")
		}
		r.runTaken(l, s, key|taken)
	}
	if !went.Load() {
		t.Error("the runner looks for more work before the submitter goes on")
	}
}
