package main

import (
	"math"
	"slices"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// A row is one ratio of the benchmark set, one value for each run, by the program
// before and after a change. Less is better.
type row struct {
	workload, to string
	base, new    []float64
}

func (r *row) name() string { return r.workload + " / " + r.to }

// rows pairs what the runs of both programs have in common: for each workload
// the ratio to one baseline, that to which the base's vary least. On a machine
// whose CPUs come and go, that is the one which suffers most alike.
func rows(base, new []*bench.Report) []row {
	var all []*row
	find := func(workload, to string) *row {
		for _, r := range all {
			if r.workload == workload && r.to == to {
				return r
			}
		}
		r := &row{workload: workload, to: to}
		all = append(all, r)
		return r
	}
	collect := func(reports []*bench.Report, into func(*row) *[]float64) {
		for _, report := range reports {
			for i := range report.Results {
				for _, ratio := range report.Results[i].Ratios {
					values := into(find(report.Results[i].Name, ratio.To))
					*values = append(*values, ratio.Median)
				}
			}
		}
	}
	collect(base, func(r *row) *[]float64 { return &r.base })
	collect(new, func(r *row) *[]float64 { return &r.new })

	var chosen []row
	for _, r := range all {
		if len(r.base) < len(base) || len(r.new) < len(new) {
			continue // only one of the two knows it
		}
		at := slices.IndexFunc(chosen, func(c row) bool { return c.workload == r.workload })
		if at < 0 {
			chosen = append(chosen, *r)
		} else if variation(r.base) < variation(chosen[at].base) {
			chosen[at] = *r
		}
	}
	return chosen
}

// variation is the distance of the quartiles in relation to the median.
func variation(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	m := median(s)
	if m <= 0 {
		return math.Inf(1)
	}
	n := len(s)
	return (median(s[(n+1)/2:]) - median(s[:n/2])) / m
}

// A verdict is what is concluded about a row.
type verdict struct {
	base, new float64 // medians
	change    float64 // of the medians: 0.1 is 10 % slower
	p         float64 // that samples differ so much by chance
	slower    bool
	faster    bool
}

// rule says when a difference counts.
type rule struct {
	alpha float64 // the chance that any row of a table is called slower or faster when nothing has changed, at most
	least float64 // the change that matters
}

// canTell reports whether so many runs of each can show a difference in a table
// of that many rows at all.
func (r rule) canTell(runs, rows int) bool {
	return exactP(0, runs, runs) < r.alpha/float64(rows)
}

// judge compares a row of a table of so many rows: a difference counts if it is
// both large enough to matter and too large for chance (Mann-Whitney, two-sided,
// with Bonferroni's correction).
func (r rule) judge(w *row, rows int) verdict {
	v := verdict{base: median(w.base), new: median(w.new), p: mannWhitney(w.base, w.new)}
	if v.base > 0 {
		v.change = v.new/v.base - 1
	}
	if v.p < r.alpha/float64(max(rows, 1)) {
		v.slower = v.change > r.least
		v.faster = v.change < -r.least/(1+r.least)
	}
	return v
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	if n == 0 {
		return 0
	}
	return (s[(n-1)/2] + s[n/2]) / 2
}

// exactLimit is the size of samples up to which the distribution of U is counted
// out; beyond it, and with ties, the normal one stands for it.
const exactLimit = 40

// mannWhitney returns the probability that two samples of one distribution
// differ in their ranks by as much as these, in either direction. It assumes
// nothing about the distribution.
func mannWhitney(a, b []float64) float64 {
	n, m := len(a), len(b)
	if n == 0 || m == 0 {
		return 1
	}
	u, ties := uStatistic(a, b)
	if len(ties) == 0 && n <= exactLimit && m <= exactLimit {
		return exactP(u, n, m)
	}
	nm := float64(n * m)
	all := float64(n + m)
	tied := 0.0
	for _, t := range ties {
		tied += float64(t) * (float64(t)*float64(t) - 1)
	}
	variance := nm / 12 * (all + 1 - tied/(all*(all-1)))
	if variance <= 0 {
		return 1 // all values are equal
	}
	z := max(math.Abs(u-nm/2)-0.5, 0) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}

// uStatistic counts the pairs in which the element of a is the larger one,
// equal ones by half, and returns the lengths of the runs of equal values.
func uStatistic(a, b []float64) (u float64, ties []int) {
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				u++
			case x == y:
				u += 0.5
			}
		}
	}
	all := slices.Sorted(slices.Values(slices.Concat(a, b)))
	for i := 0; i < len(all); {
		k := i
		for k < len(all) && all[k] == all[i] {
			k++
		}
		if k-i > 1 {
			ties = append(ties, k-i)
		}
		i = k
	}
	return u, ties
}

// exactP is the two-sided probability of a U that is at least as extreme, by
// counting: the largest of all n+m elements is either one of the n, and then
// beats all m, or one of the m, and beats nobody.
func exactP(u float64, n, m int) float64 {
	extreme := int(min(u, float64(n*m)-u))
	before := make([][]float64, m+1) // [j][u]: orders of i-1 and j elements
	for j := range before {
		before[j] = make([]float64, extreme+1)
		before[j][0] = 1
	}
	for range n {
		now := make([][]float64, m+1)
		now[0] = before[0]
		for j := 1; j <= m; j++ {
			now[j] = slices.Clone(now[j-1])
			for u := j; u <= extreme; u++ {
				now[j][u] += before[j][u-j]
			}
		}
		before = now
	}
	tail, all := 0.0, 1.0
	for _, orders := range before[m] {
		tail += orders
	}
	for i := 1; i <= n; i++ {
		all *= float64(m+i) / float64(i)
	}
	return min(2*tail/all, 1)
}
