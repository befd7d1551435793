package bench

import (
	"math"
	"slices"
)

// Spread describes measured values of one thing.
type Spread struct {
	Median float64 `json:"median"`
	Q1     float64 `json:"q1"`
	Q3     float64 `json:"q3"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Count  int     `json:"count"`
}

func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	s := sorted(values)
	return Spread{quantile(s, 0.5), quantile(s, 0.25), quantile(s, 0.75), s[0], s[len(s)-1], len(s)}
}

// Percentiles describes latencies.
type Percentiles struct {
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
	Count int     `json:"count"`
}

func percentilesOf(values []float64) *Percentiles {
	if len(values) == 0 {
		return nil
	}
	s := sorted(values)
	return &Percentiles{quantile(s, 0.5), quantile(s, 0.9), quantile(s, 0.99), quantile(s, 0.999), s[len(s)-1], len(s)}
}

// sorted returns a sorted copy.
func sorted(values []float64) []float64 {
	s := slices.Clone(values)
	slices.Sort(s)
	return s
}

// quantile returns the q-quantile of sorted values: the value at that rank, or
// between its two neighbours.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	lo, hi := int(math.Floor(at)), int(math.Ceil(at))
	return sorted[lo] + (at-float64(lo))*(sorted[hi]-sorted[lo])
}
