//go:build (!amd64 && !arm64) || purego || race || msan || asan

package zeropool

import "sync/atomic"

func claim(q *ring, n uint64) (pos, got uint64)     { return claimGeneric(q, n) }
func publish(q *ring, pos, n uint64)                { publishGeneric(q, pos, n) }
func take(q *ring, pos, n uint64, out *task) uint64 { return takeGeneric(q, pos, n, out) }
func release(q *ring, pos, n uint64)                { releaseGeneric(q, pos, n) }
func rearm(q *ring, pos uint64, r *record, state uint64, count *atomic.Uint64, n uint64) {
	rearmGeneric(q, pos, r, state, count, n)
}
func complete(count *atomic.Uint64, n uint64, r *record, state uint64) {
	completeGeneric(count, n, r, state)
}
func holdSlot(count *atomic.Uint64, n uint64, seq *atomic.Uint64, v uint64) {
	holdSlotGeneric(count, n, seq, v)
}
func store(c *atomic.Uint64, v uint64) { storeGeneric(c, v) }
