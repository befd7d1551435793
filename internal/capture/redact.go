package capture

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// malformed stands for a line that cannot be understood, and so not be kept:
// nobody knows what is in it.
const malformed = "(malformed line)"

// redactor decides what of a recording goes into a capture, and under which
// names. What it has no rule for stays out.
type redactor struct {
	now     bool              // keep what changes from second to second
	cgroups map[string]string // elements of the paths of cgroups, and what stands for them
	devices map[string]string // directories of devices, and what stands for them
}

// newRedactor looks at the names of a recording, which are the same in two
// recordings of a machine.
func newRedactor(r *recorder, now bool) *redactor {
	x := &redactor{now: now, cgroups: map[string]string{}, devices: map[string]string{}}
	for _, text := range []string{"proc/self/cgroup", "proc/self/cpuset", "proc/self/mountinfo", "proc/self/mounts", "proc/mounts"} {
		x.keep(text, r.files[text])
	}
	count := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(r.dirs)) {
		dir, class, ok := deviceOf(name)
		if !ok || x.devices[dir] != "" {
			continue
		}
		// A name such as enx02a4c1d3e5f7 tells a serial number.
		if given := path.Base(dir); plainDevice.MatchString(given) {
			x.devices[dir] = dir
		} else {
			x.devices[dir] = path.Join(class, map[string]string{netClass: "net", nvmeClass: "ctrl"}[class]+strconv.Itoa(count[class]))
			count[class]++
		}
	}
	return x
}

var (
	plainDevice = regexp.MustCompile(`^(eth|nvme)[0-9]{1,4}$`)
	systemFile  = regexp.MustCompile(`^sys/devices/(system/(cpu|node)|cpu_[a-z]+)(/[a-z0-9_-]+)*$`)
	cpuidFile   = regexp.MustCompile(`^cpuid(/pu[0-9]+)?$`)
	numberedDir = regexp.MustCompile(`^(cpu|node)[0-9]+$`)
	cgroupFile  = regexp.MustCompile(`^(cpu\.(max|cfs_quota_us|cfs_period_us|stat|pressure)|cpuset\.[a-z_.]+|cpus)$`)
)

const (
	netClass, nvmeClass = "sys/class/net", "sys/class/nvme"
	schedExt            = "sys/kernel/sched_ext"
)

// deviceOf splits the name of a directory or file of a device in its class.
func deviceOf(name string) (dir, class string, ok bool) {
	for _, class := range []string{netClass, nvmeClass} {
		if rest, ok := strings.CutPrefix(name, class+"/"); ok {
			device, _, _ := strings.Cut(rest, "/")
			return path.Join(class, device), class, true
		}
	}
	return "", "", false
}

// rename returns the name that a directory or file has in the capture; false
// means that it is not known to be free of secrets.
func (x *redactor) rename(name string) (string, bool) {
	if dir, _, ok := deviceOf(name); ok {
		to := x.devices[dir]
		return to + strings.TrimPrefix(name, dir), to != ""
	}
	switch {
	case name == ".":
		return name, false
	case systemFile.MatchString(name), cpuidFile.MatchString(name), strings.HasPrefix(name, "proc/"):
		return name, true
	case name == path.Join(schedExt, "state"), name == path.Join(schedExt, "root", "ops"), name == netClass, name == nvmeClass:
		return name, true
	case cgroupFile.MatchString(path.Base(name)):
		return x.cgroup(path.Dir(name)) + "/" + path.Base(name), true
	}
	return x.cgroup(name), false
}

// directory is rename for a directory that was looked for.
func (x *redactor) directory(name string) (string, bool) {
	to, ok := x.rename(name)
	isCgroup := !strings.HasPrefix(name, "sys/devices/") && !strings.HasPrefix(name, "sys/class/") && !strings.HasPrefix(name, "proc/")
	return to, ok || isCgroup && name != "."
}

