package zeropool

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

// model is what a ring is supposed to be: a list of positions, each with a
// state and a number.
type model struct {
	capacity, start uint64
	head            uint64
	cells           []modelCell // of positions start, start+1, ...
	claims          []uint64    // successful claims of each block
}

type modelCell struct {
	state  modelState
	number uint64
}

type modelState uint8

const (
	modelFree     modelState = iota // no submitter has claimed it
	modelClaimed                    // claimed, not published
	modelFull                       // published
	modelTaken                      // taken, not released
	modelReleased                   // released, or before the ring's time
)

func newModel(capacity, start uint64) *model {
	return &model{
		capacity: capacity,
		start:    start,
		head:     start,
		claims:   make([]uint64, (capacity+blockMask)/blockSize),
	}
}

func (m *model) tail() uint64 { return m.start + uint64(len(m.cells)) }

func (m *model) cell(pos uint64) modelCell {
	switch {
	case int64(pos-m.start) < 0:
		return modelCell{state: modelReleased}
	case int64(pos-m.tail()) >= 0:
		return modelCell{state: modelFree}
	}
	return m.cells[pos-m.start]
}

func (m *model) set(pos uint64, s modelState) { m.cells[pos-m.start].state = s }

func (m *model) isTaken(pos uint64) bool { return m.cell(pos).state >= modelTaken }

func (m *model) claim(n uint64) (pos, got uint64) {
	pos = m.tail()
	for got < n && m.cell(m.tail()-m.capacity).state == modelReleased {
		m.cells = append(m.cells, modelCell{state: modelClaimed})
		got++
	}
	return pos, got
}

func (m *model) blockEnd(pos uint64) uint64 {
	at := pos % m.capacity
	return pos - at + min(at-at%blockSize+blockSize, m.capacity)
}

func (m *model) take(pos, n uint64) []uint64 {
	var numbers []uint64
	for p, end := pos, m.blockEnd(pos); p != end && p-pos < n && m.cell(p).state == modelFull; p++ {
		m.set(p, modelTaken)
		numbers = append(numbers, m.cell(p).number)
	}
	if len(numbers) != 0 {
		m.claims[pos%m.capacity/blockSize]++
	}
	return numbers
}

// oldest returns the first position from pos on that has not been taken.
func (m *model) oldest(pos uint64) uint64 {
	for m.isTaken(pos) {
		pos++
	}
	return pos
}

func (m *model) queued() (n int) {
	for _, c := range m.cells {
		if c.state < modelTaken {
			n++
		}
	}
	return n
}

// seq is the sequence number of the slot that pos, one of the last capacity
// claimed positions, stands in.
func (m *model) seq(pos uint64) uint64 {
	switch m.cell(pos).state {
	case modelClaimed:
		return pos
	case modelReleased:
		return pos + m.capacity
	}
	return pos + 1
}

// claimWord is the word of the block of slots with index b.
func (m *model) claimWord(b uint64) uint64 {
	word := m.claims[b] << blockSize
	for pos := m.tail() - m.capacity; pos != m.tail(); pos++ {
		at := pos % m.capacity
		even := pos/m.capacity%2 == 0
		if at/blockSize == b && even == m.isTaken(pos) {
			word |= 1 << (at % blockSize)
		}
	}
	return word
}

// lockstep drives the build's ring, the generic one and the model.
type lockstep struct {
	t       *testing.T
	m       *model
	rings   []*testRing
	impls   []primitives
	claimed []uint64 // positions to publish
	taken   []uint64 // positions to release
	numbers uint64
	scratch atomic.Uint64
}

var fuzzCapacities = []uint64{2, 4, 8, 16, 32, 64, 1024}

func newLockstep(t *testing.T, capacity, start uint64) *lockstep {
	l := &lockstep{t: t, m: newModel(capacity, start), impls: []primitives{built, generic}}
	for range l.impls {
		l.rings = append(l.rings, newTestRing(int(capacity), start))
	}
	return l
}

