package zeropool

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Linearizability of the ring: short concurrent histories are recorded and
// compared with what a sequential queue allows.
//
// What a submitter does is two operations, claim and publish, and what a
// consumer does is two, take and release. Seen like that the ring is strict:
// dequeue may say "pending" only while the oldest position is claimed and not
// published, and "empty" only when every claimed position has been taken. (A
// queue whose submit is one operation would have to allow a spurious "empty"
// while a submit is under way.)

type linearKind uint8

const (
	linearClaim linearKind = iota
	linearPublish
	linearTake    // of a position, at most n
	linearDequeue // of the oldest, at most n
	linearRelease
)

type linearOp struct {
	kind      linearKind
	pos, n    uint64
	got       uint64
	status    dequeueStatus
	call, end int64 // logical time
	goroutine int
}

func (o linearOp) String() string {
	name := [...]string{"claim", "publish", "take", "dequeue", "release"}[o.kind]
	return fmt.Sprintf("[%3d %3d] goroutine %d: %s n=%d: pos=%d got=%d status=%d", o.call, o.end, o.goroutine, name, o.n, o.pos, o.got, o.status)
}

// linearState is the sequential queue: the states of all positions so far. It
// is a string so that it can be a key.
type linearState string

func (s linearState) at(pos uint64) modelState {
	if pos >= uint64(len(s)) {
		return modelFree
	}
	return modelState(s[pos])
}

func (s linearState) with(pos, n uint64, to modelState) linearState {
	b := []byte(s)
	for i := range n {
		b[pos+i] = byte(to)
	}
	return linearState(b)
}

func (s linearState) all(pos, n uint64, want modelState) bool {
	for i := range n {
		if s.at(pos+i) != want {
			return false
		}
	}
	return true
}

// room returns how many slots beyond the tail are free.
func (s linearState) room(capacity uint64) (n uint64) {
	for n < capacity {
		if p := uint64(len(s)) + n; p >= capacity && s.at(p-capacity) != modelReleased {
			break
		}
		n++
	}
	return n
}

// apply performs o if the queue allows it with the result it had.
//
// A batch may come out shorter than it could be: a claim that has counted the
// free slots, or a take that has counted the full ones, commits with one CAS and
// does not see what is added meanwhile.
func (s linearState) apply(o *linearOp, capacity uint64) (linearState, bool) {
	switch o.kind {
	case linearClaim:
		room := s.room(capacity)
		if o.pos != uint64(len(s)) || o.got > room || o.got == 0 && room != 0 {
			return s, false
		}
		return s + linearState(strings.Repeat(string([]byte{byte(modelClaimed)}), int(o.got))), true
	case linearPublish:
		return s.with(o.pos, o.n, modelFull), s.all(o.pos, o.n, modelClaimed)
	case linearTake:
		if o.got == 0 {
			return s, s.at(o.pos) != modelFull
		}
		if !s.all(o.pos, o.got, modelFull) {
			return s, false
		}
		return s.with(o.pos, o.got, modelTaken), true
	case linearDequeue:
		oldest := uint64(0)
		for s.at(oldest) >= modelTaken {
			oldest++
		}
		if o.pos != oldest && o.status != empty {
			return s, false
		}
		switch o.status {
		case empty:
			return s, oldest == uint64(len(s))
		case pending:
			return s, s.at(oldest) == modelClaimed
		}
		if !s.all(o.pos, o.got, modelFull) {
			return s, false
		}
		return s.with(o.pos, o.got, modelTaken), true
	case linearRelease:
		return s.with(o.pos, o.n, modelReleased), s.all(o.pos, o.n, modelTaken)
	}
	panic("unknown operation")
}

// linearizable searches for a legal order of the at most 64 operations.
func linearizable(ops []linearOp, capacity uint64) bool {
	spans := make([]span, len(ops))
	for i, o := range ops {
		spans[i] = span{o.call, o.end}
	}
	return hasLegalOrder(spans, linearState(""), func(s linearState, i int) (linearState, bool) {
		return s.apply(&ops[i], capacity)
	})
}

