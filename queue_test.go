package zeropool

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/membarrier"
	"github.com/zeropool-go/zeropool/internal/stack"
)

// primitives is one implementation of what queue_asm.go declares. me is the
// identity of the calling goroutine.
type primitives struct {
	name    string
	me      func() uint64
	enter   func(t *laneTable, me uint64) *lane
	publish func(l *lane, s *slot, v uint64) uint32
	take    func(l *lane, s *slot, key, me uint64) uint32
	finish  func(l *lane, s *slot, v uint64)
	store   func(c *atomic.Uint64, v uint64)
}

var built = primitives{
	"built", identity,
	func(t *laneTable, _ uint64) *lane { return enter(t) },
	publish,
	func(l *lane, s *slot, key, _ uint64) uint32 { return take(l, s, key) },
	finish, store,
}

var generic = primitives{"generic", testIdentity, enterGeneric, publishGeneric, takeGeneric, finishGeneric, storeGeneric}

// testIdentity returns the calling goroutine's identity, or its number where this
// build has none.
func testIdentity() uint64 {
	if hasIdentity {
		return identity()
	}
	return stack.GoroutineID()
}

// implementations returns the assembly, where this build has it, and its twin.
func implementations() []primitives {
	if hasIdentity {
		return []primitives{built, generic}
	}
	return []primitives{generic}
}

func forEachImplementation(t *testing.T, f func(t *testing.T, im primitives)) {
	for _, im := range implementations() {
		t.Run(im.name, func(t *testing.T) { f(t, im) })
	}
}

var testCapacities = []int{2, 4, 8, 64, maxLaneCapacity}

// testStart is where a lane begins: its first position, a multiple of the
// capacity, and what its counters stand at.
type testStart struct{ position, count uint64 }

// tail is the position with the bits above it that positions have not.
func (s testStart) tail() uint64 {
	const positions = 1 << (64 - posShift)
	return s.count&^(positions-1) | s.position
}

// testStarts returns starts at which arithmetic is likely to go wrong: the next
// lap passes the end of the positions, of the signed or of the unsigned numbers.
func testStarts(capacity int) []testStart {
	const positions = 1 << (64 - posShift)
	c := uint64(capacity)
	return []testStart{
		{0, 0}, {c, 0}, {3 * c, c},
		{positions/2 - c, math.MaxInt64 - c}, {positions / 2, 1 << 63},
		{positions - c, -c}, {positions - 2*c, -(2 * c)}, {positions - c, -(c / 2)}, {positions - c, math.MaxUint64},
	}
}

func forEachLane(t *testing.T, f func(t *testing.T, q *testLane)) {
	forEachImplementation(t, func(t *testing.T, im primitives) {
		for _, capacity := range testCapacities {
			for i, start := range testStarts(capacity) {
				if (raceEnabled || brief()) && capacity == maxLaneCapacity && i > 0 {
					break // these tests have one goroutine only, and large lanes take long
				}
				t.Run(fmt.Sprintf("%d/%#x/%#x", capacity, start.position, start.count), func(t *testing.T) {
					f(t, newTestLane(im, capacity, start))
				})
			}
		}
	})
}

// testLane is a lane of the goroutine that has made it. Its tasks are numbers.
type testLane struct {
	*lane
	im    primitives
	table laneTable
	cells []byte
}

// testCells is how many different numbers tasks can carry.
const testCells = 1 << 14

var testFunc = funcOf(func(*byte) {})

func newTestLane(im primitives, capacity int, start testStart) *testLane {
	q := newTestInbox(im, capacity, start)
	q.inbox = false
	q.owner.Store(im.me())
	q.table[q.owner.Load()*hashFactor>>(64-laneTableBits)].Store(q.lane)
	q.shared.Store(0)
	if hasIdentity && !membarrier.Register() {
		q.ghost = true
		q.shared.Store(1)
	}
	return q
}

