package zeropool

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"
)

// primitives is one implementation of what queue_asm.go declares. take differs
// in that it copies from a buffer on the stack: only there may the assembly
// write pointers, and a call through a function value would move it to the heap.
type primitives struct {
	name     string
	claim    func(q *ring, n uint64) (pos, got uint64)
	publish  func(q *ring, pos, n uint64)
	take     func(q *ring, pos, n uint64, out []task) uint64
	release  func(q *ring, pos, n uint64)
	rearm    func(q *ring, pos uint64, r *record, state uint64, count *atomic.Uint64, n uint64)
	complete func(count *atomic.Uint64, n uint64, r *record, state uint64)
	store    func(c *atomic.Uint64, v uint64)
}

var built = primitives{
	"built", claim, publish,
	func(q *ring, pos, n uint64, out []task) uint64 {
		var buf [blockSize]task
		got := take(q, pos, n, &buf[0])
		copy(out, buf[:got])
		return got
	},
	release, rearm, complete, store,
}

var generic = primitives{
	"generic", claimGeneric, publishGeneric,
	func(q *ring, pos, n uint64, out []task) uint64 {
		var buf [blockSize]task
		got := takeGeneric(q, pos, n, &buf[0])
		copy(out, buf[:got])
		return got
	},
	releaseGeneric, rearmGeneric, completeGeneric, storeGeneric,
}

// forEachImplementation runs f over what this build uses and over the twin.
func forEachImplementation(t *testing.T, f func(t *testing.T, im primitives)) {
	for _, im := range []primitives{built, generic} {
		t.Run(im.name, func(t *testing.T) { f(t, im) })
	}
}

var testCapacities = []int{2, 4, 8, 16, 1024, 2048}

// testStarts returns first positions at which arithmetic is likely to go wrong:
// even and odd laps, the middle of a block, the end of the signed and of the
// unsigned numbers.
func testStarts(capacity int) []uint64 {
	c := uint64(capacity)
	return []uint64{
		0, 1, c - 1, c, c + 1, 3*c + c/2,
		math.MaxInt64 - c, math.MaxInt64 - 1, math.MaxInt64, 1<<63 + 1,
		-(3 * c), -c - 1, -c, -(c / 2), math.MaxUint64 - 7, math.MaxUint64,
	}
}

// forEachRing runs f on a fresh ring of each capacity and start.
func forEachRing(t *testing.T, f func(t *testing.T, im primitives, q *testRing)) {
	forEachImplementation(t, func(t *testing.T, im primitives) {
		for _, capacity := range testCapacities {
			for _, start := range testStarts(capacity) {
				t.Run(fmt.Sprintf("%d/%#x", capacity, start), func(t *testing.T) {
					f(t, im, newTestRing(capacity, start))
				})
			}
		}
	})
}

// testRing is a ring whose tasks are numbers.
type testRing struct {
	ring
	slotArray []slot
	records   []record
	cells     []byte
}

// testCells is how many different numbers the tasks of a testRing can carry.
const testCells = 1 << 14

var testFunc = funcOf(func(*byte) {})

func newTestRing(capacity int, start uint64) *testRing {
	q := &testRing{
		slotArray: make([]slot, capacity),
		records:   make([]record, capacity),
		cells:     make([]byte, testCells),
	}
	q.init(7, q.slotArray, make([]atomic.Uint64, (capacity+blockMask)/blockSize), capacity, start)
	for i := range q.slotArray {
		q.slotArray[i].task.done = &q.records[i]
	}
	return q
}

func (q *testRing) capacity() uint64 { return q.mask + 1 }

// params is what a task carries as its number.
func (q *testRing) params(number uint64) unsafe.Pointer {
	return unsafe.Pointer(&q.cells[number%testCells])
}

func (q *testRing) fill(pos, number uint64) {
	s := q.slot(pos)
	s.task.fn = testFunc
	s.task.params = q.params(number)
}

// number checks that t came out as it went in and returns its number modulo
// testCells.
func (q *testRing) number(t *testing.T, pos uint64, got *task) uint64 {
	t.Helper()
	if got.fn != testFunc {
		t.Fatalf("position %#x: fn is %p, stored was %p", pos, got.fn, testFunc)
	}
	if want := q.slotArray[pos&q.mask].task.done; got.done != want {
		t.Fatalf("position %#x: done is %p, stored was %p", pos, got.done, want)
	}
	n := uintptr(got.params) - uintptr(unsafe.Pointer(&q.cells[0]))
	if n >= testCells {
		t.Fatalf("position %#x: params is %p, which is none of the cells", pos, got.params)
	}
	return uint64(n)
}

