package main

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/zeropool-go/zeropool"
)

// behavior is what a job does when it runs.
type behavior uint8

const (
	returns  behavior = iota
	computes          // for up to some 100 µs
	sleeps            // for up to 2 ms
	panics
	exits // by runtime.Goexit
	nests // runs a program of its own, on its own pool or on another
)

// A job is the params of one task. It is allocated for the task and dropped with
// it, so that the queue alone keeps the cargo alive.
type job struct {
	arena *arena
	does  behavior
	depth int // how many jobs may be nested in this one
	seed  uint64
	cargo *cargo
	group *zeropool.Group // child is added to it
	child *job
	runs  atomic.Int32
}

// cargo is memory that must not have been freed when the job runs.
type cargo struct {
	sum  uint64
	next *cargo
	data [4]uint64
}

func newCargo(seed uint64) *cargo {
	c := &cargo{sum: seed, next: &cargo{sum: ^seed}}
	for i := range c.data {
		c.data[i] = seed + uint64(i)
	}
	return c
}

func (c *cargo) whole(seed uint64) bool {
	ok := c.sum == seed && c.next.sum == ^seed
	for i := range c.data {
		ok = ok && c.data[i] == seed+uint64(i)
	}
	return ok
}

// begin counts the run and looks at the cargo.
func (j *job) begin() {
	if n := j.runs.Add(1); n != 1 {
		j.arena.world.fail("%v: a task ran %d times", j.arena, n)
	}
	if !j.cargo.whole(j.seed) {
		j.arena.world.fail("%v: a task's params were freed or overwritten before it ran", j.arena)
	}
}

// A function of its own for each behavior, because the pool trusts functions, not
// tasks: those that always return are run by waiters themselves after a while.

func (j *job) doReturn() {
	j.begin()
	if j.child != nil {
		zeropool.SubmitTo(j.group, j.child, (*job).doReturn)
	}
	j.arena.ledger.returned.Add(1)
}

func (j *job) doCompute() {
	j.begin()
	x := j.seed
	for range j.seed % 50_000 {
		x = x*6364136223846793005 + 1442695040888963407
	}
	j.cargo.data[0] = x
	j.arena.ledger.returned.Add(1)
}

func (j *job) doSleep() {
	j.begin()
	time.Sleep(time.Duration(j.seed % uint64(2*time.Millisecond)))
	j.arena.ledger.returned.Add(1)
}

func (j *job) doPanic() {
	j.begin()
	j.arena.ledger.panics.Add(1)
	j.arena.ledger.panicked.Add(1)
	panic(j)
}

func (j *job) doExit() {
	j.begin()
	j.arena.ledger.panicked.Add(1)
	runtime.Goexit()
}

func (j *job) doNest() {
	j.begin()
	j.arena.nested(j.seed, j.depth-1)
	j.arena.ledger.returned.Add(1)
}

// fn returns the function that does what the job does.
func (j *job) fn() func(*job) {
	switch j.does {
	case computes:
		return (*job).doCompute
	case sleeps:
		return (*job).doSleep
	case panics:
		return (*job).doPanic
	case exits:
		return (*job).doExit
	case nests:
		return (*job).doNest
	}
	return (*job).doReturn
}

// element and elementThatMayExit run one job of a uniform batch.

func element(j **job) { (*j).fn()(*j) }

func elementThatMayExit(j **job) { (*j).fn()(*j) }

// elements returns the function for a uniform batch of these jobs.
func elements(jobs []*job) func(**job) {
	for _, j := range jobs {
		if j.does == exits {
			return elementThatMayExit
		}
	}
	return element
}