func newTestInbox(im primitives, capacity int, start testStart) *testLane {
	p := &Pool{times: newTimes()}
	p.lanes.Store(new([]*lane))
	l := newLane(p, capacity, start.position)
	l.inbox = true
	l.shared.Store(1)
	l.tail.v.Store(start.tail())
	l.scan.Store(l.tail.load())
	l.pushed.v.Store(start.count)
	l.begun.v.Store(start.count)
	return &testLane{lane: l, im: im, cells: make([]byte, testCells)}
}

func (q *testLane) capacity() uint64 { return q.mask + 1 }

func (q *testLane) params(number uint64) unsafe.Pointer {
	return unsafe.Pointer(&q.cells[number%testCells])
}

// number takes the task out of a slot, which the caller has taken, and returns its
// number.
func (q *testLane) number(t testing.TB, s *slot) uint64 {
	t.Helper()
	fn, params := s.fn, s.params
	s.fn, s.params = nil, nil
	n := uintptr(params) - uintptr(unsafe.Pointer(&q.cells[0]))
	if fn != testFunc || n >= testCells {
		t.Fatalf("a slot holds fn %p, params %p, which nobody has put there", fn, params)
	}
	return uint64(n)
}

// push is what a submitter does to its own lane.
func (q *testLane) push(t testing.TB, number, flags uint64) (key uint64, ok bool) {
	t.Helper()
	if q.inbox {
		return q.pushInbox(testFunc, q.params(number), flags, nil)
	}
	if l := q.im.enter(&q.table, q.im.me()); l != q.lane {
		t.Fatalf("enter = %p, want the caller's lane %p", l, q.lane)
	}
	s, key := q.room()
	if s == nil {
		q.leave()
		return 0, false
	}
	key |= flags
	s.fn, s.params = testFunc, q.params(number)
	if q.im.publish(q.lane, s, key|full) != 0 {
		q.acknowledge()
	}
	return key, true
}

func (q *testLane) mustPush(t testing.TB, number uint64) (key uint64) {
	t.Helper()
	key, ok := q.push(t, number, 0)
	if !ok {
		t.Fatalf("no room for task %d", number)
	}
	return key
}

// takeMine is lane.takeOwn: the owner takes the task with that key.
func (q *testLane) takeMine(key uint64) (v uint64) {
	s := q.slot(key)
	switch q.im.take(q.lane, s, key, q.im.me()) {
	case tookIt:
		return key | owned
	case isShared:
		if q.takeShared(s, key) {
			return key | taken
		}
	}
	return 0
}

// pending reports whether the task with that key has not ended.
func (q *testLane) pending(key uint64) bool {
	return !Future{at: unsafe.Pointer(q.lane), key: key}.Done()
}

// mustTake takes the task with that key as its owner, and checks its number.
func (q *testLane) mustTake(t testing.TB, key, number uint64) (v uint64) {
	t.Helper()
	if v = q.takeMine(key); v == 0 {
		t.Fatalf("the task %#x is not to be had, its state is %#x", key, q.slot(key).state.Load())
	}
	if got := q.number(t, q.slot(key)); got != number%testCells {
		t.Fatalf("task %#x is %d, want %d", key, got, number%testCells)
	}
	return v
}

// end ends a task that has been taken with state v, as Pool.run does.
func (q *testLane) end(v uint64) {
	if v&kindMask == owned {
		q.im.finish(q.lane, q.slot(v), q.next(v))
	} else {
		q.slot(v).state.Store(q.next(v))
	}
}

// fail ends it and keeps the slot, as Pool.release does.
func (q *testLane) fail(v uint64) { q.slot(v).state.Store(v&^kindMask | failed) }

func (q *testLane) mustHold(t testing.TB, n int) {
	t.Helper()
	if got := q.queued(); got != n {
		t.Fatalf("queued() = %d, want %d", got, n)
	}
}

