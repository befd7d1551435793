package zeropool

import (
	"context"
	"runtime/pprof"
)

// label gives the calling goroutine, which runs r from now on, labels for
// profiles: the pool, and what it is there. It would carry those of the goroutine
// that started it otherwise.
func (r *runner) label(worker string) {
	r.settleIn()
	if r.labels == nil {
		r.labels = pprof.WithLabels(context.Background(), pprof.Labels("zeropool", r.pool.name, "worker", worker))
	}
	pprof.SetGoroutineLabels(r.labels)
}

// relabel ends the labels that a task may have given itself.
func (r *runner) relabel() { pprof.SetGoroutineLabels(r.labels) }
