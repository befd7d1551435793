package zeropool

import "sync/atomic"

// These are the primitives of a lane in Go: what other architectures, the race
// detector, the sanitizers and the purego build use, and what the assembly is
// tested against. Go has no identity for a goroutine, so there nobody owns a lane
// and every task goes through an inbox. Edge names as in docs/protocol.md.

func identityGeneric() uint64 { return 0 }

func enterGeneric(t *laneTable, me uint64) *lane {
	if me == 0 {
		return nil
	}
	h := me * hashFactor >> (64 - laneTableBits)
	l := t[h].Load()
	if l == nil || l.owner.Load() != me {
		if l = t[h^1].Load(); l == nil || l.owner.Load() != me {
			return nil
		}
	}
	l.busy.Store(1)
	if l.owner.Load() != me { // B2: somebody has taken the lane over
		l.busy.Store(0)
		return nil
	}
	return l
}

func publishGeneric(l *lane, s *slot, v uint64) uint32 {
	l.pushed.add(1)  // before the state: see queued
	s.state.Store(v) // R2, pairs with A2
	l.tail.add(1)
	l.busy.Store(0) // B2; P1: a full fence before the load of the gate
	return l.shared.Load()
}

func takeGeneric(l *lane, s *slot, key, me uint64) uint32 {
	if me == 0 || l.owner.Load() != me {
		return notOwner
	}
	l.busy.Store(1)           // B1, B2
	if l.owner.Load() != me { // B2
		l.busy.Store(0)
		return notOwner
	}
	if l.shared.Load() != 0 { // B1; R3, pairs with detach
		l.busy.Store(0)
		return isShared
	}
	if s.state.Load() != key|full { // A2, pairs with R2
		l.busy.Store(0)
		return notThere
	}
	s.state.Store(key | owned)
	l.begun.add(1)
	storeGeneric(&l.last, key)
	l.busy.Store(0) // B1, B2
	return tookIt
}

func finishGeneric(l *lane, s *slot, v uint64) {
	l.completed.add(1)
	s.state.Store(v) // F1, R1; C1: a full fence before the load of the gate
}

func storeGeneric(p *atomic.Uint64, v uint64) { p.Store(v) }
