package zeropool

import (
	"sync/atomic"
	"unsafe"
)

// These are the primitives of the ring in Go: what other architectures, the
// race detector, the sanitizers and the purego build use, and what the assembly
// is tested against. Edge names as in docs/protocol.md.

func claimGeneric(q *ring, n uint64) (pos, got uint64) {
	for {
		pos = q.tail.Load()
		for got = 0; got < n; got++ {
			// A1, pairs with R1: the consumer that released the slot has
			// read its words before we store ours.
			if q.slot(pos+got).seq.Load() != pos+got {
				break
			}
		}
		if got == 0 {
			if int64(q.slot(pos).seq.Load()-pos) < 0 && q.tail.Load() == pos {
				return pos, 0
			}
			continue
		}
		// P1: a full fence before the submitter's load of the gate.
		if q.tail.CompareAndSwap(pos, pos+got) {
			return pos, got
		}
	}
}

func publishGeneric(q *ring, pos, n uint64) {
	for i := range n {
		q.slot(pos + i).seq.Store(pos + i + 1) // R2, pairs with A2
	}
}

func takeGeneric(q *ring, pos, n uint64, out *task) uint64 {
	c := q.claim(pos)
	for {
		// A3 before A2: a claim word read after the sequence number could
		// belong to a later lap, whose bits read the same.
		old := c.Load()
		un := q.unclaimed(old, pos)
		bit := uint64(1) << (pos & q.mask & blockMask)
		var mine, got uint64
		for got < n && un&bit != 0 {
			if q.slot(pos+got).seq.Load() != pos+got+1 { // A2, pairs with R2
				break
			}
			mine |= bit
			bit <<= 1
			got++
		}
		if got == 0 {
			return 0
		}
		if c.CompareAndSwap(old, (old^mine)+claimStep) {
			tasks := unsafe.Slice(out, got)
			for i := range tasks {
				tasks[i] = q.slot(pos + uint64(i)).task
			}
			return got
		}
	}
}

func releaseGeneric(q *ring, pos, n uint64) {
	for i := range n {
		q.slot(pos + i).seq.Store(pos + i + q.mask + 1) // R1, pairs with A1
	}
}

func rearmGeneric(q *ring, pos uint64, r *record, state uint64, count *atomic.Uint64, n uint64) {
	storeGeneric(count, n)
	r.state.Store(state)
	releaseGeneric(q, pos, 1)
}

func completeGeneric(count *atomic.Uint64, n uint64, r *record, state uint64) {
	storeGeneric(count, n)
	r.state.Swap(state) // F1; C1: a full fence before the load of the pool's waiter count
}

func holdSlotGeneric(count *atomic.Uint64, n uint64, seq *atomic.Uint64, v uint64) {
	storeGeneric(count, n)
	seq.Store(v) // T1
}

func storeGeneric(p *atomic.Uint64, v uint64) { p.Store(v) }
