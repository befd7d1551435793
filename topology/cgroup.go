package topology

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

const (
	maxMounts      = 1 << 16 // cgroup mounts that are kept
	maxMemberships = 1 << 12 // lines of proc/self/cgroup that are kept; there is one for each mounted hierarchy
	maxPath        = 4096    // bytes in the path of a cgroup, as the kernel's; it bounds the ancestors too
)

// mount is a mounted cgroup hierarchy.
type mount struct {
	root        string // directory of the hierarchy that is mounted, "/" for all of it
	point       string // where, as an absolute path
	controllers string // comma-separated super options of a v1 hierarchy
	v2          bool
	cpusetFS    bool // the file system type "cpuset": cpuset files without a prefix
}

func (m mount) has(controller string) bool {
	for c := range strings.SplitSeq(m.controllers, ",") {
		if c == controller {
			return true
		}
	}
	return false
}

// membership is one line of proc/self/cgroup.
type membership struct {
	controllers string
	path        string
	v2          bool
}

// cgroups is what procfs says about the process's cgroups.
type cgroups struct {
	*reader
	mounts      []mount
	memberships []membership

	mountWarnings []string // those of reading the mounts; Refresh repeats them
}

const memberFile = "proc/self/cgroup"

// readCgroups reads the mount table and the process's memberships. A missing
// file means that there is nothing to find.
func readCgroups(r *reader) *cgroups {
	c := &cgroups{reader: r}
	c.readMountTable()
	whole := c.readMemberships()
	c.compare(whole)
	return c
}

// readMountTable finds the mounts of cgroups in the best table that there is.
func (c *cgroups) readMountTable() {
	for _, table := range []struct {
		name  string
		parse func(line string) (mount, bool, error)
	}{
		{"proc/self/mountinfo", parseMountinfo}, {"proc/self/mounts", parseMounts}, {"proc/mounts", parseMounts},
	} {
		whole := c.readMounts(table.name, table.parse)
		if len(c.mounts) > 0 || whole {
			break
		}
	}
	c.mountWarnings = c.flush()
	c.warnings = nil
}

// compare warns when there are cgroups in only one of the mount table and the
// memberships, which are whole if they could be read without a fault.
func (c *cgroups) compare(whole bool) {
	switch {
	case !whole:
	case len(c.memberships) == 0 && len(c.mounts) > 0:
		c.warn("W-CGROUP", "%s: %v, though cgroups are mounted", memberFile, errEmpty)
	case len(c.memberships) > 0 && len(c.mounts) == 0:
		c.warn("W-CGROUP", "%s: the process is in cgroups, but no mount of them is found", memberFile)
	}
}

// readMounts keeps the cgroup mounts of a mount table, which may be long: each
// container on a host can add some. It reports whether the table was there and
// flawless; a flaw in one line costs that line.
func (c *cgroups) readMounts(name string, parse func(line string) (mount, bool, error)) (whole bool) {
	var flaw error
	err := c.lines(name, func(line string) bool {
		m, isCgroup, err := parse(line)
		switch {
		case err != nil:
			flaw = err
		case isCgroup && len(c.mounts) == maxMounts:
			flaw = errTooLarge
			return false
		case isCgroup:
			c.mounts = append(c.mounts, m)
		}
		return true
	})
	c.bad(name, err)
	if flaw != nil {
		c.warn("W-CGROUP", "%s: %v", name, flaw)
	}
	return err == nil && flaw == nil
}

// readMemberships reads which cgroups the process is in, as readMounts does.
func (c *cgroups) readMemberships() (whole bool) {
	var flaw error
	err := c.lines(memberFile, func(line string) bool {
		m, ok, err := parseMembership(line)
		if err != nil {
			flaw = err
		}
		if ok {
			if len(c.memberships) == maxMemberships {
				flaw = errTooLarge
				return false
			}
			c.memberships = append(c.memberships, m)
		}
		return true
	})
	c.bad(memberFile, err)
	if flaw != nil {
		c.warn("W-CGROUP", "%s: %v", memberFile, flaw)
	}
	return err == nil && flaw == nil
}

// parseMountinfo parses a line of proc/self/mountinfo; false = an empty line or
// no cgroup mount.
func parseMountinfo(line string) (m mount, isCgroup bool, err error) {
	line = trimKernel(line)
	if line == "" {
		return m, false, nil
	}
	before, after, ok := strings.Cut(line, " - ")
	left, right := strings.Fields(before), strings.Fields(after)
	if !ok || len(left) < 6 || len(right) < 2 {
		return m, false, fmt.Errorf("malformed line %q", clip(line))
	}
	m = mount{root: unescape(left[3]), point: unescape(left[4])}
	if len(right) > 2 {
		m.controllers = right[2]
	}
	return m, m.typed(right[0]), nil
}

