package topology

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// dump collects one CPU's CPUID results in the dump format.
type dump struct{ strings.Builder }

func newDump(vendor string, family, model uint32, apic, logical uint32, smt bool) *dump {
	d := &dump{}
	d.WriteString("# mask e[abcd]x => e[abcd]x\n")
	word := func(i int) uint32 {
		return uint32(vendor[i]) | uint32(vendor[i+1])<<8 | uint32(vendor[i+2])<<16 | uint32(vendor[i+3])<<24
	}
	d.leaf(0, cpuidRegs{0x1f, word(0), word(8), word(4)})
	signature := model&0xf<<4 | model>>4<<16 | min(family, 0xf)<<8 | (max(family, 0xf)-0xf)<<20
	edx := uint32(0)
	if smt {
		edx = 1 << 28
	}
	d.leaf(1, cpuidRegs{signature, apic<<24 | logical<<16, 0, edx})
	return d
}

func (d *dump) leaf(leaf uint32, r cpuidRegs) *dump {
	fmt.Fprintf(d, "1 %x 0 0 0 => %x %x %x %x\n", leaf, r.eax, r.ebx, r.ecx, r.edx)
	return d
}

func (d *dump) sub(leaf, sub uint32, r cpuidRegs) *dump {
	fmt.Fprintf(d, "5 %x 0 %x 0 => %x %x %x %x\n", leaf, sub, r.eax, r.ebx, r.ecx, r.edx)
	return d
}

// cache adds a cache of leaf 4 or 0x8000001D: eight ways of 64-byte lines.
func (d *dump) cache(leaf, sub, kind, level, sharing, kib uint32) *dump {
	return d.sub(leaf, sub, cpuidRegs{eax: kind | level<<5 | (sharing-1)<<14, ebx: 7<<22 | 63, ecx: kib<<10/512 - 1})
}

func (d *dump) end(leaf, sub uint32) *dump { return d.sub(leaf, sub, cpuidRegs{}) }

func readDumps(t *testing.T, dumps []*dump) *Topology {
	t.Helper()
	fsys := newMemFS()
	for i, d := range dumps {
		fsys.set(fmt.Sprintf("pu%d", i), d.String())
	}
	fsys.set("info", "Architecture: x86\n")
	top, err := ReadCPUID(fsys)
	if err != nil {
		t.Fatal(err)
	}
	checkInvariants(t, top)
	return top
}

