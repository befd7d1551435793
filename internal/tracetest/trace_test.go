// Package tracetest reads traces of programs that use zeropool, with the parser of
// golang.org/x/exp, which the root module does without.
package tracetest

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	gotrace "runtime/trace"
	"testing"

	"golang.org/x/exp/trace"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// regions runs work with tracing on, and counts the regions of workers that begin
// and end, by goroutine.
func regions(t *testing.T, work func()) (begun, ended map[trace.GoID]int) {
	t.Helper()
	var out bytes.Buffer
	if err := gotrace.Start(&out); err != nil {
		t.Fatal(err)
	}
	work()
	gotrace.Stop()
	r, err := trace.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	begun, ended = map[trace.GoID]int{}, map[trace.GoID]int{}
	for {
		e, err := r.ReadEvent()
		if errors.Is(err, io.EOF) {
			return begun, ended
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e.Kind() {
		case trace.EventRegionBegin:
			if e.Region().Type == "zeropool.busy" {
				begun[e.Goroutine()]++
			}
		case trace.EventRegionEnd:
			if e.Region().Type == "zeropool.busy" {
				ended[e.Goroutine()]++
			}
		}
	}
}

func newPool(t *testing.T) *zeropool.Pool {
	t.Helper()
	p, err := zeropool.New(zeropool.WithWorkers(2), zeropool.WithPlacement(topology.Unpinned))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func total(n map[trace.GoID]int) (sum int) {
	for _, k := range n {
		sum += k
	}
	return sum
}

// Each region ends on the goroutine that began it: when the worker parks, when a
// task ends its goroutine by runtime.Goexit, and when the pool closes. There are as
// many as busy periods, not as tasks.
func TestBusyRegions(t *testing.T) {
	const tasks, exits = 1000, 5
	begun, ended := regions(t, func() {
		p := newPool(t)
		xs := make([]int, tasks)
		for i := range xs {
			zeropool.Submit(p, &xs[i], func(x *int) { *x++ })
		}
		for range exits {
			p.Go(runtime.Goexit)
		}
		p.Close()
		parks := p.Stats().Total.Parked
		t.Logf("%d parks", parks)
	})
	if len(begun) == 0 {
		t.Fatal("no region zeropool.busy in the trace")
	}
	for g, n := range begun {
		if ended[g] != n {
			t.Errorf("goroutine %d: %d regions began and %d ended", g, n, ended[g])
		}
	}
	for g := range ended {
		if begun[g] == 0 {
			t.Errorf("goroutine %d: a region ended that never began", g)
		}
	}
	if n := total(begun); n >= tasks/2 {
		t.Errorf("%d regions for %d tasks: a region is for a busy period", n, tasks)
	}
	t.Logf("%d regions on %d goroutines", total(begun), len(begun))
}

// A busy period that began before the trace has no region: the worker asks once,
// when it is unparked.
func TestBusyBeforeTrace(t *testing.T) {
	p := newPool(t)
	release, inside := make(chan struct{}), make(chan struct{})
	f := p.Go(func() { close(inside); <-release })
	<-inside
	begun, ended := regions(t, func() { close(release); f.Wait() })
	for g := range ended {
		if begun[g] == 0 {
			t.Errorf("goroutine %d: a region ended that never began", g)
		}
	}
}
