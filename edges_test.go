package zeropool

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/membarrier"
	"github.com/zeropool-go/zeropool/internal/proven"
	"github.com/zeropool-go/zeropool/topology"
)

// These tests bring the parts of the protocols into a state that schedules of the
// whole pool come to rarely, and look at the one step that counts there.

// edgePrimitives are the two implementations of what an owner does with its lane.
var edgePrimitives = []struct {
	name    string
	me      func() uint64
	enter   func(*laneTable) *lane
	publish func(*lane, *slot, uint64) uint32
	take    func(*lane, *slot, uint64) uint32
	finish  func(*lane, *slot, uint64)
}{
	{"generic", func() uint64 { return 7 },
		func(t *laneTable) *lane { return enterGeneric(t, 7) }, publishGeneric,
		func(l *lane, s *slot, key uint64) uint32 { return takeGeneric(l, s, key, 7) }, finishGeneric},
	{"built", identity, enter, publish, take, finish},
}

// TestOwnersSteps protects what attaching, retiring a lane and Close rely on: an
// owner marks itself busy for the whole of a push or a take and not longer, takes
// without a CAS only while nobody is attached, and touches nothing of a lane that
// it has lost.
func TestOwnersSteps(t *testing.T) {
	for _, impl := range edgePrimitives {
		t.Run(impl.name, func(t *testing.T) {
			me := impl.me()
			if me == 0 {
				t.Skip("goroutines have no identity here")
			}
			p := newTestPool(t, unpinned(1)...)
			l := newLane(p, 8, 0)
			var table laneTable
			h := me * hashFactor >> (64 - laneTableBits)
			if impl.enter(&table) != nil {
				t.Fatal("enter finds a lane in an empty table")
			}
			for _, entry := range []uint64{h, h ^ 1} {
				table[h].Store(nil)
				table[h^1].Store(nil)
				table[entry].Store(l)
				l.owner.Store(me + 1)
				if impl.enter(&table) != nil || l.busy.Load() != 0 {
					t.Fatal("enter finds the lane of another goroutine, or marks it busy")
				}
				l.owner.Store(me)
				if impl.enter(&table) != l || l.busy.Load() != 1 {
					t.Fatalf("enter: the lane in entry %d is not found, or not busy", entry)
				}
				l.leave()
			}
			s, key := l.at(0), uint64(0)
			impl.enter(&table)
			if impl.publish(l, s, key|full) != 0 {
				t.Fatal("publish reports thieves where there are none")
			}
			if l.pushed.load() != 1 || l.tail.load() != 1 || l.busy.Load() != 0 || s.state.Load() != key|full {
				t.Fatalf("after publish: pushed %d, tail %d, busy %d, state %d", l.pushed.load(), l.tail.load(), l.busy.Load(), s.state.Load())
			}
			l.shared.Store(1)
			if got := impl.take(l, s, key); got != isShared || s.state.Load() != key|full || l.busy.Load() != 0 || l.begun.load() != 0 {
				t.Fatalf("take with a thief attached returns %d, and leaves state %d, busy %d", got, s.state.Load(), l.busy.Load())
			}
			l.shared.Store(0)
			if got := impl.take(l, s, key+8<<posShift); got != notThere || l.busy.Load() != 0 {
				t.Fatalf("take of another task returns %d, busy %d", got, l.busy.Load())
			}
			l.owner.Store(0)
			if got := impl.take(l, s, key); got != notOwner || s.state.Load() != key|full || l.busy.Load() != 0 {
				t.Fatalf("take of a lane that was taken over returns %d, busy %d", got, l.busy.Load())
			}
			l.owner.Store(me)
			if got := impl.take(l, s, key); got != tookIt || s.state.Load() != key|owned || l.begun.load() != 1 || l.busy.Load() != 0 {
				t.Fatalf("take returns %d, state %d, begun %d, busy %d", got, s.state.Load(), l.begun.load(), l.busy.Load())
			}
			impl.finish(l, s, l.next(key|owned))
			if l.completed.load() != 1 || s.state.Load() != 8<<posShift {
				t.Fatalf("finish leaves state %d, completed %d", s.state.Load(), l.completed.load())
			}
			l.shared.Store(3)
			impl.enter(&table)
			if got := impl.publish(l, l.at(1), 1<<posShift|full); got != 3 {
				t.Fatalf("publish reports %d thieves, not 3", got)
			}
		})
	}
}

