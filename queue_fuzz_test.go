package zeropool

import (
	"math/rand/v2"
	"testing"
)

// model is what a lane is supposed to be: slots in a circle, and where the next
// push begins to look for a free one.
type model struct {
	slots      []modelSlot
	tail, scan uint64
	queued     int
}

type modelSlot struct {
	key    uint64
	kind   uint64
	number uint64
}

func newModel(capacity int, start testStart) *model {
	m := &model{slots: make([]modelSlot, capacity)}
	for i := range m.slots {
		m.slots[i].key = (start.position + uint64(i)) << posShift
	}
	m.tail = start.tail()
	m.scan = m.tail
	return m
}

func (m *model) at(i uint64) *modelSlot { return &m.slots[i%uint64(len(m.slots))] }

// push returns the slot it has put the task into, or nil.
func (m *model) push(number, flags uint64) *modelSlot {
	for i := range uint64(len(m.slots)) {
		if s := m.at(m.tail + i); s.kind == free {
			s.key = (m.tail+i)<<posShift | flags
			s.kind, s.number = full, number
			m.tail += i + 1
			m.queued++
			return s
		}
	}
	return nil
}

// find returns the index of the task that lane.find is to find.
func (m *model) find(newest bool) (i uint64, ok bool) {
	c := uint64(len(m.slots))
	if newest {
		for i = m.tail - 1; i != m.tail-1-c; i-- {
			if m.at(i).kind == full {
				return i, true
			}
		}
		return 0, false
	}
	from := m.scan
	if m.tail-from > c {
		from = m.tail - c
	}
	for i = from; i != from+c; i++ {
		if m.at(i).kind == full {
			m.scan = i
			return i, true
		}
	}
	return 0, false
}

// lockstep drives a lane of each implementation and the model.
type lockstep struct {
	t        *testing.T
	m        *model
	lanes    []*testLane
	attached bool
	running  []uint64 // indexes of slots whose tasks run
	numbers  uint64
}

func newLockstep(t *testing.T, capacity int, start testStart) *lockstep {
	l := &lockstep{t: t, m: newModel(capacity, start)}
	for _, im := range implementations() {
		q := newTestLane(im, capacity, start)
		if q.ghost {
			q.shared.Store(0) // nobody else is here
		}
		l.lanes = append(l.lanes, q)
	}
	return l
}

func (l *lockstep) push(flags uint64) {
	l.numbers++
	number := l.numbers % testCells
	s := l.m.push(number, flags)
	for _, q := range l.lanes {
		key, ok := q.push(l.t, number, flags)
		if ok != (s != nil) || ok && key != s.key {
			l.t.Fatalf("%s: push = %#x, %v; the model has %+v", q.im.name, key, ok, s)
		}
	}
}

// take takes the task of a key, of the lap given, out of slot i, by its owner or
// by a thief.
func (l *lockstep) take(i, lap uint64, thief bool) {
	s := l.m.at(i)
	want := s.kind == full && lap == 0
	key := s.key + lap*uint64(len(l.m.slots))<<posShift
	kind := uint64(owned)
	if l.attached {
		kind = taken
	}
	for _, q := range l.lanes {
		got := false
		if thief && l.attached {
			got = q.takeByCAS(q.at(i), key)
		} else {
			v := q.takeMine(key)
			got = v != 0
			if got && v != key|kind {
				l.t.Fatalf("%s: took %#x as %#x, want kind %d", q.im.name, key, v, kind)
			}
		}
		if got != want {
			l.t.Fatalf("%s: take(%#x) = %v, want %v", q.im.name, key, got, want)
		}
		if got {
			if n := q.number(l.t, q.at(i)); n != s.number {
				l.t.Fatalf("%s: task %#x is %d, want %d", q.im.name, key, n, s.number)
			}
		}
	}
	if want {
		s.kind = kind
		l.m.queued--
		l.running = append(l.running, i%uint64(len(l.m.slots)))
	}
}

