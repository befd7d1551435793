package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// An arena is one pool and what is known of its tasks.
type arena struct {
	world    *world
	pool     *zeropool.Pool
	name     string // its options in words
	policy   zeropool.WhenFull
	lifetime atomic.Int64 // programs that it still gets; 0 is reached once, by its end
	kind     kind
	closing  atomic.Bool // set before the pool is closed
	cutting  atomic.Bool // set before a Shutdown whose context ends
	ledger   ledger

	mu     sync.Mutex
	gone   bool
	inside sync.WaitGroup
	fired  []zeropool.Future // of tasks whose submitters went on
}

// kind is what is not left to chance.
type kind struct {
	resident bool // lives as long as the world
	pinned   bool // if resident: pinned, else unpinned
	alone    bool // has one worker: none shall make up for one that sleeps
}

// ledger counts what tasks did, to be compared with what the pool counted.
type ledger struct {
	returned  atomic.Uint64
	panicked  atomic.Uint64 // tasks that panicked or exited; a range of a For counts as its indices
	panics    atomic.Uint64 // panics, each of which the handler must see
	handled   atomic.Uint64 // panics that the handler saw
	canceled  atomic.Uint64 // tasks that Cancel withdrew
	notRun    atomic.Uint64 // tasks that were refused or cut
	firedRan  atomic.Uint64
	firedDone atomic.Uint64 // fired tasks that ran, by their Futures
}

// openArena starts a pool with options chosen by r.
func openArena(w *world, r *rand.Rand, k kind) *arena {
	a := &arena{world: w, kind: k, policy: zeropool.WhenFull(r.IntN(3))}
	a.lifetime.Store(1 + r.Int64N(200))
	workers := 1 + r.IntN(4)
	capacity := []int{2, 2, 4, 8, 64, 1024}[r.IntN(6)]
	spin := []time.Duration{0, 5 * time.Microsecond, 100 * time.Microsecond}[r.IntN(3)]
	placement := []topology.Placement{topology.Unpinned, topology.Unpinned, topology.PerCore, topology.PerThread, topology.Compact, topology.Scatter}[r.IntN(6)]
	switch {
	case k.pinned:
		placement = topology.PerCore
	case k.resident:
		placement = topology.Unpinned
	}
	if k.alone {
		workers = 1
	}
	a.name = fmt.Sprintf("pool of %d workers, %v, capacity %d, %v, spin %v", workers, placement, capacity, a.policy, spin)
	pool, err := zeropool.New(
		zeropool.WithName("soak"),
		zeropool.WithWorkers(workers),
		zeropool.WithPlacement(placement),
		zeropool.WithQueueCapacity(capacity),
		zeropool.WithWhenFull(a.policy),
		zeropool.WithSpin(spin),
		zeropool.WithPanicHandler(func(*zeropool.PanicError) { a.ledger.handled.Add(1) }),
	)
	if err != nil {
		w.giveUp("%v: New: %v", a, err)
	}
	a.pool = pool
	w.count.pools.Add(1)
	return a
}

func (a *arena) String() string { return a.name }

// fill makes the pool as large as it gets by itself: it keeps up to 64 lanes of
// goroutines that have ended, and what Groups and parked waiters have needed in each.
// Under a load of few goroutines they would become more for minutes.
func (a *arena) fill() {
	const goroutines, tasks = 96, 16
	run := func() { a.ledger.returned.Add(1) }
	judge := func(err error) {
		switch {
		case err == nil:
		case err == zeropool.ErrFull && a.policy == zeropool.Reject:
			a.ledger.notRun.Add(1)
		default:
			a.world.fail("%v: a task that returns ended with %v", a, err)
		}
	}
	var together, all sync.WaitGroup
	together.Add(goroutines)
	for range goroutines {
		all.Go(func() {
			together.Done()
			together.Wait() // none shall begin where another one has ended, and have its lane
			g := a.pool.NewGroup()
			for range tasks {
				judge(a.pool.Go(run).WaitTimeout(time.Hour)) // parks where Wait would run the task
				g.Go(run)
				judge(g.Wait())
			}
		})
	}
	all.Wait()
}

// enter lets the caller use the pool until it calls leave. It refuses when the
// arena is about to be judged.
func (a *arena) enter() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return false
	}
	a.inside.Add(1)
	return true
}

func (a *arena) leave() { a.inside.Done() }