func (l *lockstep) claim(n uint64) {
	pos, got := l.m.claim(n)
	for k, q := range l.rings {
		if p, g := l.impls[k].claim(&q.ring, n); p != pos || g != got {
			l.t.Fatalf("%s: claim(%d) = %#x, %d; want %#x, %d", l.impls[k].name, n, p, g, pos, got)
		}
	}
	for i := range got {
		l.numbers++
		l.m.cells[pos+i-l.m.start].number = l.numbers % testCells
		for _, q := range l.rings {
			q.fill(pos+i, l.numbers)
		}
		l.claimed = append(l.claimed, pos+i)
	}
}

// remove takes up to n consecutive positions, beginning with the one at index
// i, out of list.
func remove(list []uint64, i, n uint64) (rest []uint64, pos, got uint64) {
	i %= uint64(len(list))
	pos, got = list[i], 1
	for got < n && i+got < uint64(len(list)) && list[i+got] == pos+got {
		got++
	}
	return append(list[:i], list[i+got:]...), pos, got
}

func (l *lockstep) publish(i, n uint64) {
	if len(l.claimed) == 0 {
		return
	}
	var pos, got uint64
	l.claimed, pos, got = remove(l.claimed, i, n)
	for k, q := range l.rings {
		l.impls[k].publish(&q.ring, pos, got)
	}
	for i := range got {
		l.m.set(pos+i, modelFull)
	}
}

func (l *lockstep) release(i, n uint64, rearm bool) {
	if len(l.taken) == 0 {
		return
	}
	if rearm {
		n = 1
	}
	var pos, got uint64
	l.taken, pos, got = remove(l.taken, i, n)
	for k, q := range l.rings {
		if !rearm {
			l.impls[k].release(&q.ring, pos, got)
			continue
		}
		r := q.slot(pos).task.done
		l.impls[k].rearm(&q.ring, pos, r, pos<<phaseBits, &l.scratch, ^pos)
		if s, c := r.state.Load(), l.scratch.Load(); s != pos<<phaseBits || c != ^pos {
			l.t.Fatalf("%s: rearm left state %#x and count %#x", l.impls[k].name, s, c)
		}
	}
	for i := range got {
		l.m.set(pos+i, modelReleased)
	}
}

// came compares what a ring's take returned with the model's.
func (l *lockstep) came(k int, pos uint64, out []task, want []uint64) {
	l.t.Helper()
	for i := range want {
		if got := l.rings[k].number(l.t, pos+uint64(i), &out[i]); got != want[i] {
			l.t.Fatalf("%s: task of %#x is %d, want %d", l.impls[k].name, pos+uint64(i), got, want[i])
		}
	}
}

func (l *lockstep) noteTaken(pos uint64, numbers []uint64) {
	for i := range numbers {
		l.taken = append(l.taken, pos+uint64(i))
	}
}

func (l *lockstep) take(pos, n uint64) {
	want := l.m.take(pos, n)
	for k, q := range l.rings {
		var out [blockSize]task
		if got := l.impls[k].take(&q.ring, pos, n, out[:]); got != uint64(len(want)) {
			l.t.Fatalf("%s: take(%#x, %d) = %d, want %d", l.impls[k].name, pos, n, got, len(want))
		}
		l.came(k, pos, out[:], want)
	}
	l.noteTaken(pos, want)
}

// follow makes the generic ring do what a method did to the build's.
func (l *lockstep) follow(pos, n uint64, want []uint64) {
	q := l.rings[1]
	var out [blockSize]task
	if got := generic.take(&q.ring, pos, n, out[:]); got != uint64(len(want)) {
		l.t.Fatalf("generic: take(%#x, %d) = %d, want %d", pos, n, got, len(want))
	}
	l.came(1, pos, out[:], want)
	q.head.Store(l.rings[0].head.Load())
	l.noteTaken(pos, want)
}