// put claims up to n slots, numbers their tasks by their positions, and
// publishes them.
func (q *testRing) put(im primitives, n uint64) (pos, got uint64) {
	pos, got = im.claim(&q.ring, n)
	for i := range got {
		q.fill(pos+i, pos+i)
	}
	if got != 0 {
		im.publish(&q.ring, pos, got)
	}
	return pos, got
}

// mustTake takes exactly want tasks at pos, asking for n, and checks them.
func (q *testRing) mustTake(t *testing.T, im primitives, pos, n, want uint64) {
	t.Helper()
	var out [blockSize]task
	if got := im.take(&q.ring, pos, n, out[:]); got != want {
		t.Fatalf("take(%#x, %d) = %d, want %d", pos, n, got, want)
	}
	for i := range want {
		if got, want := q.number(t, pos+i, &out[i]), (pos+i)%testCells; got != want {
			t.Fatalf("take(%#x, %d): task %d is %d, want %d", pos, n, i, got, want)
		}
	}
}

func TestRingFillAndDrain(t *testing.T) {
	forEachRing(t, func(t *testing.T, im primitives, q *testRing) {
		start, c := q.tail.Load(), q.capacity()
		for lap := range uint64(3) {
			base := start + lap*c
			for i := range c {
				if pos, got := q.put(im, 1); got != 1 || pos != base+i {
					t.Fatalf("claim %d of lap %d = %#x, %d; want %#x, 1", i, lap, pos, got, base+i)
				}
			}
			for range 2 {
				if pos, got := im.claim(&q.ring, 1); got != 0 || pos != base+c {
					t.Fatalf("claim on a full ring = %#x, %d; want %#x, 0", pos, got, base+c)
				}
			}
			for i := range c {
				q.mustTake(t, im, base+i, 1, 1)
				q.mustTake(t, im, base+i, 1, 0)
			}
			// Taken is not released: the ring stays full.
			if _, got := im.claim(&q.ring, 1); got != 0 {
				t.Fatal("claimed a slot that its consumer had not released")
			}
			for i := range c {
				im.release(&q.ring, base+i, 1)
			}
			q.mustTake(t, im, base+c, 1, 0)
			q.mustTake(t, im, base, 1, 0)
		}
	})
}

func TestRingBatches(t *testing.T) {
	forEachRing(t, func(t *testing.T, im primitives, q *testRing) {
		next, c := q.tail.Load(), q.capacity()
		for n := uint64(1); n <= maxClaim; n++ {
			want := min(n, c)
			if pos, got := q.put(im, n); pos != next || got != want {
				t.Fatalf("claim(%d) = %#x, %d; want %#x, %d", n, pos, got, next, want)
			}
			for end := next + want; next != end; {
				// A batch ends with the block and with the published tasks.
				at := next & q.mask
				k := min(blockSize, min(at&^blockMask+blockSize, c)-at, end-next)
				if n%2 == 0 {
					k = min(k, 1+n%blockSize)
					q.mustTake(t, im, next, 1+n%blockSize, k)
				} else {
					q.mustTake(t, im, next, blockSize, k)
				}
				im.release(&q.ring, next, k)
				next += k
			}
		}
	})
}

func TestRingPartialClaim(t *testing.T) {
	forEachRing(t, func(t *testing.T, im primitives, q *testRing) {
		start, c := q.tail.Load(), q.capacity()
		for q.tail.Load() != start+c-1 {
			q.put(im, min(maxClaim, start+c-1-q.tail.Load()))
		}
		if pos, got := q.put(im, 8); pos != start+c-1 || got != 1 {
			t.Fatalf("claim(8) with one free slot = %#x, %d; want %#x, 1", pos, got, start+c-1)
		}
		// A slot released behind one that is not is out of reach.
		q.mustTake(t, im, start+1, 1, 1)
		im.release(&q.ring, start+1, 1)
		if pos, got := im.claim(&q.ring, 8); pos != start+c || got != 0 {
			t.Fatalf("claim behind an occupied slot = %#x, %d; want %#x, 0", pos, got, start+c)
		}
		q.mustTake(t, im, start, 1, 1)
		im.release(&q.ring, start, 1)
		if pos, got := q.put(im, 8); pos != start+c || got != 2 {
			t.Fatalf("claim(8) with two free slots = %#x, %d; want %#x, 2", pos, got, start+c)
		}
	})
}