// TestLinearizable shows that the checker accepts and refuses what it should.
func TestLinearizable(t *testing.T) {
	claim1 := linearOp{kind: linearClaim, pos: 0, n: 1, got: 1, call: 1, end: 2}
	publish1 := linearOp{kind: linearPublish, pos: 0, n: 1, call: 3, end: 4}
	dequeue := func(call, end int64, pos, got uint64, st dequeueStatus) linearOp {
		return linearOp{kind: linearDequeue, pos: pos, n: 1, got: got, status: st, call: call, end: end}
	}
	for _, c := range []struct {
		name string
		ops  []linearOp
		want bool
	}{
		{"in order", []linearOp{claim1, publish1, dequeue(5, 6, 0, 1, taken)}, true},
		{"before it was published", []linearOp{claim1, publish1, dequeue(1, 2, 0, 1, taken)}, false},
		{"overlapping the publish", []linearOp{claim1, publish1, dequeue(1, 5, 0, 1, taken)}, true},
		{"twice", []linearOp{claim1, publish1, dequeue(5, 6, 0, 1, taken), dequeue(5, 6, 0, 1, taken)}, false},
		{"empty while one is there", []linearOp{claim1, publish1, dequeue(5, 6, 0, 0, empty)}, false},
		{"empty while one may not be there", []linearOp{claim1, publish1, dequeue(1, 6, 0, 0, empty)}, true},
		{"pending after it was published", []linearOp{claim1, publish1, dequeue(5, 6, 0, 0, pending)}, false},
		{"pending while it is", []linearOp{claim1, publish1, dequeue(2, 3, 0, 0, pending)}, true},
		{"full though empty", []linearOp{{kind: linearClaim, n: 1, call: 1, end: 2}}, false},
	} {
		if got := linearizable(c.ops, 2); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// linearRecorder gives operations their times.
type linearRecorder struct {
	clock   atomic.Int64
	missing atomic.Int32 // goroutines that have not arrived
}

// meet lets the goroutines begin at the same time, as far as they run at all.
func (r *linearRecorder) meet() {
	r.missing.Add(-1)
	for r.missing.Load() != 0 {
		runtime.Gosched()
	}
}

func (r *linearRecorder) record(list *[]linearOp, g int, do func() linearOp) linearOp {
	call := r.clock.Add(1)
	o := do()
	o.end = r.clock.Add(1)
	o.call, o.goroutine = call, g
	if o.kind == linearPublish || o.kind == linearRelease {
		// Each slot of these batches is a step of its own.
		for i := range o.n {
			single := o
			single.pos, single.n = o.pos+i, 1
			*list = append(*list, single)
		}
		return o
	}
	*list = append(*list, o)
	return o
}

// linearHistory lets a few goroutines use a ring and returns what they did.
func linearHistory(t *testing.T, im primitives, capacity int, seed uint64) []linearOp {
	const goroutines, steps = 4, 5
	q := newTestRing(capacity, 0)
	r := new(linearRecorder)
	r.missing.Store(goroutines)
	lists := make([][]linearOp, goroutines)
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(g)))
			list := &lists[g]
			yield := func() {
				if rng.IntN(3) == 0 {
					runtime.Gosched()
				}
			}
			var buf [blockSize]task
			r.meet()
			for range steps {
				yield()
				n := 1 + rng.Uint64N(2)
				if rng.IntN(2) == 0 {
					o := r.record(list, g, func() linearOp {
						pos, got := im.claim(&q.ring, n)
						return linearOp{kind: linearClaim, pos: pos, n: n, got: got}
					})
					if o.got == 0 {
						continue
					}
					for i := range o.got {
						q.fill(o.pos+i, o.pos+i)
					}
					yield()
					r.record(list, g, func() linearOp {
						im.publish(&q.ring, o.pos, o.got)
						return linearOp{kind: linearPublish, pos: o.pos, n: o.got}
					})
					continue
				}
				var o linearOp
				if rng.IntN(2) == 0 && im.name == "built" {
					o = r.record(list, g, func() linearOp {
						pos, got, st := q.dequeue(q.head.Load(), &buf[0], n)
						return linearOp{kind: linearDequeue, pos: pos, n: n, got: got, status: st}
					})
				} else {
					pos := q.head.Load() + rng.Uint64N(q.capacity()+1)
					o = r.record(list, g, func() linearOp {
						if n == 1 && im.name == "built" {
							o := linearOp{kind: linearTake, pos: pos, n: n}
							if q.takeAt(pos, &buf[0]) {
								o.got = 1
							}
							return o
						}
						return linearOp{kind: linearTake, pos: pos, n: n, got: im.take(&q.ring, pos, n, buf[:])}
					})
				}
				if o.got == 0 {
					continue
				}
				for i := range o.got {
					if buf[i].params != q.params(o.pos+i) {
						t.Errorf("position %d held the task of another", o.pos+i)
					}
				}
				yield()
				r.record(list, g, func() linearOp {
					im.release(&q.ring, o.pos, o.got)
					return linearOp{kind: linearRelease, pos: o.pos, n: o.got}
				})
			}
		})
	}
	wg.Wait()
	return slices.Concat(lists...)
}

func TestRingLinearizable(t *testing.T) {
	forEachImplementation(t, func(t *testing.T, im primitives) {
		for _, procs := range []int{2, 4} {
			for _, capacity := range []int{2, 4} {
				t.Run(fmt.Sprintf("procs=%d/cap=%d", procs, capacity), func(t *testing.T) {
					setProcs(t, procs)
					for seed := range uint64(stressRounds(2500)) {
						ops := linearHistory(t, im, capacity, seed)
						if !linearizable(ops, uint64(capacity)) {
							slices.SortFunc(ops, func(a, b linearOp) int { return int(a.call - b.call) })
							for _, o := range ops {
								t.Log(o)
							}
							t.Fatalf("history %d has no legal order", seed)
						}
					}
				})
			}
		}
	})
}

// TestHasWorkSeesClaims checks the one promise of hasWork that parking needs:
// when it says no, whatever had been claimed before the call has been taken.
func TestHasWorkSeesClaims(t *testing.T) {
	for _, capacity := range []int{2, 4, 16} {
		q := newTestRing(capacity, 1<<64-32)
		total := uint64(stressRounds(20000))
		end := q.tail.Load() + total
		var released atomic.Uint64
		var wg sync.WaitGroup
		wg.Go(func() {
			for q.tail.Load() != end {
				if _, got := q.put(built, 1); got == 0 {
					runtime.Gosched()
				}
			}
		})
		wg.Go(func() {
			var buf task
			for released.Load() != total {
				pos, got, _ := q.dequeue(q.head.Load(), &buf, 1)
				if got == 0 {
					runtime.Gosched()
					continue
				}
				release(&q.ring, pos, 1)
				released.Add(1)
			}
		})
		wg.Go(func() {
			for released.Load() != total {
				claimed := q.tail.Load()
				if !q.hasWork() {
					for pos := claimed - min(uint64(capacity), 4); pos != claimed; pos++ {
						if q.look(pos) != gone {
							t.Errorf("hasWork said no, but %#x has not been taken", pos)
							return
						}
					}
				}
				runtime.Gosched()
			}
		})
		wg.Wait()
	}
}