// keep returns what the capture has of a file, and in words what that is when it
// is not all; false means that the file stays out, for the reason in the words.
func (x *redactor) keep(name string, text []byte) (kept []byte, words string, ok bool) {
	lines := func(words string, f func(line string) (string, bool)) ([]byte, string, bool) {
		return eachLine(text, f), words, true
	}
	switch name {
	case "proc/cmdline":
		return cmdline(string(text)), "only isolcpus, nohz_full, rcu_nocbs", true
	case "proc/cpuinfo":
		return cpuinfo(text), "only the processor's name and whether there is a hypervisor", true
	case "proc/stat":
		return lines("only the numbers of the CPUs", func(line string) (string, bool) {
			key, _, _ := strings.Cut(line, " ")
			return key + " 0", strings.HasPrefix(key, "cpu") && plainWord(key)
		})
	case "proc/self/status":
		return lines("only the CPUs allowed", func(line string) (string, bool) {
			return line, strings.HasPrefix(line, "Cpus_allowed") && plainWord(strings.Join(strings.Fields(line), ""))
		})
	case "proc/self/cgroup":
		return lines("only the controllers of CPUs; names of cgroups replaced", x.membership)
	case "proc/self/cpuset":
		return lines("names of cgroups replaced", func(line string) (string, bool) { return x.cgroup(line), true })
	case "proc/self/mountinfo":
		return lines("only the mounts of cgroups; names of cgroups replaced", x.mountinfo)
	case "proc/self/mounts", "proc/mounts":
		return lines("only the mounts of cgroups; names of cgroups replaced", x.mounts)
	}
	base := path.Base(name)
	_, known := x.rename(name)
	switch {
	case !known, strings.HasPrefix(name, "proc/") && name != "proc/pressure/cpu":
		return nil, "not known to be free of secrets", false
	case !x.now && (base == "cpu.stat" || base == "cpu.pressure" || name == "proc/pressure/cpu"):
		return nil, "changes from second to second; --now takes it", false
	case base == "cpu.stat":
		return lines("only the throttled periods", func(line string) (string, bool) {
			return line, strings.HasPrefix(line, "nr_periods ") || strings.HasPrefix(line, "nr_throttled ") || strings.HasPrefix(line, "throttled_")
		})
	case base == "meminfo":
		return lines("only the size of the memory", func(line string) (string, bool) { return line, strings.Contains(line, "MemTotal:") })
	case cpuidFile.MatchString(name):
		return lines("only the leaves that detection asks for", cpuidLine)
	}
	return text, "", true
}

// eachLine applies f to every line and keeps those for which it returns true. A
// text without an end of line still has none.
func eachLine(text []byte, f func(line string) (string, bool)) []byte {
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		body, end := line, ""
		if rest, ok := strings.CutSuffix(line, "\n"); ok {
			body, end = rest, "\n"
		}
		if kept, ok := f(body); ok {
			b.WriteString(kept + end)
		}
	}
	return []byte(b.String())
}

// plainWord reports whether a text has nothing but what words, numbers and lists
// of CPUs are made of.
func plainWord(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_,:-") == ""
}

// knownElements are the elements of paths that are the same on many systems.
var knownElements = words(`. .. sys fs cgroup dev unified systemd
	cpu cpuset cpuacct cpu,cpuacct cpuacct,cpu memory pids blkio devices freezer net_cls net_prio perf_event hugetlb rdma misc
	init.scope system.slice user.slice machine.slice docker lxc
	kubepods burstable besteffort kubepods.slice kubepods-burstable.slice kubepods-besteffort.slice`)

// knownControllers are the controllers that detection looks for, and the options
// of mounts that change what files are called.
var (
	knownControllers = words("cpu cpuset cpuacct")
	knownOptions     = words("ro rw cpu cpuset cpuacct noprefix cpuset_v2_mode")
)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

// cgroup replaces the elements of a path that may be names of pods, containers,
// users or programs; equal elements get equal names.
func (x *redactor) cgroup(p string) string {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		if part == "" || knownElements[part] {
			continue
		}
		if x.cgroups[part] == "" {
			x.cgroups[part] = "cgroup" + strconv.Itoa(len(x.cgroups)+1)
		}
		parts[i] = x.cgroups[part]
	}
	return strings.Join(parts, "/")
}

// escaped is cgroup for a path in a mount table, which has octal escapes.
func (x *redactor) escaped(p string) string {
	if plain, err := strconv.Unquote(`"` + p + `"`); err == nil {
		p = plain
	}
	return x.cgroup(p)
}

// only keeps the items of a list that are known.
func only(list string, known map[string]bool) string {
	return strings.Join(slices.DeleteFunc(strings.Split(list, ","), func(s string) bool { return !known[s] }), ",")
}

