package topology

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// readKinds finds the kinds of cores and ranks them in CPU.Efficiency. The
// sources, best first: the PMU that the kernel registers for each kind of
// hybrid x86 core, the part number in the Arm MIDR register, cpu_capacity, the
// base frequency, and at last the maximum frequency.
func (s *sysfs) readKinds() {
	if s.kindsFromPMU() || s.kindsFromMIDR() || s.kindsFromCapacity() || s.kindsFromBase() || s.kindsFromMax() {
		s.splitKinds()
		s.t.warnMixedKinds(s.reader)
	}
}

// splitKinds divides the kinds further where a source has put cores together of
// which some are slower: the kernel has one list for the E cores of an Intel
// processor and for its low-power E cores, which have a lower frequency and no L3.
// The slower part of a kind becomes a kind of its own, right behind the faster.
func (s *sysfs) splitKinds() {
	byKind := map[int][]*CPU{}
	for i := range s.t.CPUs {
		if c := &s.t.CPUs[i]; c.Online {
			byKind[c.Efficiency] = append(byKind[c.Efficiency], c)
		}
	}
	next := 0
	for rank := range len(byKind) {
		parts := [][]*CPU{byKind[rank]}
		for _, split := range []func([]*CPU) [][]*CPU{
			func(g []*CPU) [][]*CPU { return splitAtGaps(g, func(c *CPU) int { return c.Capacity }) },
			func(g []*CPU) [][]*CPU { return splitAtGaps(g, func(c *CPU) int { return c.MaxKHz }) },
			splitByL3,
		} {
			var finer [][]*CPU
			for _, p := range parts {
				finer = append(finer, split(p)...)
			}
			parts = finer
		}
		for _, p := range parts {
			for _, c := range p {
				c.Efficiency = next
			}
			next++
		}
	}
}

// splitByL3 puts cores without an L3 behind those that have one.
func splitByL3(cpus []*CPU) [][]*CPU {
	var with, without []*CPU
	for _, c := range cpus {
		if c.L3 == Unknown {
			without = append(without, c)
		} else {
			with = append(with, c)
		}
	}
	if len(with) == 0 || len(without) == 0 {
		return [][]*CPU{cpus}
	}
	return [][]*CPU{with, without}
}

// splitAtGaps sorts CPUs by a value, largest first, and begins a new group at
// each gap; nothing is split unless all of them have the value.
func splitAtGaps(cpus []*CPU, value func(*CPU) int) [][]*CPU {
	cpus = slices.Clone(cpus)
	slices.SortStableFunc(cpus, func(a, b *CPU) int { return cmp.Compare(value(b), value(a)) })
	var groups [][]*CPU
	for i, c := range cpus {
		if value(c) <= 0 {
			return [][]*CPU{cpus}
		}
		if i == 0 || value(cpus[i-1])*100 > value(c)*(100+kindGap) {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], c)
	}
	return groups
}

// kindsFromPMU reads sys/devices/cpu_core and its siblings.
func (s *sysfs) kindsFromPMU() bool {
	kinds := 0
	for rank, name := range []string{"cpu_core", "cpu_atom", "cpu_lowpower"} {
		set, ok := s.list("sys/devices/" + name + "/cpus")
		if !ok || set.empty() {
			continue
		}
		kinds++
		for cpu := range set.all {
			if c := s.online(cpu); c != nil {
				c.Efficiency = rank
			}
		}
	}
	return s.settleKinds(kinds)
}

// settleKinds keeps the ranks given so far if they tell at least two kinds of
// online cores apart and leave no core out; ranks are renumbered from 0.
func (s *sysfs) settleKinds(kinds int) bool {
	var ranks []int
	whole := true
	for i := range s.t.CPUs {
		c := &s.t.CPUs[i]
		if !c.Online {
			continue
		}
		whole = whole && c.Efficiency != Unknown
		if !slices.Contains(ranks, c.Efficiency) {
			ranks = append(ranks, c.Efficiency)
		}
	}
	if kinds > 0 && !whole {
		s.warn("W-SYSFS-CONFLICT", "sys/devices/cpu_core: some online CPUs are of no kind; kinds of cores are not used")
	}
	ok := kinds > 1 && whole && len(ranks) > 1
	slices.Sort(ranks)
	for i := range s.t.CPUs {
		c := &s.t.CPUs[i]
		if c.Online && ok {
			c.Efficiency = slices.Index(ranks, c.Efficiency)
		} else {
			c.Efficiency = Unknown
		}
	}
	return ok
}

