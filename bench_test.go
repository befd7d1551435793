package zeropool_test

import (
	"testing"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// Each benchmark is one workload of the benchmark set, which the command
// "zeropool bench" measures too. Its sub-benchmark "ratio" gives every variant
// its turn in each round and reports how long ours takes compared with the
// others in the same rounds: that figure carries over to other machines. The
// sub-benchmarks named after variants measure one each, for benchstat.

func BenchmarkSingle(b *testing.B)        { workload(b, "single-1000") }
func BenchmarkSubmitters(b *testing.B)    { workload(b, "submitters-8x10000") }
func BenchmarkGroup(b *testing.B)         { workload(b, "group-1000") }
func BenchmarkBatch1000(b *testing.B)     { workload(b, "batch-1000") }
func BenchmarkBatch100000(b *testing.B)   { workload(b, "batch-100000") }
func BenchmarkForEach1000(b *testing.B)   { workload(b, "foreach-1000") }
func BenchmarkForEach100000(b *testing.B) { workload(b, "foreach-100000") }
func BenchmarkFor100000(b *testing.B)     { workload(b, "for-100000") }
func BenchmarkHeavy(b *testing.B)         { workload(b, "heavy-1000") }
func BenchmarkSkewed(b *testing.B)        { workload(b, "skewed-1000") }
func BenchmarkHot(b *testing.B)           { workload(b, "hot") }
func BenchmarkAfterIdle(b *testing.B)     { workload(b, "idle-200us") }
func BenchmarkGoOn(b *testing.B)          { workload(b, "go-on") }
func BenchmarkIdleCPU(b *testing.B)       { workload(b, "idle-cpu") }
func BenchmarkIdleMemory(b *testing.B)    { workload(b, "idle-memory") }

func workload(b *testing.B, name string) {
	w, err := bench.Find(name)
	if err != nil {
		b.Fatal(err)
	}
	e, err := bench.NewEnv()
	if err != nil {
		b.Fatal(err)
	}
	s, err := bench.Open(w, e)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.Run("ratio", func(b *testing.B) {
		for b.Loop() {
			if err := s.Round(bench.Brief); err != nil {
				b.Fatal(err)
			}
		}
		report(b, s.Result())
	})
	if w.Kind.AtRest() {
		return
	}
	for i, v := range s.Variants() {
		b.Run(v, func(b *testing.B) {
			b.ReportAllocs()
			if w.Kind == bench.Latency {
				total := 0.0
				for b.Loop() {
					total += float64(s.Sample(i))
				}
				b.ReportMetric(total/float64(b.N), "latency-ns")
				return
			}
			for b.Loop() {
				s.Op(i)
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N*w.Tasks), "ns/task")
		})
	}
}

func report(b *testing.B, r bench.Result) {
	if r.Missing != "" {
		b.Skip(r.Missing)
	}
	ours := r.Ours()
	b.ReportMetric(0, "ns/op") // of a round, which says nothing
	switch {
	case ours.Latency != nil:
		b.ReportMetric(ours.Latency.P50, "p50-ns")
		b.ReportMetric(ours.Latency.P99, "p99-ns")
		b.ReportMetric(ours.Latency.P999, "p99.9-ns")
		b.ReportMetric(ours.Latency.Max, "worst-ns")
	case r.Unit == bench.CPUTime.Unit():
		b.ReportMetric(ours.Median, "%cpu")
	case ours.Memory != nil:
		b.ReportMetric(ours.Median, "held-bytes")
	default:
		b.ReportMetric(ours.Median, "ns/task")
	}
	if ours.Efficiency != nil {
		b.ReportMetric(ours.Efficiency.Median, "efficiency")
	}
	for _, q := range r.Ratios {
		b.ReportMetric(q.Median, "ratio/"+q.To)
	}
}