// needBarrier skips a test where lanes do without heavy barriers.
func needBarrier(t *testing.T) {
	t.Helper()
	if !hasIdentity || !membarrier.Register() {
		t.Skip("no heavy barrier here")
	}
}

// TestAttachWaitsForOwner protects exactly once: a thief takes from a lane only
// when its owner has answered, or a heavy barrier has shown that the owner is not
// in the middle of a take.
func TestAttachWaitsForOwner(t *testing.T) {
	needBarrier(t)
	p := newTestPool(t, unpinned(1)...)
	l := newLane(p, 8, 0)
	l.busy.Store(1) // the owner is in the middle of a take, and not on a CPU
	if l.attach(true) || l.shared.Load() != 0 {
		t.Fatalf("attached to a lane whose owner is busy, %d thieves", l.shared.Load())
	}
	l.busy.Store(0)
	before := membarrier.Count()
	if !l.attach(true) || l.shared.Load() != 1 {
		t.Fatal("not attached to a lane whose owner is quiet")
	}
	if membarrier.Count() == before {
		t.Fatal("attached to a quiet lane without a heavy barrier")
	}
	l.acknowledge()
	if q := l.seq.Load(); q == 0 || l.ack.Load() != q {
		t.Fatalf("the owner answers %d to %d", l.ack.Load(), q)
	}
	if !l.attach(true) || l.shared.Load() != 2 {
		t.Fatal("a second thief is not attached")
	}
	l.detach()
	l.detach()
	if l.shared.Load() != 0 {
		t.Fatalf("%d thieves are left", l.shared.Load())
	}
}

// TestTakingNeedsTheKey protects exactly once: a task is taken by CAS with its own
// key, so nobody takes what has been taken or the task that came after it.
func TestTakingNeedsTheKey(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	l := newLane(p, 4, 0)
	l.inbox = true
	l.shared.Store(1)
	key, ok := l.pushInbox(callFunc, nil, 0, nil)
	if !ok {
		t.Fatal("no room in an empty inbox")
	}
	s := l.slot(key)
	if l.takeByCAS(s, key+4<<posShift) {
		t.Fatal("took a task that is not there yet")
	}
	if !l.takeByCAS(s, key) || l.takeByCAS(s, key) || l.takeShared(s, key) {
		t.Fatal("a task is there to be taken not exactly once")
	}
}

// TestTakeOverFreesMany protects the speed of programs whose goroutines come and go: most
// lanes have owners that have ended, and are taken over together.
func TestTakeOverFreesMany(t *testing.T) {
	needBarrier(t)
	p := newTestPool(t, unpinned(1)...)
	p.mu.Lock()
	defer p.mu.Unlock()
	var lanes []*lane
	for i := range maxTakeOver + 8 {
		l := p.addLane(4, nil)
		if l.ghost {
			l.ghost = false
			l.shared.Store(0)
		}
		l.owner.Store(uint64(i) + 3)
		l.pushed.add(1)
		l.begun.add(1)
		l.completed.add(1)
		lanes = append(lanes, l)
	}
	for _, want := range []int{0, maxTakeOver, len(lanes)} { // the first look only notes what they have done
		p.takeOverAt = -1 << 62
		p.takeOver()
		n := 0
		for _, l := range lanes {
			if l.retired.Load() {
				n++
			}
		}
		if n != want {
			t.Errorf("%d of %d lanes have been taken over, not %d", n, len(lanes), want)
		}
	}
}

