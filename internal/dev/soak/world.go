package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

const (
	submitters  = 6
	disturbers  = 2
	residents   = 3 // pools that live as long as the world
	passing     = 3 // pools at a time that are closed and replaced all the time
	loners      = 2 // goroutines that have a pool to themselves
	callsEach   = 12
	maxDepth    = 2
	maxFailures = 20
)

// A world is all that goes on: submitters run random programs on a changing set
// of pools, disturbers shake the process, and at times everybody rests and what
// is left is counted.
type world struct {
	mu       sync.Mutex // for out
	out      io.Writer
	seed     uint64
	start    time.Time
	affinity *affinity

	// running is held for reading by whoever does something, and for writing at
	// a rest.
	running   sync.RWMutex
	keepers   sync.WaitGroup // each replaces a pool
	residents []*arena
	slots     []atomic.Pointer[arena]
	stopping  atomic.Bool
	watch     *watchdog

	count    counts
	failures atomic.Int64

	goroutines int // at the first rest
	atRest     struct{ heap, memory, threads, goroutines series }
}

func newWorld(out io.Writer, seed uint64) (*world, error) {
	cpus, err := startAffinity()
	if err != nil {
		return nil, err
	}
	w := &world{out: out, seed: seed, start: time.Now(), affinity: cpus, slots: make([]atomic.Pointer[arena], passing)}
	w.atRest.heap = series{name: "live heap", unit: "MiB", share: 0.1, slack: 1}
	w.atRest.memory = series{name: "resident memory", unit: "MiB", share: 0.1, slack: 8}
	w.atRest.threads = series{name: "threads", slack: 4}
	w.atRest.goroutines = series{name: "goroutines"}
	return w, nil
}

// fail reports that something is wrong.
func (w *world) fail(format string, args ...any) {
	n := w.failures.Add(1)
	if n <= maxFailures {
		w.printf("soak: FAILED after %v: %s\n", time.Since(w.start).Round(time.Millisecond), fmt.Sprintf(format, args...))
	}
	if n == maxFailures {
		w.printf("soak: no more failures are shown\n")
	}
}

// giveUp ends a run that cannot go on.
func (w *world) giveUp(format string, args ...any) {
	w.fail(format, args...)
	w.printf("%s\nsoak: given up; the stacks of all goroutines are above\n", stacks())
	os.Exit(1)
}

func (w *world) printf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(w.out, format, args...)
}

// rng returns a generator of its own for each part, all from the seed.
func (w *world) rng(part uint64) *rand.Rand { return rand.New(rand.NewPCG(w.seed, part)) }

// pick returns one of the pools.
func (w *world) pick(r *rand.Rand) *arena {
	if k := r.IntN(residents + passing); k < residents {
		return w.residents[k]
	}
	return w.slots[r.IntN(passing)].Load()
}

// run lets everything go on for d, with a rest about every period and one at the
// end.
func (w *world) run(d, period time.Duration) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	w.teach()
	w.watch = startWatchdog(time.Second, func(name string) {
		w.giveUp("%s has made no progress for %d s", name, hangTicks)
	})
	defer close(w.watch.stop)
	coordinator := &actor{name: "coordinator"}
	r := w.rng(0)
	for i := range residents + loners {
		w.residents = append(w.residents, w.openResident(i))
	}
	w.openPassing(r)
	var actors sync.WaitGroup
	for i := range submitters {
		act, r := w.watch.add(fmt.Sprintf("submitter %d", i)), w.rng(uint64(100+i))
		actors.Go(func() { w.submit(act, r) })
	}
	for i := range loners {
		act, r := w.watch.add(fmt.Sprintf("loner %d", i)), w.rng(uint64(300+i))
		actors.Go(func() { w.beLonely(act, residents+i, r) })
	}
	for i := range disturbers {
		act, r := w.watch.add(fmt.Sprintf("disturber %d", i)), w.rng(uint64(200+i))
		actors.Go(func() { w.disturb(act, r) })
	}
	w.watch.watch(coordinator) // last: it waits for the others
	end, say := w.start.Add(d), w.start.Add(statusEvery())
	for {
		next := time.Now().Add(period)
		for time.Now().Before(next) && time.Now().Before(end) {
			time.Sleep(min(period, 100*time.Millisecond))
			coordinator.beats.Add(1)
		}
		if time.Now().After(say) {
			w.status()
			say = say.Add(statusEvery())
		}
		w.rest(coordinator, r)
		if !time.Now().Before(end) || w.failures.Load() >= maxFailures {
			break
		}
	}
	w.stopping.Store(true)
	actors.Wait()
	w.finish(coordinator, r)
}

// teach shows the library the functions that exit at times before it comes to
// trust them: one that has exited once is never run by a waiter.
func (w *world) teach() {
	p, err := zeropool.New(zeropool.WithWorkers(1), zeropool.WithPlacement(topology.Unpinned))
	if err != nil {
		w.giveUp("New: %v", err)
	}
	a := &arena{world: w, pool: p}
	exit := &job{arena: a, does: exits, cargo: newCargo(0)}
	if err := zeropool.SubmitBatch(p, []*job{exit}, elementThatMayExit).Wait(); err != zeropool.ErrGoexit {
		w.fail("SubmitBatch of a task that exits: %v", err)
	}
	if err := (&loop{arena: a, runs: make([]atomic.Int32, 1), exits: true}).run(); err != zeropool.ErrGoexit {
		w.fail("For with a range that exits: %v", err)
	}
	if err := p.Close(); err != nil {
		w.fail("Close: %v", err)
	}
}