// parseMounts parses a line of proc/mounts, which does not tell which directory
// of the hierarchy is mounted.
func parseMounts(line string) (m mount, isCgroup bool, err error) {
	fields := strings.Fields(trimKernel(line))
	if len(fields) == 0 {
		return m, false, nil
	}
	if len(fields) < 4 {
		return m, false, fmt.Errorf("malformed line %q", clip(line))
	}
	m = mount{root: "/", point: unescape(fields[1]), controllers: fields[3]}
	return m, m.typed(fields[2]), nil
}

// typed completes a mount by its file system type; false = not a cgroup mount.
func (m *mount) typed(fstype string) bool {
	switch fstype {
	case "cgroup2":
		m.v2 = true
	case "cgroup":
		m.cpusetFS = m.has("noprefix")
	case "cpuset":
		m.cpusetFS = true
		m.controllers = "cpuset"
	default:
		return false
	}
	return true
}

// unescape replaces the octal escapes of mount tables.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// parseMembership parses a line of proc/self/cgroup; false = nothing to keep.
// Some lines are both usable and wrong.
func parseMembership(line string) (m membership, ok bool, err error) {
	line = strings.TrimRight(line, "\x00")
	if line == "" {
		return m, false, nil
	}
	id, rest, ok := strings.Cut(line, ":")
	controllers, p, ok2 := strings.Cut(rest, ":")
	if _, err := strconv.ParseUint(id, 10, 32); err != nil || !ok || !ok2 || !strings.HasPrefix(p, "/") || len(p) > maxPath {
		return m, false, fmt.Errorf("malformed line %q", clip(line))
	}
	m = membership{controllers: controllers, path: p, v2: controllers == ""}
	if m.v2 && id != "0" {
		err = fmt.Errorf("the version 2 hierarchy has number 0, not %s", clip(id))
	}
	return m, true, err
}

// find returns the process's cgroup for a controller and the mount that shows
// it; v1 wins where both versions have it.
func (c *cgroups) find(controller string) (m mount, p string, ok bool) {
	for _, v2 := range []bool{false, true} {
		for _, member := range c.memberships {
			if member.v2 != v2 || !v2 && !(mount{controllers: member.controllers}).has(controller) {
				continue
			}
			if m, ok := c.mountFor(controller, member.path, v2); ok {
				return m, member.path, true
			}
		}
	}
	return mount{}, "", false
}

// mountFor picks the mount of a hierarchy that shows the cgroup p most closely,
// else any of it.
func (c *cgroups) mountFor(controller, p string, v2 bool) (best mount, ok bool) {
	fits := false
	for _, m := range c.mounts {
		if m.v2 != v2 || !v2 && !m.has(controller) {
			continue
		}
		_, within := under(m.root, p)
		if !ok || within && (!fits || len(m.root) > len(best.root)) {
			best, ok, fits = m, true, fits || within
		}
	}
	return best, ok
}

// under returns the path of p below root.
func under(root, p string) (string, bool) {
	if root == p {
		return "", true
	}
	rest, ok := strings.CutPrefix(p, strings.TrimSuffix(root, "/")+"/")
	if !ok {
		return "", false
	}
	for part := range strings.SplitSeq(rest, "/") {
		if part == ".." {
			return "", false
		}
	}
	return path.Clean("/" + rest)[1:], true
}

// dirs returns the directories of the cgroup p and of its visible ancestors,
// the leaf first, as paths relative to the root of the tree. The fault says why
// the leaf cannot be seen; the ancestors may still tell something.
func (c *cgroups) dirs(m mount, p string) (dirs []string, fault string) {
	base := strings.TrimPrefix(path.Clean("/"+m.point), "/")
	if base == "" {
		base = "."
	}
	rel, ok := under(m.root, p)
	if !ok {
		fault = fmt.Sprintf("%s: cgroup %s is not visible below the mount of %s at %s; the mounted directory is used", memberFile, clip(p), clip(m.root), m.point)
	}
	for rel != "" {
		dirs = append(dirs, path.Join(base, rel))
		if rel = path.Dir(rel); rel == "." {
			rel = ""
		}
	}
	if len(dirs) > 0 && !c.src.isDir(dirs[0]) {
		fault = dirs[0] + ": the directory of the process's cgroup does not exist"
	}
	return append(dirs, base), fault
}

// quota finds the tightest CPU quota of the process's cgroup and its ancestors.
func (c *cgroups) quota(t *Topology) {
	m, p, ok := c.find("cpu")
	if !ok {
		return
	}
	dirs, fault := c.dirs(m, p)
	if fault != "" {
		c.warn("W-CGROUP", "%s", fault)
	}
	for i, dir := range dirs {
		var cpus float64
		var name string
		var err error
		if m.v2 {
			name = dir + "/cpu.max"
			cpus, err = c.quotaV2(name)
		} else {
			cpus, name, err = c.quotaV1(dir)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			c.warn("W-CGROUP", "%s: %v; the quota is ignored", name, reason(err))
		case cpus > 0 && (t.Quota == 0 || cpus < t.Quota):
			t.Quota, t.QuotaPath, t.QuotaParent = cpus, name, i > 0
		}
	}
	if t.QuotaParent {
		c.warn("W-QUOTA-PARENT", "%s: an ancestor of the process's cgroup allows only %s CPUs; Go's own GOMAXPROCS default looks at the process's cgroup alone", t.QuotaPath, strconv.FormatFloat(t.Quota, 'g', 6, 64))
	}
}

