package topology

import (
	"math/bits"
	"slices"
	"strings"
)

// cpuidRegs is the result of one CPUID instruction.
type cpuidRegs struct{ eax, ebx, ecx, edx uint32 }

// cpuidQuery executes CPUID on one CPU, or looks its result up in a dump. It
// gives zeros for leaves that the CPU does not have.
type cpuidQuery func(leaf, sub uint32) cpuidRegs

// domain identifies a group of CPUs by the bits of the APIC id that its members
// share. CPUs with equal domains share it; ok is false when the level is absent.
// The number of bits is part of it: hybrid processors mix group sizes.
type domain struct {
	id    uint64
	shift uint
	ok    bool
}

// cpuidCPU is what CPUID tells about one CPU.
type cpuidCPU struct {
	id   int
	apic uint32

	core, cluster, die, pkg domain
	cache                   [4]domain // by level, 1 to 3
	size                    [4]int64
	line                    int
	node                    int
	class                   coreClass
	hypervisor              bool
	vendor                  string
}

// coreClass orders the kinds of cores of a hybrid processor, fastest first.
type coreClass struct {
	known bool
	rank  int
	small bool // a core of the efficient kind
}

const (
	maxExtLevels  = 8 // sublevels of leaves 0xB, 0x1F and 0x80000026
	maxCacheLevel = 16
)

// Level types of leaves 0xB and 0x1F.
const (
	extSMT    = 1
	extModule = 3
	extDie    = 5
)

// decodeCPUID decodes one CPU.
func decodeCPUID(id int, query cpuidQuery) cpuidCPU {
	c := cpuidCPU{id: id, node: Unknown}
	d := decoder{cpuidCPU: &c, query: query}
	leaf0 := query(0, 0)
	c.vendor = regText(leaf0.ebx, leaf0.edx, leaf0.ecx)
	leaf1 := query(1, 0)
	d.family, d.model = familyModel(leaf1.eax)
	c.hypervisor = leaf1.ecx&(1<<31) != 0
	c.apic = leaf1.ebx >> 24
	d.amd = c.vendor == "AuthenticAMD" || c.vendor == "HygonGenuine"
	d.topoExt = d.amd && query(0x80000001, 0).ecx&(1<<22) != 0

	if !(d.amd && d.extendedAMD()) && !d.extended(0x1f) && !d.extended(0xb) {
		if d.amd {
			d.legacyAMD()
		} else {
			d.legacyIntel(leaf1)
		}
	}
	if d.amd {
		d.nodeAMD()
	}
	switch {
	case !d.amd:
		d.caches(4)
	case !d.topoExt || !d.caches(0x8000001d):
		d.legacyCachesAMD()
	}
	d.coreType()
	return c
}

type decoder struct {
	*cpuidCPU
	query         cpuidQuery
	family, model uint32
	amd, topoExt  bool
	pkgShift      uint
	perNode       uint32 // CPUs that share one L3 on AMD processors before Zen with several nodes, else 0
}

// familyModel decodes the signature of leaf 1.
func familyModel(eax uint32) (family, model uint32) {
	family, model = eax>>8&0xf, eax>>4&0xf
	if family == 0xf {
		family += eax >> 20 & 0xff
	}
	if family == 6 || family >= 0xf {
		model |= eax >> 16 & 0xf << 4
	}
	return family, model
}

