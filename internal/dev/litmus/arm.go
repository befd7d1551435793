package main

// armOutcomes are those that Arm's model allows.
func armOutcomes(t *test) (outcomes, error) { return t.search(armOrder) }

// armOrder says for each event of a path which earlier ones of the thread must
// take effect before it: "locally ordered before" in section B2.3 of the Arm
// Architecture Reference Manual, for accesses of one size to ordinary memory. The
// order is not closed: what follows by transitivity is left out.
func armOrder(p *path) []uint64 {
	before := make([]uint64, len(p.events))
	for j := range p.events {
		e := &p.events[j]
		before[j] = e.address.full
		switch e.kind {
		case write:
			before[j] |= e.value | e.control.any() | e.address.pick
			for i := range j {
				before[j] |= p.events[i].address.any()
			}
		case read:
			// The latest own write to the variable can be read before it is
			// seen by others, but not before its address and value are known.
			if i := p.writeBefore(j); i >= 0 {
				own := &p.events[i]
				before[j] |= own.address.full | own.value
				if own.partner >= 0 && (e.acquire || e.acquirePC) {
					before[j] |= 1 << own.partner
				}
			}
		}
		for i := range j {
			if p.ordered(&p.events[i], e) {
				before[j] |= 1 << i
			}
		}
		for _, f := range p.fences {
			if f.at > j {
				break
			}
			for i := range f.at {
				if fenceOrders(f.kind, &p.events[i], e) {
					before[j] |= 1 << i
				}
			}
			if f.kind == fenceInstruction {
				before[j] |= f.decided
			}
		}
	}
	return before
}

// writeBefore returns the last write to the variable of the event before it, or
// -1.
func (p *path) writeBefore(n int) int {
	for i := n - 1; i >= 0; i-- {
		if p.events[i].kind == write && p.events[i].on == p.events[n].on {
			return i
		}
	}
	return -1
}

// ordered tells whether the kinds of two events alone put them in order.
func (p *path) ordered(a, b *event) bool {
	switch {
	case a.kind == fullFence || b.kind == fullFence:
		return true
	case b.kind == write && a.on == b.on:
		return true
	case a.kind == read && (a.acquire || a.acquirePC):
		return true
	case b.kind == write && b.release:
		return true
	case a.kind == write && a.release && b.kind == read && b.acquire: // but not b.acquirePC
		return true
	}
	// An atomic instruction with acquire and release is a barrier once it has
	// stored. A pair of exclusives is not.
	return a.kind == write && a.single && a.release && p.events[a.partner].acquire
}

func fenceOrders(kind fenceKind, a, b *event) bool {
	switch kind {
	case fenceFull:
		return true
	case fenceLoad:
		return a.kind == read && !a.noResult
	case fenceStore:
		return a.kind == write && b.kind == write
	}
	return false
}