// fire queues a task whose params nobody but the queue knows. Its Future is
// looked at when some have come together.
func (a *arena) fire(seed uint64) {
	j := &job{arena: a, seed: seed, cargo: newCargo(seed)}
	f := zeropool.Submit(a.pool, j, func(j *job) {
		j.doReturn()
		j.arena.ledger.firedRan.Add(1)
	})
	a.mu.Lock()
	a.fired = append(a.fired, f)
	many := len(a.fired) >= 256
	a.mu.Unlock()
	if many {
		a.settleFired()
	}
}

// settleFired waits for the fired tasks.
func (a *arena) settleFired() {
	a.mu.Lock()
	fired := a.fired
	a.fired = nil
	a.mu.Unlock()
	for _, f := range fired {
		switch err := f.Wait(); {
		case err == nil:
			a.ledger.firedDone.Add(1)
		case err == zeropool.ErrClosed && a.closing.Load(), err == zeropool.ErrFull && a.policy == zeropool.Reject:
			a.ledger.notRun.Add(1)
		default:
			a.world.fail("%v: a task that returns ended with %v", a, err)
		}
	}
}

// retire closes the pool in one of the ways there are, while programs may still
// use it, and compares what it counted with what its tasks did.
func (a *arena) retire(r *rand.Rand) {
	w := a.world
	expect := func(how string, err error) {
		if err != nil {
			w.fail("%v: %s returned %v", a, how, err)
		}
	}
	switch r.IntN(5) {
	case 0:
		a.closing.Store(true)
		expect("Close", a.pool.Close())
	case 1:
		a.closing.Store(true)
		var together sync.WaitGroup
		for range 2 {
			together.Go(func() { expect("one of three Closes", a.pool.Close()) })
		}
		expect("one of three Closes", a.pool.Close())
		together.Wait()
	case 2:
		a.closing.Store(true)
		expect("Shutdown without an end", a.pool.Shutdown(context.Background()))
	case 3:
		var inside error
		f := a.pool.Go(func() {
			a.closing.Store(true)
			inside = a.pool.Close()
			a.ledger.returned.Add(1)
		})
		switch err := f.Wait(); {
		case err == nil && inside == nil:
			w.fail("%v: Close from inside a task returned nil", a)
		case err == zeropool.ErrFull && a.policy == zeropool.Reject:
			a.ledger.notRun.Add(1)
		default:
			expect("a task that calls Close", err)
		}
		a.closing.Store(true)
		expect("Close after one from inside", a.pool.Close())
	case 4:
		a.closing.Store(true)
		a.cutting.Store(true)
		ctx, cancel := context.WithCancel(context.Background())
		patience := r.IntN(100)
		go func() {
			for range patience {
				runtime.Gosched()
			}
			cancel()
		}()
		if err := a.pool.Shutdown(ctx); err != nil && err != context.Canceled {
			w.fail("%v: Shutdown returned %v", a, err)
		}
		expect("Close after Shutdown", a.pool.Close())
		cancel()
	}
	a.mu.Lock()
	a.gone = true
	a.mu.Unlock()
	a.inside.Wait()
	a.settleFired()
	if err := zeropool.Submit(a.pool, new(int), func(*int) {}).Wait(); err != zeropool.ErrClosed {
		w.fail("%v: Submit after Close: %v", a, err)
	}
	s := a.pool.Stats().Total
	if err := a.judge(s); err != nil {
		w.fail("%v: closed: %v", a, err)
	}
	w.count.addStats(s)
}

// judge compares the counters of a pool at rest with the ledger.
func (a *arena) judge(s zeropool.WorkerStats) error {
	l := &a.ledger
	if s.Submitted != s.Completed+s.Panicked+s.Canceled || s.Queued != 0 || s.Running != 0 {
		return fmt.Errorf("the counters do not add up at rest: %+v", s)
	}
	if n := l.returned.Load(); s.Completed != n {
		return fmt.Errorf("%d tasks returned, but Completed is %d", n, s.Completed)
	}
	if n := l.panicked.Load(); s.Panicked != n {
		return fmt.Errorf("%d tasks panicked or exited, but Panicked is %d", n, s.Panicked)
	}
	// A task that was refused may have been accepted and withdrawn.
	if lo, more := l.canceled.Load(), l.notRun.Load(); s.Canceled < lo || s.Canceled > lo+more {
		return fmt.Errorf("%d tasks were canceled and %d refused or cut, but Canceled is %d", lo, more, s.Canceled)
	}
	if n, m := l.panics.Load(), l.handled.Load(); n != m {
		return fmt.Errorf("%d panics, but the handler was called %d times", n, m)
	}
	if n, m := l.firedRan.Load(), l.firedDone.Load(); n != m {
		return fmt.Errorf("%d tasks ran whose Future nobody kept waiting for, but %d Futures say so", n, m)
	}
	return nil
}
