package zeropool

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/proven"
)

// TestThievesTakeWhatTheOwnerComesToLast protects forks and bursts: where a thief looks
// it finds the branch of a tree of forks that was pushed first, as long as the lane has
// not come round, and of a burst whose tasks are waited for in order the last.
func TestThievesTakeWhatTheOwnerComesToLast(t *testing.T) {
	forEachLane(t, func(t *testing.T, q *testLane) {
		if q.capacity() < 64 {
			t.Skip("the tree has more branches") // 31
		}
		var branches []uint64 // pushed and not taken
		found := func() {
			t.Helper()
			if len(branches) == 0 {
				return
			}
			if _, key, ok := q.findLast(); !ok || key != branches[0] {
				t.Fatalf("thieves find %#x, %v of %#x", key, ok, branches)
			}
		}
		var fork func(depth int)
		fork = func(depth int) {
			if depth == 0 {
				return
			}
			branches = append(branches, q.mustPush(t, 0))
			fork(depth - 1)
			last := len(branches) - 1
			v := q.mustTake(t, branches[last], 0)
			branches = branches[:last]
			found()
			fork(depth - 1)
			q.end(v)
			found()
		}
		fork(5)
		for range q.capacity() - 2 {
			branches = append(branches, q.mustPush(t, 0))
		}
		for len(branches) > 2 {
			q.end(q.mustTake(t, branches[0], 0))
			branches = branches[1:]
			if _, key, ok := q.findLast(); !ok || key != branches[len(branches)-1] {
				t.Fatalf("thieves find %#x, %v of a burst, not its last: %d are left", key, ok, len(branches))
			}
		}
	})
}

// TestLeftTaskIsOverdue protects work: a task that the owner of a lane leaves while it
// gets through others may be stolen after a while, however quick the owner is, and one
// that the owner comes to may not.
func TestLeftTaskIsOverdue(t *testing.T) {
	q := newTestLane(generic, 64, testStart{})
	p := &Pool{times: newTimes()}
	p.times.worth, p.times.burst = 1<<40, 0 // everything is quick, and a moment is long
	left, r := q.mustPush(t, 0), &runner{pool: p}
	one := func() { // the owner gets through another task
		q.end(q.mustTake(t, q.mustPush(t, 1), 1))
	}
	if r.ripe(q.lane, false) {
		t.Fatal("stolen at the first look")
	}
	one()
	if r.ripe(q.lane, false) {
		t.Fatal("stolen when the owner is first seen to be quick")
	}
	one()
	if !r.ripe(q.lane, false) {
		t.Fatal("never stolen while the owner is quick")
	}
	if !r.ripe(q.lane, true) || r.mark(q.lane).quick {
		t.Fatal("a thief that takes anything, as at the end of a pool, takes what it remembers only")
	}
	q.end(q.mustTake(t, left, 0))
	for range 10 {
		q.mustPush(t, 0)
	}
	for q.queued() > 0 { // the owner comes to the oldest each time
		if r.ripe(q.lane, false) {
			t.Fatal("stolen from an owner that comes to it soon")
		}
		_, key, _ := q.find(false)
		q.end(q.mustTake(t, key, 0))
	}
}

// TestLeftTaskBegins protects work: a task that nobody waits for begins while its
// submitter, who gets through other tasks faster than thieves could, goes on.
func TestLeftTaskBegins(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	var c count
	for range 2 * proven.Runs { // a lane, and a function that is known to return
		Submit(p, &c, (*count).run).Wait()
	}
	var begun atomic.Bool
	p.Go(func() { begun.Store(true) })
	for !begun.Load() {
		Submit(p, &c, (*count).run).Wait()
	}
}

// A thief stays attached to a lane only if it has got a task of it: else its owner would
// pay for a thief that has long gone elsewhere, for ever.
func TestThiefWithoutPreyIsNotAttached(t *testing.T) {
	if !hasIdentity {
		t.Skip("all lanes are shared")
	}
	l := newTestLane(built, minSlots, testStart{}).lane // of a pool without workers, who look too
	before := l.shared.Load()                           // a ghost, where there is no heavy barrier
	l.pushed.add(1)                                     // as if somebody were about to publish a task, or had just taken it
	r := &runner{pool: l.pool}
	for range 3 {
		if _, _, ok := r.stealFrom(l); ok {
			t.Fatal("got a task that is not there")
		}
	}
	if now := l.shared.Load(); now != before || r.on != nil {
		t.Errorf("%d thieves are attached, and nobody takes", now-before)
	}
}