// TestKeysGrowWithPushes protects the order in which thieves take tasks, which is told by
// their keys: whatever slots are skipped because their tasks run for long, each key is
// greater than the one before.
func TestKeysGrowWithPushes(t *testing.T) {
	forEachLane(t, func(t *testing.T, q *testLane) {
		rng := rand.New(rand.NewPCG(q.capacity(), 0))
		var running []uint64
		last := q.mustPush(t, 0)
		running = append(running, q.mustTake(t, last, 0))
		for range 8 * q.capacity() {
			key, ok := q.push(t, 0, 0)
			if !ok {
				for n := 1 + rng.IntN(len(running)); n > 0; n-- {
					i := rng.IntN(len(running))
					q.end(running[i])
					running = slices.Delete(running, i, i+1)
				}
				continue
			}
			if int64(key-last) <= 0 {
				t.Fatalf("the key %#x comes after %#x", key, last)
			}
			last = key
			running = append(running, q.mustTake(t, key, 0))
		}
	})
}

// TestLaneFillAndDrain: a lane takes as many tasks as it has slots, gives each
// exactly once and unchanged, and has room again when a task ends, not when it is
// taken.
func TestLaneFillAndDrain(t *testing.T) {
	forEachLane(t, func(t *testing.T, q *testLane) {
		c := q.capacity()
		position := q.at(0).state.Load() >> posShift
		keys := make([]uint64, c)
		for lap := range uint64(3) {
			for i := range c {
				keys[i] = q.mustPush(t, i)
				if want := (position + lap*c + i) << posShift; keys[i] != want {
					t.Fatalf("push %d of lap %d has key %#x, want %#x", i, lap, keys[i], want)
				}
				q.mustHold(t, int(i)+1)
			}
			if _, ok := q.push(t, 0, 0); ok {
				t.Fatal("pushed to a full lane")
			}
			for i, key := range keys {
				v := q.mustTake(t, key, uint64(i))
				if q.takeMine(key) != 0 {
					t.Fatalf("took %#x twice", key)
				}
				if !q.pending(key) {
					t.Fatalf("task %#x runs and does not pend", key)
				}
				keys[i] = v
			}
			q.mustHold(t, 0)
			if _, ok := q.push(t, 0, 0); ok {
				t.Fatal("pushed to the slot of a task that runs")
			}
			for _, v := range keys {
				q.end(v)
				if q.pending(v&^kindMask) || q.takeMine(v&^kindMask) != 0 {
					t.Fatalf("task %#x has ended and is still there", v)
				}
			}
		}
		if got := q.completed.load(); !q.ghost && got != 3*c {
			t.Fatalf("completed is %d, want %d", got, 3*c)
		}
		if q.busy.Load() != 0 {
			t.Fatal("the owner is busy at rest")
		}
	})
}

// TestLaneTakeInAnyOrder: a task is taken by its key whatever the order. Last in,
// first out is that of nested waits.
func TestLaneTakeInAnyOrder(t *testing.T) {
	orders := map[string]func(i, c uint64) uint64{
		"reverse": func(i, c uint64) uint64 { return c - 1 - i },
		"strided": func(i, c uint64) uint64 { return i * (c/2 | 1) % c },
	}
	forEachLane(t, func(t *testing.T, q *testLane) {
		for _, name := range []string{"reverse", "strided", "reverse"} {
			keys := make([]uint64, q.capacity())
			for i := range keys {
				keys[i] = q.mustPush(t, uint64(i))
			}
			for i := range q.capacity() {
				k := orders[name](i, q.capacity())
				keys[k] = q.mustTake(t, keys[k], k)
			}
			for i := range q.capacity() {
				q.end(keys[orders["reverse"](i, q.capacity())])
			}
		}
	})
}

// TestLaneTakeOfOtherLaps: no two tasks have the same key, so a Future of a task
// that ended long ago takes nobody else's, nor does one of a task to come.
func TestLaneTakeOfOtherLaps(t *testing.T) {
	forEachLane(t, func(t *testing.T, q *testLane) {
		lap := q.capacity() << posShift
		for i := range 5 * q.capacity() {
			key := q.mustPush(t, i)
			for d := uint64(1); d <= 4; d++ {
				if q.takeMine(key-d*lap) != 0 || q.takeMine(key+d*lap) != 0 {
					t.Fatalf("took %#x, which is there, by the key of another lap", key)
				}
				if q.takeByCAS(q.slot(key), key-d*lap) || q.takeByCAS(q.slot(key), key+d*lap) {
					t.Fatalf("a thief took %#x by the key of another lap", key)
				}
			}
			q.end(q.mustTake(t, key, i))
		}
	})
}

