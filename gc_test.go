package zeropool

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool/internal/dev/testenv"
	"github.com/zeropool-go/zeropool/internal/proven"
)

// The collector's contract: a task's params live as long as somebody will run
// the task, and no longer, although assembly moves them.
//
// A write that the collector's barrier misses does no harm unless it falls into
// the mark phase, the object was allocated before the phase and was not yet
// marked, and nothing else refers to it. gcRound makes all that likely: params
// that only the submitter's stack or only the queue refers to when marking
// begins, many deep stacks that are scanned before the submitter's, a lane at
// the end of a long chain of pointers that is marked late, goroutines whose
// allocations make them mark early what the others mark late, and allocations
// of the same size that reuse what was wrongly freed.

// gcParams is what the tasks of these tests check.
type gcParams struct {
	magic  uint64
	self   *gcParams // a second object would hide the loss of the first
	id     uint64
	result *atomic.Uint64
	_      [4]uint64
}

const gcMagic = 0x9E3779B97F4A7C15

func newGCParams(id uint64, result *atomic.Uint64) *gcParams {
	p := &gcParams{magic: gcMagic ^ id, id: id, result: result}
	p.self = p
	return p
}

func (p *gcParams) intact() bool { return p.magic == gcMagic^p.id && p.self == p }

func runGCParams(p *gcParams) {
	if !p.intact() {
		panic(fmt.Sprintf("params were freed while their task was queued: %#x, %d, %p at %p", p.magic, p.id, p.self, p))
	}
	p.result.Add(1)
}

// chain is a list so long that its end is marked late.
type chain struct {
	next *chain
	_    [6]uintptr
	end  *Pool
}

func newChain(n int, end *Pool) *chain {
	c := &chain{end: end}
	for range n {
		c = &chain{next: c}
	}
	return c
}

// parkDeep blocks in a deep stack until release is closed.
//
//go:noinline
func parkDeep(depth int, here *[32]*gcParams, ready *sync.WaitGroup, release chan struct{}) *gcParams {
	var frame [32]*gcParams
	frame[depth%32] = here[0]
	if depth == 0 {
		ready.Done()
		<-release
		return frame[0]
	}
	p := parkDeep(depth-1, &frame, ready, release)
	runtime.KeepAlive(&frame)
	return p
}

// gcGarbage is where the latest of what the churn allocates can be reached.
var gcGarbage atomic.Pointer[gcParams]

// gcStress returns how many tasks ran.
func gcStress(t *testing.T, rounds int) uint64 {
	const deep, depth, churners, each = 48, 600, 2, 64
	var result atomic.Uint64
	p := mustNew(t, WithWorkers(1), WithName("gc"), WithPanicHandler(func(e *PanicError) {
		t.Error(e.Value)
		result.Add(1)
	}))

	release := make(chan struct{})
	var parked, others sync.WaitGroup
	for range deep {
		parked.Add(1)
		others.Go(func() { parkDeep(depth, new([32]*gcParams), &parked, release) })
	}
	parked.Wait()
	stop := make(chan struct{})
	for range churners {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for range 256 {
					gcGarbage.Store(&gcParams{magic: 0xBAD})
				}
				runtime.Gosched()
			}
		})
	}

	// One goroutine submits, from a fresh stack each round, and one collects.
	// The worker is kept from the queue while tasks are to stay there.
	late := newChain(20000, p)
	p = nil
	for round := 0; round < rounds && !t.Failed(); round++ {
		gcRound(t, late, &result, round, each)
	}
	pool := endOf(late)
	close(stop)
	close(release)
	others.Wait()
	pool.Close()
	runtime.KeepAlive(late)
	return result.Load()
}

func endOf(c *chain) *Pool {
	for c.next != nil {
		c = c.next
	}
	return c.end
}

// gcChunk is how many tasks are submitted in one form: as many pointers as a
// gcParams has words, so that the elements of a batch are reused like those.
const gcChunk = 8

// Forms of submission.
const (
	gcSingle = iota
	gcBatch
	gcGroup
	gcMixed
)

// gcForm says how a round submits its task i. Nothing but the pool refers to the
// task, its batch or its group afterwards.
func gcForm(i, round int) int {
	return [...]int{gcSingle, gcBatch, gcSingle, gcGroup, gcSingle, gcBatch, gcSingle, gcMixed}[(i/gcChunk+round)%8]
}

