package topology

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// maxCPUs bounds the CPU numbers that are believed. Linux is built for at most
// 8192; the bound keeps a corrupt file from costing memory.
const maxCPUs = 1 << 16

var errEmpty = errors.New("empty")

// cpuSet is a bit set of operating-system CPU numbers.
type cpuSet []uint64

func (s cpuSet) has(cpu int) bool {
	return cpu >= 0 && cpu>>6 < len(s) && s[cpu>>6]&(1<<(cpu&63)) != 0
}

func (s *cpuSet) add(cpu int) {
	for cpu>>6 >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[cpu>>6] |= 1 << (cpu & 63)
}

func (s cpuSet) clone() cpuSet { return append(cpuSet(nil), s...) }

// meets reports whether the sets have a CPU in common.
func (s cpuSet) meets(o cpuSet) bool {
	for i := range min(len(s), len(o)) {
		if s[i]&o[i] != 0 {
			return true
		}
	}
	return false
}

func (s cpuSet) empty() bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

func (s cpuSet) count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// all calls f with every member in ascending order until f returns false. It
// has the signature of an iterator.
func (s cpuSet) all(f func(int) bool) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			if !f(i<<6 + bits.TrailingZeros64(w)) {
				return
			}
		}
	}
}

func (s cpuSet) slice() []int {
	out := make([]int, 0, s.count())
	for cpu := range s.all {
		out = append(out, cpu)
	}
	return out
}

// formatList writes ascending numbers in the kernel's list format, "0-3,8".
func formatList(ids []int) string {
	var b strings.Builder
	for i := 0; i < len(ids); {
		j := i
		for j+1 < len(ids) && ids[j+1] == ids[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(ids[i]))
		if j > i {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(ids[j]))
		}
		i = j + 1
	}
	return b.String()
}

// trimKernel cuts a file's text at the first NUL, which some kernels leave
// behind the newline, and strips white space.
func trimKernel(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	return strings.TrimSpace(s)
}

// parseCPUList parses the kernel's list format, "0-3,8". An empty text is the
// empty set; so is "(null)", which kernels print for a mask never set up.
func parseCPUList(text string) (cpuSet, error) {
	text = trimKernel(text)
	var set cpuSet
	if text == "" || text == "(null)" {
		return set, nil
	}
	for rest, more := text, true; more; {
		var part string
		part, rest, more = strings.Cut(rest, ",")
		first, last, isRange := strings.Cut(part, "-")
		lo, err := parseCPUNumber(first)
		if err != nil {
			return nil, err
		}
		hi := lo
		if isRange {
			if hi, err = parseCPUNumber(last); err != nil {
				return nil, err
			}
		}
		if hi < lo {
			return nil, fmt.Errorf("range %q runs backwards", clip(part))
		}
		for cpu := lo; cpu <= hi; cpu++ {
			set.add(cpu)
		}
	}
	return set, nil
}

func parseCPUNumber(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a CPU number", clip(s))
	}
	if n >= maxCPUs {
		return 0, fmt.Errorf("CPU number %d is above %d", n, maxCPUs-1)
	}
	return int(n), nil
}

// parseCPUMask parses the kernel's mask format: hexadecimal groups of 32 bits,
// the most significant first, separated by commas. Leading groups may be
// missing and the first may be short.
func parseCPUMask(text string) (cpuSet, error) {
	text = trimKernel(text)
	if text == "" {
		return nil, errEmpty
	}
	var set cpuSet
	bit := 0
	group := 0
	for i := len(text) - 1; i >= 0; i-- {
		c := text[i]
		var v uint64
		switch {
		case c == ',':
			if group != 8 || i == 0 {
				return nil, fmt.Errorf("mask %q has a group of %d digits", clip(text), group)
			}
			group = 0
			continue
		case '0' <= c && c <= '9':
			v = uint64(c - '0')
		case 'a' <= c && c <= 'f':
			v = uint64(c-'a') + 10
		case 'A' <= c && c <= 'F':
			v = uint64(c-'A') + 10
		default:
			return nil, fmt.Errorf("mask %q has a character that is not hexadecimal", clip(text))
		}
		if v != 0 {
			if bit >= maxCPUs {
				return nil, fmt.Errorf("mask names CPU %d, above %d", bit, maxCPUs-1)
			}
			for bit>>6 >= len(set) {
				set = append(set, 0)
			}
			set[bit>>6] |= v << (bit & 63)
		}
		bit += 4
		group++
	}
	return set, nil
}

// clip shortens file contents for a message.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