func TestRingUnpublishedIsNotTaken(t *testing.T) {
	forEachRing(t, func(t *testing.T, im primitives, q *testRing) {
		pos, got := im.claim(&q.ring, 2)
		if got != 2 {
			t.Fatalf("claim(2) = %d", got)
		}
		q.fill(pos, pos)
		q.fill(pos+1, pos+1)
		q.mustTake(t, im, pos, 2, 0)
		im.publish(&q.ring, pos+1, 1)
		q.mustTake(t, im, pos, 2, 0)
		q.mustTake(t, im, pos+1, 2, 1)
		im.release(&q.ring, pos+1, 1)
		im.publish(&q.ring, pos, 1)
		q.mustTake(t, im, pos, 2, 1)
		im.release(&q.ring, pos, 1)
		if _, got := q.put(im, 2); got != 2 {
			t.Fatalf("claim(2) after both were released = %d", got)
		}
	})
}

// The last in, first out order is that of nested waits; the strided one leaves
// holes in every block.
func TestRingTakeInAnyOrder(t *testing.T) {
	orders := map[string]func(i, c uint64) uint64{
		"reverse": func(i, c uint64) uint64 { return c - 1 - i },
		"strided": func(i, c uint64) uint64 { return i * (c/2 | 1) % c },
	}
	forEachRing(t, func(t *testing.T, im primitives, q *testRing) {
		for _, name := range []string{"reverse", "strided", "reverse"} {
			start, c := q.tail.Load(), q.capacity()
			for q.tail.Load() != start+c {
				q.put(im, min(maxClaim, start+c-q.tail.Load()))
			}
			for i := range c {
				k := orders[name](i, c)
				q.mustTake(t, im, start+k, 1, 1)
				q.mustTake(t, im, start+k, blockSize, 0)
			}
			for i := range c {
				im.release(&q.ring, start+orders["reverse"](i, c), 1)
			}
		}
	})
}

// Positions of earlier and later laps share slot and claim bits with the
// current one.
func TestRingTakeOfOtherLaps(t *testing.T) {
	forEachRing(t, func(t *testing.T, im primitives, q *testRing) {
		start, c := q.tail.Load(), q.capacity()
		for lap := range uint64(5) {
			base := start + lap*c
			q.put(im, 1)
			for d := uint64(1); d <= 4; d++ {
				q.mustTake(t, im, base-d*c, 1, 0)
				q.mustTake(t, im, base+d*c, 1, 0)
			}
			q.mustTake(t, im, base, 1, 1)
			for d := uint64(0); d <= 4; d++ {
				q.mustTake(t, im, base-d*c, 1, 0)
				q.mustTake(t, im, base+d*c, 1, 0)
			}
			im.release(&q.ring, base, 1)
			for range c - 1 {
				pos, _ := q.put(im, 1)
				q.mustTake(t, im, pos, 1, 1)
				im.release(&q.ring, pos, 1)
			}
		}
	})
}

func TestRingRearm(t *testing.T) {
	forEachRing(t, func(t *testing.T, im primitives, q *testRing) {
		pos, _ := q.put(im, 1)
		q.mustTake(t, im, pos, 1, 1)
		var count atomic.Uint64
		r := new(record)
		im.rearm(&q.ring, pos, r, 0xABCDEF0123456789, &count, 41)
		if got := count.Load(); got != 41 {
			t.Errorf("counter is %d, want 41", got)
		}
		if got := r.state.Load(); got != 0xABCDEF0123456789 {
			t.Errorf("state is %#x", got)
		}
		if r.info.Load() != nil {
			t.Error("rearm wrote beyond the state")
		}
		if got, want := q.slot(pos).seq.Load(), pos+q.capacity(); got != want {
			t.Errorf("sequence number is %#x, want %#x", got, want)
		}
	})
}

