package bench

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// NewReport describes this run; the results are still to be added.
func NewReport(e *Env) (*Report, error) {
	r := &Report{Schema: Schema, Machine: Machine{
		Date:       time.Now().UTC().Truncate(time.Second),
		Commit:     "unknown",
		Go:         runtime.Version(),
		OS:         runtime.GOOS,
		Arch:       runtime.GOARCH,
		Build:      Build,
		CPU:        "unknown",
		CPUs:       e.CPUs,
		GOMAXPROCS: runtime.GOMAXPROCS(0),
		Workers:    e.Workers,
		ClockCost:  clockCost(),
	}}
	if info, ok := debug.ReadBuildInfo(); ok {
		r.fromBuild(info)
	}
	if t, err := topology.Detect(); err == nil {
		r.CPU = cmp.Or(t.Model, "unknown")
		r.Topology = Digest(t)
	}
	p, err := zeropool.New(e.Options...)
	if err != nil {
		return nil, err
	}
	for _, w := range p.Plan().Workers {
		if w.CPU != topology.Unknown {
			r.Pinned++
		}
	}
	return r, p.Close()
}

func (m *Machine) fromBuild(info *debug.BuildInfo) {
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			m.Commit = s.Value
		case "vcs.modified":
			m.Modified = s.Value == "true"
		case "-tags":
			m.Tags = s.Value
		case "GO" + strings.ToUpper(runtime.GOARCH), "GOARM":
			m.Level = s.Value
		}
	}
}

// Digest is a short name for a machine's CPUs and nodes.
func Digest(t *topology.Topology) string {
	text := fmt.Appendf(nil, "%+v", t.CPUs)
	for _, n := range t.Nodes {
		text = fmt.Appendf(text, " %d %v %v", n.ID, n.CPUs, n.Distances)
	}
	sum := sha256.Sum256(text)
	return fmt.Sprintf("%x", sum[:6])
}