func (l *lockstep) dequeue(from, n uint64) {
	m, q := l.m, l.rings[0]
	wantPos := m.oldest(from)
	wantStatus := taken
	switch {
	case wantPos == m.tail():
		wantStatus = empty
	case m.cell(wantPos).state == modelClaimed:
		wantStatus = pending
	}
	want := m.take(wantPos, n)
	if end := wantPos + uint64(len(want)); wantStatus == taken && end == m.blockEnd(wantPos) {
		m.head = end
	}
	var out [blockSize]task
	pos, got, st := q.dequeue(from, &out[0], n)
	if pos != wantPos || got != uint64(len(want)) || st != wantStatus {
		l.t.Fatalf("dequeue(%#x, %d) = %#x, %d, %d; want %#x, %d, %d", from, n, pos, got, st, wantPos, len(want), wantStatus)
	}
	l.came(0, pos, out[:], want)
	if st == taken {
		l.follow(pos, n, want)
	}
}

func (l *lockstep) dequeuePast(from uint64) {
	m, q := l.m, l.rings[0]
	wantPos, ok := uint64(0), false
	for pos := from; int64(m.tail()-pos) > 0 && !ok; pos++ {
		if m.cell(pos).state == modelFull {
			wantPos, ok = pos, true
		}
	}
	var out task
	pos, got := q.dequeuePast(from, &out)
	if pos != wantPos || got != ok {
		l.t.Fatalf("dequeuePast(%#x) = %#x, %v; want %#x, %v", from, pos, got, wantPos, ok)
	}
	if ok {
		want := m.take(pos, 1)
		l.came(0, pos, []task{out}, want)
		l.follow(pos, 1, want)
	}
}

func (l *lockstep) takeAt(pos uint64) {
	want := l.m.take(pos, 1)
	var out task
	if got := l.rings[0].takeAt(pos, &out); got != (len(want) == 1) {
		l.t.Fatalf("takeAt(%#x) = %v, want %v", pos, got, !got)
	}
	if len(want) == 1 {
		l.came(0, pos, []task{out}, want)
		l.follow(pos, 1, want)
	}
}

// look compares every answer that changes nothing.
func (l *lockstep) look(pos uint64) {
	want := map[modelState]position{modelFree: blank, modelClaimed: blank, modelFull: full, modelTaken: gone, modelReleased: gone}[l.m.cell(pos).state]
	n := l.m.queued()
	for k, q := range l.rings {
		if got := q.look(pos); got != want {
			l.t.Fatalf("%s: look(%#x) = %d, want %d", l.impls[k].name, pos, got, want)
		}
		if got := q.queued(); got != n {
			l.t.Fatalf("%s: queued() = %d, want %d", l.impls[k].name, got, n)
		}
		if got := q.hasWork(); got != (n != 0) {
			l.t.Fatalf("%s: hasWork() = %v with %d tasks", l.impls[k].name, got, n)
		}
	}
}

// compare checks cursors, and the sequence number and the claim word of every
// slot.
func (l *lockstep) compare() {
	m := l.m
	words := make([]uint64, len(m.claims))
	for b := range words {
		words[b] = m.claimWord(uint64(b))
	}
	for k, q := range l.rings {
		name := l.impls[k].name
		if got := q.tail.Load(); got != m.tail() {
			l.t.Fatalf("%s: tail is %#x, want %#x", name, got, m.tail())
		}
		for pos := m.tail() - m.capacity; pos != m.tail(); pos++ {
			if got, want := q.slot(pos).seq.Load(), m.seq(pos); got != want {
				l.t.Fatalf("%s: sequence number of %#x is %#x, want %#x", name, pos, got, want)
			}
		}
		for b, want := range words {
			if got := q.claim(uint64(b) * blockSize).Load(); got != want {
				l.t.Fatalf("%s: claim word %d is %#x, want %#x", name, b, got, want)
			}
		}
	}
	// Head must not pass a task, nor fall behind what dequeue has finished.
	head := l.rings[0].head.Load()
	if int64(m.oldest(m.start)-head) < 0 {
		l.t.Fatalf("head %#x is beyond the oldest task %#x", head, m.oldest(m.start))
	}
	if int64(head-m.head) < 0 {
		l.t.Fatalf("head is %#x, behind %#x", head, m.head)
	}
	m.head = head
}

