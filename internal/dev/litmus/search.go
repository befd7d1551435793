package main

import (
	"fmt"
	"slices"
)

// search finds the outcomes of a memory that all threads share. Each event takes
// effect there at one moment: a write is then seen by every thread, a read
// returns what the last write left. Only a read with an own earlier write to the
// variable that has not yet taken effect returns what that one writes. The events
// of a thread take effect in any order that has each after those which order
// returns for it. The axioms of Arm's model allow exactly the outcomes that this
// machine has: it is their "external completion" form.
//
// It tries every path through every thread and every order of the events, but
// each state of an execution once.
func (t *test) search(order func(*path) []uint64) (outcomes, error) {
	all := make([][]*path, len(t.threads))
	orders := map[*path][]uint64{}
	for n := range t.threads {
		var err error
		if all[n], err = t.paths(n); err != nil {
			return nil, err
		}
		for _, p := range all[n] {
			orders[p] = order(p)
		}
	}
	found := outcomes{}
	var fault error
	chosen := make([]*path, len(all))
	var choose func(n int) error
	choose = func(n int) error {
		if n == len(all) {
			x, err := t.newExecution(slices.Clone(chosen), orders)
			if err != nil {
				return err
			}
			ends := outcomes{}
			x.run(x.start(), ends)
			for _, values := range ends {
				found.add(values)
			}
			for _, p := range chosen {
				if len(ends) > 0 && p.fault != nil {
					fault = p.fault
				}
			}
			return nil
		}
		for _, p := range all[n] {
			chosen[n] = p
			if err := choose(n + 1); err != nil {
				return err
			}
		}
		return nil
	}
	if err := choose(0); err != nil {
		return nil, err
	}
	return found, fault
}

// An execution is one path for each thread, all events in one list: thread by
// thread, and then the fences that membarriers cause in other threads.
type execution struct {
	test   *test
	paths  []*path
	base   []int // where the events of each thread begin
	events []event
	before []uint64 // for each event, which must take effect before it
	own    []int    // for each read, the last earlier own write to its variable, or -1
	quiet  uint64   // events that no other thread can tell the moment of
	claims []sharedClaim
	seen   map[string]struct{}
}

// A sharedClaim is the claim of a path, and the reads that decide it.
type sharedClaim struct {
	*claim
	thread int
	reads  uint64
}

// newExecution joins the paths, with the order of the events of each.
func (t *test) newExecution(paths []*path, orders map[*path][]uint64) (*execution, error) {
	x := &execution{test: t, paths: paths, seen: map[string]struct{}{}}
	for n, p := range paths {
		base := len(x.events)
		x.base = append(x.base, base)
		if base+len(p.events) > maxEvents {
			return nil, fmt.Errorf("more than %d accesses and fences", maxEvents)
		}
		for i, e := range p.events {
			own := -1
			if w := p.writeBefore(i); w >= 0 && e.kind == read {
				own = base + w
			}
			x.own = append(x.own, own)
			x.events = append(x.events, e)
			x.before = append(x.before, orders[p][i]<<base)
		}
		for i := range p.claims {
			c := &p.claims[i]
			x.claims = append(x.claims, sharedClaim{c, n, c.reads() << base})
		}
	}
	x.findQuiet()
	for n, p := range paths {
		for _, call := range p.calls {
			begin, end := x.base[n]+call, x.base[n]+call+1
			for other := range paths {
				if other == n {
					continue
				}
				if len(x.events) == maxEvents {
					return nil, fmt.Errorf("more than %d accesses and fences", maxEvents)
				}
				x.before[end] |= 1 << len(x.events)
				x.events = append(x.events, event{thread: other, kind: causedFence, partner: -1})
				x.before = append(x.before, 1<<begin)
			}
		}
	}
	return x, nil
}

// interruptible tells whether a full fence can take effect now in the thread:
// between two of its instructions, all events of the one and of what is before it
// have taken effect, and none of the other and of what is after it. An event that is
// quiet can have come too early for that, and counts as one still to come.
//
// A fence that can take effect does so at once: that changes nothing in its own
// thread, and lets the one that waits for it go on, so it allows most.
func (x *execution) interruptible(s *state, thread int) bool {
	p := x.paths[thread]
	done := s.done >> x.base[thread]
	loud := done &^ (x.quiet >> x.base[thread]) & mask(0, len(p.events))
	for cut := range len(p.events) + 1 {
		if loud>>cut == 0 && p.divisible(cut) {
			return true
		}
		if done>>cut&1 == 0 {
			return false
		}
	}
	return false
}

// divisible tells whether the thread can be interrupted before its event n: not
// within an instruction, and an interrupt lets an exclusive store fail.
func (p *path) divisible(n int) bool {
	for i, e := range p.events {
		if e.partner >= 0 && e.partner < n && n <= i {
			return false
		}
	}
	return true
}

// mask has the bits from..to-1.
func mask(from, to int) uint64 {
	if to-from == 64 {
		return ^uint64(0)
	}
	return (1<<(to-from) - 1) << from
}

// findQuiet marks fences, reads of variables that no other thread writes, and
// writes of variables that no other thread accesses. They can take effect as soon
// as the order lets them: that changes no outcome and saves orders to try.
func (x *execution) findQuiet() {
	for n, e := range x.events {
		quiet := true
		for _, o := range x.events {
			if o.kind != fullFence && o.thread != e.thread && o.on == e.on && (o.kind == write || e.kind == write) {
				quiet = false
			}
		}
		if quiet || e.kind == fullFence {
			x.quiet |= 1 << n
		}
	}
}

