package topology

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestDumpIsWhatDetectSees protects the promise of DumpCPUID: its dumps decode
// to what Detect decodes.
func TestDumpIsWhatDetectSees(t *testing.T) {
	top, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	dumps, err := DumpCPUID(top)
	if err != nil || len(dumps) == 0 {
		t.Skipf("no CPU to execute CPUID on: %v", err)
	}
	tree := newMemFS()
	for id, text := range dumps {
		tree.set(fmt.Sprint("pu", id), string(text))
		for line := range strings.Lines(string(text)) {
			// Leaf 3 is the processor's serial number.
			if strings.Fields(line)[1] == "3" {
				t.Errorf("CPU %d: the dump has the serial number: %s", id, line)
			}
		}
	}
	read, err := ReadCPUID(tree)
	if err != nil {
		t.Fatal(err)
	}
	if len(read.CPUs) != len(dumps) || read.Hypervisor != top.Hypervisor || len(read.Warnings) != 0 {
		t.Errorf("%d CPUs of %d, hypervisor %q, want %q, warnings %q", len(read.CPUs), len(dumps), read.Hypervisor, top.Hypervisor, read.Warnings)
	}
}

// TestTreeWithDumps protects the promise of Read that dumps in cpuid/ are the
// second opinion: they agree, they differ with a warning, they help out where
// sysfs has only a list of CPUs, and a bad one costs no more than itself.
func TestTreeWithDumps(t *testing.T) {
	plain := func() *memFS {
		m := newMemFS()
		m.set("sys/devices/system/cpu/online", "0-3\n")
		m.set("sys/devices/system/cpu/present", "0-3\n")
		m.set("proc/cpuinfo", "flags\t: fpu\n")
		return m
	}
	// Two cores of two threads on one L3.
	dump := func(apic int) string {
		return fmt.Sprintf(`1 0 0 0 0 => b 756e6547 6c65746e 49656e69
1 1 0 0 0 => 206d7 %x 80000000 0
1 40000000 0 0 0 => 40000001 4b4d564b 564b4d56 4d
5 4 0 0 0 => 4004121 1c0003f 3f 0
5 4 0 3 0 => 4004163 4c0003f 3fff 0
5 b 0 0 0 => 1 2 100 %x
5 b 0 1 0 => 2 4 201 %x
5 b 0 2 0 => 0 0 2 %x
`, apic<<24, apic, apic, apic)
	}
	withDumps := func(m *memFS) *memFS {
		for id := range 4 {
			m.set(fmt.Sprint("cpuid/pu", id), dump(id))
		}
		return m
	}
	read := func(m *memFS) *Topology {
		t.Helper()
		top, err := Read(m)
		if err != nil {
			t.Fatal(err)
		}
		return top
	}

	top := read(withDumps(plain()))
	if top.Source != "cpuid" || top.CPUs[0].Core != top.CPUs[1].Core || top.CPUs[1].Core == top.CPUs[2].Core || !top.VM || top.Hypervisor != "KVMKVMKVM" {
		t.Errorf("masked: source %q, hypervisor %q, CPUs %+v", top.Source, top.Hypervisor, top.CPUs)
	}

	full := func() *memFS {
		m := plain()
		for id := range 4 {
			dir := fmt.Sprint("sys/devices/system/cpu/cpu", id, "/")
			m.set(dir+"topology/core_cpus", fmt.Sprintf("%x\n", 3<<(id&^1)))
			m.set(dir+"topology/package_cpus", "f\n")
			m.set(dir+"cache/index0/level", "1\n")
			m.set(dir+"cache/index0/type", "Data\n")
			m.set(dir+"cache/index0/shared_cpu_map", fmt.Sprintf("%x\n", 3<<(id&^1)))
			m.set(dir+"cache/index3/level", "3\n")
			m.set(dir+"cache/index3/type", "Unified\n")
			m.set(dir+"cache/index3/shared_cpu_map", "f\n")
		}
		return m
	}
	if top := read(full()); top.Source != "sysfs" {
		t.Errorf("without dumps: source %q", top.Source)
	}
	if top := read(withDumps(full())); top.Source != "sysfs; CPUID agrees" {
		t.Errorf("agreeing: source %q", top.Source)
	}
	m := withDumps(full())
	m.set("sys/devices/system/cpu/cpu0/topology/core_cpus", "1\n")
	m.set("sys/devices/system/cpu/cpu1/topology/core_cpus", "2\n")
	if top := read(m); !strings.Contains(top.Source, "CPUID differs on cores") {
		t.Errorf("differing: source %q", top.Source)
	}
	m = withDumps(full())
	m.set("cpuid/pu2", "garbage\n")
	if top := read(m); top.Source != "sysfs; CPUID agrees" || !strings.Contains(strings.Join(top.Warnings, "\n"), "cpuid/pu2") {
		t.Errorf("with a bad dump: source %q, warnings %q", top.Source, top.Warnings)
	}
}

// TestRecordedDumps protects the promise that a dump holds all that decoding
// asks for: the corpus decodes alike from its records.
func TestRecordedDumps(t *testing.T) {
	for _, archive := range corpusCases(t, "cpuid", "cpuid.tar.gz") {
		t.Run(filepath.Base(filepath.Dir(archive)), func(t *testing.T) {
			tree, again := loadTar(t, archive), newMemFS()
			for _, name := range tree.files() {
				query, err := newReader(fsSource{tree}).cpuidDump(name)
				if err != nil || !strings.HasPrefix(filepath.Base(name), "pu") {
					continue
				}
				again.set(name, string(recordCPUID(query)))
			}
			want, err := ReadCPUID(tree)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ReadCPUID(again)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}
