package main

import (
	"sync/atomic"
	"time"

	"github.com/zeropool-go/zeropool"
)

// counts is what has happened so far.
type counts struct {
	pools, programs, rests                          atomic.Uint64
	collections, procs, stops, profiles, moves      atomic.Uint64
	submitted, completed, panicked, canceled        atomic.Uint64 // of pools that are closed
	stolen, helped, parked, woken                   atomic.Uint64
	calls, ok, failed, withdrawn, refused, rejected atomic.Uint64 // submissions, by their outcome
}

// addStats adds the counters of a pool that has been closed.
func (c *counts) addStats(s zeropool.WorkerStats) {
	c.submitted.Add(s.Submitted)
	c.completed.Add(s.Completed)
	c.panicked.Add(s.Panicked)
	c.canceled.Add(s.Canceled)
	c.stolen.Add(s.Stolen)
	c.helped.Add(s.Helped)
	c.parked.Add(s.Parked)
	c.woken.Add(s.Woken)
}

func (c *counts) outcome(err error) {
	c.calls.Add(1)
	switch err {
	case nil:
		c.ok.Add(1)
	case zeropool.ErrCanceled:
		c.withdrawn.Add(1)
	case zeropool.ErrClosed:
		c.refused.Add(1)
	case zeropool.ErrFull:
		c.rejected.Add(1)
	default: // a panic, or runtime.Goexit
		c.failed.Add(1)
	}
}

// status writes one line on how far things have come.
func (w *world) status() {
	c := &w.count
	w.printf("soak: %4.0f s: %d submissions by %d programs to %d pools; %d rests; %d failures\n",
		time.Since(w.start).Seconds(), c.calls.Load(), c.programs.Load(), c.pools.Load(), c.rests.Load(), w.failures.Load())
}

// table writes what has happened and what was left at the rests.
func (w *world) table() {
	c := &w.count
	line := func(name string, n *atomic.Uint64) { w.printf("  %-44s %12d\n", name, n.Load()) }
	w.printf("soak: %.0f s, seed %d\n", time.Since(w.start).Seconds(), w.seed)
	line("pools", &c.pools)
	line("programs", &c.programs)
	line("submissions", &c.calls)
	line("  that ran", &c.ok)
	line("  with a panic or an exit", &c.failed)
	line("  canceled, all or in part", &c.withdrawn)
	line("  refused or cut: closed", &c.refused)
	line("  refused: full", &c.rejected)
	line("tasks accepted", &c.submitted)
	line("  returned", &c.completed)
	line("  panicked or exited", &c.panicked)
	line("  withdrawn", &c.canceled)
	line("queue entries stolen", &c.stolen)
	line("tasks run by waiters or submitters", &c.helped)
	line("times a worker went to sleep", &c.parked)
	line("times a worker was woken", &c.woken)
	line("garbage collections and changes of GOGC", &c.collections)
	line("changes of GOMAXPROCS", &c.procs)
	line("stops of the world", &c.stops)
	line("CPU profiles and traces", &c.profiles)
	line("changes of a thread's affinity", &c.moves)
	line("rests", &c.rests)
	w.printf("  %-24s %10s %10s %10s %10s\n", "at rest, medians", "2nd third", "last third", "limit", "")
	for _, s := range w.series() {
		second, last, limit, flat := s.verdict()
		verdict := "flat"
		switch {
		case len(s.values) < fewRests:
			verdict = "too few rests to say"
		case !flat:
			verdict = "GROWS"
		}
		w.printf("  %-24s %10.1f %10.1f %10.1f %s\n", s.name, second, last, limit, verdict)
	}
}