// TestRetiredLaneHasNoOwner protects exactly once: a lane that was taken over gets
// no new owner, because the old one may be just about to mark it busy, or not busy
// any more; and one whose owner is busy is not taken over.
func TestRetiredLaneHasNoOwner(t *testing.T) {
	needBarrier(t)
	p := newTestPool(t, unpinned(1)...)
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.addLane(4, nil)
	l.ghost = false
	l.shared.Store(0)
	l.owner.Store(3)
	quiet := func() bool {
		p.takeOverAt = -1 << 62
		return p.takeOver()
	}
	l.busy.Store(1)
	for range 3 {
		if quiet() || l.owner.Load() != 3 {
			t.Fatal("took over a lane whose owner is busy")
		}
	}
	l.busy.Store(0)
	quiet()
	if !l.retired.Load() && !quiet() {
		t.Fatal("a quiet lane was not taken over")
	}
	if !l.retired.Load() || l.owner.Load() != 0 || l.shared.Load() == 0 {
		t.Fatalf("the lane that was taken over: retired %v, owner %d, %d thieves", l.retired.Load(), l.owner.Load(), l.shared.Load())
	}
}

// allAsleep waits until all runners of a pool are parked.
func allAsleep(t *testing.T, p *Pool) {
	t.Helper()
	eventually(t, func() bool {
		ro := &p.roster
		ro.mu.Lock()
		defer ro.mu.Unlock()
		n := 0
		for _, w := range p.workers {
			if w.parks.load() > w.wakes.load() {
				n++
			}
		}
		return n == len(p.workers) && p.gate.Load()&gateSleeping != 0
	}, func() string { return "the workers do not fall asleep" })
}

// TestLastSleeperExecutesBarrier protects wake-ups: submitters publish without a
// fence, so the last runner that goes to sleep needs the heavy barrier between its
// announcement and its last look.
func TestLastSleeperExecutesBarrier(t *testing.T) {
	needBarrier(t)
	p := newTestPool(t, unpinned(1)...)
	allAsleep(t, p)
	before := membarrier.Count()
	done := make(chan struct{})
	p.Go(func() { close(done) })
	<-done
	allAsleep(t, p)
	if membarrier.Count() == before {
		t.Fatal("the only worker went to sleep without a heavy barrier")
	}
}

// TestWaiterExecutesBarrier protects waiters: the owner of a lane ends its tasks
// without a fence, so who waits for one that the owner may have taken needs the
// heavy barrier before its last look.
func TestWaiterExecutesBarrier(t *testing.T) {
	needBarrier(t)
	p := newTestPool(t, unpinned(1)...)
	l := newLane(p, 4, 0)
	f := Future{at: unsafe.Pointer(l), key: 0}
	s := l.at(0)
	for state, plain := range map[uint64]bool{full: true, owned: true, 4 << posShift: false, taken: false} {
		s.state.Store(state)
		before := membarrier.Count()
		f.parkNow(nil, time.Nanosecond)
		if barrier := membarrier.Count() != before; barrier != plain {
			t.Errorf("state %d: a waiter looked for the last time, with a heavy barrier: %v", state, barrier)
		}
	}
}

// TestPollerHandsOn protects work conservation: who runs a task is not the poller,
// so that another runner sees what is submitted meanwhile.
func TestPollerHandsOn(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	for range 20 {
		allAsleep(t, p)
		polls := make(chan bool)
		p.Go(func() { polls <- p.roster.poller.Load() == p.currentRunner() })
		if <-polls {
			t.Fatal("the poller runs a task and nobody else polls")
		}
	}
}

// TestNewPollerClearsGate protects tasks that are queued already: when the new poller has
// taken work, and all runners are at work, a waiter that parks has a stand-in take the next
// one, but not while the gate says that all sleep.
func TestNewPollerClearsGate(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	allAsleep(t, p)
	r := &runner{pool: p}
	r.lease.cpu.Store(topology.Unknown)
	ro := &p.roster
	ro.nap = 2 * firstNap // a light nap clears the gate itself
	poll := p.times.poll
	p.times.poll = cpu.TicksOf(time.Hour) // however late it is, r naps and does not park
	again := r.idle()
	p.times.poll = poll
	ro.mu.Lock()
	poller, gate := ro.poller.Load(), p.gate.Load()
	w := ro.elect()
	ro.mu.Unlock()
	p.wakeRunner(w)
	if !again || poller != r || gate&gateSleeping != 0 {
		t.Fatalf("a runner without work goes on: %v, is the poller: %v, the gate is %#x", again, poller == r, gate)
	}
}