// TestTasksLeftToRunners protects submitters that wait by other means than a Future, or not
// at all: a runner that has stolen from a lane whose owner takes nothing is attached at once
// the next time, and takes what is there without waiting for it to age. As soon as the owner
// takes a task, or somebody waits for one, the lane is like any other.
func TestTasksLeftToRunners(t *testing.T) {
	forEachLane(t, func(t *testing.T, q *testLane) {
		if q.ghost {
			t.Skip("there is no heavy barrier")
		}
		if q.capacity() < 4 {
			t.Skip("two tasks have no room beside one that has ended")
		}
		r := &runner{pool: q.lane.pool}
		steal := func() { // stays attached
			t.Helper()
			if !q.attach(true) { // a thief may have to wait for a barrier
				t.Fatal("cannot attach to a lane whose owner is idle")
			}
			_, key, ok := r.stealFrom(q.lane)
			if !ok {
				t.Fatal("a task that is there was not stolen")
			}
			q.number(t, q.slot(key))
			q.end(key | taken)
			q.detach()
		}
		for range 3 {
			q.mustPush(t, 0)
			steal()
			r.drop()
			if n, seq := q.shared.Load(), q.seq.Load(); n != 1 || seq != 1 || q.lingers.Load() == 0 {
				t.Fatalf("%d are attached after %d handshakes, want 1 that lingers", n, seq)
			}
		}
		mine := q.mustPush(t, 0)
		if !r.ripe(q.lane, false) {
			t.Fatal("a task that is left to runners must age")
		}
		q.mustPush(t, 1)
		q.end(q.mustTake(t, mine, 0))
		r.mark(q.lane).seen = 0
		if r.ripe(q.lane, false) {
			t.Fatal("stolen at the first look from an owner that takes tasks itself")
		}
		q.lingers.Store(0) // as if the owner had taken many
		q.detach()
		steal()
		q.end(q.mustTake(t, q.mustPush(t, 0), 0))
		r.drop()
		if n := q.shared.Load(); n != 0 {
			t.Fatalf("%d are attached to the lane of an owner that has taken tasks since", n)
		}
	})
}

// TestEveryQueueHasItsTurn protects what nobody waits for: a task and a batch begin though
// the queues that workers come to first are never empty.
func TestEveryQueueHasItsTurn(t *testing.T) {
	for _, workers := range []int{1, 2} {
		watch(t)
		p := newTestPool(t, unpinned(workers)...)
		var stop atomic.Bool
		var laps atomic.Int64
		var again func()
		again = func() {
			laps.Add(1)
			if !stop.Load() {
				p.Go(again)
			}
		}
		for range workers {
			p.Go(again)
		}
		eventually(t, func() bool { return laps.Load() > 1000 }, func() string { return "the chains do not go on" })
		begun := make(chan string)
		p.Go(func() { begun <- "task" })
		go p.Go(func() { begun <- "task of a goroutine without a lane" })
		SubmitBatch(p, make([]struct{}, 1), func(*struct{}) { begun <- "batch" })
		for range 3 {
			t.Logf("%d workers: the %s has begun", workers, <-begun)
		}
		stop.Store(true)
	}
}

// TestOwnerThatIsAway protects the task that nobody comes to: thieves take the newest tasks
// of an owner that is on its way from the oldest one, and the oldest ones once it has come
// no further for a while; else one would never begin as long as others are pushed.
func TestOwnerThatIsAway(t *testing.T) {
	forEachLane(t, func(t *testing.T, q *testLane) {
		if q.capacity() < 4 {
			t.Skip("two tasks have no room beside one that has ended")
		}
		var r runner
		push := func() uint64 { return q.mustPush(t, 0) }
		come := func(key uint64) { q.end(q.mustTake(t, key, 0)) } // the owner
		steal := func(want uint64, which string) {
			t.Helper()
			_, key, ok := r.stealOne(q.lane)
			if !ok || key != want {
				t.Fatalf("took %#x, %v, not the %s, %#x", key, ok, which, want)
			}
			q.number(t, q.slot(key))
			q.end(key | taken)
		}
		come(push())
		oldest := push()
		for range trial {
			steal(push(), "newest")
		}
		newest := push()
		steal(oldest, "oldest of an owner that is away")
		come(newest)
		push()
		steal(push(), "newest of an owner that is back")
	})
}