// regText reads the text in registers, four characters each.
func regText(regs ...uint32) string {
	var b strings.Builder
	for _, r := range regs {
		for range 4 {
			if c := byte(r); c >= ' ' && c < 0x7f {
				b.WriteByte(c)
			}
			r >>= 8
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// brandText returns the processor's name.
func brandText(query cpuidQuery) string {
	var regs []uint32
	for leaf := uint32(0x80000002); leaf <= 0x80000004; leaf++ {
		r := query(leaf, 0)
		regs = append(regs, r.eax, r.ebx, r.ecx, r.edx)
	}
	return regText(regs...)
}

func (d *decoder) above(shift uint) domain { return domain{uint64(d.apic) >> shift, shift, true} }

// extended decodes leaf 0x1F or 0xB: a list of levels, each with the number of
// APIC id bits below the level above it.
func (d *decoder) extended(leaf uint32) bool {
	var below uint // bits below the current level
	found := false
	for sub := range uint32(maxExtLevels) {
		r := d.query(leaf, sub)
		kind := r.ecx >> 8 & 0xff
		if kind == 0 || r.ebx == 0 {
			break
		}
		if !found {
			d.apic = r.edx
			d.core = d.above(0)
		}
		found = true
		shift := uint(r.eax & 0x1f)
		switch kind {
		case extSMT:
			d.core = d.above(shift)
		case extModule:
			d.cluster = d.above(below)
		case extDie:
			d.die = d.above(below)
		}
		below = shift
	}
	if found {
		d.pkgShift = below
		d.pkg = d.above(below)
	}
	return found
}

// extendedAMD decodes leaf 0x80000026, where each level states the number of
// APIC id bits below itself.
func (d *decoder) extendedAMD() bool {
	const leaf = 0x80000026
	found := false
	for sub := range uint32(maxExtLevels) {
		r := d.query(leaf, sub)
		kind := r.ecx >> 8 & 0xff
		if kind == 0 || r.ebx&0xffff == 0 {
			break
		}
		d.apic = r.edx
		shift := uint(r.eax & 0x1f)
		switch kind {
		case 1:
			d.core = d.above(shift)
		case 3:
			d.die = d.above(shift)
		case 4:
			d.pkgShift = shift
			found = true
		}
	}
	if found {
		d.pkg = d.above(d.pkgShift)
	}
	return found && d.core.ok
}

// legacyIntel uses the 8-bit APIC id of leaf 1: the number of ids set aside for
// a package, and leaf 4's number of ids set aside for cores.
func (d *decoder) legacyIntel(leaf1 cpuidRegs) {
	if leaf1.edx&(1<<28) != 0 {
		d.pkgShift = ceilLog2(leaf1.ebx >> 16 & 0xff)
	}
	coreBits := uint(0)
	if r := d.query(4, 0); r.eax&0x1f != 0 {
		coreBits = min(ceilLog2(r.eax>>26+1), d.pkgShift)
	}
	d.core = d.above(d.pkgShift - coreBits)
	d.pkg = d.above(d.pkgShift)
}

// legacyAMD uses leaf 0x80000008, and 0x8000001E for the threads of a core.
func (d *decoder) legacyAMD() {
	sizes := d.query(0x80000008, 0).ecx
	d.pkgShift = uint(sizes >> 12 & 0xf)
	if d.pkgShift == 0 {
		d.pkgShift = ceilLog2(sizes&0xff + 1)
	}
	smt := uint(0)
	if d.topoExt {
		r := d.query(0x8000001e, 0)
		if r.eax != 0 {
			d.apic = r.eax
		}
		// Before Zen these are the cores of a module, not threads of a core.
		if d.family >= 0x17 {
			smt = ceilLog2(r.ebx>>8&0xff + 1)
		}
	}
	d.core = d.above(min(smt, d.pkgShift))
	d.pkg = d.above(d.pkgShift)
}

// nodeAMD reads the NUMA node that the hardware reports, and finds how many
// CPUs share an L3 where a package of an older family has several nodes.
func (d *decoder) nodeAMD() {
	nodes := uint32(1)
	switch {
	case d.topoExt:
		ecx := d.query(0x8000001e, 0).ecx
		d.node = int(ecx & 0xff)
		nodes = ecx>>8&7 + 1
	case d.family == 0x10 && d.model == 9:
		nodes = 2 // two dies in a package; only an MSR tells which
	}
	if d.family < 0x17 && nodes > 1 {
		d.perNode = (d.query(0x80000008, 0).ecx&0xff + 1) / nodes
	}
}

// caches decodes leaf 4 or 0x8000001D.
func (d *decoder) caches(leaf uint32) bool {
	found := false
	for sub := range uint32(maxCacheLevel) {
		r := d.query(leaf, sub)
		kind, level := r.eax&0x1f, r.eax>>5&7
		if kind == 0 {
			break
		}
		if kind != 1 && kind != 3 || level < 1 || level > 3 || d.cache[level].ok {
			continue
		}
		found = true
		sharing := r.eax>>14&0xfff + 1
		d.cache[level] = d.above(ceilLog2(sharing))
		if level == 3 && d.amd && d.family < 0x17 {
			d.cache[level] = d.localGroup(min(sharing, max(d.perNode, 1)))
			if d.perNode == 0 {
				d.cache[level] = d.pkg
			}
		}
		line := r.ebx&0xfff + 1
		d.size[level] = int64(r.ebx>>22+1) * int64(r.ebx>>12&0x3ff+1) * int64(line) * (int64(r.ecx) + 1)
		if level == 1 {
			d.line = int(line)
		}
	}
	return found
}

// localGroup divides the CPUs of a package into consecutive groups of n, which
// need not be a power of two.
func (d *decoder) localGroup(n uint32) domain {
	local := d.apic & (1<<d.pkgShift - 1)
	return domain{d.pkg.id<<32 | uint64(local/max(n, 1)), 0, true}
}

// legacyCachesAMD decodes leaves 0x80000005 and 0x80000006.
func (d *decoder) legacyCachesAMD() {
	l1 := d.query(0x80000005, 0).ecx
	if kib := l1 >> 24; kib != 0 {
		d.cache[1], d.size[1], d.line = d.core, int64(kib)<<10, int(l1&0xff)
	}
	r := d.query(0x80000006, 0)
	if kib := r.ecx >> 16; kib != 0 {
		d.cache[2], d.size[2] = d.core, int64(kib)<<10
	}
	if units := r.edx >> 18; units != 0 {
		d.cache[3], d.size[3] = d.pkg, int64(units)<<19
		if d.perNode != 0 {
			d.cache[3] = d.localGroup(d.perNode)
			d.size[3] /= 2
		}
	}
}

// coreType reads the kind of core from leaf 0x1A or 0x80000026.
func (d *decoder) coreType() {
	if d.amd {
		if r := d.query(0x80000026, 0); r.eax&(1<<30) != 0 {
			d.class = coreClass{known: true, rank: int(r.ebx >> 28)}
		}
		return
	}
	switch d.query(0x1a, 0).eax >> 24 {
	case 0x40:
		d.class = coreClass{known: true}
	case 0x20:
		d.class = coreClass{known: true, rank: 1, small: true}
	}
}

// ceilLog2 returns the number of bits that n different values need.
func ceilLog2(n uint32) uint {
	if n <= 1 {
		return 0
	}
	return uint(bits.Len32(n - 1))
}

// labeler numbers the domains of one level in the order of their first CPU.
type labeler map[domain]int

func (l labeler) label(d domain) int {
	if !d.ok {
		return Unknown
	}
	n, ok := l[d]
	if !ok {
		n = len(l)
		l[d] = n
	}
	return n
}

// fromCPUID builds a Topology from decoded CPUs in ascending order. It does not
// set Allowed.
func fromCPUID(cpus []cpuidCPU, r *reader) *Topology {
	t := &Topology{Source: "cpuid"}
	s := &sysfs{reader: r, t: t}
	apics := map[uint32]int{}
	repeated := false
	for _, c := range cpus {
		if other, ok := apics[c.apic]; ok && !repeated {
			repeated = true
			r.warn("W-NO-TOPOLOGY", "CPUs %d and %d have the same APIC id %d; every CPU is treated as a core", other, c.id, c.apic)
		}
		apics[c.apic] = c.id
	}
	var core, cluster, die, pkg labeler = labeler{}, labeler{}, labeler{}, labeler{}
	cache := [4]labeler{{}, {}, {}, {}}
	for i := range cpus {
		c := &cpus[i]
		out := unknownCPU(c.id, true)
		if repeated {
			out.Core = i
			t.CPUs = append(t.CPUs, out)
			continue
		}
		out.Core, out.Cluster, out.Die, out.Package = core.label(c.core), cluster.label(c.cluster), die.label(c.die), pkg.label(c.pkg)
		for level, field := range map[int]*int{1: &out.L1d, 2: &out.L2, 3: &out.L3} {
			before := len(cache[level])
			*field = cache[level].label(c.cache[level])
			if len(cache[level]) > before {
				t.Caches = append(t.Caches, Cache{Level: level, Label: *field, Bytes: c.size[level]})
			}
		}
		out.Node = c.node
		t.CPUs = append(t.CPUs, out)
	}
	slices.SortStableFunc(t.Caches, func(a, b Cache) int { return a.Level - b.Level })
	if len(cpus) > 0 {
		first := &cpus[0]
		t.Model, t.VM, t.CacheLine = first.vendor, first.hypervisor, first.line
	}
	s.dropIndistinct()
	s.completeCores()
	t.kindsFromClasses(cpus, r)
	t.nodesFromCPUs()
	return t
}

// kindsFromClasses ranks the kinds of cores. An efficient core without a share
// of the L3 that other efficient cores have is of a third, slower kind.
func (t *Topology) kindsFromClasses(cpus []cpuidCPU, r *reader) {
	smallWithL3 := false
	for i := range cpus {
		if !cpus[i].class.known {
			return
		}
		smallWithL3 = smallWithL3 || cpus[i].class.small && cpus[i].cache[3].ok
	}
	var ranks []int
	rank := make([]int, len(cpus))
	for i := range cpus {
		c := &cpus[i]
		rank[i] = c.class.rank
		if c.class.small && smallWithL3 && !c.cache[3].ok {
			rank[i]++
		}
		if !slices.Contains(ranks, rank[i]) {
			ranks = append(ranks, rank[i])
		}
	}
	if len(ranks) < 2 {
		return
	}
	slices.Sort(ranks)
	for i := range t.CPUs {
		t.CPUs[i].Efficiency = slices.Index(ranks, rank[i])
	}
	t.warnMixedKinds(r)
}

// nodesFromCPUs lists the nodes that the CPUs name.
func (t *Topology) nodesFromCPUs() {
	byNode := map[int][]int{}
	for _, c := range t.CPUs {
		if c.Node != Unknown {
			byNode[c.Node] = append(byNode[c.Node], c.ID)
		}
	}
	for id, cpus := range byNode {
		t.Nodes = append(t.Nodes, Node{ID: id, CPUs: cpus, MemBytes: Unknown})
	}
	slices.SortFunc(t.Nodes, func(a, b Node) int { return a.ID - b.ID })
}
