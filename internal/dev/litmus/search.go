package main

import "fmt"

// search finds the outcomes of a memory that all threads share. Each event takes
// effect there at one moment: a write is then seen by every thread, a read
// returns what the last write left. Only a read with an own earlier write to the
// variable that has not yet taken effect returns what that one writes. The events
// of a thread take effect in any order that has each after those which order
// returns for it. The axioms of Arm's model allow exactly the outcomes that this
// machine has: it is their "external completion" form.
//
// It tries every path through every thread, every point at which the fences of a
// membarrier can take effect, and every order of the events, but each state of
// an execution once.
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
			return t.executions(chosen, orders, func(x *execution) {
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
			})
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

// executions calls f for each placement of the fences that membarriers cause.
func (t *test) executions(paths []*path, orders map[*path][]uint64, f func(*execution)) error {
	x := &execution{test: t, paths: paths}
	for n, p := range paths {
		base := len(x.events)
		x.base = append(x.base, base)
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
	type caused struct{ thread, first, second int }
	var fences []caused
	for n, p := range paths {
		for _, call := range p.calls {
			for other := range paths {
				if other != n {
					fences = append(fences, caused{other, x.base[n] + call, x.base[n] + call + 1})
				}
			}
		}
	}
	accesses := len(x.events)
	if accesses+len(fences) > maxEvents {
		return fmt.Errorf("%d accesses and fences, at most %d", accesses+len(fences), maxEvents)
	}
	x.findQuiet()

	at := make([]int, len(fences)) // the number of the thread's events before the fence
	var place func(k int)
	place = func(k int) {
		if k == len(fences) {
			y := *x
			y.seen = map[string]struct{}{}
			y.events = append([]event(nil), x.events...)
			y.before = append([]uint64(nil), x.before...)
			for i, c := range fences {
				base, length := x.base[c.thread], len(paths[c.thread].events)
				y.events = append(y.events, event{thread: c.thread, kind: fullFence})
				y.before = append(y.before, mask(base, base+at[i])|1<<c.first)
				y.quiet |= 1 << (accesses + i)
				for later := at[i]; later < length; later++ {
					y.before[base+later] |= 1 << (accesses + i)
				}
				y.before[c.second] |= 1 << (accesses + i)
			}
			f(&y)
			return
		}
		for p := 0; p <= len(paths[fences[k].thread].events); p++ {
			if at[k] = p; paths[fences[k].thread].divisible(p) {
				place(k + 1)
			}
		}
	}
	place(0)
	return nil
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
			if x.enabled(s, n) && x.quiet>>n&1 != 0 {
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
	return s.done>>n&1 == 0 && x.before[n]&^s.done == 0
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
