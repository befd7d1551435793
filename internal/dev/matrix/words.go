package matrix

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// variantWords are the variants that need more words than their name.
var variantWords = map[string]string{
	bench.Goroutines: "goroutine per task",
	bench.Chunks:     "goroutine per CPU",
	bench.Serial:     "plain loop",
	bench.Nothing:    "no workers",
	bench.Ideal:      "ideal schedule",
	bench.Calls:      "plain calls",
	bench.OneWorker:  "zeropool, 1 worker",
	bench.Handlers:   "plain handlers",
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

// rival reports whether a variant is something that one could use instead: one
// whose workers never sleep is not, for it takes every CPU of an idle machine,
// and neither is a native system, or no pool at all.
func rival(variant string) bool {
	return !ours(variant) && variant != bench.Ideal && variant != bench.Nothing && !slices.Contains(polling, variant) && !slices.Contains(natives, variant)
}

// serial reports whether a variant is the work on one goroutine, without tasks.
func serial(variant string) bool { return variant == bench.Serial || variant == bench.Calls }

// polling are the peers whose workers poll.
var polling = []string{"xsync-mpmc", "xsync-spsc", "disruptor"}

// level is the largest ratio that is not called slower.
const level = 1.02

// duration reports whether values of a unit are times.
func duration(unit string) bool { return unit == "ns" || unit == "ns/task" }

// workloadWords are short descriptions of workloads. Those that are not in it have
// their title.
var workloadWords = map[string]string{
	"fib-27":              "fib(27) by forks, on workers only",
	"new-first":           "New, the first in a process",
	"new":                 "New, not the first",
	"first-task":          "the first task of a new pool",
	"close":               "Close of a pool that sleeps",
	"loaded":              "one task, other submitters busy",
	"busy-procs":          "one task, goroutines on all Ps",
	"busy-procs+1":        "one task, goroutines on all Ps but one",
	"busy-procs-x2":       "one task, goroutines on half of the Ps",
	"busy-batch-procs":    "16 tasks, goroutines on all Ps",
	"busy-batch-procs+1":  "16 tasks, goroutines on all Ps but one",
	"busy-batch-procs-x2": "16 tasks, goroutines on half of the Ps",
	"busy-told-procs":     "8 tasks, told, goroutines on all Ps",
	"fairness-8":          "fairness among 8 submitters",
	"stop-world-10us":     "stop the world, tasks of 10 µs",
	"stop-world-tiny":     "stop the world, tiny tasks",
	"neighbour":           "a goroutine's start, just after tasks",
	"neighbour-100us":     "a goroutine's start, 100 µs after tasks",
	"child-mask":          "CPUs that a child process lacks",
	"single-1000":         "1,000 tasks one by one, a Future each",
	"first-burst":         "1,000 tasks, the first of a new pool",
	"burst-after-rest":    "1,000 tasks after 10 ms of rest",
	"loop-of-one":         "one task in a loop, no clock inside",
	"submitters-8x10000":  "8 goroutines submit 10,000 each",
	"group-1000":          "1,000 tasks to a Group",
	"batch-1000":          "1,000 tasks, one batch",
	"batch-100000":        "100,000 tasks, one batch",
	"foreach-1000":        "ForEach, 1,000 tasks",
	"foreach-100000":      "ForEach, 100,000 tasks",
	"for-100000":          "For, 100,000 indices",
	"heavy-1000":          "1,000 tasks of 16 µs, one batch",
	"skewed-1000":         "1,000 tasks of 28 µs, then of 4 µs",
	"hot":                 "one task, submit and wait",
	"heavy-single-1000":   "1,000 tasks of 16 µs one by one",
	"long-single-50":      "50 tasks of 1 ms one by one",
	"pipeline-2000":       "2,000 tasks of 1 µs in a pipeline",
	"rounds-10":           "10 tasks at a time, with a WaitGroup",
	"heavy-rounds-8":      "8 tasks of 125 µs at a time",
	"told-rounds-2x8":     "2 goroutines, 8 tasks at a time, told",
	"requests-64x4":       "64 goroutines fork into 4 tasks",
	"allocating":          "64 tasks that allocate half a megabyte",
	"idle-200us":          "one task after 200 µs asleep",
	"wait-context":        "one task, submit and WaitContext",
	"go-on":               "one task, the submitter goes on",
	"sha256-tree":         "SHA-256 of each file of a tree",
	"parse-tree":          "go/parser on each file of a tree",
	"resize":              "thumbnails of pictures",
	"fib-22":              "fib(22) by forks, each",
	"fork-tree":           "a tree of forks, 16,384 leaves of 2 µs",
	"quicksort":           "quicksort by forks, 2,000,000 ints, each",
	"n-queens":            "11 queens by forks, each",
	"http-1":              "HTTP, 100 µs each, 1 connection",
	"http-8":              "HTTP, 100 µs each, 8 connections",
	"idle-cpu":            "CPU time of an idle pool",
	"idle-memory":         "memory of an idle pool",
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