func (l *lockstep) takeFound(newest, thief bool) {
	i, want := l.m.find(newest)
	for _, q := range l.lanes {
		s, key, ok := q.find(newest)
		if ok != want || ok && (s != q.at(i) || key != l.m.at(i).key) {
			l.t.Fatalf("%s: find(%v) = %#x, %v; want index %d, %v", q.im.name, newest, key, ok, i, want)
		}
	}
	if want {
		l.take(i, 0, thief)
	}
}

func (l *lockstep) end(n uint64, fails bool) {
	if len(l.running) == 0 {
		return
	}
	n %= uint64(len(l.running))
	i := l.running[n]
	l.running = append(l.running[:n], l.running[n+1:]...)
	s := l.m.at(i)
	for _, q := range l.lanes {
		if v := s.key | s.kind; fails {
			q.fail(v)
		} else {
			q.end(v)
		}
	}
	if fails {
		s.kind = failed
		return
	}
	*s = modelSlot{key: s.key&^flagMask + uint64(len(l.m.slots))<<posShift}
}

func (l *lockstep) attach() {
	l.attached = !l.attached
	for _, q := range l.lanes {
		if l.attached {
			q.shared.Add(1) // as attach does, whose handshake the owner itself need not wait for
			q.seq.Add(1)
		} else {
			q.detach()
		}
	}
}

// compare checks every slot, and how many tasks are queued.
func (l *lockstep) compare() {
	l.t.Helper()
	for _, q := range l.lanes {
		if n := q.queued(); n != l.m.queued {
			l.t.Fatalf("%s: queued() = %d, want %d", q.im.name, n, l.m.queued)
		}
		if (q.tail.load()-l.m.tail)%q.capacity() != 0 {
			l.t.Fatalf("%s: tail is %#x, want %#x", q.im.name, q.tail.load(), l.m.tail)
		}
		if q.busy.Load() != 0 {
			l.t.Fatalf("%s: busy at rest", q.im.name)
		}
		for i := range l.m.slots {
			s := &l.m.slots[i]
			if v := q.at(uint64(i)).state.Load(); v != s.key|s.kind {
				l.t.Fatalf("%s: slot %d is %#x, want %#x", q.im.name, i, v, s.key|s.kind)
			}
		}
	}
}

var fuzzCapacities = []int{2, 4, 8, 64}

// lockstepMax bounds the operations of one run.
const lockstepMax = 400

// runLockstep reads the capacity, the start, and operations of two bytes each, what
// and with which number.
func runLockstep(t *testing.T, data []byte) {
	if len(data) < 2 {
		return
	}
	capacity := fuzzCapacities[int(data[0])%len(fuzzCapacities)]
	starts := testStarts(capacity)
	l := newLockstep(t, capacity, starts[int(data[1])%len(starts)])
	data = data[2:]
	for range lockstepMax {
		if len(data) < 2 {
			return
		}
		op, arg := data[0], uint64(data[1])
		data = data[2:]
		thief := op&16 != 0
		switch op & 15 {
		case 0, 1, 2, 3:
			l.push(arg & flagMask)
		case 4:
			l.take(arg, 0, thief)
		case 5:
			l.take(arg, 1+arg%3, thief)
		case 6:
			l.take(arg, -(1 + arg%3), thief)
		case 7, 8:
			l.takeFound(true, thief)
		case 9, 10:
			l.takeFound(false, thief)
		case 11, 12, 13:
			l.end(arg, false)
		case 14:
			l.end(arg, arg%4 == 0)
		case 15:
			l.attach()
		}
		l.compare()
	}
}

// FuzzLane runs any sequence of operations on a lane of each implementation and on
// a model, and compares all that can be seen after each.
func FuzzLane(f *testing.F) {
	f.Fuzz(runLockstep)
}

// TestLaneLockstep is FuzzLane with random operations.
func TestLaneLockstep(t *testing.T) {
	for seed := range uint64(stressRounds(2000)) {
		rng := rand.New(rand.NewPCG(5, seed))
		data := make([]byte, 2+2*lockstepMax)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		runLockstep(t, data)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
