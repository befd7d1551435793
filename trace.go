package zeropool

import "runtime/trace"

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