func TestRingCompleteAndStore(t *testing.T) {
	forEachImplementation(t, func(t *testing.T, im primitives) {
		guarded := struct{ before, v, after atomic.Uint64 }{}
		guarded.before.Store(1)
		guarded.after.Store(2)
		for _, v := range []uint64{0, 1, 1 << 31, 1 << 32, 1 << 63, math.MaxUint64} {
			r := new(record)
			im.complete(&guarded.v, v, r, ^v)
			if guarded.v.Load() != v || r.state.Load() != ^v || r.info.Load() != nil {
				t.Errorf("complete(%#x, %#x) left %#x and %#x", v, ^v, guarded.v.Load(), r.state.Load())
			}
			im.store(&guarded.v, ^v)
			if guarded.v.Load() != ^v {
				t.Errorf("store(%#x) left %#x", ^v, guarded.v.Load())
			}
		}
		if guarded.before.Load() != 1 || guarded.after.Load() != 2 {
			t.Error("a neighbour of the counter was written")
		}
	})
}

// mustDequeue checks one dequeue from the ring's head.
func (q *testRing) mustDequeue(t *testing.T, n, wantPos, wantGot uint64, want dequeueStatus) {
	t.Helper()
	var out [blockSize]task
	pos, got, st := q.dequeue(q.head.Load(), &out[0], n)
	if pos != wantPos || got != wantGot || st != want {
		t.Fatalf("dequeue(%d) = %#x, %d, %d; want %#x, %d, %d", n, pos, got, st, wantPos, wantGot, want)
	}
	for i := range got {
		if have, want := q.number(t, pos+i, &out[i]), (pos+i)%testCells; have != want {
			t.Fatalf("dequeue(%d): task %d is %d, want %d", n, i, have, want)
		}
	}
}

func (q *testRing) mustHold(t *testing.T, n int) {
	t.Helper()
	if got := q.queued(); got != n {
		t.Fatalf("queued() = %d, want %d", got, n)
	}
	if got := q.hasWork(); got != (n != 0) {
		t.Fatalf("hasWork() = %v with %d tasks", got, n)
	}
}

func forEachBuiltRing(t *testing.T, f func(t *testing.T, q *testRing)) {
	for _, capacity := range testCapacities {
		for _, start := range testStarts(capacity) {
			t.Run(fmt.Sprintf("%d/%#x", capacity, start), func(t *testing.T) {
				f(t, newTestRing(capacity, start))
			})
		}
	}
}

func TestDequeueFIFO(t *testing.T) {
	forEachBuiltRing(t, func(t *testing.T, q *testRing) {
		next, c := q.tail.Load(), q.capacity()
		q.mustDequeue(t, 1, next, 0, empty)
		for round := range uint64(20) {
			n := min(1+round%9, c)
			if _, got := q.put(built, n); got != n {
				t.Fatalf("claim(%d) = %d", n, got)
			}
			q.mustHold(t, int(n))
			for n != 0 {
				at := next & q.mask
				k := min(1+round%blockSize, min(at&^blockMask+blockSize, c)-at, n)
				q.mustDequeue(t, 1+round%blockSize, next, k, taken)
				release(&q.ring, next, k)
				next += k
				n -= k
			}
			q.mustHold(t, 0)
			q.mustDequeue(t, 1, next, 0, empty)
			if d := next - q.head.Load(); d >= blockSize {
				t.Fatalf("head is %d positions behind", d)
			}
		}
	})
}

func TestDequeuePending(t *testing.T) {
	forEachBuiltRing(t, func(t *testing.T, q *testRing) {
		pos, _ := claim(&q.ring, 2)
		q.fill(pos, pos)
		q.fill(pos+1, pos+1)
		q.mustHold(t, 2)
		q.mustDequeue(t, 2, pos, 0, pending)
		var out task
		if _, ok := q.dequeuePast(pos, &out); ok {
			t.Fatal("dequeuePast took a task that was not published")
		}
		publish(&q.ring, pos+1, 1)
		q.mustDequeue(t, 2, pos, 0, pending)
		if at, ok := q.dequeuePast(pos, &out); !ok || at != pos+1 || q.number(t, at, &out) != at%testCells {
			t.Fatalf("dequeuePast = %#x, %v; want %#x, true", at, ok, pos+1)
		}
		release(&q.ring, pos+1, 1)
		q.mustHold(t, 1)
		q.mustDequeue(t, 2, pos, 0, pending)
		publish(&q.ring, pos, 1)
		q.mustDequeue(t, 2, pos, 1, taken)
		release(&q.ring, pos, 1)
		q.mustHold(t, 0)
		q.mustDequeue(t, 2, pos+2, 0, empty)
	})
}

