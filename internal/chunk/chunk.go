// Package chunk says how many elements of a batch or loop one goroutine takes on at a
// time. Its functions depend on what has been measured and on nothing else, so that the
// schedule they lead to can be computed (see schedule_test.go).
package chunk

import (
	"math"
	"time"
)

const (
	// Time is about how long the elements of one claim should take: long
	// enough to make the claim cheap, short enough to end together.
	Time = 8 * time.Microsecond
	// WorthWaking is how much a loop must have left before it wakes a worker: a few
	// times what the wake costs both. It must have run for half of that.
	WorthWaking = 8 * time.Microsecond
	// firstCheck is the most elements that are run between two looks at the clock, unless
	// those before say that they take less than an eighth of WorthWaking.
	firstCheck = 64
	// growth is how many times longer each chunk of a loop is than the one before.
	growth = 4
)

// Claim returns how many of the elements left a goroutine claims that would like
// to have chunk: no more than 1/part, so that all end together, but not so few that the
// claim costs more than it brings.
func Claim(left, chunk, part int) int {
	return min(chunk, left, max(left/part, chunk/8, 1))
}

// Grown returns a chunk of n elements, by times longer, as far as an int goes.
func Grown(n, by int) int {
	if n > math.MaxInt/by {
		return math.MaxInt
	}
	return n * by
}

// Next returns the chunk to ask for after a claim that asked for chunk elements
// and got ran of them, which took so many ticks; target is what a claim should
// take.
func Next(chunk, ran int, took, target int64) int {
	switch {
	case took < target/2 && ran == chunk:
		return Grown(chunk, 2)
	case took > 2*target:
		return max(min(chunk/2, int(float64(ran)*float64(target)/float64(took))), 1)
	}
	return chunk
}

// AfterAlone says how a loop goes on that its caller has run alone so far: done
// elements in elapsed ticks, the last chunk of them in took. It either shares the
// elements left or runs next elements more. It goes by the slower of the two
// speeds, so that it notices elements which become longer.
func AfterAlone(chunk, done, left int, elapsed, took, worthwhile int64) (next int, share bool) {
	in, of := float64(elapsed), float64(done)
	if lately := float64(took); lately*of > in*float64(chunk) {
		in, of = lately, float64(chunk)
	}
	in = max(in, minEach*of)
	if 2*elapsed >= worthwhile && in*float64(left)/of >= float64(worthwhile) {
		return 0, true
	}
	next = Grown(chunk, growth)
	if next > firstCheck { // a division less for most short loops
		if n := float64(worthwhile) * of / (8 * in); n < float64(next) {
			next = max(firstCheck, int(n))
		}
	}
	return next, false
}

// Early shortens the next chunk of a loop of which few elements have run: it is no longer
// than all before it together, and than half of what is left. The next ones may take far
// longer, and nobody helps with a chunk.
func Early(next, done, left int) int {
	if done >= firstCheck {
		return next
	}
	return max(min(next, done, left/2), 1)
}

// minEach is the shortest time per element, in ticks, that is believed: chunks
// must not grow without bound while the clock shows next to nothing.
const minEach = 1e-3