func (w *world) submit(act *actor, r *rand.Rand) {
	for !w.stopping.Load() {
		w.running.RLock()
		if a := w.pick(r); a.enter() {
			a.program(r, maxDepth, callsEach)
			a.leave()
		}
		w.running.RUnlock()
		act.beats.Add(1)
	}
}

func (w *world) beLonely(act *actor, resident int, r *rand.Rand) {
	for !w.stopping.Load() {
		w.running.RLock()
		for range 1 + r.IntN(20) {
			w.residents[resident].lonely(r)
			act.beats.Add(1)
		}
		w.running.RUnlock()
	}
}

// mayRetire has the pool closed and replaced when it has had its programs. They
// use it meanwhile, the caller's too.
func (w *world) mayRetire(a *arena, seed uint64) {
	if a.kind.resident || a.lifetime.Add(-1) != 0 {
		return
	}
	act := w.watch.add("keeper")
	w.keepers.Go(func() {
		defer w.watch.remove(act)
		r := rand.New(rand.NewPCG(seed, 0))
		for i := range w.slots {
			if w.slots[i].Load() == a {
				w.slots[i].Store(openArena(w, r, kind{}))
			}
		}
		a.retire(r)
	})
}

// openResident starts resident i, always with the same options: each second one
// is pinned, and those of loners have a single worker.
func (w *world) openResident(i int) *arena {
	k := kind{resident: true, pinned: i%2 == 0, alone: i >= residents}
	a := openArena(w, w.rng(uint64(400+i)), k)
	a.fill()
	return a
}

func (w *world) openPassing(r *rand.Rand) {
	for i := range w.slots {
		w.slots[i].Store(openArena(w, r, kind{}))
	}
}

// rest stops everything, closes all pools but the residents, and looks at what is
// left.
func (w *world) rest(act *actor, r *rand.Rand) {
	w.running.Lock()
	defer w.running.Unlock()
	w.keepers.Wait()
	for i := range w.slots {
		w.slots[i].Load().retire(r)
		act.beats.Add(1)
	}
	workers := 0
	for _, a := range w.residents {
		a.settleFired()
		// A counter may still be on its way.
		if err := w.eventually(act, func() error { return a.judge(a.pool.Stats().Total) }); err != nil {
			w.fail("%v: at rest: %v", a, err)
		}
		workers += a.pool.Workers()
		act.beats.Add(1)
	}
	if err := w.eventually(act, func() error {
		if n := len(workerThreads()); n > workers {
			return fmt.Errorf("%d threads of workers, but %d workers", n, workers)
		}
		return nil
	}); err != nil {
		w.fail("at rest: %v", err)
	}
	w.measure(act)
	w.count.rests.Add(1)
	w.openPassing(r)
}

// measure adds to the series. What the process uses must be the same at every
// rest; the judgment of memory and threads comes at the end.
func (w *world) measure(act *actor) {
	if w.goroutines == 0 {
		w.goroutines = w.fewestGoroutines()
	}
	if err := w.eventually(act, func() error {
		if n := goroutines(); n > w.goroutines {
			return fmt.Errorf("%d goroutines, %d at the first rest", n, w.goroutines)
		}
		return nil
	}); err != nil {
		w.fail("at rest: %v\n%s", err, stacks())
	}
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s := &w.atRest
	s.heap.add(float64(m.HeapAlloc) / (1 << 20))
	s.memory.add(float64(residentBytes()) / (1 << 20))
	s.threads.add(float64(threadCount()))
	s.goroutines.add(float64(goroutines()))
}

// goroutines returns how many there are, without the stand-ins of pools: a pool
// keeps those that it has once needed, up to a bound.
func goroutines() int {
	n := 0
	for g := range strings.SplitSeq(stacks(), "\n\n") {
		if !strings.Contains(g, "zeropool.(*standIn).") {
			n++
		}
	}
	return n
}

// fewestGoroutines looks for a while how many goroutines there are: those of
// timers and the like have yet to end.
func (w *world) fewestGoroutines() int {
	n := goroutines()
	for range 20 {
		time.Sleep(10 * time.Millisecond)
		n = min(n, goroutines())
	}
	return n
}

// eventually calls f until it returns nil, for about five seconds of its own
// turns: a process that is stopped takes no turns.
func (w *world) eventually(act *actor, f func() error) error {
	var err error
	for range 500 {
		if err = f(); err == nil {
			return nil
		}
		act.beats.Add(1)
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// finish closes the residents and checks that nothing of any pool is left. Nobody submits
// any more, but a keeper may be about to take a pool out of its slot and close it.
func (w *world) finish(act *actor, r *rand.Rand) {
	w.keepers.Wait()
	for i := range w.slots {
		w.slots[i].Load().retire(r)
	}
	w.affinity.restore()
	for _, a := range w.residents {
		a.retire(r)
	}
	if err := w.eventually(act, func() error {
		if n := len(workerThreads()); n > 0 {
			return fmt.Errorf("%d threads of workers are left", n)
		}
		if odd := w.affinity.odd(); odd != "" {
			return fmt.Errorf("%s", odd)
		}
		return nil
	}); err != nil {
		w.fail("after the last Close: %v", err)
	}
	for _, s := range w.series() {
		if second, last, limit, flat := s.verdict(); !flat {
			w.fail("%s grew from %.1f to %.1f %s (limit %.1f)", s.name, second, last, s.unit, limit)
		}
	}
}

func (w *world) series() []*series {
	s := &w.atRest
	return []*series{&s.heap, &s.memory, &s.threads, &s.goroutines}
}