// TestSubmissionCutsLightNap protects tasks that nobody waits for: the next submission wakes
// a poller in a light nap, and nobody else.
func TestSubmissionCutsLightNap(t *testing.T) {
	watch(t)
	p := newTestPool(t, unpinned(2)...)
	for range 20 {
		allAsleep(t, p)
		r := &runner{pool: p}
		ro := &p.roster
		ro.mu.Lock()
		ro.poller.Store(r)
		p.gate.And(^uint64(gateSleeping))
		ro.mu.Unlock()
		woken := make(chan struct{})
		ro.napper.Announce()
		go func() {
			defer close(woken)
			p.napLightly(2 * time.Hour)
		}()
		eventually(t, func() bool { return p.gate.Load()&gateSleeping != 0 }, func() string { return "submitters are not asked to cut the nap short" })
		f := p.Go(func() {})
		<-woken
		ro.mu.Lock()
		if n := len(ro.parked); n != p.Workers() {
			t.Errorf("%d of %d workers are parked: the submission has woken others than the poller", n, p.Workers())
		}
		w := ro.elect()
		ro.mu.Unlock()
		p.wakeRunner(w)
		_ = f.Wait()
	}
}

// TestSurplusStandInEnds protects the limit of goroutines at work: a stand-in whose
// waiter has come back ends.
func TestSurplusStandInEnds(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	allAsleep(t, p)
	r := &runner{pool: p}
	r.lease.cpu.Store(topology.Unknown)
	p.roster.mu.Lock()
	p.roster.places.Add(-1)
	p.roster.mu.Unlock()
	l := newLane(p, minSlots, 0)
	l.shared.Store(1)
	r.on = l // it has stolen a task of l, and not looked for another one
	if r.idle() || p.roster.places.Load() != 0 {
		t.Fatalf("a stand-in without a place goes on; %d places are left", p.roster.places.Load())
	}
	if r.on != nil || l.shared.Load() != 0 {
		t.Fatalf("a runner that pauses stays attached to a lane, which has %d thieves", l.shared.Load())
	}
}

// TestIdleStandInsAreFew protects an idle pool: however many stand-ins have been at work at
// a time, few of them stay, and their waiters' places are theirs again.
func TestIdleStandInsAreFew(t *testing.T) {
	watch(t)
	p := newTestPool(t, unpinned(1)...)
	const n = 4 * maxSpares
	free, begun := make(chan struct{}), make(chan struct{})
	long := p.Go(func() { close(begun); <-free })
	<-begun
	var waiters sync.WaitGroup
	for range n {
		waiters.Go(func() { _ = long.Wait() })
	}
	eventually(t, func() bool { return p.gate.Load()>>gateWaiterShift == n }, func() string { return "not all wait" })
	m := newMeeting(n)
	for range n {
		Submit(p, m, (*meeting).meet)
	}
	<-m.all // n stand-ins are at work
	few := func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.standIns) <= 2*maxSpares+1 // parked, spare, and the poller
	}
	eventually(t, few, func() string { return "stand-ins without work stay" })
	close(free)
	waiters.Wait()
	for range 10 { // it is not left to the next submission, and that is not lost
		_ = p.Go(func() {}).Wait()
	}
}