// Whatever a stale starting point, dequeue finds the oldest task.
func TestDequeueFromStalePosition(t *testing.T) {
	forEachBuiltRing(t, func(t *testing.T, q *testRing) {
		start, c := q.tail.Load(), q.capacity()
		for range 5*c + 3 {
			pos, _ := q.put(built, 1)
			q.mustDequeue(t, 1, pos, 1, taken)
			release(&q.ring, pos, 1)
		}
		end := q.tail.Load()
		step := max(1, (end-start)/100)
		for from, last := start, end; int64(last-from) >= 0; from += step {
			var out [blockSize]task
			if pos, got, st := q.dequeue(from, &out[0], 1); pos != end || got != 0 || st != empty {
				t.Fatalf("dequeue from %#x = %#x, %d, %d; want %#x, 0, empty", from, pos, got, st, end)
			}
			if _, got := q.put(built, 1); got != 1 {
				t.Fatal("the ring is full")
			}
			if pos, got, st := q.dequeue(from, &out[0], 1); pos != end || got != 1 || st != taken {
				t.Fatalf("dequeue from %#x = %#x, %d, %d; want %#x, 1, taken", from, pos, got, st, end)
			}
			release(&q.ring, end, 1)
			end++
		}
	})
}

// Nested waits take the newest first. Nobody dequeues, yet head must follow.
func TestTakeAtMovesHead(t *testing.T) {
	forEachBuiltRing(t, func(t *testing.T, q *testRing) {
		c := q.capacity()
		// A full ring that begins inside a block shares that block's claim word
		// with its own end, which may delay head until the next lap.
		limit := uint64(blockSize)
		if q.tail.Load()&q.mask&blockMask != 0 {
			limit += c
		}
		var out task
		for range 5 {
			base := q.tail.Load()
			for q.tail.Load() != base+c {
				if _, got := q.put(built, min(maxClaim, base+c-q.tail.Load())); got == 0 {
					t.Fatal("the ring is full")
				}
			}
			for i := range c {
				pos := base + c - 1 - i
				if q.takeAt(pos+c, &out) || q.takeAt(pos-c, &out) {
					t.Fatalf("took a task of another lap than %#x", pos)
				}
				if !q.takeAt(pos, &out) || q.number(t, pos, &out) != pos%testCells {
					t.Fatalf("takeAt(%#x) failed", pos)
				}
				if q.takeAt(pos, &out) {
					t.Fatalf("took %#x twice", pos)
				}
				if i%97 == 0 {
					q.mustHold(t, int(c-1-i))
				}
			}
			for i := range c {
				release(&q.ring, base+i, 1)
			}
			q.mustHold(t, 0)
			if d := q.tail.Load() - q.head.Load(); d >= limit {
				t.Fatalf("head is %d positions behind", d)
			}
		}
	})
}

// Taking from the middle must not disturb the order of the rest.
func TestTakeAtBetweenDequeues(t *testing.T) {
	forEachBuiltRing(t, func(t *testing.T, q *testRing) {
		c := q.capacity()
		if c < 4 {
			t.Skip("no middle")
		}
		if c > 16 && testing.Short() {
			t.Skip("long")
		}
		var out task
		for range 10 {
			base := q.tail.Load()
			for q.tail.Load() != base+c {
				q.put(built, min(maxClaim, base+c-q.tail.Load()))
			}
			for i := uint64(1); i < c; i += 2 {
				if !q.takeAt(base+i, &out) {
					t.Fatalf("takeAt(%#x) failed", base+i)
				}
				release(&q.ring, base+i, 1)
			}
			for i := uint64(0); i < c; i += 2 {
				q.mustDequeue(t, blockSize, base+i, 1, taken)
				release(&q.ring, base+i, 1)
			}
			q.mustDequeue(t, 1, base+c, 0, empty)
			q.mustHold(t, 0)
		}
	})
}

