package zeropool

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/membarrier"
)

// TestDeniedWaits: a goroutine that got no lane does not ask for one, which takes
// the pool's lock, at each of its next pushes.
func TestDeniedWaits(t *testing.T) {
	var c candidates
	const me = 12345
	for i := 1; i < pushesForLane; i++ {
		if c.deserves(me) {
			t.Fatalf("push %d earns a lane", i)
		}
	}
	if !c.deserves(me) {
		t.Fatal("a goroutine that pushes again and again earns no lane")
	}
	c.deny(me)
	for i := range pushesWhenDenied {
		if c.deserves(me) {
			t.Fatalf("asks for a lane %d pushes after it was denied", i+1)
		}
	}
	for range pushesForLane {
		c.deserves(me)
	}
	if !c.deserves(me) {
		t.Fatal("a denied goroutine never asks again")
	}
}

// needLanes skips a test where goroutines own no lanes.
func needLanes(t *testing.T) {
	if !hasIdentity || !membarrier.Register() {
		t.Skip("no lanes with owners here")
	}
}

// ownLane returns the lane of the calling goroutine, which submits until it has one.
func ownLane(t testing.TB, p *Pool) *lane {
	for range 4 * pushesWhenDenied {
		if l := enter(&p.table); l != nil {
			l.leave()
			return l
		}
		var c countedTask
		if err := Submit(p, &c, (*countedTask).count).Wait(); err != nil {
			t.Error(err)
		}
	}
	t.Error("a goroutine that submits again and again gets no lane")
	return nil
}

func (c *countedTask) count() { c.runs.Add(1) }

// ownersLanes returns how many lanes of goroutines that are not workers are in use.
func ownersLanes(p *Pool) (n int) {
	for _, l := range *p.lanes.Load() {
		if !l.inbox && l.worker == nil && !l.retired.Load() {
			n++
		}
	}
	return n
}

// runMany submits and waits in a mixture, and checks that each task ran once when
// its Wait returns.
func runMany(t testing.TB, p *Pool, n int) {
	var tasks [16]countedTask
	var futures [len(tasks)]Future
	for range n {
		for i := range tasks {
			tasks[i].runs.Store(0)
			futures[i] = Submit(p, &tasks[i], (*countedTask).count)
		}
		for i := range futures {
			k := len(futures) - 1 - i
			if err := futures[k].Wait(); err != nil || tasks[k].runs.Load() != 1 {
				t.Errorf("Wait = %v after %d runs", err, tasks[k].runs.Load())
			}
		}
	}
}

// TestGoroutinesOfOneG: a g serves one goroutine after another. The next one gets
// the lane of the one before, with what that left there, and every task runs once.
func TestGoroutinesOfOneG(t *testing.T) {
	needLanes(t)
	setProcs(t, 1)
	p := newTestPool(t, unpinned(2)...)
	left := make([]countedTask, stressRounds(20_000))
	var ids sync.Map
	distinct := 0
	for i := range left {
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, again := ids.LoadOrStore(identity(), true); !again {
				distinct++
			}
			runMany(t, p, 1)
			Submit(p, &left[i], (*countedTask).count) // and nobody waits
		})
		wg.Wait()
	}
	if n := ownersLanes(p); n > distinct {
		t.Errorf("%d lanes of %d identities", n, distinct)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range left {
		if n := left[i].runs.Load(); n != 1 {
			t.Fatalf("task %d of %d ran %d times (%d identities)", i, len(left), n, distinct)
		}
	}
}

// TestMoreSubmittersThanLanes: those who get no lane submit all the same.
func TestMoreSubmittersThanLanes(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	var wg, ready sync.WaitGroup
	ready.Add(3 * maxLanes)
	for range 3 * maxLanes {
		wg.Go(func() {
			runMany(t, p, 2)
			ready.Done()
			ready.Wait()
			runMany(t, p, stressRounds(100))
		})
	}
	wg.Wait()
	if n := ownersLanes(p); n > maxLanes {
		t.Errorf("%d lanes, at most %d are to be", n, maxLanes)
	}
}

