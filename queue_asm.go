//go:build gc && (amd64 || arm64) && !purego && !race && !msan && !asan

package zeropool

import "sync/atomic"

// The assembly stores integers only: states, counters, flags. None of its
// pointer arguments outlives the call.

// hasIdentity says whether a goroutine has an identity here: the address of its
// g, used as a number. A g runs one goroutine at a time, and from one goroutine
// to the next it goes through the scheduler, so what one goroutine did with a
// lane comes before what the next one on the same g does.
const hasIdentity = true

// identity works like identityGeneric: it returns the identity of the calling
// goroutine.
func identity() uint64

// enter works like enterGeneric: it returns the lane that the calling goroutine
// owns, and marks it busy, or nil. Every enter is followed by publish or leave.
//
//go:noescape
func enter(t *laneTable) *lane

// publish works like publishGeneric: it makes the task in s visible, counts it,
// and ends what enter began. It returns how many thieves are attached.
//
//go:noescape
func publish(l *lane, s *slot, v uint64) uint32

// take works like takeGeneric: it takes the task with that key out of the
// caller's own lane. See notThere and the constants after it.
//
//go:noescape
func take(l *lane, s *slot, key uint64) uint32

// finish works like finishGeneric: it counts a task that the owner of the lane
// has taken by take, and makes its slot free, with a plain store-release.
//
//go:noescape
func finish(l *lane, s *slot, v uint64)

// store works like storeGeneric: a store-release to a word that only the caller
// writes, or to a hint (lane.last), without the locked instruction that sync/atomic uses on amd64.
//
//go:noescape
func store(c *atomic.Uint64, v uint64)
