package matrix

import (
	"fmt"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// column is one property of a sample.
type column struct {
	head string
	text func(c *Cell, s bench.Sample) string
}

// allColumns are the properties beside the median, in the order of the tables.
var allColumns = []column{
	{"quartiles", func(c *Cell, s bench.Sample) string {
		return value(c.Result.Unit, s.Q1) + " – " + value(c.Result.Unit, s.Q3)
	}},
	{"least – most", func(c *Cell, s bench.Sample) string {
		return value(c.Result.Unit, s.Min) + " – " + value(c.Result.Unit, s.Max)
	}},
	{"rounds", func(c *Cell, s bench.Sample) string { return fmt.Sprint(s.Count) }},
	percentile("50 %", func(l *bench.Percentiles) float64 { return l.P50 }),
	percentile("90 %", func(l *bench.Percentiles) float64 { return l.P90 }),
	percentile("99 %", func(l *bench.Percentiles) float64 { return l.P99 }),
	percentile("99.9 %", func(l *bench.Percentiles) float64 { return l.P999 }),
	percentile("worst", func(l *bench.Percentiles) float64 { return l.Max }),
	{"efficiency", func(c *Cell, s bench.Sample) string {
		if s.Efficiency == nil {
			return ""
		}
		return bench.Number(s.Efficiency.Median)
	}},
	{"allocations per task", func(c *Cell, s bench.Sample) string { return number(s.Allocs) }},
	{"bytes per task", func(c *Cell, s bench.Sample) string { return number(s.Bytes) }},
	held("heap", func(m *bench.MemoryUse) string { return value("bytes", m.Heap) }),
	held("stacks", func(m *bench.MemoryUse) string { return value("bytes", m.Stacks) }),
	held("resident", func(m *bench.MemoryUse) string { return value("bytes", m.RSS) }),
	held("goroutines", func(m *bench.MemoryUse) string { return bench.Number(m.Goroutines) }),
	held("threads", func(m *bench.MemoryUse) string { return bench.Number(m.Threads) }),
}

func percentile(head string, of func(*bench.Percentiles) float64) column {
	return column{head, func(c *Cell, s bench.Sample) string {
		if s.Latency == nil {
			return ""
		}
		return value("ns", of(s.Latency))
	}}
}

func held(head string, of func(*bench.MemoryUse) string) column {
	return column{head, func(c *Cell, s bench.Sample) string {
		if s.Memory == nil {
			return ""
		}
		return of(s.Memory)
	}}
}

func number(x *float64) string {
	if x == nil {
		return ""
	}
	return bench.Number(*x)
}

// columns returns the properties that at least one sample of a cell has.
func columns(c *Cell) []column {
	var have []column
	for _, k := range allColumns {
		for _, s := range c.Result.Samples {
			if k.text(c, s) != "" {
				have = append(have, k)
				break
			}
		}
	}
	return have
}
