package main

import (
	"fmt"
	"regexp"
	"slices"
	"sync"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// alike are the peers that differ from another only in what a task costs, which
// nobody sees in tasks as long as these.
var alike = []string{"ants-1024", "ants-func", "pond-task"}

// realRounds is how many rounds a real workload has at least. Its variants differ by a few
// percent and its rounds by ten, and zeropool is compared with the best of fifteen others:
// among three rounds that is the luckiest.
const realRounds = 15

// real makes a workload of jobs that one would have anyway: each variant does
// all of them, by its own means, and must get what a plain loop gets. The jobs
// have no results yet; sound looks at those of the loop.
func real[T comparable](name, title string, blank []T, names *regexp.Regexp, do func(*T), sound func([]T) error) bench.Workload {
	w := bench.Workload{
		Name:  name,
		Title: title,
		Tasks: len(blank),
		Heavy: true,
		Least: realRounds,
		Variants: func(e *bench.Env) []bench.Variant {
			jobs, want := slices.Clone(blank), slices.Clone(blank)
			// The first variant that is started finds out the answer.
			answer := sync.OnceValue(func() error {
				for i := range want {
					do(&want[i])
				}
				return sound(want)
			})
			instance := func(run func()) bench.Instance {
				return bench.Instance{Op: func() {
					copy(jobs, blank)
					run()
					must(compare(jobs, want))
				}}
			}
			start := func(v bench.Variant) bench.Variant {
				return bench.Variant{Name: v.Name, Start: func() (bench.Instance, error) {
					if err := answer(); err != nil {
						return bench.Instance{}, err
					}
					return v.Start()
				}}
			}
			variants := []bench.Variant{
				{Name: bench.Ours, Start: e.Pool(func(p *zeropool.Pool) bench.Instance {
					return instance(func() { must(zeropool.ForEach(p, jobs, do)) })
				})},
				{Name: bench.Ours + "-submit", Start: e.Pool(func(p *zeropool.Pool) bench.Instance {
					return instance(func() {
						futures := make([]zeropool.Future, len(jobs))
						for i := range jobs {
							futures[i] = zeropool.Submit(p, &jobs[i], do)
						}
						for _, f := range futures {
							must(f.Wait())
						}
					})
				})},
				{Name: bench.Ours + "-group", Start: e.Pool(func(p *zeropool.Pool) bench.Instance {
					return instance(func() {
						g := p.NewGroup()
						for i := range jobs {
							zeropool.SubmitTo(g, &jobs[i], do)
						}
						must(g.Wait())
					})
				})},
			}
			others := append(bench.Baselines[T](), chosen[T](names, alike...)...)
			variants = append(variants, bench.ByPeers(e, others, func(r *bench.Runner[T]) bench.Instance {
				return instance(func() { r.DoAll(jobs, do) })
			})...)
			for i := range variants {
				variants[i] = start(variants[i])
			}
			return variants
		},
	}
	if len(blank) == 0 {
		w.Missing = "there are no such files"
	}
	return w
}

// compare returns an error that names the first job with another result.
func compare[T comparable](got, want []T) error {
	for i := range want {
		if got[i] != want[i] {
			return fmt.Errorf("job %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	return nil
}