// TestStolenCountsEachTheft protects Stats: of a lane that a worker stays attached to, each
// task counts.
func TestStolenCountsEachTheft(t *testing.T) {
	if !hasIdentity {
		t.Skip("nobody owns a lane")
	}
	p := mustNew(t, unpinned(1)...)
	for range 2 * pushesForLane {
		_ = Submit(p, nil, nothing).Wait()
	}
	before := p.Stats()
	const n = 200
	for range n {
		Submit(p, nil, nothing)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	after := p.Stats()
	if ran, stolen := after.Workers[0].Completed-before.Workers[0].Completed, after.Total.Stolen-before.Total.Stolen; ran != n || stolen != n {
		t.Errorf("of %d tasks the worker has run %d, and stolen %d", n, ran, stolen)
	}
}

// TestTurnsReachAllLanes protects the queues behind others that are never empty: searches in
// turn go on where the last one ended, whatever the number of lanes, and however many turns
// are the board's.
func TestTurnsReachAllLanes(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	allAsleep(t, p)
	r := &runner{pool: p}
	for range 3 { // an even number of lanes in all
		p.mu.Lock()
		p.addInbox(new(worker), minSlots)
		p.mu.Unlock()
	}
	run := func(l *lane, s *slot, v uint64) {
		acc := &p.helper().account
		acc.count(&acc.begun, 1)
		p.run(l, s, v, acc)
	}
	var lanes []*lane
	for _, l := range *p.lanes.Load() {
		if l.inbox {
			lanes = append(lanes, l)
		}
	}
	came := make(map[*lane]bool)
	for range lanes {
		for _, l := range lanes { // none of them is ever empty
			if l.queued() == 0 {
				l.pushInbox(funcOf(nothing), nil, 0, nil)
			}
			r.mark(l).seen = 1 // ripe
		}
		r.turn += 2 // every other turn is the board's
		l, s, v, ok := r.findTask(true)
		if !ok {
			t.Fatal("nothing found")
		}
		came[l] = true
		run(l, s, v)
	}
	if len(came) != len(lanes) {
		t.Errorf("%d turns came to %d of %d lanes", len(lanes), len(came), len(lanes))
	}
	for _, l := range lanes {
		for l.queued() > 0 {
			s, key, _ := l.find(false)
			l.takeByCAS(s, key)
			run(l, s, key|taken)
		}
	}
}

// TestOwnLaneHasItsTurn protects what tasks submit: it begins though each task takes longer
// than a turn, and other queues are never empty.
func TestOwnLaneHasItsTurn(t *testing.T) {
	watch(t)
	p := newTestPool(t, unpinned(1)...)
	p.Go(func() {
		for range 2 * pushesForLane { // the worker gets a lane
			Submit(p, nil, nothing)
		}
	})
	atRest(t, p)
	var ran atomic.Int32
	long := func() {
		ran.Add(1)
		for start := cpu.Ticks(); cpu.DurationOf(cpu.Ticks()-start) < turnTime; {
		}
	}
	var stop atomic.Bool
	var producer sync.WaitGroup
	producer.Go(func() {
		for !stop.Load() {
			if queued, _ := p.Load(); queued < 4 {
				p.Go(long)
			} else {
				runtime.Gosched()
			}
		}
	})
	eventually(t, func() bool { return ran.Load() > 2*pushesForLane }, func() string { return "the others do not run" })
	for range 3 {
		var begun atomic.Bool
		p.Go(func() {
			before := ran.Load()
			p.Go(func() { // in the worker's own lane
				if n := ran.Load() - before; n > 8 {
					t.Errorf("%d other tasks have begun before what a task has submitted", n)
				}
				begun.Store(true)
			})
			long()
		})
		eventually(t, begun.Load, func() string { return "what a task has submitted does not begin" })
	}
	stop.Store(true)
	producer.Wait()
}

// TestLongBatchIsLeft protects tasks beside a batch that takes all runners for long: one that
// nobody waits for begins before the batch has ended. The runner is a worker, or the one that
// stands in for it while it waits for the batch.
func TestLongBatchIsLeft(t *testing.T) {
	for _, waits := range []bool{false, true} {
		watch(t)
		p := newTestPool(t, unpinned(1)...)
		ctx, cancel := context.WithCancel(t.Context())
		var ran, stop atomic.Bool
		long := SubmitBatch(p, make([]struct{}, 1<<24), func(*struct{}) {
			ran.Store(true)
			for start := cpu.Ticks(); !stop.Load() && cpu.DurationOf(cpu.Ticks()-start) < turnTime/8; {
			}
		})
		if waits {
			p.Go(func() { _ = long.WaitContext(ctx) })
		}
		eventually(t, ran.Load, func() string { return "the batch does not begin" })
		var begun atomic.Bool
		p.Go(func() { begun.Store(true) })
		eventually(t, begun.Load, func() string { return "the task does not begin" })
		if long.Done() {
			t.Error("the batch was too short")
		}
		stop.Store(true)
		long.Cancel()
		cancel()
	}
}
