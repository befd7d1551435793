package matrix

import (
	"math"
	"strconv"
	"strings"

	"github.com/zeropool-go/zeropool/internal/bench"
)

// variantWords are the variants that need more words than their name.
var variantWords = map[string]string{
	bench.Goroutines: "goroutine per task",
	bench.Chunks:     "goroutine per CPU",
	bench.Serial:     "plain loop",
	bench.Nothing:    "no workers",
}

func variant(name string) string {
	if w, ok := variantWords[name]; ok {
		return w
	}
	return name
}

// ours reports whether a variant is one of zeropool's: some workloads have
// further ones for other ways to use it.
func ours(variant string) bool {
	return variant == bench.Ours || strings.HasPrefix(variant, bench.Ours+"-")
}

// workloadWords are short descriptions of the workloads that are always there;
// others have their title.
var workloadWords = map[string]string{
	"single-1000":        "1,000 tasks one by one, a Future each",
	"submitters-8x10000": "8 goroutines submit 10,000 each",
	"group-1000":         "1,000 tasks to a Group",
	"batch-1000":         "1,000 tasks, one batch",
	"batch-100000":       "100,000 tasks, one batch",
	"foreach-1000":       "ForEach, 1,000 tasks",
	"foreach-100000":     "ForEach, 100,000 tasks",
	"for-100000":         "For, 100,000 indices",
	"heavy-1000":         "1,000 tasks of 16 µs, one batch",
	"skewed-1000":        "the same work, uneven: 28 µs, then 4 µs",
	"hot":                "one task, submit and wait",
	"idle-200us":         "the same after 200 µs asleep",
	"go-on":              "one task, the submitter goes on",
	"idle-cpu":           "CPU time of an idle pool",
	"idle-memory":        "memory of an idle pool",
}

func (q *Workload) words() string {
	if w, ok := workloadWords[q.Name]; ok {
		return w
	}
	return q.Title
}

// value writes a measured value with its unit, as people say it.
func value(unit string, x float64) string {
	switch unit {
	case "ns", "ns/task":
		return scaled(x, 1000, "ns", "µs", "ms", "s")
	case "bytes":
		return scaled(x, 1000, "B", "kB", "MB", "GB")
	case "% of a CPU":
		return bench.Number(x) + " %"
	}
	return bench.Number(x)
}

// scaled picks the largest unit that leaves at least 1.
func scaled(x, step float64, units ...string) string {
	i := 0
	for i < len(units)-1 && math.Abs(x) >= step*0.9995 {
		x, i = x/step, i+1
	}
	return digits(x) + " " + units[i]
}

// axisText writes a round value on an axis.
func axisText(unit string, v float64) string {
	if unit == "×" {
		return short(v) + "×"
	}
	number, unit, ok := strings.Cut(value(unit, v), " ")
	if x, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64); err == nil && x >= 0.001 {
		number = short(x)
	}
	if !ok {
		return number
	}
	return number + " " + unit
}

// short writes a number with no more digits than it needs.
func short(x float64) string {
	if x >= 1e4 {
		return bench.Number(x)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// digits writes a number with three digits, and without zeros behind the point
// where it is whole.
func digits(x float64) string {
	if x < 0 {
		return "-" + digits(-x)
	}
	if x == math.Trunc(x) && x < 1000 {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return bench.Number(x)
}
