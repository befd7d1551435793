package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/zeropool-go/zeropool/topology"
)

// fact is a label and what is said under it.
type fact struct {
	label string
	lines []string
}

// conditions are what limits the CPUs beside the topology; nothing where nobody
// has looked.
func (r *Report) conditions() []fact {
	c := r.Conditions
	if c == nil {
		return nil
	}
	var out []fact
	add := func(label string, lines ...string) {
		if len(lines) > 0 {
			out = append(out, fact{label, lines})
		}
	}
	add("throttled", throttlingLines(c.Throttling)...)
	add("pressure", pressureLines(c.Pressure)...)
	add("governor", r.governorLines()...)
	add("sched_ext", schedExtLines(c.SchedExt)...)
	add("partition", partitionLines(c)...)
	return out
}

func throttlingLines(all []topology.Throttling) (lines []string) {
	for _, t := range all {
		s := fmt.Sprintf("in %d of %s (%s%%), for %s s in all", t.Throttled, plural(int(t.Periods), "period", "periods"),
			decimals(100*float64(t.Throttled)/float64(max(t.Periods, 1))), decimals(t.Stopped.Seconds()))
		if t.Throttled == 0 {
			s = fmt.Sprintf("in none of %s", plural(int(t.Periods), "period", "periods"))
		}
		lines = append(lines, s+" ("+t.Path+")")
	}
	return lines
}

func pressureLines(all []topology.Pressure) (lines []string) {
	for _, p := range all {
		whose := "this cgroup"
		if p.System {
			whose = "the machine"
		}
		lines = append(lines, fmt.Sprintf("%s: some task waited %s%% of the last 10 s, %s%% of 60 s, %s%% of 300 s",
			whose, decimals(p.Avg10), decimals(p.Avg60), decimals(p.Avg300)))
	}
	return lines
}

func (r *Report) governorLines() (lines []string) {
	for _, g := range r.Conditions.Governors {
		s := g.Name
		if g.Driver != "" {
			s += " (" + g.Driver + ")"
		}
		if len(g.CPUs) < r.count.online {
			s += " on " + cpusText(g.CPUs)
		}
		lines = append(lines, s)
	}
	return lines
}

func schedExtLines(s topology.SchedExt) []string {
	switch {
	case s.Ops != "":
		return []string{or(s.State, "state unknown") + ": " + s.Ops}
	case s.State != "":
		return []string{s.State}
	}
	return nil
}

func partitionLines(c *topology.Conditions) (lines []string) {
	for _, p := range c.Partitions {
		s := p.State + " (" + p.Path + ")"
		if p.CPUs != nil {
			s += ": " + or(cpusText(p.CPUs), "no CPU")
		}
		lines = append(lines, s)
	}
	if len(c.IsolatedCPUs) > 0 {
		lines = append(lines, "isolated partitions of the machine: "+cpusText(c.IsolatedCPUs))
	}
	return lines
}

// deviceLines names the devices of each node. On a machine of one node all of
// them are near it.
func (r *Report) deviceLines() (lines []string) {
	if r.Conditions == nil {
		return nil
	}
	all := r.Conditions.Devices
	for i := 0; i < len(all); {
		j := i + 1
		for j < len(all) && all[j].Node == all[i].Node {
			j++
		}
		s := deviceNames(all[i:j])
		switch {
		case all[i].Node >= 0:
			s = "node " + strconv.Itoa(all[i].Node) + ": " + s
		case len(r.Topology.Nodes) > 1:
			s = "node not known: " + s
		}
		lines = append(lines, s)
		i = j
	}
	return lines
}

// devicesOf names the devices of a node.
func (r *Report) devicesOf(node int) string {
	if r.Conditions == nil {
		return ""
	}
	var near []topology.Device
	for _, d := range r.Conditions.Devices {
		if d.Node == node {
			near = append(near, d)
		}
	}
	return deviceNames(near)
}

// deviceNames lists devices that are ordered by kind and name; neighbouring
// numbers are joined, as in nvme0-nvme3.
func deviceNames(all []topology.Device) string {
	var parts []string
	for i := 0; i < len(all); {
		stem, number, ok := numberedName(all[i].Name)
		if !ok {
			parts = append(parts, all[i].Name)
			i++
			continue
		}
		ids := []int{number}
		for i++; i < len(all); i++ {
			s, n, ok := numberedName(all[i].Name)
			if !ok || s != stem {
				break
			}
			ids = append(ids, n)
		}
		parts = append(parts, strings.ReplaceAll(rangesOf(ids, stem), ",", ", "))
	}
	return strings.Join(parts, ", ")
}