// TestLaneSkipsRunningTasks: the slots of tasks that run for long are skipped, and
// only a lane without any free slot is full.
func TestLaneSkipsRunningTasks(t *testing.T) {
	forEachLane(t, func(t *testing.T, q *testLane) {
		var running []uint64
		for i := range q.capacity() - 1 {
			key := q.mustPush(t, i)
			running = append(running, q.mustTake(t, key, i))
			for n := range 2 * q.capacity() {
				if q.capacity() > 64 && n > 2 {
					break // the whole lane is searched for each
				}
				key := q.mustPush(t, n)
				for _, v := range running {
					if q.slot(v) == q.slot(key) {
						t.Fatalf("the slot of the running task %#x was used again", v)
					}
				}
				q.end(q.mustTake(t, key, n))
			}
		}
		last := q.mustPush(t, 1)
		if _, ok := q.push(t, 0, 0); ok {
			t.Fatal("pushed to a lane whose slots are all in use")
		}
		q.end(running[0])
		key := q.mustPush(t, 2)
		if q.slot(key) != q.slot(running[0]) {
			t.Fatal("the only free slot was not found")
		}
		q.mustHold(t, 2)
		q.end(q.mustTake(t, last, 1))
		q.end(q.mustTake(t, key, 2))
	})
}

// TestLaneFailedSlots: the slot of a task that has failed is never used again, so
// that its Futures give the same answer for ever; a lane of which only such slots
// are left is worth replacing.
func TestLaneFailedSlots(t *testing.T) {
	forEachLane(t, func(t *testing.T, q *testLane) {
		var lost []uint64
		for n := uint64(0); ; n++ {
			key, ok := q.push(t, n, n&flagMask)
			if !ok {
				break
			}
			v := q.mustTake(t, key, n)
			if n%3 == 0 {
				q.fail(v)
				lost = append(lost, key)
			} else {
				q.end(v)
			}
			for _, key := range lost[max(len(lost)-4, 0):] {
				if q.slot(key).state.Load() != key|failed || q.takeMine(key) != 0 {
					t.Fatalf("the outcome of %#x is gone", key)
				}
			}
		}
		if len(lost) != int(q.capacity()) {
			t.Fatalf("full with %d failed slots of %d", len(lost), q.capacity())
		}
		if !q.pool.mayReplace(q.lane) || !q.allFailed() || q.running() {
			t.Fatal("a lane of failed slots is not worth replacing")
		}
	})
}

// TestLaneWorthReplacing: a lane with a free slot has room, and stays; one full of tasks
// that wait is full; one full of tasks that run gets a successor, and is not forgotten
// before they have ended.
func TestLaneWorthReplacing(t *testing.T) {
	forEachLane(t, func(t *testing.T, q *testLane) {
		var vs []uint64
		for i := range q.capacity() {
			if q.pool.mayReplace(q.lane) {
				t.Fatal("a queue with room would be replaced")
			}
			vs = append(vs, q.mustPush(t, i))
		}
		if q.pool.mayReplace(q.lane) {
			t.Fatal("a queue that is full of waiting tasks would be replaced")
		}
		for i, key := range vs {
			vs[i] = q.mustTake(t, key, uint64(i))
		}
		if !q.pool.mayReplace(q.lane) || !q.running() {
			t.Fatal("a queue that is full of running tasks would not be replaced")
		}
		for _, v := range vs {
			if q.allFailed() {
				t.Fatalf("forgotten while %#x runs", v)
			}
			q.end(v)
		}
		if !q.allFailed() || q.running() {
			t.Fatal("a lane whose tasks have ended is not forgotten")
		}
		if _, ok := q.push(t, 0, 0); ok {
			t.Fatal("pushed to a lane that has been given up")
		}
	})
}