// gcRound submits half of the tasks before a collection and half while it
// marks; in even rounds they are taken when it is over, in odd ones while it
// marks.
func gcRound(t *testing.T, late *chain, result *atomic.Uint64, round, each int) {
	hold := make(chan struct{})
	begun := make(chan struct{})
	endOf(late).Go(func() { close(begun); <-hold })
	<-begun

	rng := rand.New(rand.NewPCG(5, uint64(round)))
	delay, pace := rng.IntN(1<<17), 1+rng.IntN(1<<12)
	before := result.Load()
	queued := make(chan struct{})
	marking := make(chan struct{})
	submitted := make(chan struct{})
	go func() {
		defer close(submitted)
		// On this stack only, or in a slice that only this stack refers to. Both
		// must stay here: what a store to the heap replaces is kept by its barrier.
		var mine [64]*gcParams
		var lists [64 / gcChunk][]*gcParams
		for i := range mine[:each] {
			q := newGCParams(uint64(round*each+i), result)
			if gcForm(i, round) == gcBatch {
				lists[i/gcChunk] = append(lists[i/gcChunk], q)
			} else {
				mine[i] = q
			}
		}
		p := endOf(late)
		var g *Group
		for i := range mine[:each] {
			if i == each/2 {
				close(queued)
				<-marking
			}
			if i >= each/2 {
				busy(rng.IntN(pace))
			}
			switch first := i%gcChunk == 0; gcForm(i, round) {
			case gcSingle:
				Submit(p, mine[i], runGCParams)
			case gcGroup:
				if first {
					g = p.NewGroup()
				}
				SubmitTo(g, mine[i], runGCParams)
			case gcMixed:
				p.SubmitMixed([]Task{Bind(mine[i], runGCParams)})
			case gcBatch:
				if first {
					SubmitBatch(p, lists[i/gcChunk], func(q **gcParams) { runGCParams(*q) })
					lists[i/gcChunk] = nil
				}
			}
			mine[i] = nil
		}
	}()
	<-queued
	collected := make(chan struct{})
	go func() {
		runtime.GC()
		close(collected)
	}()
	busy(delay)
	close(marking)
	if round%2 != 0 {
		close(hold)
	}
	<-submitted
	<-collected
	if round%2 == 0 {
		close(hold)
	}
	for result.Load() != before+uint64(each) {
		if err := endOf(late).Go(func() {}).Wait(); err != nil {
			t.Error(err)
			return
		}
	}
}

var busyness atomic.Uint64

//go:noinline
func busy(n int) {
	for range n {
		busyness.Add(1)
	}
}

// gcChild is set in the environment of the processes that TestGCContract starts.
const gcChild = "ZEROPOOL_GC_CHILD"

// TestGCContract runs the stress in processes of its own, each with debugging
// aids of the runtime that turn a lost object into a crash.
func TestGCContract(t *testing.T) {
	if os.Getenv(gcChild) != "" {
		t.Skip("in a child")
	}
	if brief() {
		t.Skip("the aids are the same without the race detector; TestGCContractChild runs here too")
	}
	testenv.NeedsProcesses(t)
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	for _, debug := range []string{"gccheckmark=1", "clobberfree=1", "gccheckmark=1,clobberfree=1,gcshrinkstackoff=1", "asyncpreemptoff=1,clobberfree=1"} {
		t.Run(debug, func(t *testing.T) {
			cmd := exec.Command(exe, "-test.run=^TestGCContractChild$", "-test.count=1", "-test.timeout=10m", fmt.Sprintf("-test.short=%v", testing.Short()))
			cmd.Env = append(os.Environ(), gcChild+"=1", "GODEBUG="+debug, "GOGC=1", "GOMAXPROCS=4")
			out, err := cmd.CombinedOutput()
			if err != nil {
				s := string(out)
				t.Errorf("%v\n%s", err, s[:min(len(s), 4000)])
			}
		})
	}
}

// TestGCContractChild is the stress by itself, with whatever GODEBUG is set.
func TestGCContractChild(t *testing.T) {
	rounds := stressRounds(100)
	if os.Getenv(gcChild) == "" {
		rounds = max(rounds/10, 8)
	}
	if n := gcStress(t, rounds); n != uint64(rounds)*64 {
		t.Errorf("%d tasks ran, want %d", n, rounds*64)
	}
}

// hang fails the test if do does not return. It is there so that a hang does
// not look like a slow machine; nothing is measured.
func hang(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		buf := make([]byte, 1<<20)
		t.Fatalf("%s did not return\n%s", what, buf[:runtime.Stack(buf, true)])
	}
}