// kindsFromMIDR groups cores by implementer and part number; cpu_capacity alone
// would not do, for it differs between the cores of one kind on some machines.
// Parts that are equally fast by capacity and by frequency count as one kind.
func (s *sysfs) kindsFromMIDR() bool {
	parts := map[uint64][]*CPU{}
	byCore := map[int]uint64{}
	for i := range s.t.CPUs {
		c := &s.t.CPUs[i]
		if !c.Online {
			continue
		}
		part, ok := byCore[c.Core]
		if !ok {
			text, err := s.text(s.cpuPath(c.ID, "regs/identification/midr_el1"))
			if err != nil {
				return false
			}
			midr, err := strconv.ParseUint(strings.TrimPrefix(trimKernel(text), "0x"), 16, 64)
			if err != nil {
				s.bad(s.cpuPath(c.ID, "regs/identification/midr_el1"), err)
				return false
			}
			part = midr & 0xff00fff0 // implementer and part, not variant and revision
			byCore[c.Core] = part
		}
		parts[part] = append(parts[part], c)
	}
	groups := make([][]*CPU, 0, len(parts))
	for _, g := range parts {
		groups = append(groups, g)
	}
	return rankGroups(groups)
}

// rankGroups orders groups of CPUs by their best capacity, then their best
// frequency, and numbers them. It reports whether there is more than one rank.
func rankGroups(groups [][]*CPU) bool {
	best := func(g []*CPU) (capacity, khz int) {
		capacity, khz = Unknown, Unknown
		for _, c := range g {
			capacity, khz = max(capacity, c.Capacity), max(khz, c.MaxKHz)
		}
		return
	}
	compare := func(a, b []*CPU) int {
		ca, fa := best(a)
		cb, fb := best(b)
		return cmp.Or(cmp.Compare(cb, ca), cmp.Compare(fb, fa))
	}
	slices.SortFunc(groups, compare)
	rank := 0
	for i, g := range groups {
		if i > 0 && compare(groups[i-1], g) != 0 {
			rank++
		}
		for _, c := range g {
			c.Efficiency = rank
		}
	}
	if rank == 0 {
		for _, g := range groups {
			for _, c := range g {
				c.Efficiency = Unknown
			}
		}
	}
	return rank > 0
}

// kindGap is the least step, in percent, between the capacities or maximum
// frequencies of two kinds of cores. Favoured cores of one kind differ by less:
// 4 % on Intel's hybrid parts.
const kindGap = 15

func (s *sysfs) kindsFromCapacity() bool {
	return s.kindsByGap(func(c *CPU) int { return c.Capacity })
}

func (s *sysfs) kindsFromMax() bool {
	return s.kindsByGap(func(c *CPU) int { return c.MaxKHz })
}

// kindsByGap begins a new kind at each gap in a value that all CPUs must have.
func (s *sysfs) kindsByGap(value func(*CPU) int) bool {
	var all []*CPU
	for i := range s.t.CPUs {
		if c := &s.t.CPUs[i]; c.Online {
			all = append(all, c)
		}
	}
	groups := splitAtGaps(all, value)
	return len(groups) > 1 && rankGroups(groups)
}

// kindsFromBase groups x86 cores by base frequency. It believes a difference
// only if the slower base goes with a lower maximum: servers with favoured
// cores raise some bases but leave the maximum alone.
func (s *sysfs) kindsFromBase() bool {
	bases := map[int][]*CPU{}
	byCore := map[int]int{}
	for i := range s.t.CPUs {
		c := &s.t.CPUs[i]
		if !c.Online {
			continue
		}
		base, ok := byCore[c.Core]
		if !ok {
			if c.MaxKHz == Unknown {
				return false
			}
			name := s.cpuPath(c.ID, "cpufreq/base_frequency")
			if base = s.number(name); base <= 0 {
				return false
			}
			byCore[c.Core] = base
		}
		bases[base] = append(bases[base], c)
	}
	order := make([]int, 0, len(bases))
	for base := range bases {
		order = append(order, base)
	}
	slices.Sort(order)
	for i := 1; i < len(order); i++ {
		slow := slices.Max(speeds(bases[order[i-1]]))
		fast := slices.Min(speeds(bases[order[i]]))
		if fast <= slow {
			return false
		}
	}
	groups := make([][]*CPU, 0, len(bases))
	for _, base := range order {
		groups = append(groups, bases[base])
	}
	return rankGroups(groups)
}

func speeds(cpus []*CPU) []int {
	out := make([]int, len(cpus))
	for i, c := range cpus {
		out[i] = c.MaxKHz
	}
	return out
}

// warnMixedKinds says how many cores of which kind there are.
func (t *Topology) warnMixedKinds(r *reader) {
	var counts []int
	seen := map[int]bool{}
	for _, c := range t.CPUs {
		if c.Efficiency == Unknown || seen[c.Core] {
			continue
		}
		seen[c.Core] = true
		for len(counts) <= c.Efficiency {
			counts = append(counts, 0)
		}
		counts[c.Efficiency]++
	}
	words := make([]string, len(counts))
	for i, n := range counts {
		words[i] = strconv.Itoa(n)
	}
	r.warn("W-MIXED-KINDS", "%d kinds of cores: %s cores, from the fastest kind to the slowest", len(counts), strings.Join(words, " + "))
}
