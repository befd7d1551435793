package bench

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/zeropool-go/zeropool"
)

// A shape is how long the tasks of a schedule are.
type shape struct {
	name, title string // the title goes on after "tasks "
	n           int
	time        func(i, n int) time.Duration
}

func always(t time.Duration) func(i, n int) time.Duration {
	return func(int, int) time.Duration { return t }
}

// The ends of those shapes that have short and long tasks.
const (
	shortest = 10 * time.Nanosecond
	longest  = 100 * time.Microsecond
)

// shapes are those that a schedule may go wrong with. Each is about as much
// work as a benchmark has time for.
var shapes = []shape{
	{"10ns", "of 10 ns", 1000, always(shortest)},
	{"10ns", "of 10 ns", 100_000, always(shortest)},
	{"1us", "of 1 µs", 100, always(time.Microsecond)},
	{"1us", "of 1 µs", 10_000, always(time.Microsecond)},
	{"100us", "of 100 µs", 10, always(longest)},
	{"100us", "of 100 µs", 100, always(longest)},
	{"mixed", "of 10 ns, 1 in 100 of 100 µs, mixed", 1000, mixedTimes()},
	{"mixed", "of 10 ns, 1 in 100 of 100 µs, mixed", 10_000, mixedTimes()},
	{"rising", "that rise from 10 ns to 20 µs", 1000, rising},
	{"falling", "that fall from 20 µs to 10 ns", 1000, func(i, n int) time.Duration { return rising(n-1-i, n) }},
	{"last", "of 1 µs, the last half as long as all the others", 100, longLast},
	{"last", "of 1 µs, the last half as long as all the others", 1000, longLast},
	{"stretch", "of 10 ns, 100 of 100 µs in the middle", 10_000, func(i, n int) time.Duration {
		if i >= n/2 && i < n/2+100 {
			return longest
		}
		return shortest
	}},
}

// mixedTimes puts the long tasks in places that look random and are always the
// same.
func mixedTimes() func(i, n int) time.Duration {
	return func(i, n int) time.Duration {
		if rand.New(rand.NewPCG(uint64(i), 1)).IntN(100) == 0 {
			return longest
		}
		return shortest
	}
}

func rising(i, n int) time.Duration {
	return shortest + longest/5*time.Duration(i)/time.Duration(n-1)
}

func longLast(i, n int) time.Duration {
	if i == n-1 {
		return time.Duration(n) * time.Microsecond / 2
	}
	return time.Microsecond
}

func (s *shape) spins() []spin {
	spins := make([]spin, s.n)
	for i := range spins {
		spins[i] = spin{turns: max(int(s.time(i, s.n)*time.Duration(turnsPerMicrosecond)/time.Microsecond), 1), x: uint64(i)}
	}
	return spins
}

// idealPart is what the ideal schedule takes of the time of a plain loop: an
// equal part for each CPU, unless one task alone is longer.
func idealPart(spins []spin, cpus int) float64 {
	all, most := 0, 0
	for i := range spins {
		all += spins[i].turns
		most = max(most, spins[i].turns)
	}
	return max(1/float64(cpus), float64(most)/float64(all))
}

// schedules does each shape by a batch and by both kinds of loop, and compares
// them with the ideal schedule for the tasks as long as they were in the same
// round.
func schedules() []Workload {
	var all []Workload
	for _, api := range []struct {
		name, title string
		do          func(p *zeropool.Pool, spins []spin) error
	}{
		{"batch", "SubmitBatch of", func(p *zeropool.Pool, spins []spin) error {
			return zeropool.SubmitBatch(p, spins, compute).Wait()
		}},
		{"foreach", "ForEach over", func(p *zeropool.Pool, spins []spin) error {
			return zeropool.ForEach(p, spins, compute)
		}},
		{"for", "For over", func(p *zeropool.Pool, spins []spin) error {
			return p.For(len(spins), func(lo, hi int) { serialLoop(spins[lo:hi], compute) })
		}},
	} {
		for _, s := range shapes {
			all = append(all, Workload{
				Name:    fmt.Sprintf("schedule-%s-%s-%d", api.name, s.name, s.n),
				Title:   fmt.Sprintf("%s %s tasks %s", api.title, thousands(s.n), s.title),
				Tasks:   s.n,
				Further: true,
				Variants: func(e *Env) []Variant {
					spins := s.spins()
					on := func(op func()) Instance { return Instance{Op: op, Verify: verifySpins(spins, op)} }
					ours := Variant{Ours, e.Pool(func(p *zeropool.Pool) Instance {
						return on(func() { must(api.do(p, spins)) })
					})}
					inAll := func(r *Runner[spin]) Instance { return on(func() { r.DoAll(spins, compute) }) }
					ideal := serialPeer[spin]().variant(e, func(r *Runner[spin]) Instance {
						i := inAll(r)
						i.Scale = idealPart(spins, e.CPUs)
						return i
					})
					ideal.Name = Ideal
					return append([]Variant{ours, ideal}, others(e, inAll, e.Peers.Spins, channelPeer[spin]())...)
				},
			})
		}
	}
	return all
}
