package zeropool

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool/internal/dev/testenv"
	"github.com/zeropool-go/zeropool/internal/proven"
	"github.com/zeropool-go/zeropool/topology"
)

// A function that has exited once is never trusted again: waiters leave it to
// other goroutines for ever.
type untrusted struct{ exit bool }

func (u *untrusted) run() {
	if u.exit {
		runtime.Goexit()
	}
}

func (c *count) runErr() error        { c.runs.Add(1); return nil }
func (c *count) get() int             { return int(c.runs.Load()) }
func (c *count) getErr() (int, error) { return int(c.runs.Load()), nil }

var (
	static          = func() {}
	staticErr       = func() error { return nil }
	staticRanges    = func(lo, hi int) {}
	staticRangesErr = func(lo, hi int) error { return nil }
)

func addCount(r int, c *count) int { return r + int(c.runs.Load()) }
func addSlow(r int, c *count) int  { spinFor(20); return addCount(r, c) }
func add(a, b int) int             { return a + b }

func spinABit(c *count) {
	for range 2000 {
		c.runs.Load()
	}
}

// An allocForm is a way to submit and wait that allocates nothing.
type allocForm struct {
	name string
	run  func()
}

const limitedForm = "Group with a limit"

// allocForms are all of them. ctx can end, and does not.
func allocForms(p *Pool, ctx context.Context) []allocForm {
	var a, b count
	var u untrusted
	batch, long := make([]count, 200), make([]count, 2000)
	heavy := make([]count, 50)
	us := make([]untrusted, 100)
	out := make([]int, len(batch))
	mixed := []Task{Bind(&a, (*count).run), Bind(&b, (*count).run)}
	g, limited := p.NewGroup(), p.NewGroup()
	limited.SetLimit(1)
	never := context.Background()
	return []allocForm{
		{"Submit, Wait", func() { Submit(p, &a, (*count).run).Wait() }},
		{"SubmitErr, Wait", func() { SubmitErr(p, &a, (*count).runErr).Wait() }},
		{"TrySubmit, Wait", func() {
			if f, ok := TrySubmit(p, &a, (*count).run); ok {
				f.Wait()
			}
		}},
		{"Go, Wait", func() { p.Go(static).Wait() }},
		{"GoErr, Wait", func() { p.GoErr(staticErr).Wait() }},
		{"Submit of a function that exits, Wait", func() { Submit(p, &u, (*untrusted).run).Wait() }},
		{"Submit 100, Wait for each", func() {
			var fs [100]Future
			for i := range fs {
				fs[i] = Submit(p, &a, (*count).run)
			}
			for i := range fs {
				fs[i].Wait()
			}
		}},
		{"Submit, WaitContext that cannot end", func() { Submit(p, &a, (*count).run).WaitContext(never) }},
		{"Submit, WaitContext", func() { Submit(p, &a, (*count).run).WaitContext(ctx) }},
		{"Submit, WaitTimeout", func() { Submit(p, &a, (*count).run).WaitTimeout(time.Hour) }},
		{"Done, Progress, Load, a look by WaitTimeout, Cancel of what has ended", func() {
			f := Submit(p, &a, (*count).run)
			f.Done()
			f.Progress()
			p.Load()
			f.WaitTimeout(-1)
			f.Wait()
			f.Cancel()
		}},
		{"SubmitBatch, Wait", func() { SubmitBatch(p, batch, (*count).run).Wait() }},
		{"SubmitBatch, WaitContext", func() { SubmitBatch(p, batch, (*count).run).WaitContext(ctx) }},
		{"SubmitBatch, WaitTimeout", func() { SubmitBatch(p, batch, (*count).run).WaitTimeout(time.Hour) }},
		{"SubmitBatch of a function that exits", func() { SubmitBatch(p, us, (*untrusted).run).Wait() }},
		{"two batches at a time", func() {
			f := SubmitBatch(p, batch, (*count).run)
			SubmitBatch(p, long, (*count).run).Wait()
			f.Wait()
		}},
		{"SubmitMixed, Wait", func() { p.SubmitMixed(mixed).Wait() }},
		{"SubmitTo, Group.Wait", func() { SubmitTo(g, &a, (*count).run); SubmitTo(g, &b, (*count).run); g.Wait() }},
		{"SubmitErrTo, Group.WaitContext", func() { SubmitErrTo(g, &a, (*count).runErr); g.WaitContext(ctx) }},
		{"Group.Go, Group.GoErr", func() { g.Go(static); g.GoErr(staticErr); g.Wait() }},
		{"Group with a function that exits", func() { SubmitTo(g, &u, (*untrusted).run); SubmitTo(g, &u, (*untrusted).run); g.Wait() }},
		{limitedForm, func() {
			for range 5 {
				SubmitErrTo(limited, &a, (*count).runErr)
			}
			limited.Wait()
		}},
		{"Group.Cancel of what has ended", func() { SubmitTo(g, &a, (*count).run); g.Wait(); g.Cancel() }},
		{"ForEach", func() { ForEach(p, batch, (*count).run) }},
		{"ForEach of heavy elements", func() { ForEach(p, heavy, spinABit) }},
		{"ForEach of a function that exits", func() { ForEach(p, us, (*untrusted).run) }},
		{"For", func() { p.For(100_000, staticRanges) }},
		{"ForEachErr", func() { ForEachErr(never, p, batch, (*count).runErr) }},
		{"ForEachErr with a context that can end", func() { ForEachErr(ctx, p, batch, (*count).runErr) }},
		{"ForErr", func() { p.ForErr(ctx, 1000, staticRangesErr) }},
		{"Map", func() { Map(p, batch, out, (*count).get) }},
		{"MapErr", func() { MapErr(ctx, p, batch, out, (*count).getErr) }},
		{"Reduce", func() { Reduce(p, batch, 0, addCount, add) }},
		{"Reduce of heavy elements", func() { Reduce(p, heavy, 0, addSlow, add) }},
		{"Join", func() { Join(p, &a, (*count).run, &b, (*count).run) }},
	}
}