// TestLaneShared: while a thief is attached the owner takes by CAS, and answers;
// when the last one has left it takes with plain stores again.
func TestLaneShared(t *testing.T) {
	forEachLane(t, func(t *testing.T, q *testLane) {
		if q.ghost {
			t.Skip("there is no heavy barrier")
		}
		a := q.mustPush(t, 1)
		if !q.attach(true) || !q.attach(false) {
			t.Fatal("cannot attach to a lane whose owner is idle")
		}
		v := q.mustTake(t, a, 1)
		if v&kindMask != taken {
			t.Fatalf("the owner of a shared lane took by a plain store: %#x", v)
		}
		if q.ack.Load() != q.seq.Load() {
			t.Fatal("the owner has not answered")
		}
		q.end(v)
		b, c := q.mustPush(t, 2), q.mustPush(t, 3)
		if !q.takeByCAS(q.slot(b), b) || q.takeByCAS(q.slot(b), b) || q.takeMine(b) != 0 {
			t.Fatal("a thief does not get the task, or not alone")
		}
		q.number(t, q.slot(b))
		q.end(b | taken)
		q.mustHold(t, 1)
		q.detach()
		v = q.mustTake(t, c, 3)
		if v&kindMask != taken {
			t.Fatal("one thief is still attached")
		}
		q.end(v)
		q.detach()
		d := q.mustPush(t, 4)
		v = q.mustTake(t, d, 4)
		if v&kindMask != owned {
			t.Fatal("the last thief has left, and the owner still takes by CAS")
		}
		q.end(v)
	})
}

// TestAttachmentLingers protects the speed of those who wait for what another goroutine
// submits, and of the owner afterwards: the first of them stays attached for those after
// it, and the owner takes privately again when it has taken some tasks since the last.
func TestAttachmentLingers(t *testing.T) {
	forEachLane(t, func(t *testing.T, q *testLane) {
		if q.ghost {
			t.Skip("there is no heavy barrier")
		}
		mine := func(kind uint64, n int) {
			t.Helper()
			for i := range n {
				v := q.mustTake(t, q.mustPush(t, 1), 1)
				if v&kindMask != kind {
					t.Fatalf("the owner's take %d of %d left state %#x, want kind %d", i, n, v, kind)
				}
				q.end(v)
			}
		}
		foreign := func() {
			t.Helper()
			key := q.mustPush(t, 2)
			if !q.takeForeign(q.slot(key), key) {
				t.Fatal("a task that is there was not taken")
			}
			q.number(t, q.slot(key))
			q.end(key | taken)
			if n, seq := q.shared.Load(), q.seq.Load(); n != 1 || seq != 1 {
				t.Fatalf("%d are attached, after %d handshakes, want 1 of each", n, seq)
			}
		}
		mine(owned, 3)
		foreign()
		foreign()
		mine(taken, lingerTakes-1)
		foreign()
		mine(taken, lingerTakes)
		q.end(q.mustTake(t, q.mustPush(t, 1), 1)) // in the one mode or the other
		mine(owned, 3)
		if n := q.shared.Load(); n != 0 {
			t.Fatalf("%d are attached, though nobody has come for a while", n)
		}
	})
}

// TestLaneOwnerIsBusy: a thief cannot attach to a lane whose owner is in the middle
// of a take, and leaves nothing behind when it gives up.
func TestLaneOwnerIsBusy(t *testing.T) {
	forEachImplementation(t, func(t *testing.T, im primitives) {
		q := newTestLane(im, 4, testStart{})
		if q.ghost {
			t.Skip("there is no heavy barrier")
		}
		key := q.mustPush(t, 1)
		q.busy.Store(1)
		for _, must := range []bool{false, true} {
			if q.attach(must) {
				t.Fatal("attached in the middle of a take")
			}
		}
		q.busy.Store(0)
		if q.shared.Load() != 0 {
			t.Fatal("a thief that gave up is still attached")
		}
		if v := q.mustTake(t, key, 1); v&kindMask != owned {
			t.Fatal("the owner takes by CAS")
		}
	})
}

