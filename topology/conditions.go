package topology

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Conditions is what decides beside the topology how fast the workers of a pool
// run: limits that take effect now, how the kernel drives and schedules the
// CPUs, and the devices near them. A plan does not depend on it. What the
// system does not tell is empty.
type Conditions struct {
	Throttling []Throttling // cgroups with a quota, the process's own first, then its ancestors
	Pressure   []Pressure   // of the process's cgroup, then of the machine
	Governors  []Governor   // by the lowest of their CPUs
	SchedExt   SchedExt     // the kernel's extensible scheduler
	Partitions []Partition  // cpuset partitions that the process is in, its own first, then those around it
	// IsolatedCPUs are the CPUs of all isolated cpuset partitions of the
	// machine, ascending; nil when not known.
	IsolatedCPUs []int
	Devices      []Device // by node, kind and name
	Warnings     []string // each begins with a stable id, as those of Topology
}

// Throttling says how often a quota has stopped a cgroup since it was made.
type Throttling struct {
	Path      string        // directory of the cgroup, relative to the root
	Periods   int64         // quota periods in which the cgroup had work
	Throttled int64         // those of them in which it was stopped
	Stopped   time.Duration // how long its CPUs were stopped in all
}

// Pressure is the share of wall-clock time in which some task waited for a CPU,
// in percent from 0 to 100, averaged over the last seconds.
type Pressure struct {
	Path   string // the file, relative to the root
	System bool   // of the whole machine, not of a cgroup
	Avg10  float64
	Avg60  float64
	Avg300 float64
}

// Governor is the frequency governor of some CPUs.
type Governor struct {
	Name   string // such as "performance"
	Driver string // the driver that it steers, such as "intel_pstate", or ""
	CPUs   []int  // OS CPU numbers, ascending
}

// SchedExt is the state of sched_ext.
type SchedExt struct {
	State string // "enabled", "disabled" or what is between, or "" when the kernel has none
	Ops   string // name of the scheduler that is loaded, or ""
}

// Partition is a cpuset partition.
type Partition struct {
	Path  string // directory of the cgroup, relative to the root
	State string // "root" or "isolated", with "invalid" and the kernel's reason behind it when it has no effect
	CPUs  []int  // OS CPU numbers that its cpuset grants, ascending; nil when not known
}

// DeviceKind is a kind of Device.
type DeviceKind string

const (
	NIC  DeviceKind = "nic"  // network interface of a device
	NVMe DeviceKind = "nvme" // NVMe controller
)

// Device is a device and the node that it is nearest to.
type Device struct {
	Name string // the kernel's name, such as "eth0"
	Kind DeviceKind
	Node int // NUMA node, or Unknown
}

const (
	maxDevices = 1024 // of one kind
	noGovernor = 8    // CPUs without a governor after which no further one is asked
)

// DetectConditions reads the conditions of the running system for the machine t.
// It reads a file for each CPU, and what it finds changes from second to second.
// On systems other than Linux there is nothing to find. It is safe for
// concurrent use.
func DetectConditions(t *Topology) *Conditions {
	return ReadConditions(os.DirFS("/"), t)
}

// ReadConditions reads the conditions from a tree like that of Read, from which
// t was read. A missing file means that there is nothing to find. A file that
// cannot be used gives a warning. It is safe for concurrent use if root is.
func ReadConditions(root fs.FS, t *Topology) *Conditions {
	c := &Conditions{}
	r := newReader(fsSource{root})
	groups := readCgroups(r)
	// Read has already told what is wrong with the cgroups.
	r.warnings, r.warned = nil, map[string]int{}
	c.readThrottling(groups)
	c.readPressure(groups)
	c.readPartitions(groups)
	c.readGovernors(r, t)
	c.readSchedExt(r)
	c.readDevices(r)
	c.Warnings = r.flush()
	return c
}