// collectUntil collects garbage until done says that enough is gone.
func collectUntil(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 200 {
		runtime.GC()
		if done() {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%s: still alive after 200 collections", what)
}

// kept makes an object in a frame that is gone when it returns.
type kept struct {
	made, gone atomic.Int64
}

//go:noinline
func (k *kept) params() *[4]uint64 {
	p := new([4]uint64)
	k.made.Add(1)
	runtime.AddCleanup(p, func(k *kept) { k.gone.Add(1) }, k)
	return p
}

func (k *kept) all() bool { return k.gone.Load() == k.made.Load() }

// TestNothingIsKept checks that nothing in an idle pool refers to what its
// tasks have used: params, closures, batches.
func TestNothingIsKept(t *testing.T) {
	for _, workers := range []int{1, 3} {
		capacity := 16
		if workers == 3 {
			capacity = minSlots // then goroutines own lanes
		}
		p := mustNew(t, WithWorkers(workers), WithQueueCapacity(capacity))
		var futures []Future // they may keep their pool's records, never the params
		check := func(what string, k *kept) {
			t.Helper()
			collectUntil(t, fmt.Sprintf("%s with %d workers", what, workers), k.all)
		}
		use := func(q *[4]uint64) { q[0]++ }

		k := new(kept)
		func() {
			for range 100 {
				futures = append(futures, Submit(p, k.params(), use))
			}
			for _, f := range futures {
				f.Wait()
			}
		}()
		check("Submit", k)

		k = new(kept)
		func() {
			q := k.params()
			use := func(*int) { q[0]++ }
			for range 3 * proven.Runs { // until the waiter runs it
				_ = Submit(p, nil, use).Wait()
			}
		}()
		check("Submit of a closure", k)

		k = new(kept)
		func() {
			for range 100 {
				q := k.params()
				futures = append(futures, p.Go(func() { q[0]++ }))
			}
			for _, f := range futures {
				f.Wait()
			}
		}()
		check("Go", k)

		k = new(kept)
		func() {
			var tasks []Task
			for range 100 {
				tasks = append(tasks, Bind(k.params(), use))
			}
			f := p.SubmitMixed(tasks)
			f.Wait()
			futures = append(futures, f)
		}()
		check("SubmitMixed", k)

		k = new(kept)
		func() {
			params := make([]*[4]uint64, 100)
			for i := range params {
				params[i] = k.params()
			}
			f := SubmitBatch(p, params, func(q **[4]uint64) { (*q)[0]++ })
			f.Wait()
			ForEach(p, params, func(q **[4]uint64) { (*q)[0]++ })
			futures = append(futures, f)
		}()
		check("SubmitBatch and ForEach", k)

		k = new(kept)
		func() {
			q := k.params()
			p.For(1000, func(lo, hi int) { _ = q[0] })
		}()
		check("For", k)

		k = new(kept)
		g := p.NewGroup()
		func() {
			for range 100 {
				SubmitTo(g, k.params(), use)
				q := k.params()
				g.Go(func() { _ = q[0] })
			}
			g.Wait()
		}()
		check("Group", k)

		k = new(kept)
		func() {
			hold := make(chan struct{})
			var blocked []Future
			for range workers {
				begun := make(chan struct{})
				blocked = append(blocked, p.Go(func() { close(begun); <-hold }))
				<-begun
			}
			var canceled []Future
			for range 10 {
				canceled = append(canceled, Submit(p, k.params(), use))
			}
			for _, f := range canceled {
				if n := f.Cancel(); n != 1 {
					t.Errorf("Cancel withdrew %d tasks", n)
				}
			}
			futures = append(futures, canceled...)
			close(hold)
			for _, f := range blocked {
				f.Wait()
			}
		}()
		check("Cancel", k)

		p.Close()
		runtime.KeepAlive(futures)
		runtime.KeepAlive(g)
	}
}

// TestClosedPoolIsFreed checks that nothing global keeps a pool that has been
// closed: not its threads, not the waiters' table.
func TestClosedPoolIsFreed(t *testing.T) {
	k := new(kept)
	func() {
		for range 4 {
			k.made.Add(1)
			p := mustNew(t, WithWorkers(2))
			runtime.AddCleanup(p, func(k *kept) { k.gone.Add(1) }, k)
			p.Go(func() {}).Wait()
			p.Close()
		}
	}()
	collectUntil(t, "pools", k.all)
}

// TestCollectorIsNotHeldUp checks that the world can be stopped whatever the
// workers do.
func TestCollectorIsNotHeldUp(t *testing.T) {
	stopWorld := func(t *testing.T, what string) {
		t.Helper()
		hang(t, what, func() {
			var m runtime.MemStats
			for range 5 {
				runtime.GC()
				runtime.ReadMemStats(&m)
			}
		})
	}
	for _, spin := range []time.Duration{0, maxSpin} {
		p := mustNew(t, WithWorkers(3), WithSpin(spin))
		stopWorld(t, "GC with idle workers")
		for range 50 {
			p.Go(func() {}).Wait() // workers spin, if they do
			stopWorld(t, "GC with workers about to park")
			if testing.Short() {
				break
			}
		}
		hold := make(chan struct{})
		var futures []Future
		for range 3 {
			begun := make(chan struct{})
			futures = append(futures, p.Go(func() { close(begun); <-hold }))
			<-begun
		}
		f := p.Go(func() {})
		stopWorld(t, "GC with workers blocked in tasks and one queued")
		close(hold)
		for _, f := range append(futures, f) {
			if err := f.Wait(); err != nil {
				t.Error(err)
			}
		}
		p.Close()
	}
}
