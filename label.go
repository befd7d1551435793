package zeropool

import (
	"context"
	"runtime/pprof"
)

// labels returns the labels for profiles of what runs the pool's tasks: the pool, and
// what it is there.
func (p *Pool) labels(worker string) context.Context {
	return pprof.WithLabels(context.Background(), pprof.Labels("zeropool", p.name, "worker", worker))
}

// label gives the calling goroutine, which runs r from now on, r's labels. It would
// carry those of the goroutine that started it otherwise.
func (r *runner) label() {
	r.settleIn()
	pprof.SetGoroutineLabels(r.labels)
}

// relabel ends the labels that a task may have given itself.
func (r *runner) relabel() { pprof.SetGoroutineLabels(r.labels) }
