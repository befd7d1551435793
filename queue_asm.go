//go:build (amd64 || arm64) && !purego && !race && !msan && !asan

package zeropool

import "sync/atomic"

// The assembly stores and swaps integers only: sequence numbers, claim words,
// cursors, record states, counters. The pointer words it reads from slots go to
// the caller's stack. None of its pointer arguments outlives the call.

// claim works like claimGeneric: it checks up to n <= maxClaim slots from tail,
// moves tail over the free ones with one CAS, and returns the first position
// and how many. got == 0 means that the ring is full.
//
//go:noescape
func claim(q *ring, n uint64) (pos, got uint64)

// publish works like publishGeneric: it makes n <= maxClaim claimed slots
// visible to consumers, with plain store-releases.
//
//go:noescape
func publish(q *ring, pos, n uint64)

// take works like takeGeneric: it claims up to n <= blockSize published tasks
// at pos, in one block, with one CAS, and copies them to out, which must be on
// the caller's stack.
//
//go:noescape
func take(q *ring, pos, n uint64, out *task) uint64

// release works like releaseGeneric: it gives n <= blockSize taken slots back
// to submitters, with plain store-releases.
//
//go:noescape
func release(q *ring, pos, n uint64)

// rearm works like rearmGeneric: it stores n in a counter that only the caller
// writes, sets the state of the record that the caller has just put into the
// slot of pos, and releases the slot.
//
//go:noescape
func rearm(q *ring, pos uint64, r *record, state uint64, count *atomic.Uint64, n uint64)

// complete works like completeGeneric: it stores n in a counter that only the
// caller writes, then swaps the record's state, which is a full fence.
//
//go:noescape
func complete(count *atomic.Uint64, n uint64, r *record, state uint64)

// holdSlot works like holdSlotGeneric: it stores n in a counter that only the caller
// writes, then v in a sequence number, with plain store-releases.
//
//go:noescape
func holdSlot(count *atomic.Uint64, n uint64, seq *atomic.Uint64, v uint64)

// store works like storeGeneric: a store-release to a counter that only the
// caller writes, without the locked instruction that sync/atomic uses on amd64.
//
//go:noescape
func store(c *atomic.Uint64, v uint64)