// numberedName splits a name that ends with a number.
func numberedName(name string) (stem string, number int, ok bool) {
	stem = strings.TrimRight(name, "0123456789")
	number, err := strconv.Atoi(name[len(stem):])
	return stem, number, err == nil && stem+strconv.Itoa(number) == name
}

// decimals writes a number with at most two decimals.
func decimals(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

// conditionItems are the conditions as items of a list: "Governor: performance".
func (r *Report) conditionItems() []string {
	var out []string
	for _, f := range r.conditions() {
		label := f.label
		if label != "sched_ext" {
			label = strings.ToUpper(label[:1]) + label[1:]
		}
		out = append(out, label+": "+strings.Join(f.lines, "; "))
	}
	return out
}

// deviceItems is the same of the devices.
func (r *Report) deviceItems() []string {
	lines := r.deviceLines()
	if len(lines) == 0 {
		return nil
	}
	return []string{"Devices: " + strings.Join(lines, "; ")}
}

type jsonConditions struct {
	Throttling   []jsonThrottling `json:"throttling"`
	Pressure     []jsonPressure   `json:"pressure"`
	Governors    []jsonGovernor   `json:"governors"`
	SchedExt     *jsonSchedExt    `json:"sched_ext"`
	Partitions   []jsonPartition  `json:"partitions"`
	IsolatedCPUs *string          `json:"isolated_partition_cpus"`
	Devices      []jsonDevice     `json:"devices"`
}

type jsonThrottling struct {
	Path      string  `json:"path"`
	Periods   int64   `json:"periods"`
	Throttled int64   `json:"throttled_periods"`
	Stopped   float64 `json:"throttled_seconds"`
}

type jsonPressure struct {
	Path   string  `json:"path"`
	System bool    `json:"system"`
	Avg10  float64 `json:"avg10"`
	Avg60  float64 `json:"avg60"`
	Avg300 float64 `json:"avg300"`
}

type jsonGovernor struct {
	Governor string  `json:"governor"`
	Driver   *string `json:"driver"`
	CPUs     string  `json:"cpus"`
}

type jsonSchedExt struct {
	State *string `json:"state"`
	Ops   *string `json:"ops"`
}

type jsonPartition struct {
	Path  string  `json:"path"`
	State string  `json:"state"`
	CPUs  *string `json:"cpus"`
}

type jsonDevice struct {
	Name string  `json:"name"`
	Kind string  `json:"kind"`
	Node unknown `json:"node"`
}

func (r *Report) jsonConditions() *jsonConditions {
	c := r.Conditions
	if c == nil {
		return nil
	}
	out := &jsonConditions{
		Throttling: make([]jsonThrottling, 0, len(c.Throttling)), Pressure: make([]jsonPressure, 0, len(c.Pressure)),
		Governors: make([]jsonGovernor, 0, len(c.Governors)), Partitions: make([]jsonPartition, 0, len(c.Partitions)),
		IsolatedCPUs: list(c.IsolatedCPUs), Devices: make([]jsonDevice, 0, len(c.Devices)),
	}
	for _, t := range c.Throttling {
		out.Throttling = append(out.Throttling, jsonThrottling{t.Path, t.Periods, t.Throttled, t.Stopped.Seconds()})
	}
	for _, p := range c.Pressure {
		out.Pressure = append(out.Pressure, jsonPressure(p))
	}
	for _, g := range c.Governors {
		out.Governors = append(out.Governors, jsonGovernor{g.Name, text(g.Driver), ranges(g.CPUs)})
	}
	if c.SchedExt != (topology.SchedExt{}) {
		out.SchedExt = &jsonSchedExt{text(c.SchedExt.State), text(c.SchedExt.Ops)}
	}
	for _, p := range c.Partitions {
		out.Partitions = append(out.Partitions, jsonPartition{p.Path, p.State, list(p.CPUs)})
	}
	for _, d := range c.Devices {
		out.Devices = append(out.Devices, jsonDevice{d.Name, string(d.Kind), unknown(d.Node)})
	}
	return out
}

// nodeOf returns the node of a box, or Unknown.
func (r *Report) nodeOf(b *box) int {
	if i := slices.IndexFunc(b.names, func(n name) bool { return n.level == levelNode }); i >= 0 {
		return b.names[i].number
	}
	return topology.Unknown
}
