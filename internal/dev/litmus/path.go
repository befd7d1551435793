package main

import (
	"fmt"
	"slices"
)

// An event is one access of a thread, or a point at which a full fence takes
// effect. A read-modify-write is two, the read first.
type event struct {
	thread int
	kind   eventKind
	on     int    // the variable
	data   *value // what a write writes
	wide   bool

	acquire, acquirePC, release, noResult bool

	partner int  // of the write of a read-modify-write: its read, else -1
	single  bool // it and its partner are one instruction

	// Reads of the same thread on which it depends, a bit for each.
	address dependency // through its address
	value   uint64     // through what it writes
	control dependency // through a branch before it, or what a compare-and-swap expects
}

type eventKind uint8

const (
	read eventKind = iota
	write
	fullFence
	causedFence // by a membarrier of another thread
)

// A dependency is a set of reads. Those of pick are the reads that only decide
// which register's old or new value goes on: the model orders less by them.
type dependency struct{ full, pick uint64 }

func (d dependency) or(e dependency) dependency {
	return dependency{d.full | e.full, d.pick | e.pick}
}

func (d dependency) any() uint64 { return d.full | d.pick }

// A path is one way through a thread: which way its branches go, which of its
// compare-and-swaps and exclusive stores succeed, and which variables its
// addresses are. It can be taken if all its claims about values are true.
type path struct {
	events    []event
	fences    []fenceAt
	claims    []claim
	registers [registerCount]*value
	calls     []int // for each membarrier: its first event, the second follows
	fault     error // the path ends at an address that is no variable's
}

// A fenceAt is a fence instruction between the events.
type fenceAt struct {
	kind    fenceKind
	at      int    // the number of events before it
	decided uint64 // the reads by which branches and addresses before it go
}

type claim struct {
	relation    relation
	left, right *value
	holds       bool
}

func (c *claim) reads() uint64 { return c.left.reads | c.right.reads }

// walker makes the paths of a thread.
type walker struct {
	test   *test
	thread int
	paths  []*path
	err    error
}

// walk is a path so far.
type walk struct {
	path
	depends  [registerCount]dependency
	control  dependency
	watching int // the event of the exclusive load that a store can pair with, else -1
}

// maxEvents is the number of events that fit the masks.
const maxEvents = 64

func (t *test) paths(n int) ([]*path, error) {
	w := &walker{test: t, thread: n}
	start := &walk{watching: -1}
	for r, v := range t.threads[n].registers {
		start.registers[r] = numberValue(v)
	}
	w.from(start, 0)
	if w.err != nil {
		return nil, fmt.Errorf("thread %d: %w", n, w.err)
	}
	return w.paths, nil
}

func (s *walk) fork() *walk {
	c := *s
	c.events = slices.Clone(s.events)
	c.fences = slices.Clone(s.fences)
	c.claims = slices.Clone(s.claims)
	c.calls = slices.Clone(s.calls)
	return &c
}

func (s *walk) of(o operand) (*value, dependency) {
	if !o.isRegister {
		return numberValue(o.constant), dependency{}
	}
	if o.register == zeroRegister {
		return numberValue(0), dependency{}
	}
	return s.registers[o.register], s.depends[o.register]
}

func (s *walk) set(register int, v *value, d dependency) {
	if register != zeroRegister {
		s.registers[register], s.depends[register] = v, d
	}
}

// claim adds a claim and tells whether it can be true.
func (s *walk) claim(r relation, left, right *value, holds bool) bool {
	c := claim{r, left, right, holds}
	if c.reads() == 0 {
		return r.holds(left.known, right.known) == holds
	}
	s.claims = append(s.claims, c)
	return true
}

func (s *walk) add(e event) int {
	e.control = e.control.or(s.control)
	s.events = append(s.events, e)
	return len(s.events) - 1
}

// from takes the instructions from number at on, in every way.
func (w *walker) from(s *walk, at int) {
	code := w.test.threads[w.thread].code
	for ; at < len(code); at++ {
		if w.err != nil {
			return
		}
		if len(s.events) > maxEvents-2 {
			w.err = fmt.Errorf("more than %d accesses", maxEvents)
			return
		}
		i := &code[at]
		switch i.op {
		case opNone:
		case opCompute:
			left, d := s.of(i.a)
			right, e := s.of(i.b)
			if i.arithmetic == second {
				d = dependency{}
			}
			v := compute(i.arithmetic, left, right, i.wide)
			s.set(i.to, v, d.or(e))
			if i.setsFlags {
				s.set(flagLeft, v, d.or(e))
				s.set(flagRight, numberValue(0), dependency{})
			}
		case opCompare:
			left, d := s.of(i.a)
			right, e := s.of(i.b)
			s.set(flagLeft, narrow(left, i.wide), d)
			s.set(flagRight, narrow(right, i.wide), e)
		case opBranch:
			left, d := s.of(i.a)
			right, e := s.of(i.b)
			if i.relation == always {
				at = i.target - 1
				continue
			}
			s.control = s.control.or(d).or(e)
			if taken := s.fork(); taken.claim(i.relation, left, right, true) {
				w.from(taken, i.target)
			}
			if !s.claim(i.relation, left, right, false) {
				return
			}
		case opFence:
			decided := s.control.any()
			for _, e := range s.events {
				decided |= e.address.any()
			}
			s.fences = append(s.fences, fenceAt{i.fence, len(s.events), decided})
		case opMembarrier:
			s.calls = append(s.calls, len(s.events))
			for range 2 {
				s.add(event{thread: w.thread, kind: fullFence, partner: -1})
			}
		default:
			w.access(s, i, at)
			return
		}
	}
	w.paths = append(w.paths, &s.path)
}