// TestLaneIsTakenOver: a goroutine that needs a lane gets one in the place of one
// whose owner is quiet; that owner submits and waits as before.
func TestLaneIsTakenOver(t *testing.T) {
	needLanes(t)
	p := newTestPool(t, unpinned(2)...)
	p.mu.Lock()
	p.times.takeOver = 0
	p.mu.Unlock()
	goOn, lost := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	var mu sync.Mutex
	var lanes []*lane
	// Not everybody finds an entry in the table, so more try than there are lanes.
	for range 4 * maxLanes {
		all.Add(1)
		ready := make(chan struct{})
		go func() {
			defer all.Done()
			runMany(t, p, 2)
			if l := enter(&p.table); l != nil {
				l.leave()
				mu.Lock()
				lanes = append(lanes, l)
				mu.Unlock()
			}
			var kept countedTask
			f := Submit(p, &kept, (*countedTask).count)
			if err := f.Wait(); err != nil {
				t.Error(err)
			}
			close(ready)
			<-goOn
			if err := f.Wait(); err != nil || kept.runs.Load() != 1 {
				t.Errorf("Wait = %v after %d runs", err, kept.runs.Load())
			}
			runMany(t, p, 50)
		}()
		<-ready
	}
	all.Go(func() {
		defer close(lost)
		for range 4 * pushesWhenDenied {
			runMany(t, p, 1)
			mu.Lock()
			for _, l := range lanes {
				if l.owner.Load() == 0 {
					mu.Unlock()
					return
				}
			}
			mu.Unlock()
		}
		t.Errorf("of %d quiet lanes none is taken over", len(lanes))
	})
	<-lost
	close(goOn)
	all.Wait()
	if n := ownersLanes(p); n > maxLanes {
		t.Errorf("%d lanes, at most %d are to be", n, maxLanes)
	}
}

// TestShortLivedGoroutines: of many goroutines that submit one task each and wait
// for it, or leave it to others, few cost a heavy barrier.
func TestShortLivedGoroutines(t *testing.T) {
	for _, saturated := range []bool{false, true} {
		shortLivedGoroutines(t, saturated)
	}
}