// mallocsOf returns how many objects the process allocates in that many runs of f,
// each after before: all of them, whoever allocates them, on all processors.
//
// No run begins while more stand-ins are at work, and not parked, than half of those that
// p keeps: if the system stops a thread, those that have begun in vain wait behind it, run
// after run, and once there are more than p keeps, p makes new ones.
func mallocsOf(p *Pool, runs int, before, f func()) uint64 {
	var from, to runtime.MemStats
	runtime.ReadMemStats(&from)
	for range runs {
		for standInsAtWork(p)-standInsParked(p) > maxSpares/2 {
			runtime.Gosched()
		}
		before()
		f()
	}
	runtime.ReadMemStats(&to)
	return to.Mallocs - from.Mallocs
}

// allParked waits until all workers of p are parked, and stand-ins if there are any,
// so that the next submission has to wake one.
func allParked(p *Pool) {
	for {
		p.roster.mu.Lock()
		parked := len(p.roster.parked) >= len(p.workers)
		p.roster.mu.Unlock()
		if parked && p.gate.Load()&gateSleeping != 0 {
			return
		}
		runtime.Gosched()
	}
}

// keepBusy gives each worker a task that goes on until the returned function is
// called, and gives up its P often, for the sake of machines with few of them.
func keepBusy(t *testing.T, p *Pool) (release func()) {
	var end, running count
	var fs []Future
	for range p.workers {
		f := p.Go(func() {
			running.runs.Add(1)
			for end.runs.Load() == 0 {
				runtime.Gosched()
			}
		})
		fs = append(fs, f)
	}
	eventually(t, func() bool { return int(running.runs.Load()) == len(fs) }, func() string { return "not all workers are busy" })
	return func() {
		end.runs.Add(1)
		for _, f := range fs {
			f.Wait()
		}
	}
}

// blockMany makes what the runtime itself allocates for goroutines that block, and
// keeps: threads, and records of goroutines that are blocked in a channel. Each
// processor has a store of up to 128 records; where goroutines block on one and are
// woken on another they move, so that the runtime may make new ones long after each
// has been in use. A collection throws away what is in none of the stores.
func blockMany() {
	var blocked, ended sync.WaitGroup
	free := make(chan struct{})
	for i := range 1000 * runtime.GOMAXPROCS(0) {
		blocked.Add(1)
		ended.Go(func() {
			if i < 64 {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
			}
			blocked.Done()
			<-free
		})
	}
	blocked.Wait()
	close(free)
	ended.Wait()
}