// conservation runs producers, strict consumers and takers from the middle on
// one ring until every task has come out, and checks that each came out once
// and that every strict consumer saw each producer's tasks in order.
func conservation(t *testing.T, im primitives, capacity, producers, consumers, thieves, each int) {
	total := producers * each
	q := newTestRing(capacity, -uint64(total/2)) // wraps on the way
	q.cells = make([]byte, total)
	seen := make([]atomic.Uint32, total)
	var out atomic.Int64
	accept := func(tk *task) int {
		n := uintptr(tk.params) - uintptr(unsafe.Pointer(&q.cells[0]))
		if tk.fn != testFunc || n >= uintptr(total) {
			t.Errorf("a task came out as %p, %p", tk.fn, tk.params)
			return -1
		}
		seen[n].Add(1)
		out.Add(1)
		return int(n)
	}
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(p)))
			for next := p * each; next < (p+1)*each; {
				pos, got := im.claim(&q.ring, uint64(min(1+rng.IntN(maxClaim/8), (p+1)*each-next)))
				if got == 0 {
					runtime.Gosched()
					continue
				}
				if rng.IntN(64) == 0 {
					runtime.Gosched() // stall between claim and publish
				}
				for i := range got {
					s := q.slot(pos + i)
					s.task.fn = testFunc
					s.task.params = unsafe.Pointer(&q.cells[next])
					next++
				}
				if rng.IntN(2) == 0 {
					im.publish(&q.ring, pos, got)
				} else {
					for i := range got {
						im.publish(&q.ring, pos+got-1-i, 1)
					}
				}
			}
		})
	}
	leave := func(pos, got uint64, rng *rand.Rand) {
		for i := range got {
			q.slot(pos + i).task.params = nil
		}
		if rng.IntN(64) == 0 {
			runtime.Gosched() // stall between take and release
		}
		im.release(&q.ring, pos, got)
	}
	for c := range consumers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(2, uint64(c)))
			last := make([]int, producers)
			for i := range last {
				last[i] = -1
			}
			var buf [blockSize]task
			next := q.head.Load()
			for out.Load() < int64(total) {
				n := 1 + rng.Uint64N(blockSize)
				var pos, got uint64
				if im.name == "built" && c%2 == 0 {
					if c%4 == 0 {
						next = q.head.Load()
					}
					next, got, _ = q.dequeue(next, &buf[0], n)
					pos = next
				} else {
					// The strict consumer in primitives.
					pos = next
					if got = im.take(&q.ring, pos, n, buf[:]); got == 0 && q.look(pos) == gone {
						next++
						continue
					}
				}
				if got == 0 {
					runtime.Gosched()
					continue
				}
				next = pos + got
				for i := range got {
					number := accept(&buf[i])
					if number < 0 {
						return
					}
					p := number / each
					if number <= last[p] {
						t.Errorf("task %d of producer %d after %d", number, p, last[p])
					}
					last[p] = number
				}
				leave(pos, got, rng)
			}
		})
	}
	for c := range thieves {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(3, uint64(c)))
			var buf [blockSize]task
			for out.Load() < int64(total) {
				pos := q.tail.Load() - rng.Uint64N(q.capacity()+2)
				var got uint64
				switch {
				case im.name == "built" && c%2 == 0:
					var ok bool
					if rng.IntN(4) == 0 {
						pos, ok = q.dequeuePast(q.head.Load(), &buf[0])
					} else {
						ok = q.takeAt(pos, &buf[0])
					}
					if ok {
						got = 1
					}
				default:
					got = im.take(&q.ring, pos, 1+rng.Uint64N(blockSize), buf[:])
				}
				if got == 0 {
					runtime.Gosched()
					continue
				}
				for i := range got {
					accept(&buf[i])
				}
				leave(pos, got, rng)
			}
		})
	}
	wg.Wait()
	for i := range seen {
		if n := seen[i].Load(); n != 1 {
			t.Errorf("task %d came out %d times", i, n)
		}
	}
	if q.hasWork() || q.queued() != 0 {
		t.Errorf("the ring says that %d tasks are left", q.queued())
	}
}

// setProcs sets GOMAXPROCS for the test.
func setProcs(t *testing.T, n int) {
	old := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(old) })
}

func TestRingConservation(t *testing.T) {
	crews := []struct{ producers, consumers, thieves int }{
		{1, 1, 0}, {4, 1, 0}, {1, 4, 0}, {2, 2, 2}, {4, 4, 4}, {3, 0, 3},
	}
	forEachImplementation(t, func(t *testing.T, im primitives) {
		for _, procs := range []int{1, 2, 4, 16} {
			for _, capacity := range []int{2, 4, 1024} {
				for _, c := range crews {
					t.Run(fmt.Sprintf("procs=%d/cap=%d/%d-%d-%d", procs, capacity, c.producers, c.consumers, c.thieves), func(t *testing.T) {
						setProcs(t, procs)
						conservation(t, im, capacity, c.producers, c.consumers, c.thieves, stressRounds(3000))
					})
				}
			}
		}
	})
}
