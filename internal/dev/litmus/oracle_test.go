package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The search finds exactly what the axioms of Arm's model allow, on random
// programs: those with stores, loads, fences, atomic instructions, dependencies,
// branches and membarriers. Here the axioms are checked as they are written down,
// on every choice of which write each read returns and in which order the writes
// to a variable come.
func TestSearchAgreesWithAxioms(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 13))
	for programs := 0; programs < 500; {
		threads := randomThreads(random, randomAArch64)
		if accesses(threads) > 6 {
			continue // too many candidates
		}
		programs++
		text := litmusText("AArch64", "", threads, everything(len(threads), "X0", "X1", "X2", "X3"))
		agree(t, text, armOutcomes, axiomOutcomes)
	}
}

// The two models, made in two ways, agree about TSO: the machine with store
// buffers, and the search with program order less a store before a load. That
// also compares two definitions of the membarrier.
func TestSearchAgreesWithStoreBuffers(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 13))
	for range 1000 {
		threads := randomThreads(random, randomX86)
		text := litmusText("X86", "", threads, everything(len(threads), "EAX", "EBX", "ECX", "EDX"))
		agree(t, text, tsoOutcomes, func(t *test) (outcomes, error) { return t.search(tsoOrder) })
	}
}

func agree(t *testing.T, text string, models ...func(*test) (outcomes, error)) {
	t.Helper()
	parsed, err := parse(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	var states []string
	for _, model := range models {
		o, err := model(parsed)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		states = append(states, strings.Join(parsed.states(o), "\n"))
	}
	if states[0] != states[1] {
		t.Fatalf("%s\nthe one:\n%s\nthe other:\n%s", text, states[0], states[1])
	}
}

// everything is a condition that looks at all registers and variables.
func everything(threads int, registers ...string) string {
	condition := `x=0 /\ y=0`
	for n := range threads {
		for _, r := range registers {
			condition += fmt.Sprintf(` /\ %d:%s=0`, n, r)
		}
	}
	return condition
}

// randomThreads makes two or three threads of a few instructions, and a membarrier
// in every fourth.
func randomThreads(random *rand.Rand, instruction func(*rand.Rand) string) []string {
	threads := make([]string, 2+random.IntN(2))
	for n := range threads {
		var lines []string
		for range 1 + random.IntN(6/len(threads)) {
			lines = append(lines, instruction(random))
		}
		if random.IntN(4) == 0 {
			lines = slices.Insert(lines, random.IntN(len(lines)+1), "MEMBARRIER")
		}
		threads[n] = strings.Join(lines, ";")
		if strings.Contains(threads[n], ",end") {
			threads[n] += "; end:"
		}
	}
	return threads
}

func accesses(threads []string) int {
	n := 0
	for _, thread := range threads {
		n += strings.Count(thread, "[")
		for _, atomic := range []string{"SWP", "LDADD", "CAS"} {
			n += strings.Count(thread, atomic)
		}
	}
	return n
}

func randomAArch64(random *rand.Rand) string {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	result := func() string { return pick("W0", "W1", "W2") }
	value := func() string { return pick("W21", "W22", "W0", "W1") }
	on := func() string { return pick("[x]", "[y]", "[x]", "[y]", "[X10,W4,SXTW]") }
	switch random.IntN(12) {
	case 0, 1, 2:
		return pick("LDR ", "LDR ", "LDAR ", "LDAPR ") + result() + "," + on()
	case 3, 4, 5:
		return pick("STR ", "STR ", "STLR ") + value() + "," + on()
	case 6:
		return pick("SWP", "LDADD") + pick("", "A", "L", "AL") + " " + value() + "," + pick("W0", "W1", "WZR") + "," + on()
	case 7:
		return "CAS" + pick("", "A", "L", "AL") + " " + result() + "," + value() + "," + on()
	case 8:
		a := on()
		return pick("LDXR ", "LDAXR ") + "W3," + a + ";" + pick("STXR ", "STLXR ") + "W5," + value() + "," + a
	case 9:
		return pick("DMB SY", "DMB LD", "DMB ST", "ISB")
	case 10:
		r := result()
		return "EOR W4," + r + "," + r
	default:
		return pick("CBZ ", "CBNZ ") + result() + ",end"
	}
}

func randomX86(random *rand.Rand) string {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	on := func() string { return pick("[x]", "[y]") }
	switch random.IntN(8) {
	case 0, 1, 2:
		return "MOV " + pick("EAX", "EBX") + "," + on()
	case 3, 4, 5:
		return "MOV " + on() + "," + pick("$1", "$2", "EAX", "EBX")
	case 6:
		return pick("XCHG ", "LOCK XADD ") + on() + "," + pick("EAX", "ECX")
	default:
		return pick("MFENCE", "LOCK INC "+on(), "MFENCE")
	}
}

// tsoOrder is what TSO keeps of program order.
func tsoOrder(p *path) []uint64 {
	locked := make([]bool, len(p.events))
	for n, e := range p.events {
		if e.partner >= 0 {
			locked[n], locked[e.partner] = true, true
		}
		locked[n] = locked[n] || e.kind == fullFence
	}
	before := make([]uint64, len(p.events))
	for j, b := range p.events {
		for i, a := range p.events[:j] {
			fenced := locked[i] || locked[j]
			for _, f := range p.fences {
				fenced = fenced || f.kind == fenceFull && i < f.at && f.at <= j
			}
			if fenced || a.kind == read || b.kind == write {
				before[j] |= 1 << i
			}
		}
	}
	return before
}

// axiomOutcomes checks the axioms of Arm's model on all candidates: internal,
// external and atomic.
func axiomOutcomes(t *test) (outcomes, error) {
	all := make([][]*path, len(t.threads))
	orders := map[*path][]uint64{}
	for n := range t.threads {
		var err error
		if all[n], err = t.paths(n); err != nil {
			return nil, err
		}
		for _, p := range all[n] {
			orders[p] = armOrder(p)
		}
	}
	found := outcomes{}
	chosen := make([]*path, len(all))
	var choose func(n int) error
	choose = func(n int) error {
		if n == len(all) {
			x, err := t.newExecution(chosen, orders)
			if err == nil {
				placements(x, 0, func(x *execution) { candidates(x, found) })
			}
			return err
		}
		for _, p := range all[n] {
			chosen[n] = p
			if err := choose(n + 1); err != nil {
				return err
			}
		}
		return nil
	}
	return found, choose(0)
}

// placements calls f for each way to put the fences that membarriers cause into
// their threads, as events that all earlier ones are ordered before, and all later
// ones after.
func placements(x *execution, n int, f func(*execution)) {
	for n < len(x.events) && x.events[n].kind != causedFence {
		n++
	}
	if n == len(x.events) {
		f(x)
		return
	}
	thread := x.events[n].thread
	base, length := x.base[thread], len(x.paths[thread].events)
	for at := range length + 1 {
		if !x.paths[thread].divisible(at) {
			continue
		}
		y := *x
		y.before = slices.Clone(x.before)
		y.before[n] |= mask(base, base+at)
		for later := base + at; later < base+length; later++ {
			y.before[later] |= 1 << n
		}
		placements(&y, n+1, f)
	}
}

func candidates(x *execution, found outcomes) {
	var reads []int
	writes := make([][]int, len(x.test.variables))
	for n, e := range x.events {
		switch e.kind {
		case read:
			reads = append(reads, n)
		case write:
			writes[e.on] = append(writes[e.on], n)
		}
	}
	from := make([]int, len(x.events))
	var chooseReads func(k int)
	var chooseOrder func(on int)
	chooseReads = func(k int) {
		if k == len(reads) {
			chooseOrder(0)
			return
		}
		for _, w := range append([]int{initially}, writes[x.events[reads[k]].on]...) {
			from[reads[k]] = w
			chooseReads(k + 1)
		}
	}
	chooseOrder = func(on int) {
		if on == len(writes) {
			candidate(x, from, writes, found)
			return
		}
		permutations(writes[on], 0, func() { chooseOrder(on + 1) })
	}
	chooseReads(0)
}

func permutations(list []int, k int, f func()) {
	if k == len(list) {
		f()
		return
	}
	for i := k; i < len(list); i++ {
		list[k], list[i] = list[i], list[k]
		permutations(list, k+1, f)
		list[k], list[i] = list[i], list[k]
	}
}

// candidate adds the outcome of an execution if the axioms allow it. The writes to
// each variable are in their coherence order.
func candidate(x *execution, from []int, writes [][]int, found outcomes) {
	rank := make([]int, len(x.events)) // in the coherence order, from 1 on
	for _, order := range writes {
		for i, w := range order {
			rank[w] = i + 1
		}
	}
	fromRank := func(r int) int {
		if from[r] == initially {
			return 0
		}
		return rank[from[r]]
	}
	internal, external := make([]uint64, len(x.events)), slices.Clone(x.before)
	for a := range x.events {
		for b := range x.events {
			ea, eb := &x.events[a], &x.events[b]
			if a == b || ea.fence() || eb.fence() || ea.on != eb.on {
				continue
			}
			communicates := false
			switch {
			case ea.kind == write && eb.kind == write:
				communicates = rank[a] < rank[b]
			case ea.kind == write:
				communicates = from[b] == a
			case eb.kind == write:
				communicates = fromRank(a) < rank[b]
			}
			if communicates || ea.thread == eb.thread && a < b {
				internal[b] |= 1 << a
			}
			if communicates && ea.thread != eb.thread {
				external[b] |= 1 << a
			}
			if eb.kind == write && ea.kind == write && ea.thread != eb.thread && eb.partner >= 0 {
				if r := x.base[eb.thread] + eb.partner; fromRank(r) < rank[a] && rank[a] < rank[b] {
					return
				}
			}
		}
	}
	if cyclic(internal) || cyclic(external) {
		return
	}
	s := x.start()
	var known uint64
	for changed := true; changed; {
		changed = false
		for n, e := range x.events {
			if known>>n&1 != 0 || e.fence() {
				continue
			}
			switch {
			case e.kind == write && e.data.reads<<x.base[e.thread]&^known == 0:
				s.value[n] = x.written(s, n)
			case e.kind == read && from[n] == initially:
				s.value[n] = x.test.memory[e.on]
			case e.kind == read && known>>from[n]&1 != 0:
				s.value[n] = width(s.value[from[n]], e.wide)
			default:
				continue
			}
			known |= 1 << n
			changed = true
		}
	}
	for n, e := range x.events {
		if !e.fence() && known>>n&1 == 0 {
			return // a value out of thin air
		}
	}
	for _, c := range x.claims {
		values := s.value[x.base[c.thread]:]
		if c.relation.holds(c.left.of(values), c.right.of(values)) != c.holds {
			return
		}
	}
	for on, order := range writes {
		if len(order) > 0 {
			s.last[on] = int8(order[len(order)-1])
		}
	}
	found.add(x.outcome(s))
}

func (e *event) fence() bool { return e.kind == fullFence || e.kind == causedFence }

func cyclic(before []uint64) bool {
	var done uint64
	for range before {
		for n, b := range before {
			if b&^done == 0 {
				done |= 1 << n
			}
		}
	}
	return done != mask(0, len(before))
}
