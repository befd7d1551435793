package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Schema is the version of Report's JSON form. It changes when a field is
// renamed, removed or given another meaning; docs/bench.schema.json describes it.
const Schema = 1

// Report is one run of the benchmark set.
type Report struct {
	Schema int `json:"schema"`
	Machine
	Peers   []PeerInfo `json:"peers,omitempty"` // that were measured as well
	Results []Result   `json:"results"`
}

// Machine says what a run was made on and with.
type Machine struct {
	Date       time.Time `json:"date"`
	Commit     string    `json:"commit"`   // of the source, or "unknown"
	Modified   bool      `json:"modified"` // the source differed from the commit
	Go         string    `json:"go"`
	OS         string    `json:"goos"`
	Arch       string    `json:"goarch"`
	Level      string    `json:"level"`    // GOAMD64, GOARM64, ... of the build, or ""
	Tags       string    `json:"tags"`     // build tags
	Build      string    `json:"build"`    // "assembly" or "generic"
	CPU        string    `json:"cpu"`      // model
	Topology   string    `json:"topology"` // digest of CPUs and nodes: equal on equal machines
	CPUs       int       `json:"cpus"`     // that Go code could use at a time
	GOMAXPROCS int       `json:"gomaxprocs"`
	Workers    int       `json:"workers"`
	Pinned     int       `json:"pinned"`   // workers that the plan gives a CPU
	ClockCost  float64   `json:"clock_ns"` // that each latency contains
	Emulated   bool      `json:"emulated"` // not the processor's own speed: times mean nothing
}

// WriteJSON writes the report's JSON form.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// maxReport bounds what ReadReport reads.
const maxReport = 16 << 20

// ReadReport reads what WriteJSON wrote.
func ReadReport(r io.Reader) (*Report, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxReport+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxReport {
		return nil, fmt.Errorf("longer than %d bytes: not a benchmark report", maxReport)
	}
	var head struct {
		Schema *int `json:"schema"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("not a benchmark report: %w", err)
	}
	switch {
	case head.Schema == nil:
		return nil, errors.New("not a benchmark report: it has no schema")
	case *head.Schema != Schema:
		return nil, fmt.Errorf("a benchmark report of schema %d: only %d is known", *head.Schema, Schema)
	}
	var report Report
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("not a benchmark report: %w", err)
	}
	return &report, report.check()
}

// check makes sure that what the code relies on holds.
func (r *Report) check() error {
	if len(r.Results) == 0 {
		return errors.New("the benchmark report has no results")
	}
	seen := map[string]bool{}
	for i := range r.Results {
		q := &r.Results[i]
		switch {
		case q.Name == "":
			return fmt.Errorf("result %d of the benchmark report has no name", i)
		case seen[q.Name]:
			return fmt.Errorf("the benchmark report has two results named %q", q.Name)
		case len(q.Samples) == 0 && q.Missing == "":
			return fmt.Errorf("result %q of the benchmark report has no samples", q.Name)
		}
		seen[q.Name] = true
		for _, s := range q.Samples {
			if s.Median < 0 {
				return fmt.Errorf("sample %q of result %q is negative", s.Name, q.Name)
			}
			ours := q.Ours()
			if (s.Latency == nil) != (ours.Latency == nil) || s.Efficiency != nil && ours.Efficiency == nil || (s.Memory == nil) != (ours.Memory == nil) {
				return fmt.Errorf("sample %q of result %q has other figures than the first", s.Name, q.Name)
			}
		}
		for _, x := range q.Ratios {
			if x.Median < 0 || math.IsInf(x.Median, 0) || slices.ContainsFunc(x.Rounds, func(v float64) bool { return v < 0 }) {
				return fmt.Errorf("result %q has an impossible ratio to %q", q.Name, x.To)
			}
		}
	}
	return nil
}