// A state is how far an execution has come.
type state struct {
	done  uint64
	from  []int8  // for each read, the write that it returned, or initially
	last  []int8  // for each variable, the last write to it, or initially
	value []int64 // what each read returned and each write wrote
}

const initially = -1

func (x *execution) start() *state {
	s := &state{
		from:  make([]int8, len(x.events)),
		last:  make([]int8, len(x.test.variables)),
		value: make([]int64, len(x.events)),
	}
	for v := range s.last {
		s.last[v] = initially
	}
	return s
}

func (s *state) clone() *state {
	return &state{s.done, append([]int8(nil), s.from...), append([]int8(nil), s.last...), append([]int64(nil), s.value...)}
}

// key has what tells two states of one execution apart.
func (s *state) key() string {
	b := make([]byte, 0, 8+len(s.from)+len(s.last))
	for i := range 8 {
		b = append(b, byte(s.done>>(8*i)))
	}
	for _, f := range s.from {
		b = append(b, byte(f))
	}
	for _, l := range s.last {
		b = append(b, byte(l))
	}
	return string(b)
}

// run adds the outcomes that can be reached from the state, which it uses up.
func (x *execution) run(s *state, found outcomes) {
	all := mask(0, len(x.events))
	for quiet := true; quiet; {
		quiet = false
		for n := range x.events {
			if (x.quiet>>n&1 != 0 || x.events[n].kind == causedFence) && x.enabled(s, n) {
				if !x.take(s, n) {
					return
				}
				quiet = true
			}
		}
	}
	if s.done == all {
		found.add(x.outcome(s))
		return
	}
	key := s.key()
	if _, known := x.seen[key]; known {
		return
	}
	x.seen[key] = struct{}{}
	for n := range x.events {
		if x.enabled(s, n) {
			if next := s.clone(); x.take(next, n) {
				x.run(next, found)
			}
		}
	}
}

func (x *execution) enabled(s *state, n int) bool {
	return s.done>>n&1 == 0 && x.before[n]&^s.done == 0 &&
		(x.events[n].kind != causedFence || x.interruptible(s, x.events[n].thread))
}

// take lets an event take effect, and tells whether the execution can go on so.
func (x *execution) take(s *state, n int) bool {
	e := &x.events[n]
	s.done |= 1 << n
	switch e.kind {
	case write:
		if !x.mayWrite(s, n) {
			return false
		}
		s.value[n] = x.written(s, n)
		s.last[e.on] = int8(n)
	case read:
		if own := x.own[n]; own >= 0 && s.done>>own&1 == 0 {
			s.from[n] = int8(own)
			s.value[n] = width(x.written(s, own), e.wide)
		} else {
			s.from[n] = s.last[e.on]
			v := x.test.memory[e.on]
			if s.last[e.on] != initially {
				v = s.value[s.last[e.on]]
			}
			s.value[n] = width(v, e.wide)
			if !x.coherent(s, n) {
				return false
			}
		}
		for _, c := range x.claims {
			if c.reads>>n&1 != 0 && c.reads&^s.done == 0 {
				values := s.value[x.base[c.thread]:]
				if c.relation.holds(c.left.of(values), c.right.of(values)) != c.holds {
					return false
				}
			}
		}
	}
	return true
}

func (x *execution) written(s *state, n int) int64 {
	return x.events[n].data.of(s.value[x.base[x.events[n].thread]:])
}

// mayWrite tells that the write does not come between the two halves of another
// thread's read-modify-write: after what its read returned.
func (x *execution) mayWrite(s *state, n int) bool {
	e := &x.events[n]
	for w := range x.events {
		o := &x.events[w]
		if o.kind != write || o.partner < 0 || o.on != e.on || o.thread == e.thread || s.done>>w&1 != 0 {
			continue
		}
		r := x.base[o.thread] + o.partner
		if s.done>>r&1 != 0 && (s.from[r] == initially || s.done>>s.from[r]&1 != 0) {
			return false
		}
	}
	return true
}

// coherent tells that no later read of the thread has returned an older write
// than this one, which returned the last.
func (x *execution) coherent(s *state, n int) bool {
	e := &x.events[n]
	end := x.base[e.thread] + len(x.paths[e.thread].events)
	for r := n + 1; r < end; r++ {
		o := &x.events[r]
		if o.kind == read && o.on == e.on && s.done>>r&1 != 0 && s.from[r] != s.from[n] &&
			(s.from[r] == initially || s.done>>s.from[r]&1 != 0) {
			return false
		}
	}
	return true
}

// outcome returns the values of what the condition looks at, at the end.
func (x *execution) outcome(s *state) []int64 {
	values := make([]int64, len(x.test.condition.places))
	for i, p := range x.test.condition.places {
		switch {
		case p.thread >= 0:
			if p.number != zeroRegister {
				values[i] = x.paths[p.thread].registers[p.number].of(s.value[x.base[p.thread]:])
			}
		case s.last[p.number] != initially:
			values[i] = s.value[s.last[p.number]]
		default:
			values[i] = x.test.memory[p.number]
		}
	}
	return values
}
