package zeropool

import (
	"context"
	"runtime/pprof"
	"runtime/trace"
)

// labels returns the labels for profiles of what runs the pool's tasks: the pool, and
// what it is there.
func (p *Pool) labels(worker string) context.Context {
	return pprof.WithLabels(context.Background(), pprof.Labels("zeropool", p.name, "worker", worker))
}

// relabel ends the labels that a task may have given itself, or that the calling goroutine
// has from the one that started it.
func (r *runner) relabel() { pprof.SetGoroutineLabels(r.labels) }

// busyRegion is the name of the trace regions of runners.
const busyRegion = "zeropool.busy"

// beginBusy begins a region of runtime/trace that lasts until the runner parks or
// its goroutine ends. It asks once whether tracing is on: a trace that begins in
// the middle of a busy period shows the next one.
func (r *runner) beginBusy() {
	if trace.IsEnabled() {
		r.region = trace.StartRegion(r.labels, busyRegion)
	}
}

// endBusy ends the region, on the goroutine that began it.
func (r *runner) endBusy() {
	if r.region != nil {
		r.region.End()
		r.region = nil
	}
}