// TestLaneOfAnother: only the owner enters a lane or takes from it without a CAS;
// others change nothing.
func TestLaneOfAnother(t *testing.T) {
	forEachImplementation(t, func(t *testing.T, im primitives) {
		q := newTestLane(im, 4, testStart{})
		key := q.mustPush(t, 1)
		other := func() {
			me := im.me()
			if l := im.enter(&q.table, me); l != nil {
				t.Error("entered the lane of another goroutine")
			}
			if got := im.take(q.lane, q.slot(key), key, me); got != notOwner {
				t.Errorf("take = %d, want notOwner", got)
			}
		}
		var wg sync.WaitGroup
		wg.Go(other)
		wg.Wait()
		q.owner.Store(0) // taken over
		other()
		if q.busy.Load() != 0 || q.slot(key).state.Load() != key|full || q.begun.load() != 0 {
			t.Error("one that does not own the lane has changed it")
		}
	})
}

// TestEnter: a lane is found in either of its entries, also behind one that has
// another owner now, and a goroutine without a lane finds none.
func TestEnter(t *testing.T) {
	forEachImplementation(t, func(t *testing.T, im primitives) {
		q := newTestLane(im, 4, testStart{})
		other := newLane(q.pool, 4, 0)
		other.owner.Store(1)
		h := im.me() * hashFactor >> (64 - laneTableBits)
		for _, c := range []struct {
			first, second *lane
			want          *lane
		}{
			{q.lane, nil, q.lane}, {nil, q.lane, q.lane}, {other, q.lane, q.lane}, {q.lane, other, q.lane},
			{other, other, nil}, {nil, nil, nil}, {nil, other, nil}, {other, nil, nil},
		} {
			q.table[h].Store(c.first)
			q.table[h^1].Store(c.second)
			if got := im.enter(&q.table, im.me()); got != c.want {
				t.Fatalf("enter = %p, want %p", got, c.want)
			} else if got != nil {
				if got.busy.Load() != 1 {
					t.Fatal("the owner is in its lane and not busy")
				}
				got.leave()
			}
			if q.busy.Load() != 0 || other.busy.Load() != 0 {
				t.Fatal("a lane is busy though nobody is in it")
			}
		}
	})
}

// TestStore: a store writes its word and no other.
func TestStore(t *testing.T) {
	forEachImplementation(t, func(t *testing.T, im primitives) {
		var w struct{ before, v, after atomic.Uint64 }
		w.before.Store(1)
		w.after.Store(2)
		for _, v := range []uint64{0, 1, 1 << 31, 1 << 32, 1 << 63, math.MaxUint64} {
			if im.store(&w.v, v); w.v.Load() != v {
				t.Errorf("store(%#x) left %#x", v, w.v.Load())
			}
		}
		if w.before.Load() != 1 || w.after.Load() != 2 {
			t.Error("a neighbour was written")
		}
	})
}

// TestInboxFillAndDrain: everybody may push to an inbox; it holds as many tasks as
// it has slots, and gives the oldest first.
func TestInboxFillAndDrain(t *testing.T) {
	for _, capacity := range testCapacities {
		for _, start := range testStarts(capacity) {
			q := newTestInbox(generic, capacity, start)
			for lap := range 3 {
				for i := range q.capacity() {
					q.mustPush(t, i)
				}
				if _, ok := q.push(t, 0, 0); ok || q.hasFree() {
					t.Fatalf("capacity %d, start %#x: pushed to a full inbox", capacity, start)
				}
				for i := range q.capacity() {
					s, key, ok := q.find(false)
					if !ok || !q.takeByCAS(s, key) || q.takeByCAS(s, key) {
						t.Fatalf("capacity %d, start %#x, lap %d: task %d is not to be had, or twice", capacity, start, lap, i)
					}
					if got := q.number(t, s); got != i {
						t.Fatalf("capacity %d, start %#x: got task %d, want %d", capacity, start, got, i)
					}
					q.mustHold(t, capacity-int(i)-1)
					q.end(key | taken)
				}
				if !q.hasFree() {
					t.Fatal("an empty inbox has no room")
				}
			}
		}
	}
}