// CPUID of a hybrid machine gives its cores, kinds and caches, where kinds
// differ in SMT, shared caches and in having an L3.
func TestReadCPUIDIntelHybrid(t *testing.T) {
	// Two cores with SMT, four small cores that share an L2, two small cores
	// on an island without L3.
	var dumps []*dump
	add := func(apic uint32, kind, l2sharing, smt uint32, l3 bool) {
		d := newDump("GenuineIntel", 6, 0x9a, apic, 64, true)
		d.sub(0xb, 0, cpuidRegs{1, smt, 1 << 8, apic}).sub(0xb, 1, cpuidRegs{7, 8, 2<<8 | 1, apic}).end(0xb, 2)
		d.sub(0x1f, 0, cpuidRegs{1, smt, 1 << 8, apic}).sub(0x1f, 1, cpuidRegs{3, 4, 2<<8 | 1, apic}).sub(0x1f, 2, cpuidRegs{7, 8, 3<<8 | 2, apic}).end(0x1f, 3)
		d.cache(4, 0, 1, 1, smt, 32).cache(4, 1, 2, 1, smt, 32).cache(4, 2, 3, 2, l2sharing, 2048)
		if l3 {
			d.cache(4, 3, 3, 3, 128, 16384).end(4, 4)
		} else {
			d.end(4, 3)
		}
		d.sub(0x1a, 0, cpuidRegs{eax: kind << 24})
		dumps = append(dumps, d)
	}
	for _, apic := range []uint32{16, 17, 24, 25} {
		add(apic, 0x40, 2, 2, true)
	}
	for _, apic := range []uint32{0, 2, 4, 6} {
		add(apic, 0x20, 8, 1, true)
	}
	for _, apic := range []uint32{64, 66} {
		add(apic, 0x20, 8, 1, false)
	}
	top := readDumps(t, dumps)
	for _, c := range []struct {
		name  string
		field func(*CPU) int
		want  []int
	}{
		{"core", func(c *CPU) int { return c.Core }, []int{0, 0, 1, 1, 2, 3, 4, 5, 6, 7}},
		{"L1d", func(c *CPU) int { return c.L1d }, []int{0, 0, 1, 1, 2, 3, 4, 5, 6, 7}},
		{"L2", func(c *CPU) int { return c.L2 }, []int{0, 0, 1, 1, 2, 2, 2, 2, 3, 3}},
		{"L3", func(c *CPU) int { return c.L3 }, []int{0, 0, 0, 0, 0, 0, 0, 0, -1, -1}},
		{"cluster", func(c *CPU) int { return c.Cluster }, []int{0, 0, 1, 1, 2, 2, 2, 2, 3, 3}},
		{"package", func(c *CPU) int { return c.Package }, []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"efficiency", func(c *CPU) int { return c.Efficiency }, []int{0, 0, 0, 0, 1, 1, 1, 1, 2, 2}},
	} {
		if got := column(top, c.field); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if top.CacheLine != 64 || top.Caches[0].Bytes != 32<<10 || allowedList(top) != "0-9" || len(top.Nodes) != 0 {
		t.Errorf("%+v", top)
	}
}

// Levels of leaf 0x1F give cores, dies and packages.
func TestReadCPUIDDies(t *testing.T) {
	var dumps []*dump
	for apic := range uint32(16) { // 2 packages of 2 dies of 2 cores of 2 threads
		d := newDump("GenuineIntel", 6, 0x55, apic, 8, true)
		d.sub(0x1f, 0, cpuidRegs{1, 2, 1 << 8, apic}).sub(0x1f, 1, cpuidRegs{2, 4, 2<<8 | 1, apic}).sub(0x1f, 2, cpuidRegs{3, 8, 5<<8 | 2, apic}).end(0x1f, 3)
		dumps = append(dumps, d)
	}
	top := readDumps(t, dumps)
	last := top.CPUs[15]
	if last.Core != 7 || last.Die != 3 || last.Package != 1 || last.L1d != Unknown {
		t.Errorf("%+v", last)
	}
}

// A CPU without leaf 0xB gives its threads, cores and packages by the older
// leaves.
func TestReadCPUIDLegacyIntel(t *testing.T) {
	var dumps []*dump
	for apic := range uint32(8) { // 2 packages of 2 cores of 2 threads
		d := newDump("GenuineIntel", 0xf, 6, apic, 4, true)
		d.sub(4, 0, cpuidRegs{eax: 1 | 1<<5 | 1<<14 | 1<<26, ebx: 7<<22 | 63, ecx: 31}).end(4, 1)
		dumps = append(dumps, d)
	}
	top := readDumps(t, dumps)
	if got := column(top, func(c *CPU) int { return c.Core }); !slices.Equal(got, []int{0, 0, 1, 1, 2, 2, 3, 3}) {
		t.Errorf("cores %v", got)
	}
	if got := column(top, func(c *CPU) int { return c.Package }); !slices.Equal(got, []int{0, 0, 0, 0, 1, 1, 1, 1}) {
		t.Errorf("packages %v", got)
	}
}

// CPUID of AMD gives cores, caches, nodes and packages by AMD's own leaves,
// with and without their extensions.
func TestReadCPUIDAMD(t *testing.T) {
	const topologyExtensions = 1 << 22
	t.Run("two nodes in a package, six cores each", func(t *testing.T) {
		var dumps []*dump
		for n := range uint32(12) {
			d := newDump("AuthenticAMD", 0x15, 2, n, 12, true)
			d.leaf(0x80000001, cpuidRegs{ecx: topologyExtensions}).leaf(0x80000008, cpuidRegs{ecx: 4<<12 | 11})
			d.leaf(0x8000001e, cpuidRegs{eax: n, ebx: 1<<8 | n/2, ecx: 1<<8 | n/6})
			d.cache(0x8000001d, 0, 1, 1, 1, 16).cache(0x8000001d, 1, 3, 2, 2, 2048).cache(0x8000001d, 2, 3, 3, 6, 6144).end(0x8000001d, 3)
			dumps = append(dumps, d)
		}
		top := readDumps(t, dumps)
		c := top.CPUs[7]
		if c.Core != 7 || c.L2 != 3 || c.L3 != 1 || c.Node != 1 || c.Package != 0 {
			t.Errorf("%+v", c)
		}
		if len(top.Nodes) != 2 || formatList(top.Nodes[1].CPUs) != "6-11" || top.Nodes[1].MemBytes != Unknown {
			t.Errorf("%+v", top.Nodes)
		}
	})
	t.Run("threads of a core", func(t *testing.T) {
		var dumps []*dump
		for n := range uint32(8) {
			d := newDump("AuthenticAMD", 0x17, 1, n, 8, true)
			d.leaf(0x80000001, cpuidRegs{ecx: topologyExtensions}).leaf(0x80000008, cpuidRegs{ecx: 3<<12 | 7})
			d.leaf(0x8000001e, cpuidRegs{eax: n, ebx: 1<<8 | n/2})
			d.cache(0x8000001d, 0, 1, 1, 2, 32).cache(0x8000001d, 1, 3, 3, 4, 8192).end(0x8000001d, 2)
			dumps = append(dumps, d)
		}
		top := readDumps(t, dumps)
		if c := top.CPUs[5]; c.Core != 2 || c.L3 != 1 || c.Package != 0 || c.Node != 0 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("leaf 0x80000026 with two kinds of cores", func(t *testing.T) {
		var dumps []*dump
		for n := range uint32(8) {
			kind := uint32(0)
			if n >= 4 {
				kind = 1 << 28
			}
			d := newDump("AuthenticAMD", 0x1a, 0x24, n, 8, true)
			d.sub(0x80000026, 0, cpuidRegs{1<<30 | 1, kind | 2, 1 << 8, n}).sub(0x80000026, 1, cpuidRegs{2, 4, 2<<8 | 1, n})
			d.sub(0x80000026, 2, cpuidRegs{2, 4, 3<<8 | 2, n}).sub(0x80000026, 3, cpuidRegs{4, 8, 4<<8 | 3, n}).end(0x80000026, 4)
			dumps = append(dumps, d)
		}
		top := readDumps(t, dumps)
		if c := top.CPUs[6]; c.Core != 3 || c.Die != 1 || c.Package != 0 || c.Efficiency != 1 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("old leaves only", func(t *testing.T) {
		var dumps []*dump
		for n := range uint32(4) {
			d := newDump("AuthenticAMD", 0x10, 4, n, 2, true)
			d.leaf(0x80000005, cpuidRegs{ecx: 64<<24 | 64}).leaf(0x80000006, cpuidRegs{ecx: 512 << 16, edx: 4 << 18}).leaf(0x80000008, cpuidRegs{ecx: 1})
			dumps = append(dumps, d)
		}
		top := readDumps(t, dumps)
		if c := top.CPUs[3]; c.Core != 3 || c.L1d != 3 || c.L2 != 3 || c.L3 != 1 || c.Package != 1 || c.Node != Unknown {
			t.Errorf("%+v", c)
		}
		if got := top.Caches[len(top.Caches)-1]; got.Level != 3 || got.Bytes != 2<<20 {
			t.Errorf("%+v", got)
		}
	})
}

// CPUID dumps that are corrupt, incomplete or contradict themselves give an
// error or a warning, and never two threads on one core by mistake.
func TestReadCPUIDFaults(t *testing.T) {
	good := newDump("GenuineIntel", 6, 0x55, 0, 1, false).String()
	t.Run("repeated APIC ids", func(t *testing.T) {
		fsys := newMemFS()
		fsys.set("pu0", good)
		fsys.set("pu1", good)
		top, err := ReadCPUID(fsys)
		if err != nil || !warned(top, "W-NO-TOPOLOGY", "APIC") || top.CPUs[1].Core == top.CPUs[0].Core {
			t.Errorf("%+v, %v", top, err)
		}
	})
	t.Run("one bad file", func(t *testing.T) {
		for _, bad := range []string{"", "garbage\n", "1 0 0 0 0 => 1 2 3\n", "1 0 0 0 0 => 1 2 3 zz\n", "4 0 0 0 0 => 1 2 3 4\n", "1 0 0 0 0 => 1 2 3 4\n", strings.Repeat("5 4 0 0 0 => 1 2 3 4\n", 10)} {
			fsys := newMemFS()
			fsys.set("pu0", good)
			fsys.set("pu3", bad)
			top, err := ReadCPUID(fsys)
			if err != nil || len(top.CPUs) != 1 || !warned(top, "W-BAD-FILE", "pu3") {
				t.Errorf("%q: %+v, %v", bad, top, err)
			}
			fsys.remove("pu0")
			if _, err := ReadCPUID(fsys); err == nil || !strings.Contains(err.Error(), "pu3") {
				t.Errorf("%q: error %v", bad, err)
			}
		}
	})
	t.Run("nothing there", func(t *testing.T) {
		if _, err := ReadCPUID(newMemFS()); err == nil {
			t.Error("no error")
		}
		if _, err := ReadCPUID(nil); err == nil {
			t.Error("no error for a nil dump")
		}
	})
}

// Whatever one CPU's dump contains, the others are read, and it is read without
// contradiction or named in a warning.
func FuzzCPUIDDump(f *testing.F) {
	f.Add(newDump("GenuineIntel", 6, 0x55, 3, 4, true).sub(0xb, 0, cpuidRegs{1, 2, 1 << 8, 3}).cache(4, 0, 1, 1, 2, 32).String())
	f.Add(newDump("AuthenticAMD", 0x15, 2, 7, 16, true).leaf(0x80000001, cpuidRegs{ecx: 1 << 22}).leaf(0x8000001e, cpuidRegs{7, 0x103, 0x101, 0}).String())
	f.Add(newDump("AuthenticAMD", 0x10, 9, 200, 0, true).leaf(0x80000006, cpuidRegs{edx: 1 << 18}).String())
	f.Add("1 0 0 0 0 => ffffffff ffffffff ffffffff ffffffff\n1 1 0 0 0 => ffffffff ffffffff ffffffff ffffffff\n5 b 0 0 0 => ff ff ff ff\n")
	f.Fuzz(func(t *testing.T, text string) {
		fsys := newMemFS()
		fsys.set("pu0", text)
		fsys.set("pu9", newDump("GenuineIntel", 6, 0x55, 3, 4, true).String())
		top, err := ReadCPUID(fsys)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(top.CPUs); n > 2 || n == 1 && !warned(top, "W-BAD-FILE", "pu0") {
			t.Fatalf("%d CPUs, warnings %q", n, top.Warnings)
		}
		checkInvariants(t, top)
	})
}