func (c *Conditions) readThrottling(g *cgroups) {
	m, p, ok := g.find("cpu")
	if !ok {
		return
	}
	dirs, _ := g.dirs(m, p)
	for _, dir := range dirs {
		t := Throttling{Path: dir}
		var flaw error
		err := g.lines(dir+"/cpu.stat", func(line string) bool {
			flaw = t.parse(line)
			return flaw == nil
		})
		if err = cmp.Or(err, flaw); err == nil && t.Throttled > t.Periods {
			err = fmt.Errorf("throttled in %d of %d periods", t.Throttled, t.Periods)
		}
		if err == nil && t.Periods > 0 {
			c.Throttling = append(c.Throttling, t)
		}
		g.bad(dir+"/cpu.stat", err)
	}
}

// parse takes a line of cpu.stat, in which version 2 of cgroups counts
// microseconds and version 1 nanoseconds.
func (t *Throttling) parse(line string) error {
	key, value, _ := strings.Cut(trimKernel(line), " ")
	unit := int64(1)
	var to *int64
	switch key {
	case "nr_periods":
		to = &t.Periods
	case "nr_throttled":
		to = &t.Throttled
	case "throttled_usec":
		to, unit = (*int64)(&t.Stopped), int64(time.Microsecond)
	case "throttled_time":
		to = (*int64)(&t.Stopped)
	default:
		return nil
	}
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil || int64(n) > math.MaxInt64/unit {
		return fmt.Errorf("%s: %q is not a count", key, clip(value))
	}
	*to = int64(n) * unit
	return nil
}

func (c *Conditions) readPressure(g *cgroups) {
	if m, p, ok := g.find("cpu"); ok && m.v2 {
		dirs, _ := g.dirs(m, p)
		for _, dir := range dirs {
			if c.addPressure(g.reader, dir+"/cpu.pressure", false) {
				break
			}
		}
	}
	c.addPressure(g.reader, "proc/pressure/cpu", true)
}

// addPressure adds what a file tells; false means that it tells nothing.
func (c *Conditions) addPressure(r *reader, name string, system bool) bool {
	p := Pressure{Path: name, System: system}
	found := false
	var flaw error
	err := r.lines(name, func(line string) bool {
		var rest string
		if rest, found = strings.CutPrefix(trimKernel(line), "some "); found {
			flaw = p.parse(rest)
		}
		return !found
	})
	if err = cmp.Or(err, flaw); err == nil && found {
		c.Pressure = append(c.Pressure, p)
		return true
	}
	// The file exists, but cannot be read, where pressure is not accounted.
	if !errors.Is(err, errors.ErrUnsupported) {
		r.bad(name, cmp.Or(err, errNoAverages))
	}
	return false
}

var errNoAverages = errors.New("no line with the averages of some tasks")