func (c *cgroups) quotaV2(name string) (float64, error) {
	text, err := c.text(name)
	if err != nil {
		return 0, err
	}
	return parseCPUMax(text)
}

// parseCPUMax parses "QUOTA PERIOD" in microseconds, where the quota may be
// "max" and the period may be missing. 0 = no limit.
func parseCPUMax(text string) (float64, error) {
	fields := strings.Fields(trimKernel(text))
	if len(fields) < 1 || len(fields) > 2 {
		return 0, fmt.Errorf("%d fields where a quota and a period are expected", len(fields))
	}
	period := uint64(100000)
	if len(fields) == 2 {
		var err error
		if period, err = strconv.ParseUint(fields[1], 10, 63); err != nil {
			return 0, fmt.Errorf("%q is not a period", clip(fields[1]))
		}
	}
	if period == 0 {
		return 0, errors.New("the period is 0")
	}
	if fields[0] == "max" {
		return 0, nil
	}
	quota, err := strconv.ParseUint(fields[0], 10, 63)
	if err != nil || quota == 0 {
		return 0, fmt.Errorf("%q is not a quota", clip(fields[0]))
	}
	return float64(quota) / float64(period), nil
}

// quotaV1 reads a v1 quota and its period; name is the file that failed or
// holds the quota.
func (c *cgroups) quotaV1(dir string) (cpus float64, name string, err error) {
	name = dir + "/cpu.cfs_quota_us"
	text, err := c.text(name)
	if err != nil {
		return 0, name, err
	}
	quota, err := strconv.ParseInt(trimKernel(text), 10, 64)
	if err != nil {
		return 0, name, fmt.Errorf("%q is not a quota", clip(trimKernel(text)))
	}
	if quota < 0 {
		return 0, name, nil
	}
	periodName := dir + "/cpu.cfs_period_us"
	text, err = c.text(periodName)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, periodName, errors.New("missing beside a quota")
	}
	if err != nil {
		return 0, periodName, err
	}
	period, err := strconv.ParseUint(trimKernel(text), 10, 63)
	if err != nil || period == 0 {
		return 0, periodName, fmt.Errorf("%q is not a period", clip(trimKernel(text)))
	}
	if quota == 0 {
		return 0, name, errors.New("the quota is 0")
	}
	return min(float64(quota)/float64(period), math.MaxInt32), name, nil
}

// cpuset finds the CPUs that the process's cpuset grants, from the nearest
// cgroup that has an answer.
func (c *cgroups) cpuset() (cpuSet, bool) {
	m, p, ok := c.find("cpuset")
	if !ok {
		// Old kernels and some captures have only proc/self/cpuset.
		const name = "proc/self/cpuset"
		text, err := c.text(name)
		p = trimKernel(text)
		if err != nil || !strings.HasPrefix(p, "/") || len(p) > maxPath {
			c.bad(name, err)
			if err == nil && len(c.mounts) > 0 {
				c.warn("W-CGROUP", "%s: %q is not a path", name, clip(p))
			}
			return nil, false
		}
		if m, ok = c.mountFor("cpuset", p, false); !ok {
			if m, ok = c.mountFor("cpuset", p, true); !ok {
				return nil, false
			}
		}
	}
	dirs, _ := c.dirs(m, p)
	for _, dir := range dirs {
		var found cpuSet
		from := ""
		for _, file := range cpusetFiles(m) {
			name := dir + "/" + file
			set, ok := c.list(name)
			switch {
			case !ok:
			case set.empty():
				c.warn("W-CGROUP", "%s: %v", name, errEmpty)
			case from == "":
				found, from = set, name
			case !slices.Equal(found.slice(), set.slice()):
				c.warn("W-CGROUP", "%s says %s, %s says %s; the former is used", from, clip(formatList(found.slice())), name, clip(formatList(set.slice())))
			}
		}
		if from != "" {
			return found, true
		}
	}
	return nil, false
}

// cpusetFiles names the files with the CPUs of a cpuset, the best first. In a
// v1 hierarchy cpuset.cpus and the effective set are equal except with the
// mount option cpuset_v2_mode.
func cpusetFiles(m mount) []string {
	switch {
	case m.v2:
		return []string{"cpuset.cpus.effective"}
	case m.cpusetFS:
		return []string{"cpus"}
	case m.has("cpuset_v2_mode"):
		return []string{"cpuset.effective_cpus"}
	default:
		return []string{"cpuset.cpus", "cpuset.effective_cpus"}
	}
}