// makeReady makes as many stand-ins as p keeps, waiters with timers, and batches. How many
// of them are in use at a time depends on how the system schedules threads, so that a
// form may come to need one more long after its first run.
func makeReady(t *testing.T, p *Pool) {
	var begun, ended sync.WaitGroup
	free := make(chan struct{})
	exit := &untrusted{true}
	Submit(p, exit, (*untrusted).run).Wait()
	var c count
	for range 2 * pushesForLane { // the lane first: each stand-in is made with room for notes on all lanes
		Submit(p, &c, (*count).run).Wait()
	}
	for range 3 * maxSpares {
		begun.Add(1)
		ended.Go(func() {
			b := SubmitBatch(p, make([]count, 2), func(*count) { <-free })
			f := p.Go(func() { begun.Done(); <-free })
			if err := errors.Join(f.WaitTimeout(hangLimit), b.WaitTimeout(hangLimit)); err != nil {
				t.Error(err)
			}
		})
	}
	begun.Wait()
	close(free)
	ended.Wait()
	atRest(t, p)
}

// Nothing that submits and waits allocates in the long run: no more than one object in
// 1,000 runs, of the whole process, while workers look for work, are asleep at each
// submission, and are busy with other tasks. Of 10,200 runs each third is counted, and the
// median of the three must hold: so what one form needs for the first time at a late
// moment does not count, and what it allocates again and again does.
func TestZeroAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	if testenv.Emulated() {
		t.Skip("an emulator needs more threads, and the runtime allocates for each")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // see blockMany
	blockMany()
	spinning := func(*testing.T, *Pool) (before, after func()) { return func() {}, func() {} }
	asleep := func(_ *testing.T, p *Pool) (before, after func()) {
		p.times.poll = 0 // so that they park at once
		return func() { allParked(p) }, func() {}
	}
	occupied := func(t *testing.T, p *Pool) (before, after func()) { return func() {}, keepBusy(t, p) }
	for _, c := range []struct {
		name   string
		sleeps bool
		runs   int
		state  func(*testing.T, *Pool) (before, after func())
		opts   []Option
	}{
		{"workers look for work", false, 3400, spinning, unpinned(2)},
		{"workers asleep", true, 3400, asleep, unpinned(2, WithSpin(0))},
		{"workers busy", false, 3400, occupied, unpinned(2)},
		{"pinned workers", false, 3400, spinning, nil},
		{"one worker", false, 3400, spinning, unpinned(1)},
		{"small queues", false, 3400, spinning, unpinned(2, WithQueueCapacity(2))},
		{"policy Block", false, 3400, spinning, []Option{WithPlacement(topology.PerThread), WithWhenFull(Block)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.sleeps && runtime.GOMAXPROCS(0) == 1 {
				t.Skip("with one P, a goroutine that looks again and again keeps the scheduler from asking the network poller, and each wake takes 10 ms")
			}
			p := newTestPool(t, c.opts...)
			makeReady(t, p)
			before, after := c.state(t, p)
			defer after()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			runs := c.runs
			if testing.Short() {
				runs = 200
			}
			for _, f := range allocForms(p, ctx) {
				mallocsOf(p, min(runs, 1000), before, f.run)
				var n [3]uint64
				for i := range n {
					n[i] = mallocsOf(p, runs, before, f.run)
				}
				allowed := uint64(runs / 1000)
				if testing.Short() {
					allowed += 20 // what is made now and then, a lane or a stand-in, weighs more in fewer runs
				}
				if f.name == limitedForm {
					allowed += 20 // a stand-in that begins the next task earns a lane: once, about 10 objects
				}
				if slices.Sort(n[:]); n[1] > allowed {
					t.Errorf("%s: %d allocations in %d runs each", f.name, n, runs)
				}
			}
		})
	}
}

// New functions, not yet known to return, cost no allocation either. Go makes no functions
// while it runs, so the pool forgets before each run what it knows of this one. Counted as
// above, and on stand-ins, which run it.
func TestZeroAllocationsOfNewFunctions(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	if testenv.Emulated() {
		t.Skip("an emulator needs more threads, and the runtime allocates for each")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // see blockMany
	blockMany()
	p := newTestPool(t, unpinned(1)...)
	makeReady(t, p)
	var c count
	fn := func(c *count) { c.runs.Add(1) }
	forget := func() { proven.Forget(funcOf(fn).code) }
	const runs = 3400
	run := func() { Submit(p, &c, fn).Wait() }
	mallocsOf(p, 1000, forget, run)
	var n [3]uint64
	for i := range n {
		n[i] = mallocsOf(p, runs, forget, run)
	}
	if slices.Sort(n[:]); n[1] > runs/1000 {
		t.Errorf("%d allocations in %d runs each", n, runs)
	}
}
