package topology

import (
	"errors"
	"fmt"
	"io/fs"
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
	s := &sysfs{reader: r, t: &Topology{}}
	files, err := s.numbered(".", "pu")
	if err != nil {
		return nil, fmt.Errorf("topology: CPUID dump: %w", err)
	}
	var cpus []cpuidCPU
	model := ""
	for id := range files.all {
		name := "pu" + strconv.Itoa(id)
		query, err := r.cpuidDump(name)
		if err != nil {
			r.warn("W-BAD-FILE", "%s: %v; the CPU is left out", name, reason(err))
			continue
		}
		cpus = append(cpus, decodeCPUID(id, query))
		if model == "" {
			model = brandText(query)
		}
	}
	if len(cpus) == 0 {
		if len(r.warnings) > 0 {
			return nil, fmt.Errorf("topology: CPUID dump: no usable file: %s", r.warnings[0])
		}
		return nil, errors.New("topology: CPUID dump: none of the files pu0, pu1 and so on is there")
	}
	t := fromCPUID(cpus, r)
	if model != "" {
		t.Model = model
	}
	for i := range t.CPUs {
		t.CPUs[i].Allowed = true
	}
	t.Warnings = r.flush()
	return t, nil
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
