package report

import (
	"encoding/json"
	"io"
	"strconv"
)

// SchemaVersion is the "schema" of the topo output; keys may be added to a
// version, never renamed or removed. Version 2 has all of version 1, and the
// conditions.
const SchemaVersion = 2

// unknown is an integer that is written as null when negative.
type unknown int64

func (u unknown) MarshalJSON() ([]byte, error) {
	if u < 0 {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, int64(u), 10), nil
}

type jsonTopology struct {
	Schema       int         `json:"schema"`
	Source       string      `json:"source"`
	Model        *string     `json:"model"`
	VM           bool        `json:"vm"`
	Hypervisor   *string     `json:"hypervisor"`
	Quota        *float64    `json:"quota"`
	QuotaPath    *string     `json:"quota_path"`
	QuotaParent  bool        `json:"quota_parent"`
	GOMAXPROCS   *int        `json:"gomaxprocs"`
	SMT          *string     `json:"smt"`
	CacheLine    *int        `json:"cache_line_bytes"`
	AffinityCPUs *string     `json:"affinity_cpus"`
	CpusetCPUs   *string     `json:"cpuset_cpus"`
	IsolatedCPUs string      `json:"isolated_cpus"`
	NohzFullCPUs string      `json:"nohz_full_cpus"`
	CPUs         []jsonCPU   `json:"cpus"`
	Caches       []jsonCache `json:"caches"`
	Nodes        []jsonNode  `json:"nodes"`
	Plan         jsonPlan    `json:"plan"`
	Warnings     []string    `json:"warnings"`

	Conditions *jsonConditions `json:"conditions"`
}

type jsonCPU struct {
	CPU        int     `json:"cpu"`
	Online     bool    `json:"online"`
	Allowed    bool    `json:"allowed"`
	Core       unknown `json:"core"`
	L1d        unknown `json:"l1d"`
	L2         unknown `json:"l2"`
	L3         unknown `json:"l3"`
	Cluster    unknown `json:"cluster"`
	Die        unknown `json:"die"`
	Package    unknown `json:"package"`
	Book       unknown `json:"book"`
	Drawer     unknown `json:"drawer"`
	Node       unknown `json:"node"`
	Efficiency unknown `json:"efficiency"`
	Capacity   unknown `json:"capacity"`
	MaxKHz     unknown `json:"max_khz"`
}

type jsonCache struct {
	Level int     `json:"level"`
	Label int     `json:"label"`
	Bytes unknown `json:"bytes"`
}

type jsonNode struct {
	Node      int     `json:"node"`
	CPUs      string  `json:"cpus"`
	MemBytes  unknown `json:"mem_bytes"`
	Distances []int   `json:"distances"`
}

type jsonPlan struct {
	Placement string          `json:"placement"`
	Workers   []jsonWorker    `json:"workers"`
	Excluded  []jsonExclusion `json:"excluded"`
	Warnings  []string        `json:"warnings"`
}

type jsonWorker struct {
	Worker int     `json:"worker"`
	CPU    unknown `json:"cpu"`
	Core   unknown `json:"core"`
	L3     unknown `json:"l3"`
	Node   unknown `json:"node"`
	Why    string  `json:"why"`
}

type jsonExclusion struct {
	CPU int    `json:"cpu"`
	Why string `json:"why"`
}

// JSON writes the topology with its plan as one object, in the schema of
// docs/topology.schema.json.
func (r *Report) JSON(w io.Writer) error {
	t := r.Topology
	out := jsonTopology{
		Schema: SchemaVersion, Source: t.Source, Model: text(t.Model), VM: t.VM, Hypervisor: text(t.Hypervisor),
		QuotaPath: text(t.QuotaPath), QuotaParent: t.QuotaParent, SMT: text(t.SMT),
		AffinityCPUs: list(t.Affinity), CpusetCPUs: list(t.Cpuset),
		IsolatedCPUs: ranges(t.Isolated), NohzFullCPUs: ranges(t.NohzFull),
		GOMAXPROCS: positive(r.Request.GOMAXPROCS), CacheLine: positive(t.CacheLine),
		CPUs: make([]jsonCPU, 0, len(t.CPUs)), Caches: make([]jsonCache, 0, len(t.Caches)),
		Nodes: make([]jsonNode, 0, len(t.Nodes)), Plan: r.jsonPlan(), Warnings: append([]string{}, r.machineWarnings()...),
		Conditions: r.jsonConditions(),
	}
	if t.Quota > 0 {
		out.Quota = &t.Quota
	}
	for _, c := range t.CPUs {
		out.CPUs = append(out.CPUs, jsonCPU{CPU: c.ID, Online: c.Online, Allowed: c.Allowed,
			Core: unknown(c.Core), L1d: unknown(c.L1d), L2: unknown(c.L2), L3: unknown(c.L3),
			Cluster: unknown(c.Cluster), Die: unknown(c.Die), Package: unknown(c.Package), Book: unknown(c.Book), Drawer: unknown(c.Drawer), Node: unknown(c.Node),
			Efficiency: unknown(c.Efficiency), Capacity: unknown(c.Capacity), MaxKHz: unknown(c.MaxKHz)})
	}
	for _, c := range t.Caches {
		out.Caches = append(out.Caches, jsonCache{c.Level, c.Label, unknown(c.Bytes)})
	}
	for _, n := range t.Nodes {
		out.Nodes = append(out.Nodes, jsonNode{n.ID, ranges(n.CPUs), unknown(n.MemBytes), n.Distances})
	}
	return encode(w, out)
}

// PlanJSON writes the plan alone as one object, in the schema of
// docs/plan.schema.json.
func (r *Report) PlanJSON(w io.Writer) error { return encode(w, r.jsonPlan()) }

func (r *Report) jsonPlan() jsonPlan {
	p := jsonPlan{
		Placement: r.Request.Placement.String(),
		Workers:   make([]jsonWorker, 0, len(r.Plan.Workers)),
		Excluded:  make([]jsonExclusion, 0, len(r.Plan.Excluded)),
		Warnings:  append([]string{}, r.Plan.Warnings...),
	}
	for _, a := range r.Plan.Workers {
		p.Workers = append(p.Workers, jsonWorker{a.Worker, unknown(a.CPU), unknown(a.Core), unknown(a.L3), unknown(a.Node), a.Why})
	}
	for _, e := range r.Plan.Excluded {
		p.Excluded = append(p.Excluded, jsonExclusion(e))
	}
	return p
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(v)
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func list(ids []int) *string {
	if ids == nil {
		return nil
	}
	s := ranges(ids)
	return &s
}

func positive(n int) *int {
	if n <= 0 {
		return nil
	}
	return &n
}