// access goes on after an instruction that accesses memory, once for each
// variable that its address can be.
func (w *walker) access(s *walk, i *instruction, at int) {
	base, d := s.of(i.base)
	index, e := s.of(i.index)
	where := compute(add, base, index, true)
	depends := d.or(e)
	if where.kind == number {
		if v, ok := w.test.at(where.known); ok {
			w.accessOn(s, i, at, v, depends)
			return
		}
		w.fault(s, at)
		return
	}
	for v := range w.test.variables {
		if s := s.fork(); s.claim(equal, where, numberValue(address(v)), true) {
			w.accessOn(s, i, at, v, depends)
		}
		s.claim(equal, where, numberValue(address(v)), false)
	}
	w.fault(s, at)
}

// fault ends a path at an address that is no variable's. It is an error if the
// path can be taken to there.
func (w *walker) fault(s *walk, at int) {
	s.path.fault = fmt.Errorf("thread %d: the address of instruction %d can be none of a variable", w.thread, at+1)
	w.paths = append(w.paths, &s.path)
}

func (w *walker) accessOn(s *walk, i *instruction, at, on int, where dependency) {
	e := event{thread: w.thread, on: on, wide: i.wide, partner: -1, address: where}
	load := e
	load.acquire, load.acquirePC, load.noResult = i.acquire, i.acquirePC, i.noResult
	store := e
	store.kind, store.release = write, i.release

	switch i.op {
	case opLoad, opLoadExclusive:
		n := s.add(load)
		if i.op == opLoadExclusive {
			s.watching = n
		}
		s.set(i.to, w.result(n, i.wide), dependency{full: 1 << n})
	case opStore:
		v, d := s.of(i.a)
		store.setData(narrow(v, i.wide), d)
		s.add(store)
	case opStoreExclusive:
		failed := s.fork()
		failed.watching = -1
		failed.set(i.status, numberValue(1), dependency{})
		w.from(failed, at+1)
		if s.watching < 0 || s.events[s.watching].on != on {
			return
		}
		v, d := s.of(i.a)
		store.setData(narrow(v, i.wide), d)
		store.partner = s.watching
		s.watching = -1
		s.add(store)
		s.set(i.status, numberValue(0), dependency{})
	case opUpdate:
		operand, d := s.of(i.a)
		n := s.add(load)
		old := w.result(n, i.wide)
		v := compute(i.arithmetic, old, operand, i.wide)
		if i.arithmetic != second {
			d.full |= 1 << n
		}
		store.setData(v, d)
		store.partner, store.single = n, true
		s.add(store)
		s.set(i.to, old, dependency{full: 1 << n})
		if i.setsFlags {
			s.set(flagLeft, v, d)
			s.set(flagRight, numberValue(0), dependency{})
		}
	case opSwapIfEqual:
		w.swapIfEqual(s, i, at, load, store)
		return
	}
	w.from(s, at+1)
}

// swapIfEqual goes on after a compare-and-swap that fails, after one that
// succeeds and loads its result, and after one that succeeds and leaves its
// result as it was, which is the same number: then what uses the result depends on
// what was expected, and on the load only by pick.
func (w *walker) swapIfEqual(s *walk, i *instruction, at int, load, store event) {
	expected, d := s.of(i.a)
	expected = narrow(expected, i.wide)
	replacement, e := s.of(i.b)
	replacement = narrow(replacement, i.wide)
	n := s.add(load)
	old := w.result(n, i.wide)
	loaded := dependency{full: 1 << n}
	flags := func(s *walk) {
		if i.setsFlags {
			s.set(flagLeft, expected, d)
			s.set(flagRight, old, loaded)
		}
	}

	if failed := s.fork(); failed.claim(equal, expected, old, false) {
		flags(failed)
		failed.set(i.to, old, loaded)
		w.from(failed, at+1)
	}
	if !s.claim(equal, expected, old, true) {
		return
	}
	store.setData(replacement, e)
	store.control = store.control.or(dependency{full: d.any()})
	store.partner, store.single = n, true
	s.add(store)
	flags(s)
	kept := s.fork()
	s.set(i.to, old, loaded)
	w.from(s, at+1)
	if w.used(i.to, at+1) {
		kept.set(i.to, expected, dependency{full: d.full, pick: d.pick | 1<<n})
		w.from(kept, at+1)
	}
}

// used tells whether an instruction from number at on has the register as input.
func (w *walker) used(r, at int) bool {
	for _, i := range w.test.threads[w.thread].code[at:] {
		for _, o := range []operand{i.a, i.b, i.base, i.index} {
			if o == register(r) {
				return r != zeroRegister
			}
		}
	}
	return false
}

func (w *walker) result(event int, wide bool) *value {
	v := readValue(event)
	v.wide = wide
	return v
}

// setData gives a write its value. It waits for a pick as for any other.
func (e *event) setData(v *value, d dependency) {
	e.data, e.value = v, d.full
	e.control.pick |= d.pick
}
