package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/zeropool-go/zeropool"
)

// sortCut is the length up to which a part is sorted without forks.
const sortCut = 256

// A part is the params of a task that sorts.
type part struct{ data []int }

// split puts no greater elements before no smaller ones, and returns how many
// come first: at least one, and not all of them. There must be three or more.
func split(d []int) int {
	last := len(d) - 1
	pivot := middle(d[0], d[last/2], d[last])
	for i, j := 0, last; ; i, j = i+1, j-1 {
		for d[i] < pivot {
			i++
		}
		for d[j] > pivot {
			j--
		}
		if i >= j {
			return j + 1
		}
		d[i], d[j] = d[j], d[i]
	}
}

func middle(a, b, c int) int { return max(min(a, b), min(max(a, b), c)) }

// sortParts is the sort without forks.
func sortParts(q *part) {
	if len(q.data) <= sortCut {
		slices.Sort(q.data)
		return
	}
	n := split(q.data)
	sortParts(&part{q.data[:n]})
	sortParts(&part{q.data[n:]})
}

// sortForks returns the function that forks for one of the two parts.
func sortForks(p *zeropool.Pool) func(q *part) {
	var fork func(q *part)
	fork = func(q *part) {
		if len(q.data) <= sortCut {
			slices.Sort(q.data)
			return
		}
		n := split(q.data)
		parts := [2]part{{q.data[:n]}, {q.data[n:]}}
		f := zeropool.Submit(p, &parts[0], fork)
		fork(&parts[1])
		must(f.Wait())
	}
	return fork
}

// quicksort sorts random numbers, which are put in disorder before each Op.
func quicksort(n int) Workload {
	return Workload{
		Name:    "quicksort",
		Title:   fmt.Sprintf("quicksort of %s ints, a fork and a join down to parts of %d: time per element", thousands(n), sortCut),
		Tasks:   n,
		Samples: 1,
		Heavy:   true,
		Further: true,
		Variants: func(e *Env) []Variant {
			random := rand.New(rand.NewPCG(1, 2))
			given := make([]int, n)
			for i := range given {
				given[i] = random.Int()
			}
			want := slices.Sorted(slices.Values(given))
			got := make([]int, n)
			by := func(sort func(q *part)) Instance {
				op := func() { sort(&part{got}) }
				return Instance{Before: func() { copy(got, given) }, Op: op, Verify: func() error {
					if op(); !slices.Equal(got, want) {
						return fmt.Errorf("the result is not the input in order")
					}
					return nil
				}}
			}
			return []Variant{
				{Ours, e.Pool(func(p *zeropool.Pool) Instance { return by(sortForks(p)) })},
				{Library, plain(by(func(q *part) { slices.Sort(q.data) }))},
				{Calls, plain(by(sortParts))},
			}
		},
	}
}