// TestCutTasksProveNothing protects waiters: a task that Shutdown has cut off says nothing
// of its function, which a waiter's goroutine may run once it is known to return.
func TestCutTasksProveNothing(t *testing.T) {
	p := mustNew(t, unpinned(1)...)
	allAsleep(t, p)
	r := &runner{pool: p, labels: t.Context()}
	r.lease.cpu.Store(topology.Unknown)
	l := newLane(p, 2*proven.Runs, 0)
	l.inbox = true
	var runs int
	fn := funcOf(func(*struct{}) { runs++ })
	p.gate.Or(gateCut)
	for range 2 * proven.Runs {
		key, _ := l.pushInbox(fn, nil, 0, nil)
		l.takeByCAS(l.slot(key), key)
		r.runTaken(l, l.slot(key), key|taken)
	}
	if runs != 0 || proven.Is(fn.code) {
		t.Errorf("a function of which %d tasks have run counts as one that returns: %v", runs, proven.Is(fn.code))
	}
	p.gate.And(^uint64(gateCut))
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// TestBoardHoldsAll protects batches: every one that has elements nobody has
// claimed can be found, however many there are, and none afterwards.
func TestBoardHoldsAll(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	release := hold(t, p)
	defer release()
	var c count
	elements := make([]*count, 1)
	elements[0] = &c
	const batches = 20
	var futures [batches]Future
	for i := range futures {
		futures[i] = SubmitBatch(p, elements, func(c **count) { (*c).run() })
	}
	for i := range batches {
		b := p.openBatch()
		if b == nil {
			for _, f := range futures { // or Close would wait for them
				_ = f.Wait()
			}
			t.Fatalf("only %d batches of %d can be found", i, batches)
		}
		p.join(b, &p.helper().account, false, toTheEnd)
	}
	if n := c.runs.Load(); n != batches {
		t.Errorf("%d elements ran, not %d", n, batches)
	}
	if b := p.openBatch(); b != nil || p.board.count.Load() != 0 || p.board.ends.next != &p.board.ends {
		t.Errorf("a batch of which nothing is left is on the board; count %d", p.board.count.Load())
	}
}

// TestFailedSlotIsKept protects errors: the outcome of a task that failed can be
// asked for at any time, however many tasks come after it.
func TestFailedSlotIsKept(t *testing.T) {
	p := newTestPool(t, unpinned(1, WithQueueCapacity(2))...)
	bad := errors.New("bad")
	var failed []Future
	for range 50 {
		f := p.GoErr(func() error { return bad })
		_ = f.Wait()
		failed = append(failed, f)
		if err := p.Go(func() {}).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	for i, f := range failed {
		if err := f.Wait(); err != bad {
			t.Fatalf("failed task %d: Wait returns %v", i, err)
		}
	}
}

// TestOwnGroupIsRecognised protects callers from waiting for themselves: inside a
// task of a group, Wait returns ErrOwnGroup, whoever runs the task.
func TestOwnGroupIsRecognised(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	type call struct {
		g   *Group
		err error
	}
	run := func(c *call) { c.err = c.g.Wait() }
	check := func(c *call, who string) {
		t.Helper()
		if err := c.g.Wait(); err != nil {
			t.Fatal(err)
		}
		if c.err != ErrOwnGroup {
			t.Fatalf("run by %s: Wait inside a task of the group returns %v", who, c.err)
		}
	}
	for range 2 * proven.Runs { // by a worker, as it is not known that the function returns
		c := &call{g: p.NewGroup()}
		SubmitTo(c.g, c, run)
		check(c, "a worker or stand-in")
	}
	release := hold(t, p)
	defer release()
	for range 8 {
		c := &call{g: p.NewGroup()}
		SubmitTo(c.g, c, run)
		check(c, "the waiter")
	}
}

// TestNothingBeginsAfterCut protects Shutdown's promise: whoever takes a task when
// the context has ended does not run it, and its Future says ErrClosed.
func TestNothingBeginsAfterCut(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	release := hold(t, p)
	var c count
	var futures []Future
	for range 8 { // some in an inbox, some in a lane
		futures = append(futures, Submit(p, &c, (*count).run))
	}
	p.gate.Or(gateCut)
	for _, f := range futures {
		if err := f.Wait(); err != ErrClosed {
			t.Errorf("Wait returns %v", err)
		}
	}
	l := p.workers[0].inbox.Load()
	key, _ := l.pushInbox(callFunc, nil, 0, nil)
	if v, acc := p.takeBack(l, l.slot(key), key); p.run(l, l.slot(key), v, acc) {
		t.Error("run says that a task which was cut has returned: Wait would return nil")
	}
	p.gate.And(^uint64(gateCut))
	release()
	if n := c.runs.Load(); n != 0 {
		t.Errorf("%d tasks began after Shutdown's context had ended", n)
	}
}

// TestNoLeaseWhileParked protects the rest of the process: a worker that sleeps
// is not bound to its CPU, nor to its thread.
func TestNoLeaseWhileParked(t *testing.T) {
	p := newTestPool(t, WithWorkers(1))
	w := p.workers[0]
	if !canPin || w.cpu == topology.Unknown {
		t.Skip("workers are not pinned here")
	}
	held := make(chan bool)
	var step func()
	work := func() { busy(1000) }
	step = func() {
		if w.lease.held.Load() || w.lease.refused.load() > 0 {
			held <- w.lease.held.Load()
			return
		}
		work()
		p.Go(step)
	}
	p.Go(step)
	if !<-held {
		t.Skip("the CPU was refused")
	}
	allAsleep(t, p)
	if w.lease.held.Load() || w.lease.pinned.load() == 0 {
		t.Fatalf("a worker sleeps with its lease: %v, %d ticks pinned so far", w.lease.held.Load(), w.lease.pinned.load())
	}
}

// TestSubmitterSeesClose protects Close: a submitter that published after the
// closer's barrier takes its task back, so that nothing is left behind.
func TestSubmitterSeesClose(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	if err := p.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	l := p.workers[0].inbox.Load()
	key, _ := l.pushInbox(callFunc, nil, 0, nil)
	p.published(p.gate.Load(), l, l.slot(key), key)
	f := Future{at: unsafe.Pointer(l), key: key}
	if err, done := f.poll(); err != ErrClosed || !done {
		t.Fatalf("a task published after Close has ended: %v, with %v", done, err)
	}
}

// TestRunnersEndAfterBarrier protects Close: a runner that ends takes no more tasks,
// so runners may end only when the barrier has made every task visible that was
// submitted by somebody who had not seen the pool closed. An observer on another
// CPU looks all the time; in the right order it can see nothing wrong.
func TestRunnersEndAfterBarrier(t *testing.T) {
	needBarrier(t)
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("the observer needs a processor of its own")
	}
	for range stressRounds(200) {
		p := mustNew(t, unpinned(1)...)
		allAsleep(t, p)
		var looking atomic.Bool
		early := make(chan bool)
		before := membarrier.Count()
		go func() {
			looking.Store(true)
			for p.gate.Load()&gateEnding == 0 {
			}
			early <- membarrier.Count() == before
		}()
		for !looking.Load() { // without a pause, so that the observer does not lose its processor to this goroutine
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if <-early {
			t.Fatal("runners may end before the heavy barrier of Close")
		}
	}
}

// However many batches are open at a time, each leaves the board when it has ended, in
// whatever order they do.
func TestManyOpenBatches(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	defer keepBusy(t, p)()
	empty := func(name string) {
		if b := p.openBatch(); b != nil || p.board.count.Load() != 0 || p.board.ends.next != &p.board.ends || p.board.ends.prev != &p.board.ends {
			t.Errorf("%s: the board is not empty", name)
		}
	}
	for name, order := range map[string]func(i, n int) int{
		"first to last": func(i, n int) int { return i },
		"last to first": func(i, n int) int { return n - 1 - i },
		"mixed":         func(i, n int) int { return i * 37 % n },
	} {
		fs := make([]Future, 160)
		for i := range fs {
			fs[i] = SubmitBatch(p, make([]count, 3), (*count).run)
		}
		for i := range fs { // nobody waits, so nobody works in the place of one who does
			f := fs[order(i, len(fs))]
			if n := f.Cancel(); n != 3 || f.Wait() != ErrCanceled {
				t.Errorf("%s: %d canceled, %v", name, n, f.Wait())
			}
		}
		empty(name + ", canceled")
	}
	fs := make([]Future, 160)
	for i := range fs {
		fs[i] = SubmitBatch(p, make([]count, 3), (*count).run)
	}
	for i := range fs {
		if err := fs[i*37%len(fs)].Wait(); err != nil {
			t.Error(err)
		}
	}
	empty("run")
}
