package topology

import (
	"slices"
	"strings"
	"testing"
)

// Lists of CPUs are read as the kernel writes them, and what is no list, or
// would take too much memory, is an error.
func TestParseCPUList(t *testing.T) {
	for text, want := range map[string][]int{
		"":                nil,
		"\n":              nil,
		"(null)\n":        nil,
		"0\n":             {0},
		"0-3,8\n":         {0, 1, 2, 3, 8},
		"4094-4095":       {4094, 4095},
		"1,0\n":           {0, 1},
		"0-1\n\x00":       {0, 1},
		"0-1\n\x00garble": {0, 1},
		"65535":           {65535},
	} {
		set, err := parseCPUList(text)
		if err != nil || !slices.Equal(set.slice(), want) && len(want)+set.count() > 0 {
			t.Errorf("%q: %v, %v; want %v", text, set.slice(), err, want)
		}
	}
	for _, text := range []string{"x", "0-", "-1", "3-1", "0,", ",0", "0--1", "65536", "0-99999999", "0x3", "0 1", "99999999999999999999"} {
		if set, err := parseCPUList(text); err == nil {
			t.Errorf("%q: %v instead of an error", text, set.slice())
		}
	}
}

// Masks of CPUs are read as the kernel writes them, and what is no mask is an
// error.
func TestParseCPUMask(t *testing.T) {
	for text, want := range map[string][]int{
		"0":                                {},
		"00000000":                         {},
		"3\n":                              {0, 1},
		"0f":                               {0, 1, 2, 3},
		"80000000":                         {31},
		"1,00000000":                       {32},
		"00000001,80000000,0000000F\n\x00": {0, 1, 2, 3, 63, 64},
		"ffffffffffffffff":                 nil,
	} {
		set, err := parseCPUMask(text)
		if want == nil {
			want = make([]int, 64)
			for i := range want {
				want[i] = i
			}
		}
		if err != nil || !slices.Equal(set.slice(), want) {
			t.Errorf("%q: %v, %v; want %v", text, set.slice(), err, want)
		}
	}
	for _, text := range []string{"", "\n", "xyz", "1,2", ",00000001", "00000001,", "0x1", "1" + strings.Repeat(",00000000", 1<<11)} {
		if set, err := parseCPUMask(text); err == nil {
			t.Errorf("%q: %v instead of an error", clip(text), set.slice())
		}
	}
}

// The same CPUs are read from a mask and from a list.
func TestMaskAndListAgree(t *testing.T) {
	var set cpuSet
	for cpu := range 5000 {
		if cpu%7 == 0 || cpu%64 < 3 || cpu/64%3 == 0 {
			set.add(cpu)
		}
	}
	mask, err := parseCPUMask(formatMask(set))
	if err != nil {
		t.Fatal(err)
	}
	list, err := parseCPUList(formatList(set.slice()))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(mask.slice(), set.slice()) || !slices.Equal(list.slice(), set.slice()) {
		t.Error("a set does not survive being written and parsed")
	}
}

// What is read as a list of CPUs can be written as one and reads back the same.
func FuzzCPUList(f *testing.F) {
	for _, s := range []string{"", "0-3,8\n", "(null)\n", "4094-4095\n\x00", "3-1", "0-65535", "0,,1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := parseCPUList(text)
		if err != nil {
			return
		}
		again, err := parseCPUList(formatList(set.slice()))
		if err != nil || !slices.Equal(again.slice(), set.slice()) {
			t.Fatalf("%q: %v written as %q reads as %v, %v", text, set.slice(), formatList(set.slice()), again.slice(), err)
		}
	})
}

// What is read as a mask of CPUs has no CPU beyond the limit and reads back the
// same once written.
func FuzzCPUMask(f *testing.F) {
	for _, s := range []string{"", "3\n", "ff,00000000\n", "00000001,80000000,0000000f\n\x00", "1,2", "FFFFFFFFFFFFFFFFF"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := parseCPUMask(text)
		if err != nil {
			return
		}
		for cpu := range set.all {
			if cpu >= maxCPUs {
				t.Fatalf("%q names CPU %d", text, cpu)
			}
		}
		again, err := parseCPUMask(formatMask(set))
		if err != nil || !slices.Equal(again.slice(), set.slice()) {
			t.Fatalf("%q: %v reads back as %v, %v", text, set.slice(), again.slice(), err)
		}
	})
}