// parse takes "avg10=0.12 avg60=0.05 avg300=0.01 total=63".
func (p *Pressure) parse(averages string) error {
	found := 0
	for field := range strings.FieldsSeq(averages) {
		key, value, _ := strings.Cut(field, "=")
		to := map[string]*float64{"avg10": &p.Avg10, "avg60": &p.Avg60, "avg300": &p.Avg300}[key]
		if to == nil {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || !(v >= 0 && v <= 100) {
			return fmt.Errorf("%s: %q is not a percentage", key, clip(value))
		}
		*to = v
		found++
	}
	if found < 3 {
		return errNoAverages
	}
	return nil
}

func (c *Conditions) readPartitions(g *cgroups) {
	m, p, ok := g.find("cpuset")
	if !ok || !m.v2 {
		return
	}
	dirs, _ := g.dirs(m, p)
	for _, dir := range dirs {
		name := dir + "/cpuset.cpus.partition"
		text, err := g.text(name)
		state := strings.ToValidUTF8(trimKernel(text), "?")
		switch kind, _, _ := strings.Cut(state, " "); {
		case err != nil:
			g.bad(name, err)
		case kind == "root", kind == "isolated":
			set, _ := g.list(dir + "/cpuset.cpus.effective")
			c.Partitions = append(c.Partitions, Partition{Path: dir, State: state, CPUs: set.slice()})
		case kind != "member":
			g.warn("W-BAD-FILE", "%s: %q is not the state of a partition", name, clip(state))
		}
	}
	if set, ok := g.list(dirs[len(dirs)-1] + "/cpuset.cpus.isolated"); ok {
		c.IsolatedCPUs = set.slice()
	}
}

func (c *Conditions) readGovernors(r *reader, t *Topology) {
	s := &sysfs{reader: r}
	at := map[string]int{}
	missing := 0
	for i := range t.CPUs {
		cpu := &t.CPUs[i]
		if !cpu.Online {
			continue
		}
		name := s.cpuPath(cpu.ID, "cpufreq/scaling_governor")
		text, err := r.text(name)
		text = strings.ToValidUTF8(trimKernel(text), "?")
		if err != nil || text == "" {
			r.bad(name, cmp.Or(err, errEmpty))
			if missing++; missing >= noGovernor && len(c.Governors) == 0 {
				return
			}
			continue
		}
		k, ok := at[text]
		if !ok {
			k = len(c.Governors)
			at[text] = k
			driver, _ := r.text(s.cpuPath(cpu.ID, "cpufreq/scaling_driver"))
			c.Governors = append(c.Governors, Governor{Name: text, Driver: strings.ToValidUTF8(trimKernel(driver), "?")})
		}
		c.Governors[k].CPUs = append(c.Governors[k].CPUs, cpu.ID)
	}
}

func (c *Conditions) readSchedExt(r *reader) {
	const dir = "sys/kernel/sched_ext"
	for _, f := range []struct {
		name string
		to   *string
	}{{path.Join(dir, "state"), &c.SchedExt.State}, {path.Join(dir, "root", "ops"), &c.SchedExt.Ops}} {
		text, err := r.text(f.name)
		r.bad(f.name, err)
		*f.to = strings.ToValidUTF8(trimKernel(text), "?")
	}
}

func (c *Conditions) readDevices(r *reader) {
	for _, k := range []struct {
		kind DeviceKind
		dir  string
	}{{NIC, "sys/class/net"}, {NVMe, "sys/class/nvme"}} {
		var names []string
		r.bad(k.dir, r.names(k.dir, func(name string) bool {
			names = append(names, name)
			return true
		}))
		slices.Sort(names)
		found := 0
		for _, name := range names {
			// A virtual interface has no device behind it.
			dir := path.Join(k.dir, name, "device")
			if found == maxDevices || !r.src.isDir(dir) {
				continue
			}
			found++
			d := Device{Name: strings.ToValidUTF8(name, "?"), Kind: k.kind, Node: Unknown}
			text, err := r.text(dir + "/numa_node")
			if err == nil {
				var node int64
				// -1 is a device that is near no node in particular.
				if node, err = strconv.ParseInt(trimKernel(text), 10, 32); err == nil && node >= 0 {
					d.Node = int(node)
				} else if err != nil {
					err = fmt.Errorf("%q is not a node", clip(trimKernel(text)))
				}
			}
			r.bad(dir+"/numa_node", err)
			c.Devices = append(c.Devices, d)
		}
	}
	slices.SortStableFunc(c.Devices, func(a, b Device) int {
		stemA, numberA := numbered(a.Name)
		stemB, numberB := numbered(b.Name)
		return cmp.Or(
			cmp.Compare(uint(a.Node), uint(b.Node)), // Unknown comes last
			cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(stemA, stemB),
			cmp.Compare(numberA, numberB),
		)
	})
}

// numbered splits a name into what comes before its last digits and their value.
func numbered(name string) (stem string, number int) {
	stem = strings.TrimRight(name, "0123456789")
	number, _ = strconv.Atoi(name[len(stem):])
	return stem, number
}
