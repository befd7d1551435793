package bench

import "slices"

// Result is what was found out about one workload.
type Result struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Unit    string   `json:"unit"` // of the samples' values
	Tasks   int      `json:"tasks"`
	Samples []Sample `json:"samples"` // ours first
	Ratios  []Ratio  `json:"ratios"`
	Missing string   `json:"missing,omitempty"` // why there are no samples
}

// Sample is one variant of a workload.
type Sample struct {
	Name string `json:"name"`
	Spread
	Latency    *Percentiles `json:"latency,omitempty"`    // in ns, over all rounds
	Allocs     *float64     `json:"allocs,omitempty"`     // objects per task
	Bytes      *float64     `json:"bytes,omitempty"`      // bytes per task
	Efficiency *Spread      `json:"efficiency,omitempty"` // serial time / (CPUs × time)
	Memory     *MemoryUse   `json:"memory,omitempty"`     // medians
}

// Ratio compares ours with a baseline: ours divided by its, round by round.
type Ratio struct {
	To string `json:"to"`
	Spread
	Rounds []float64 `json:"rounds,omitempty"` // the ratio of each round, in their order; older reports have none
}

// Result sums up the rounds so far.
func (s *Session) Result() Result {
	w := &s.Workload
	r := Result{Name: w.Name, Title: w.Title, Unit: w.Kind.Unit(), Tasks: w.Tasks}
	for i, v := range s.variants {
		sample := Sample{Name: v.Name, Spread: spreadOf(s.values[i]), Latency: percentilesOf(s.samples[i]), Memory: medianOf(s.memory[i])}
		elsewhere := i < len(s.running) && s.running[i].Timed != nil
		if w.Kind.counted() && !elsewhere {
			a := s.allocs[i]
			sample.Allocs, sample.Bytes = &a.objects, &a.bytes
		}
		if w.Heavy && !elsewhere {
			e := spreadOf(quotients(s.values[s.serial()], s.values[i], 1/float64(s.env.CPUs)))
			sample.Efficiency = &e
		}
		r.Samples = append(r.Samples, sample)
		if i > 0 && w.Kind.compared() {
			rounds := quotients(s.values[0], s.values[i], 1)
			r.Ratios = append(r.Ratios, Ratio{v.Name, spreadOf(rounds), rounds})
		}
	}
	return r
}

// serial returns the index of the variant that does the work on one goroutine.
func (s *Session) serial() int {
	return slices.IndexFunc(s.variants, func(v Variant) bool { return v.Name == Serial || v.Name == Calls })
}

// quotients returns a[i]/b[i]*factor for every round with something to divide by.
func quotients(a, b []float64, factor float64) []float64 {
	q := make([]float64, 0, min(len(a), len(b)))
	for i := range cap(q) {
		if b[i] > 0 { // a coarse clock may see nothing pass
			q = append(q, a[i]/b[i]*factor)
		}
	}
	return q
}

// Ours returns our sample; a result that is not missing has one.
func (r *Result) Ours() Sample { return r.Samples[0] }

// Ratio returns the comparison with a baseline, if there is one.
func (r *Result) Ratio(to string) (Ratio, bool) {
	for _, q := range r.Ratios {
		if q.To == to {
			return q, true
		}
	}
	return Ratio{}, false
}