// lockstepMax bounds the operations of one run. After each of them a run
// compares all slots, of large rings after every largeStride-th.
const (
	lockstepMax = 400
	largeStride = 32
)

// run performs the operations that data spells: two bytes each, what and with
// which number.
func (l *lockstep) run(data []byte) {
	defer l.compare()
	for step := range lockstepMax {
		if len(data) < 2 {
			return
		}
		op, arg := data[0], uint64(data[1])
		data = data[2:]
		n := uint64(op>>4)%blockSize + 1
		near := l.m.tail() + 2 - arg%(3*l.m.capacity+4) // around the end, up to three laps back
		switch op & 15 {
		case 0, 1:
			l.claim(arg%maxClaim + 1)
		case 2:
			l.claim(n)
			l.publish(uint64(len(l.claimed))-1, 1)
		case 3:
			l.publish(0, maxClaim)
		case 4:
			l.publish(arg, n)
		case 5:
			l.take(l.m.oldest(l.rings[0].head.Load()), n)
		case 6:
			l.take(near, n)
		case 7, 8:
			l.dequeue(l.rings[0].head.Load(), n)
		case 9:
			l.dequeue(l.m.start, n) // as stale as can be
		case 10:
			l.dequeuePast(l.m.oldest(l.m.start))
		case 11:
			l.takeAt(near)
		case 12:
			l.release(0, blockSize, false)
		case 13:
			l.release(arg, n, false)
		case 14:
			l.release(arg, 1, true)
		case 15:
			l.look(near)
		}
		if l.m.capacity <= 64 || step%largeStride == 0 {
			l.compare()
		}
	}
}

// lockstepInput is a header, the index of the capacity and the first position,
// followed by operations.
func lockstepInput(capacity byte, start uint64, ops []byte) []byte {
	return append(binary.LittleEndian.AppendUint64([]byte{capacity}, start), ops...)
}

func runLockstep(t *testing.T, data []byte) {
	if len(data) < 9 {
		return
	}
	capacity := fuzzCapacities[int(data[0])%len(fuzzCapacities)]
	newLockstep(t, capacity, binary.LittleEndian.Uint64(data[1:9])).run(data[9:])
}

// FuzzRing runs any sequence of operations on the build's implementation, the
// generic one and a model, and compares all that can be seen after each.
func FuzzRing(f *testing.F) {
	steady := []byte{0x72, 0, 0x03, 0, 0x77, 0, 0x0c, 0, 0x0f, 2}
	nested := []byte{0x72, 0, 0x72, 0, 0x03, 0, 0x0b, 3, 0x0b, 4, 0x0b, 5, 0x0b, 6, 0x0b, 7, 0x0c, 0}
	stalled := []byte{0x11, 2, 0x04, 1, 0x07, 0, 0x0a, 0, 0x0e, 0, 0x03, 0, 0x79, 0, 0x0c, 0}
	for i := range fuzzCapacities {
		for _, start := range []uint64{0, 3, 1 << 63, 1<<64 - 8} {
			for _, ops := range [][]byte{steady, nested, stalled} {
				var laps []byte
				for range 8 {
					laps = append(laps, ops...)
				}
				f.Add(lockstepInput(byte(i), start, laps))
			}
		}
	}
	f.Fuzz(runLockstep)
}

// TestRingLockstep is FuzzRing with random operations.
func TestRingLockstep(t *testing.T) {
	for seed := range uint64(stressRounds(600)) {
		rng := rand.New(rand.NewPCG(4, seed))
		i := byte(seed) % byte(len(fuzzCapacities)-1)
		if seed%50 == 49 {
			i = byte(len(fuzzCapacities)) - 1
		}
		starts := testStarts(int(fuzzCapacities[i]))
		ops := make([]byte, 2*lockstepMax)
		for k := range ops {
			ops[k] = byte(rng.Uint32())
		}
		runLockstep(t, lockstepInput(i, starts[rng.IntN(len(starts))], ops))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
