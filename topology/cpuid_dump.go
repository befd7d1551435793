package topology

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// ReadCPUID reads a machine from a directory of CPUID dumps, one file puN for
// each CPU N. Each line holds the registers before and after one CPUID
// instruction in hexadecimal, "mask eax ebx ecx edx => eax ebx ecx edx", where
// bit 0 of mask says that eax selects the result and bit 2 that ecx does; lines
// that begin with # are comments.
//
// All CPUs are taken as online and allowed. Node is known only for AMD
// processors that report it. A file that cannot be used leaves its CPU out and
// gives a warning; the error is for a directory without any usable file.
func ReadCPUID(dump fs.FS) (*Topology, error) {
	if dump == nil {
		return nil, errors.New("topology: the dump is nil")
	}
	r := newReader(fsSource{dump})
	cpus, first, err := r.dumps(".")
	if err != nil {
		return nil, fmt.Errorf("topology: CPUID dump: %w", err)
	}
	if len(cpus) == 0 {
		if len(r.warnings) > 0 {
			return nil, fmt.Errorf("topology: CPUID dump: no usable file: %s", r.warnings[0])
		}
		return nil, errors.New("topology: CPUID dump: none of the files pu0, pu1 and so on is there")
	}
	t := fromCPUID(cpus, r)
	if model := brandText(first); model != "" {
		t.Model = model
	}
	t.Hypervisor = hypervisorText(first)
	for i := range t.CPUs {
		t.CPUs[i].Allowed = true
	}
	t.Warnings = r.flush()
	return t, nil
}

// dumps decodes the files puN of a directory; those that cannot be used give a
// warning. The query is that of the first CPU, nil if there is none.
func (r *reader) dumps(dir string) (cpus []cpuidCPU, first cpuidQuery, err error) {
	files, err := (&sysfs{reader: r}).numbered(dir, "pu")
	if err != nil {
		return nil, nil, err
	}
	for id := range files.all {
		name := path.Join(dir, "pu"+strconv.Itoa(id))
		query, err := r.cpuidDump(name)
		if err != nil {
			r.warn("W-BAD-FILE", "%s: %v; the CPU is left out", name, reason(err))
			continue
		}
		cpus = append(cpus, decodeCPUID(id, query))
		if first == nil {
			first = query
		}
	}
	return cpus, first, nil
}

// cpuidDir is where a captured tree has the dumps of its CPUs.
const cpuidDir = "cpuid"

// consultDumps is for a captured tree what executing CPUID is for this machine.
func (t *Topology) consultDumps(r *reader) {
	if !r.src.isDir(cpuidDir) {
		return
	}
	cpus, first, err := r.dumps(cpuidDir)
	r.bad(cpuidDir, err)
	if len(cpus) == 0 {
		return
	}
	t.secondOpinion(cpus, r)
	if t.Model == "" {
		t.Model = brandText(first)
	}
	if t.CacheLine == 0 {
		t.CacheLine = cpus[0].line
	}
	t.VM = t.VM || cpus[0].hypervisor
	t.Hypervisor = hypervisorText(first)
}

// hypervisorLeaf names the hypervisor, where a processor reports one.
const hypervisorLeaf = 0x40000000

func hypervisorText(query cpuidQuery) string {
	if query(1, 0).ecx&(1<<31) == 0 {
		return ""
	}
	r := query(hypervisorLeaf, 0)
	return regText(r.ebx, r.ecx, r.edx)
}

// recordCPUID writes the results of the queries that describe one CPU in the
// form that cpuidDump reads.
func recordCPUID(query cpuidQuery) []byte {
	var b bytes.Buffer
	seen := map[dumpKey]bool{}
	record := func(leaf, sub uint32) cpuidRegs {
		r := query(leaf, sub)
		if key := (dumpKey{leaf: leaf, sub: sub}); !seen[key] {
			seen[key] = true
			fmt.Fprintf(&b, "%x %x %x %x %x => %x %x %x %x\n", dumpMask(leaf), leaf, 0, sub, 0, r.eax, r.ebx, r.ecx, r.edx)
		}
		return r
	}
	decodeCPUID(0, record)
	brandText(record)
	hypervisorText(record)
	return b.Bytes()
}

// dumpMask says which registers select a leaf: eax, and ecx where it has
// subleaves.
func dumpMask(leaf uint32) uint32 {
	switch leaf {
	case 4, 0xb, 0x1f, 0x8000001d, 0x80000026:
		return 5
	}
	return 1
}

// maxDumpLines bounds the entries of one dump.
const maxDumpLines = 4096

type dumpKey struct {
	leaf, sub uint32
	anySub    bool
}

// cpuidDump reads the dump of one CPU.
func (r *reader) cpuidDump(name string) (cpuidQuery, error) {
	table := map[dumpKey]cpuidRegs{}
	var flaw error
	err := r.lines(name, func(line string) bool {
		key, regs, ok, err := parseCPUIDLine(line)
		switch _, known := table[key]; {
		case err != nil:
			flaw = err
		case !ok || known:
		case len(table) == maxDumpLines:
			flaw = errTooLarge
		default:
			table[key] = regs
		}
		return flaw == nil
	})
	if err != nil || flaw != nil {
		return nil, errors.Join(err, flaw)
	}
	if r, ok := table[dumpKey{anySub: true}]; !ok || r.ebx == 0 {
		return nil, errors.New("leaf 0 is missing")
	}
	if _, ok := table[dumpKey{leaf: 1, anySub: true}]; !ok {
		return nil, errors.New("leaf 1 is missing")
	}
	return func(leaf, sub uint32) cpuidRegs {
		if r, ok := table[dumpKey{leaf: leaf, sub: sub}]; ok {
			return r
		}
		return table[dumpKey{leaf: leaf, anySub: true}]
	}, nil
}

// parseCPUIDLine parses a line of a dump; false = a comment or an empty line.
func parseCPUIDLine(line string) (key dumpKey, regs cpuidRegs, ok bool, err error) {
	line = trimKernel(line)
	if line == "" || line[0] == '#' {
		return key, regs, false, nil
	}
	fields := strings.Fields(line)
	if len(fields) != 10 || fields[5] != "=>" {
		return key, regs, false, fmt.Errorf("malformed line %q", clip(line))
	}
	var v [10]uint32
	for i, f := range fields {
		if i == 5 {
			continue
		}
		n, err := strconv.ParseUint(f, 16, 32)
		if err != nil {
			return key, regs, false, fmt.Errorf("%q is not a register value", clip(f))
		}
		v[i] = uint32(n)
	}
	mask := v[0]
	if mask&1 == 0 {
		return key, regs, false, fmt.Errorf("mask %x does not select by eax", mask)
	}
	key = dumpKey{leaf: v[1], sub: v[3], anySub: mask&4 == 0}
	if key.anySub {
		key.sub = 0
	}
	return key, cpuidRegs{v[6], v[7], v[8], v[9]}, true, nil
}