func shortLivedGoroutines(t *testing.T, saturated bool) {
	p := newTestPool(t, unpinned(2)...)
	if saturated { // then pollers park at once
		p.roster.saturated.Store(math.MaxInt64)
	}
	n := stressRounds(100_000)
	tasks := make([]countedTask, n)
	before := membarrier.Count()
	for start := 0; start < n; start += 100 {
		var wg sync.WaitGroup
		for i := start; i < min(start+100, n); i++ {
			wg.Go(func() {
				f := Submit(p, &tasks[i], (*countedTask).count)
				if i%2 == 0 {
					if err := f.Wait(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range tasks {
		if r := tasks[i].runs.Load(); r != 1 {
			t.Fatalf("task %d ran %d times", i, r)
		}
	}
	barriers := membarrier.Count() - before
	t.Logf("%d barriers for %d goroutines", barriers, n)
	if barriers > uint64(n)/4 {
		t.Errorf("%d barriers for %d goroutines", barriers, n)
	}
}

// TestOwnerStopsInTake: an owner that is descheduled in the middle of a take keeps
// its tasks to itself so long. Thieves go elsewhere, and afterwards nothing is lost.
func TestOwnerStopsInTake(t *testing.T) {
	needLanes(t)
	p := newTestPool(t, unpinned(2)...)
	release := holdElsewhere(t, p)
	var wg sync.WaitGroup
	l := ownLane(t, p)
	if l == nil {
		return
	}
	tasks := make([]countedTask, 8)
	futures := make([]Future, len(tasks))
	for i := range tasks {
		futures[i] = Submit(p, &tasks[i], (*countedTask).count)
	}
	eventually(t, func() bool {
		l.busy.Store(1) // as if a take had begun, and had found the lane not shared
		if l.shared.Load() == 0 {
			return true
		}
		l.busy.Store(0)
		return false
	}, func() string { return "a thief never leaves" })
	stolen := l.stolen.Load()
	release()
	wg.Go(func() { runMany(t, p, 1000) })
	wg.Wait()
	if n := l.stolen.Load() - stolen; n != 0 {
		t.Errorf("%d tasks were stolen while the owner was in a take", n)
	}
	wg.Go(func() {
		if err := futures[0].Wait(); err != nil { // waits for the owner
			t.Error(err)
		}
	})
	l.busy.Store(0)
	wg.Wait()
	for i, f := range futures {
		eventually(t, f.Done, func() string { return fmt.Sprintf("task %d is lost", i) })
		if n := tasks[i].runs.Load(); n != 1 {
			t.Errorf("task %d ran %d times", i, n)
		}
	}
}

// TestWithoutBarrier: where the system has no heavy barrier, and until it is ready,
// thieves are always attached. Then they leave, in the middle of the work.
func TestWithoutBarrier(t *testing.T) {
	needLanes(t)
	membarrier.Ready.Store(false)
	defer membarrier.Ready.Store(true)
	p := newTestPool(t, unpinned(2)...)
	var wg sync.WaitGroup
	var half sync.WaitGroup
	half.Add(4)
	for range 4 {
		wg.Go(func() {
			l := ownLane(t, p)
			if l == nil || !l.ghost || l.shared.Load() == 0 {
				t.Error("a lane is not shared, though there is no barrier")
			}
			runMany(t, p, stressRounds(5000))
			half.Done()
			runMany(t, p, stressRounds(5000))
		})
	}
	half.Wait()
	membarrier.Ready.Store(true)
	p.exorcise()
	wg.Wait()
	for _, l := range *p.lanes.Load() {
		if l.ghost {
			t.Error("a lane is still shared for want of a barrier")
		}
	}
}

// TestLockedGoroutineSubmits: a goroutine that is locked to its thread submits as
// others do.
func TestLockedGoroutineSubmits(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			runMany(t, p, stressRounds(1000))
		})
	}
	wg.Wait()
}

// TestFailuresUntilLaneIsReplaced: slots of failed tasks are kept for their
// Futures, and a lane that has none left gets a successor.
func TestFailuresUntilLaneIsReplaced(t *testing.T) {
	p := newTestPool(t, unpinned(2, WithQueueCapacity(64), quiet)...)
	var lanes atomic.Int32
	type failing struct{ err error }
	var all []Future
	var errs []error
	var last *lane
	for i := range 1000 {
		f := &failing{fmt.Errorf("error %d", i)}
		all = append(all, SubmitErr(p, f, func(f *failing) error { return f.err }))
		errs = append(errs, f.err)
		if err := all[i].Wait(); !errors.Is(err, f.err) {
			t.Fatalf("Wait = %v, want %v", err, f.err)
		}
		if l := all[i].lane(); l != last {
			lanes.Add(1)
			last = l
		}
	}
	if lanes.Load() < 1000/128 {
		t.Errorf("1000 failed tasks of a queue of 64 are in %d lanes", lanes.Load())
	}
	for i, f := range all {
		if err := f.Wait(); !errors.Is(err, errs[i]) {
			t.Fatalf("Wait = %v, want %v", err, errs[i])
		}
	}
}

// TestFailuresDoNotPileUp: what failed tasks leave behind is bounded by the slots
// of a queue, not by how many have failed.
func TestFailuresDoNotPileUp(t *testing.T) {
	p := newTestPool(t, unpinned(2, WithQueueCapacity(64), quiet)...)
	var made, gone atomic.Int64
	type value [1024]byte
	for i := range stressRounds(100_000) {
		v := new(value)
		runtime.AddCleanup(v, func(int) { gone.Add(1) }, 0)
		made.Add(1)
		f := Submit(p, v, func(v *value) { panic(v) })
		if err := f.Wait(); err == nil {
			t.Fatalf("task %d did not fail", i)
		}
	}
	collectUntil(t, fmt.Sprintf("the values of %d panics", made.Load()), func() bool {
		return made.Load()-gone.Load() <= 16*64
	})
}

// TestReplacedQueuesAreBounded: a queue that failed tasks fill more than running ones is
// replaced only while replaced ones hold less than one queue: else what is queued had no
// bound. One that running tasks fill is replaced always: they may wait for what is to be
// queued.
func TestReplacedQueuesAreBounded(t *testing.T) {
	const capacity = 64
	for _, c := range []struct {
		failed, running int
		want            bool
	}{
		{0, 16, true}, {1, 15, true}, {8, 8, true}, {9, 7, false}, {15, 1, false}, {16, 0, false},
	} {
		p := newTestPool(t, unpinned(1, WithQueueCapacity(capacity), quiet)...)
		release := hold(t, p)
		var n count
		queue := func() *lane {
			p.mu.Lock()
			defer p.mu.Unlock()
			l := newLane(p, capacity, 0)
			l.inbox = true
			l.shared.Store(1)
			p.publishLane(l)
			return l
		}
		fill := func(l *lane) (keys []uint64) {
			for range capacity {
				key, ok := l.pushInbox(funcOf((*count).run), unsafe.Pointer(&n), 0, nil)
				if !ok {
					t.Fatal("a queue is full too early")
				}
				keys = append(keys, key)
			}
			return keys
		}
		old, l := queue(), queue()
		fill(old)
		keys := fill(l)
		for _, key := range keys[:c.failed] {
			v, h := p.takeBack(l, l.slot(key), key)
			p.fail(l, l.slot(key), v, h, &h.panicked, errors.New("failed"))
		}
		var end []func()
		for _, key := range keys[c.failed : c.failed+c.running] {
			v, h := p.takeBack(l, l.slot(key), key)
			end = append(end, func() { p.run(l, l.slot(key), v, h) })
		}
		if !p.mayReplace(l) {
			t.Errorf("%+v: not replaced, though nothing is left in replaced ones", c)
		}
		old.retired.Store(true)
		if got := p.mayReplace(l); got != c.want {
			t.Errorf("%+v: replaced: %v", c, got)
		}
		for _, run := range end {
			run()
		}
		release()
		atRest(t, p)
		if runs := n.runs.Load(); runs != int32(2*capacity-c.failed) {
			t.Errorf("%+v: %d tasks ran", c, runs)
		}
	}
}

// TestFailuresNobodyWaitsFor: where tasks fail and nobody waits for them, queues that are
// replaced because of them have a bound together, like those in use: the submitter is
// held up, and not one failure in a hundred is kept in the end.
func TestFailuresNobodyWaitsFor(t *testing.T) {
	const capacity = 64
	for _, policy := range []WhenFull{Help, Block} {
		p := newTestPool(t, unpinned(2, WithQueueCapacity(capacity), WithWhenFull(policy), quiet)...)
		var gone atomic.Int64
		most, n := 0, stressRounds(50_000)
		for range n {
			v := new([1024]byte)
			runtime.AddCleanup(v, func(int) { gone.Add(1) }, 0)
			Submit(p, v, func(v *[1024]byte) { panic(v) })
			queued, _ := p.Load()
			most = max(most, queued)
		}
		if most > 6*capacity { // two inboxes, a lane, and what is left in those replaced
			t.Errorf("%v: %d tasks were queued at a time", policy, most)
		}
		atRest(t, p)
		collectUntil(t, fmt.Sprintf("the values of %d panics", n), func() bool {
			return int64(n)-gone.Load() <= 16*capacity
		})
	}
}

// TestFailuresLeaveTheHeapAsItWas: after 100,000 failures in a row, by panic, error
// and withdrawal, one after the other, in a batch, a Group, loops and a Join, the heap is
// what it was after the first thousand of them, but for a few stacks. The room of one queue of
// outcomes is far less than 8 MB; those of 100,000 are far more.
func TestFailuresLeaveTheHeapAsItWas(t *testing.T) {
	p := newTestPool(t, unpinned(2, quiet)...)
	err := errors.New("failed")
	g := p.NewGroup()
	two := make([]int, 2)
	fail := func(i int) {
		var got error
		switch i % 10 {
		case 0:
			got = p.Go(func() { panic(err) }).Wait()
		case 1:
			got = p.GoErr(func() error { return err }).Wait()
		case 2:
			got = SubmitBatch(p, two, func(*int) { panic(err) }).Wait()
		case 3:
			g.GoErr(func() error { return err })
			got = g.Wait()
		case 4:
			f := p.Go(func() {})
			f.Cancel()
			f.Wait() // a worker may have been faster
			return
		case 5:
			got = ForEachErr(t.Context(), p, two, func(*int) error { return err })
		case 6:
			got = p.ForErr(t.Context(), 2, func(lo, hi int) error { return err })
		case 7:
			got = Map(p, two, two, func(*int) int { panic(err) })
		case 8:
			_, got = Reduce(p, two, 0, func(int, *int) int { panic(err) }, add)
		case 9:
			got = Join(p, &two[0], func(*int) { panic(err) }, &two[1], func(*int) {})
		}
		if !errors.Is(got, err) {
			t.Fatalf("failure %d: %v", i, got)
		}
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for i := range 5000 {
		fail(i)
	}
	before := heap()
	for i := range stressRounds(100_000) {
		fail(i)
	}
	if after := heap(); after > before+8<<20 {
		t.Errorf("the heap has grown from %d to %d bytes", before, after)
	}
}

// TestSweptBeforeSleep: a queue that was replaced is looked at by everybody who looks for
// work until it is empty, and no longer than the pool is at work.
func TestSweptBeforeSleep(t *testing.T) {
	p := newTestPool(t, unpinned(1, WithWhenFull(Reject))...)
	release := hold(t, p)
	small := p.workers[0].inbox.Load()
	fill(p)
	if !small.retired.Load() {
		t.Error("the inbox that the worker began with is not replaced when it is full")
	}
	release()
	allAsleep(t, p)
	if slices.Contains(*p.lanes.Load(), small) {
		t.Error("all runners sleep, and a queue that was replaced is on the list")
	}
}

// A worker's goroutine that a task has ended leaves its lane with tasks to be stolen, by
// the worker's next goroutine too, whatever entry is free in the table for the next lane.
func TestGoexitLeavesLaneToThieves(t *testing.T) {
	watch(t)
	p := newTestPool(t, unpinned(1)...)
	var ran count
	var left [2 * pushesForLane]Future
	task := p.Go(func() {
		for i := range left {
			left[i] = Submit(p, &ran, (*count).run)
		}
		p.mu.Lock()
		for me, full := uint64(1), 0; full < len(p.table); me++ {
			at := &p.table[me*hashFactor>>(64-laneTableBits)]
			if l := at.Load(); l == nil || l.pool != nil {
				stranger := newLane(nil, 2, 0)
				stranger.owner.Store(me)
				at.Store(stranger)
				full++
			}
		}
		p.mu.Unlock()
		runtime.Goexit()
	})
	for !task.Done() { // nobody helps, so a worker runs it
		runtime.Gosched()
	}
	for i, f := range left {
		for !f.Done() {
			runtime.Gosched()
		}
		if err := f.Wait(); err != nil {
			t.Errorf("task %d: %v", i, err)
		}
	}
}

// TestSweptLaneIsForgotten protects memory: a lane in which nothing is left is not kept by
// the table that finds the lane of a goroutine.
func TestSweptLaneIsForgotten(t *testing.T) {
	if !hasIdentity {
		t.Skip("nobody owns a lane")
	}
	p := newTestPool(t, unpinned(1)...)
	for range 2 * pushesForLane {
		_ = Submit(p, nil, nothing).Wait()
	}
	l := p.ownLane()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.disown(l)
	p.sweep()
	for i := range p.table {
		if p.table[i].Load() == l {
			t.Fatalf("entry %d names a lane that is swept", i)
		}
	}
}
