package topology

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// manyMounts is a mount table of n lines without a cgroup, as hosts with many
// containers have them; 12000 lines are more than 1 MiB.
func manyMounts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d 20 0:%d / /var/lib/containers/pods/%08x/volumes/%08x rw,relatime shared:%d - tmpfs tmpfs rw\n", 100+i, i, i, i, i)
	}
	return b.String()
}

const cgroup2Line = "30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"

// What lies behind the first MiB of a file is found, wherever that can matter,
// and what lies across its end is not taken for a malformed line.
func TestLongFiles(t *testing.T) {
	inCgroup := func(f *memFS) {
		f.cgroup2("/a")
		f.set("sys/fs/cgroup/a/cpu.max", "150000 100000\n")
		f.set("sys/fs/cgroup/a/cpuset.cpus.effective", "2-5\n")
	}
	limited := func(t *testing.T, top *Topology) {
		if top.Quota != 1.5 || allowedList(top) != "2-5" {
			t.Errorf("quota %v, allowed %s", top.Quota, allowedList(top))
		}
	}
	for _, c := range []struct {
		name    string
		arrange func(*memFS)
		check   func(*testing.T, *Topology)
	}{
		{"cgroup mount at the end of mountinfo", func(f *memFS) {
			inCgroup(f)
			f.set("proc/self/mountinfo", manyMounts(12000)+cgroup2Line)
		}, limited},
		{"cgroup mount at the start of mountinfo", func(f *memFS) {
			inCgroup(f)
			table := cgroup2Line + manyMounts(12000)
			begin := strings.LastIndexByte(table[:1<<20], '\n') + 1
			pad := 1<<20 - 5 - begin - len("99 20 0:9 / / rw - tmpfs tmpfs rw\n") // the first MiB ends five bytes into a line
			f.set("proc/self/mountinfo", cgroup2Line+"99 20 0:9 / /"+strings.Repeat("x", pad)+" rw - tmpfs tmpfs rw\n"+table[len(cgroup2Line):])
		}, limited},
		{"mounts without mountinfo", func(f *memFS) {
			inCgroup(f)
			f.remove("proc/self/mountinfo")
			f.set("proc/self/mounts", strings.Repeat("tmpfs /var/lib/containers/pods/volume tmpfs rw,relatime 0 0\n", 20000)+"cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n")
		}, limited},
		{"thousands of cgroup mounts", func(f *memFS) {
			inCgroup(f)
			f.set("proc/self/mountinfo", strings.Repeat("31 20 0:26 /other /mnt/x rw - cgroup2 cgroup2 rw\n", 5000)+cgroup2Line)
		}, limited},
		{"a mount with very long options", func(f *memFS) {
			inCgroup(f)
			f.set("proc/self/mountinfo", "40 20 0:40 / / rw - overlay overlay rw,lowerdir="+strings.Repeat("/layers/l:", 20000)+"\n"+cgroup2Line)
		}, limited},
		{"hundreds of named hierarchies", func(f *memFS) {
			inCgroup(f)
			var b strings.Builder
			for i := range 1000 {
				fmt.Fprintf(&b, "%d:name=h%d:/%s\n", i+1, i, strings.Repeat("x", 2000))
			}
			f.set("proc/self/cgroup", b.String()+"0::/a\n")
		}, limited},
		{"a quota half way up a deep path", func(f *memFS) {
			deep := strings.Repeat("/d", 200)
			f.cgroup2(deep)
			f.set("sys/fs/cgroup"+strings.Repeat("/d", 100)+"/cpu.max", "150000 100000\n")
		}, func(t *testing.T, top *Topology) {
			if top.Quota != 1.5 || !top.QuotaParent {
				t.Errorf("quota %v", top.Quota)
			}
			top.Warnings = nil // the parent's quota is worth one
		}},
		{"the affinity mask behind many groups", func(f *memFS) {
			f.set("proc/self/status", "Groups:\t"+strings.Repeat("4294967295 ", 65536)+"\nCpus_allowed:\t0c\nCpus_allowed_list:\t2-3\n")
		}, func(t *testing.T, top *Topology) {
			if allowedList(top) != "2-3" {
				t.Errorf("allowed %s", allowedList(top))
			}
			top.Warnings = nil // the mask is narrow
		}},
		{"the processor's name at the end of cpuinfo", func(f *memFS) {
			var b strings.Builder
			for cpu := range 1000 {
				fmt.Fprintf(&b, "processor\t: %d\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32\n\n", cpu)
			}
			f.set("proc/cpuinfo", b.String()+"Hardware\t: Long Board\n")
		}, func(t *testing.T, top *Topology) {
			if top.Model != "Long Board" {
				t.Errorf("model %q", top.Model)
			}
		}},
		{"the links to CPUs among many blocks of memory", func(f *memFS) {
			for node := range 2 {
				dir := nodeDir + "/node" + strconv.Itoa(node)
				f.remove(dir + "/cpumap")
				entries := f.dir(dir).children
				for i := range 150000 {
					name := "a" + strconv.Itoa(i) // sorts before the CPUs
					entries[name] = &memNode{name: name, link: "../.."}
				}
				for _, cpu := range [][]int{{0, 1, 4, 5}, {2, 3, 6, 7}}[node] {
					f.dir(dir + "/cpu" + strconv.Itoa(cpu))
				}
			}
		}, func(t *testing.T, top *Topology) {
			if got := column(top, func(c *CPU) int { return c.Node }); !slices.Equal(got, []int{0, 0, 1, 1, 0, 0, 1, 1}) {
				t.Errorf("nodes %v", got)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := smallMachine.write()
			c.arrange(fsys)
			top := mustRead(t, fsys)
			c.check(t, top)
			if len(top.Warnings) > 0 {
				t.Errorf("warnings: %q", top.Warnings)
			}
		})
	}
	t.Run("a proc/stat of more than a MiB", func(t *testing.T) {
		var b strings.Builder
		b.WriteString("cpu  1 2 3\n")
		for cpu := range 8192 {
			fmt.Fprintf(&b, "cpu%d%s\n", cpu, strings.Repeat(" 12345678901234", 10))
		}
		fsys := newMemFS()
		fsys.set("proc/stat", b.String()+"intr 1\n")
		if top := mustRead(t, fsys); allowedList(top) != "0-8191" {
			t.Errorf("allowed %s", allowedList(top))
		}
	})
	t.Run("a CPUID dump of more than a MiB", func(t *testing.T) {
		d := newDump("GenuineIntel", 6, 0x55, 3, 4, true)
		d.WriteString(strings.Repeat("# a comment of some length, which says nothing\n", 30000))
		d.leaf(0x1a, cpuidRegs{eax: 0x40 << 24})
		if top := readDumps(t, []*dump{d}); len(top.Warnings) > 0 {
			t.Errorf("warnings: %q", top.Warnings)
		}
	})
}

// A file without an end, or with a line without one, ends the reading of that
// file with an error that says so.
func TestLinesAreBounded(t *testing.T) {
	for name, piece := range map[string]string{"a line without an end": "0", "lines without an end": "\n"} {
		fsys := strangeFS{newMemFS(), func(b []byte) (int, error) { return copy(b, strings.Repeat(piece, len(b))), nil }}
		fsys.set("proc/x", "")
		lines := 0
		err := newReader(fsSource{fsys}).lines("proc/x", func(string) bool { lines++; return true })
		if err != errTooLarge || lines > maxLines {
			t.Errorf("%s: %d lines, %v", name, lines, err)
		}
	}
}