// membership redacts a line of proc/self/cgroup.
func (x *redactor) membership(line string) (string, bool) {
	id, rest, _ := strings.Cut(line, ":")
	controllers, p, ok := strings.Cut(rest, ":")
	if _, err := strconv.ParseUint(id, 10, 32); err != nil || !ok || !strings.HasPrefix(p, "/") {
		return malformed, line != ""
	}
	kept := only(controllers, knownControllers)
	if controllers != "" && kept == "" {
		return "", false
	}
	return id + ":" + kept + ":" + x.cgroup(p), true
}

var cgroupTypes = words("cgroup cgroup2 cpuset")

// mountinfo redacts a line of proc/self/mountinfo.
func (x *redactor) mountinfo(line string) (string, bool) {
	before, after, ok := strings.Cut(line, " - ")
	left, right := strings.Fields(before), strings.Fields(after)
	if !ok || len(left) < 6 || len(right) < 2 {
		return malformed, line != ""
	}
	if !cgroupTypes[right[0]] {
		return "", false
	}
	options := "rw"
	if len(right) > 2 {
		options = cmp.Or(only(right[2], knownOptions), options)
	}
	for i, s := range left[:3] {
		if strings.Trim(s, "0123456789:") != "" {
			left[i] = "0"
		}
	}
	fields := append(left[:3:3], x.escaped(left[3]), x.escaped(left[4]), "rw", "-", right[0], right[0], options)
	return strings.Join(fields, " "), true
}

// mounts redacts a line of proc/mounts.
func (x *redactor) mounts(line string) (string, bool) {
	f := strings.Fields(line)
	if len(f) < 4 {
		return malformed, len(f) > 0
	}
	if !cgroupTypes[f[2]] {
		return "", false
	}
	return strings.Join([]string{f[2], x.escaped(f[1]), f[2], cmp.Or(only(f[3], knownOptions), "rw"), "0", "0"}, " "), true
}

// cpuinfoKeys are the lines that name the processor.
var cpuinfoKeys = []string{"model name", "Model Name", "cpu model", "Processor", "cpu", "uarch", "Hardware"}

// cpuinfo keeps of each line that names the processor the first, and of the
// flags that of a hypervisor.
func cpuinfo(text []byte) []byte {
	seen := map[string]bool{}
	return eachLine(text, func(line string) (string, bool) {
		key, value, ok := strings.Cut(line, ":")
		key = strings.TrimSpace(key)
		if key == "flags" && !seen[key] && slices.Contains(strings.Fields(value), "hypervisor") {
			seen[key] = true
			return "flags\t: hypervisor", true
		}
		if !ok || seen[key] || !slices.Contains(cpuinfoKeys, key) || strings.TrimSpace(value) == "" {
			return "", false
		}
		seen[key] = true
		return line, true
	})
}

// cmdline keeps of the kernel's command line what sets CPUs aside. What stands
// behind -- is for init.
func cmdline(text string) []byte {
	var kept []string
	for arg := range strings.FieldsSeq(text) {
		if arg == "--" {
			break
		}
		key, value, _ := strings.Cut(arg, "=")
		if key == "isolcpus" || key == "nohz_full" || key == "rcu_nocbs" {
			items := strings.Split(value, ",")
			for i, item := range items {
				if !setAside.MatchString(item) {
					items[i] = "?"
				}
			}
			kept = append(kept, strings.TrimSuffix(key+"="+strings.Join(items, ","), "="))
		}
	}
	return []byte(strings.Join(kept, " ") + "\n")
}

// setAside are the items of such an argument: a flag, or some CPUs.
var setAside = regexp.MustCompile(`^(|nohz|domain|managed_irq|all|[0-9N]+(-[0-9N]+(:[0-9]+/[0-9]+)?)?)$`)

// cpuidLeaves are those that detection asks for. Leaf 3 would be a serial number.
var cpuidLeaves = []uint64{0, 1, 4, 0xb, 0x1a, 0x1f, 0x40000000, 0x80000000, 0x80000001, 0x80000002, 0x80000003, 0x80000004,
	0x80000005, 0x80000006, 0x80000008, 0x8000001d, 0x8000001e, 0x80000026}

// cpuidLine redacts a line of a CPUID dump.
func cpuidLine(line string) (string, bool) {
	if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
		return "", false
	}
	fields := strings.Fields(line)
	if len(fields) != 10 || fields[5] != "=>" {
		return malformed, true
	}
	for i, f := range fields {
		if _, err := strconv.ParseUint(f, 16, 32); err != nil && i != 5 {
			return malformed, true
		}
	}
	leaf, _ := strconv.ParseUint(fields[1], 16, 32)
	return line, slices.Contains(cpuidLeaves, leaf)
}
