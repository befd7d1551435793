package main

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// tsoOutcomes are those that x86-TSO allows: each thread has a first-in first-out
// buffer of stores that others do not see. A load takes the newest store in its
// own buffer to the variable, and else the memory. At any moment the oldest store
// of a buffer can go to memory. A locked instruction and a full fence wait until
// the thread's buffer is empty.
//
// A membarrier does so too, and then waits until the buffer of each other thread
// has been empty at some moment since.
func tsoOutcomes(t *test) (outcomes, error) {
	m := &tsoMachine{test: t, seen: map[string]struct{}{}, found: outcomes{}}
	s := &tsoState{threads: make([]tsoThread, len(t.threads)), memory: slices.Clone(t.memory)}
	for n := range s.threads {
		s.threads[n].registers = t.threads[n].registers
	}
	m.run(s)
	return m.found, m.err
}

type tsoMachine struct {
	test  *test
	seen  map[string]struct{}
	found outcomes
	err   error
}

type tsoState struct {
	threads []tsoThread
	memory  []int64
}

type tsoThread struct {
	at        int // the next instruction
	registers [registerCount]int64
	buffer    []tsoStore // the oldest first
	calling   bool       // in a membarrier
	awaited   uint64     // the threads for which it waits
}

type tsoStore struct {
	on    int
	value int64
}

func (s *tsoState) clone() *tsoState {
	c := &tsoState{slices.Clone(s.threads), slices.Clone(s.memory)}
	for n := range c.threads {
		c.threads[n].buffer = slices.Clone(c.threads[n].buffer)
	}
	return c
}

func (s *tsoState) key() string {
	var b []byte
	for n := range s.threads {
		t := &s.threads[n]
		b = binary.AppendVarint(b, int64(t.at))
		b = binary.AppendUvarint(b, t.awaited)
		for _, r := range t.registers {
			b = binary.AppendVarint(b, r)
		}
		calling := int64(0)
		if t.calling {
			calling = 1
		}
		b = binary.AppendVarint(b, calling)
		b = binary.AppendVarint(b, int64(len(t.buffer)))
		for _, store := range t.buffer {
			b = binary.AppendVarint(b, int64(store.on))
			b = binary.AppendVarint(b, store.value)
		}
	}
	for _, v := range s.memory {
		b = binary.AppendVarint(b, v)
	}
	return string(b)
}

func (m *tsoMachine) run(s *tsoState) {
	if m.err != nil {
		return
	}
	s.acknowledge()
	key := s.key()
	if _, known := m.seen[key]; known {
		return
	}
	m.seen[key] = struct{}{}
	end := true
	for n := range s.threads {
		if len(s.threads[n].buffer) > 0 {
			end = false
			next := s.clone()
			oldest := next.threads[n].buffer[0]
			next.threads[n].buffer = next.threads[n].buffer[1:]
			next.memory[oldest.on] = oldest.value
			m.run(next)
		}
		if s.threads[n].at < len(m.test.threads[n].code) {
			end = false
			if next := s.clone(); m.step(next, n) {
				m.run(next)
			}
		}
	}
	if !end {
		return
	}
	values := make([]int64, len(m.test.condition.places))
	for i, p := range m.test.condition.places {
		if p.thread < 0 {
			values[i] = s.memory[p.number]
		} else {
			values[i] = s.threads[p.thread].registers[p.number]
		}
	}
	m.found.add(values)
}

// acknowledge strikes the threads with an empty buffer from those for which
// membarriers wait. It does so at once: waiting less allows more.
func (s *tsoState) acknowledge() {
	for n := range s.threads {
		if len(s.threads[n].buffer) == 0 {
			for c := range s.threads {
				s.threads[c].awaited &^= 1 << n
			}
		}
	}
}

// step executes an instruction of the thread, and tells whether it could.
func (m *tsoMachine) step(s *tsoState, n int) bool {
	t := &s.threads[n]
	i := &m.test.threads[n].code[t.at]
	empty := len(t.buffer) == 0
	a, b := t.of(i.a), t.of(i.b)
	switch i.op {
	case opCompute:
		v := i.width(i.arithmetic.apply(a, b))
		t.set(i.to, v)
		t.flag(i, v, 0)
	case opCompare:
		t.registers[flagLeft], t.registers[flagRight] = i.width(a), i.width(b)
	case opBranch:
		if i.relation.holds(a, b) {
			t.at = i.target
			return true
		}
	case opFence:
		if i.fence == fenceFull && !empty {
			return false
		}
	case opMembarrier:
		switch {
		case !empty:
			return false
		case !t.calling:
			t.calling = true
			t.awaited = mask(0, len(s.threads)) &^ (1 << n)
			return true
		case t.awaited != 0:
			return false
		}
		t.calling = false
	case opLoad, opStore, opUpdate, opSwapIfEqual:
		on, ok := m.test.at(t.of(i.base) + t.of(i.index))
		if !ok {
			m.err = fmt.Errorf("thread %d: the address of instruction %d can be none of a variable", n, t.at+1)
			return false
		}
		switch {
		case i.op == opLoad:
			v := s.memory[on]
			for _, store := range t.buffer {
				if store.on == on {
					v = store.value
				}
			}
			t.set(i.to, i.width(v))
		case i.op == opStore:
			t.buffer = append(t.buffer, tsoStore{on, i.width(a)})
		case !empty:
			return false
		case i.op == opUpdate:
			old := i.width(s.memory[on])
			s.memory[on] = i.width(i.arithmetic.apply(old, a))
			t.set(i.to, old)
			t.flag(i, s.memory[on], 0)
		default:
			old := i.width(s.memory[on])
			if old == i.width(a) {
				s.memory[on] = i.width(b)
			}
			t.set(i.to, old)
			t.flag(i, i.width(a), old)
		}
	}
	t.at++
	return true
}

func (t *tsoThread) of(o operand) int64 {
	if o.isRegister {
		return t.registers[o.register]
	}
	return o.constant
}

func (t *tsoThread) set(register int, v int64) {
	if register != zeroRegister {
		t.registers[register] = v
	}
}

func (t *tsoThread) flag(i *instruction, left, right int64) {
	if i.setsFlags {
		t.registers[flagLeft], t.registers[flagRight] = left, right
	}
}