// A counted task counts its runs.
type countedTask struct{ runs atomic.Uint32 }

// onceCheck asserts that each of many tasks runs exactly once.
type onceCheck struct {
	works []countedTask
	done  atomic.Int64
}

func (c *onceCheck) run(t testing.TB, s *slot) {
	w := (*countedTask)(s.params)
	s.fn, s.params = nil, nil
	if n := w.runs.Add(1); n != 1 {
		t.Errorf("a task ran %d times", n)
	}
	c.done.Add(1)
}

func (c *onceCheck) all() bool { return c.done.Load() == int64(len(c.works)) }

func (c *onceCheck) check(t testing.TB, l *lane) {
	t.Helper()
	for i := range c.works {
		if n := c.works[i].runs.Load(); n != 1 {
			t.Fatalf("task %d of %d ran %d times", i, len(c.works), n)
		}
	}
	if n := l.queued(); n != 0 {
		t.Errorf("queued() = %d at rest", n)
	}
	want := uint32(0)
	if l.ghost || l.inbox {
		want++
	}
	if l.lingers.Load() != 0 {
		want++
	}
	if n := l.shared.Load(); n != want {
		t.Errorf("%d thieves are attached at rest, want %d", n, want)
	}
}

// TestLaneExactlyOnce: an owner that pushes, takes its newest or any task, thieves
// that come and go, and foreigners who wait for one task: whoever gets a task,
// exactly one does.
func TestLaneExactlyOnce(t *testing.T) {
	forEachImplementation(t, func(t *testing.T, im primitives) {
		for _, capacity := range []int{2, 4, 64} {
			for _, procs := range []int{2, 8} {
				t.Run(fmt.Sprintf("%d/procs=%d", capacity, procs), func(t *testing.T) {
					watch(t)
					setProcs(t, procs)
					laneExactlyOnce(t, im, capacity, stressRounds(60_000))
				})
			}
		}
	})
}

