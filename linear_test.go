package zeropool

import "math"

// span is when an operation was called and when it returned, in logical time.
type span struct{ call, end int64 }

// hasLegalOrder searches for an order of the at most 64 operations that respects
// real time and that a sequential object allows: apply performs operation i on a
// state if it could have had the result it had (Wing and Gong 1993, with the memo
// of Lowe 2017).
func hasLegalOrder[S comparable](ops []span, first S, apply func(s S, i int) (S, bool)) bool {
	if len(ops) > 64 {
		panic("history too long")
	}
	type node struct {
		done  uint64
		state S
	}
	failed := map[node]bool{}
	var search func(n node) bool
	search = func(n node) bool {
		if n.done+1 == 1<<len(ops) {
			return true
		}
		if failed[n] {
			return false
		}
		// An operation may come next if none of the others ended before its call.
		soonest := int64(math.MaxInt64)
		for i := range ops {
			if n.done&(1<<i) == 0 {
				soonest = min(soonest, ops[i].end)
			}
		}
		for i := range ops {
			if n.done&(1<<i) != 0 || ops[i].call > soonest {
				continue
			}
			if next, ok := apply(n.state, i); ok && search(node{n.done | 1<<i, next}) {
				return true
			}
		}
		failed[n] = true
		return false
	}
	return search(node{state: first})
}