func laneExactlyOnce(t *testing.T, im primitives, capacity, tasks int) {
	c := &onceCheck{works: make([]countedTask, tasks)}
	q := newTestLane(im, capacity, testStart{1<<(64-posShift) - 16*uint64(capacity), -(4 * uint64(capacity))})
	const thieves, foreigners = 2, 2
	wanted := make(chan uint64, 4)
	var wg sync.WaitGroup
	for i := range thieves {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			for !c.all() {
				if !q.attach(false) {
					runtime.Gosched()
					continue
				}
				for range 1 + rng.IntN(8) {
					if s, key, ok := q.find(rng.IntN(2) == 0); ok && q.takeByCAS(s, key) {
						c.run(t, s)
						q.end(key | taken)
					}
				}
				if rng.IntN(4) == 0 {
					q.linger()
					runtime.Gosched()
				} else {
					q.detach()
				}
			}
		})
	}
	for range foreigners {
		wg.Go(func() {
			for key := range wanted {
				s := q.slot(key)
				for s.state.Load() == key|full {
					if q.takeForeign(s, key) {
						c.run(t, s)
						q.end(key | taken)
					} else {
						runtime.Gosched()
					}
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(2, 0))
	var mine []uint64 // keys that may still be there
	take := func(i int) {
		key := mine[i]
		mine[i] = mine[len(mine)-1]
		mine = mine[:len(mine)-1]
		if v := q.takeMine(key); v != 0 {
			c.run(t, q.slot(key))
			q.end(v)
		}
	}
	for next := 0; next < tasks; {
		for range 1 + rng.IntN(capacity) {
			if next == tasks {
				break
			}
			l := im.enter(&q.table, im.me())
			s, v := l.room()
			if s == nil {
				l.leave()
				break
			}
			s.fn, s.params = testFunc, unsafe.Pointer(&c.works[next])
			next++
			if im.publish(l, s, v|full) != 0 {
				l.acknowledge()
			}
			mine = append(mine, v)
		}
		if len(mine) != 0 && rng.IntN(16) == 0 {
			select {
			case wanted <- mine[rng.IntN(len(mine))]:
			default:
			}
		}
		for len(mine) != 0 && (rng.IntN(4) != 0 || len(mine) > 4*capacity) {
			if rng.IntN(4) == 0 {
				take(rng.IntN(len(mine)))
			} else {
				take(len(mine) - 1)
			}
		}
		if rng.IntN(64) == 0 {
			runtime.Gosched()
		}
	}
	for len(mine) != 0 {
		take(len(mine) - 1)
	}
	close(wanted)
	wg.Wait()
	c.check(t, q.lane)
}

// TestInboxExactlyOnce: whatever the submitters and takers of an inbox do at the
// same time, each task is taken by exactly one.
func TestInboxExactlyOnce(t *testing.T) {
	for _, capacity := range []int{2, 4, 64} {
		t.Run(fmt.Sprint(capacity), func(t *testing.T) {
			watch(t)
			setProcs(t, 4)
			c := &onceCheck{works: make([]countedTask, stressRounds(100_000))}
			q := newTestInbox(generic, capacity, testStart{1<<(64-posShift) - 16*uint64(capacity), -(4 * uint64(capacity))})
			var next atomic.Int64
			var wg sync.WaitGroup
			for i := range 3 {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(3, uint64(i)))
					for {
						n := next.Add(1) - 1
						if n >= int64(len(c.works)) {
							return
						}
						for {
							key, ok := q.pushInbox(testFunc, unsafe.Pointer(&c.works[n]), 0, nil)
							if ok {
								if s := q.slot(key); rng.IntN(4) == 0 && q.takeByCAS(s, key) { // as Wait does
									c.run(t, s)
									q.end(key | taken)
								}
								break
							}
							runtime.Gosched()
						}
					}
				})
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(4, uint64(i)))
					for !c.all() {
						if s, key, ok := q.find(rng.IntN(2) == 0); ok && q.takeByCAS(s, key) {
							c.run(t, s)
							q.end(key | taken)
						} else if rng.IntN(4) == 0 {
							runtime.Gosched()
						}
					}
				})
			}
			wg.Wait()
			c.check(t, q.lane)
		})
	}
}

// TestQueuedIsNeverTooLow: those who go to sleep, and those who end after Close,
// ask a lane whether it has tasks. While one is there whose push has ended it must
// say so, whatever becomes of others whose push has not.
func TestQueuedIsNeverTooLow(t *testing.T) {
	forEachImplementation(t, func(t *testing.T, im primitives) {
		watch(t)
		setProcs(t, 8) // more than CPUs, so that the owner is interrupted anywhere
		q := newTestLane(im, 4, testStart{})
		stays := q.mustPush(t, 1)
		if !q.attach(true) {
			t.Fatal("cannot attach")
		}
		defer q.detach()
		var over atomic.Bool
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { // takes everything but the task that stays
				for !over.Load() {
					for i := range q.capacity() {
						s := q.at(i)
						v := s.state.Load()
						if key := v &^ kindMask; v&kindMask == full && key != stays && q.takeByCAS(s, key) {
							q.end(key | taken)
						}
						if n := q.queued(); n < 1 {
							t.Errorf("queued() = %d, and a task is there", n)
							over.Store(true)
						}
					}
				}
			})
		}
		rounds := stressRounds(4_000_000)
		if raceEnabled || brief() {
			rounds /= 8 // each takes twenty times as long, and all accesses are atomic
		}
		for range rounds {
			if _, ok := q.push(t, 2, 0); !ok {
				runtime.Gosched()
			}
			if over.Load() {
				break
			}
		}
		over.Store(true)
		wg.Wait()
		q.end(q.mustTake(t, stays, 1))
	})
}
