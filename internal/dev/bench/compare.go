package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// A Change is one ratio of the benchmark set before and after a change of the
// program: several values of each. Less is better.
type Change struct {
	Workload, To string
	Base, New    []float64
}

// Name names the workload and the baseline.
func (c *Change) Name() string { return c.Workload + " / " + c.To }

// Runs pairs what the runs of two programs have in common, one value for each
// run. Of each workload it takes the ratio to one baseline, that to which the
// base's vary least: on a machine whose CPUs come and go, that is the one which
// suffers most alike.
func Runs(base, new []*Report) []Change {
	var chosen []Change
	for _, c := range changes(base, new, func(r *Ratio) []float64 { return []float64{r.Median} }) {
		at := slices.IndexFunc(chosen, func(o Change) bool { return o.Workload == c.Workload })
		if at < 0 {
			chosen = append(chosen, c)
		} else if variation(c.Base) < variation(chosen[at].Base) {
			chosen[at] = c
		}
	}
	return chosen
}

// Rounds pairs what a run of each of two programs have in common, one value for
// each round. Of an older report, which does not have them, the quartiles stand
// for the rounds: so few values are less sure of a difference, never more.
func Rounds(base, new *Report) []Change {
	return changes([]*Report{base}, []*Report{new}, func(r *Ratio) []float64 {
		if len(r.Rounds) > 0 {
			return r.Rounds
		}
		return []float64{r.Q1, r.Median, r.Q3}
	})
}

// changes pairs the values of each ratio that all reports have.
func changes(base, new []*Report, values func(*Ratio) []float64) []Change {
	type pair struct {
		Change
		inBase, inNew int // reports
	}
	var all []*pair
	find := func(workload, to string) *pair {
		for _, p := range all {
			if p.Workload == workload && p.To == to {
				return p
			}
		}
		p := &pair{Change: Change{Workload: workload, To: to}}
		all = append(all, p)
		return p
	}
	each := func(reports []*Report, do func(*pair, []float64)) {
		for _, report := range reports {
			for i := range report.Results {
				q := &report.Results[i]
				for k := range q.Ratios {
					do(find(q.Name, q.Ratios[k].To), values(&q.Ratios[k]))
				}
			}
		}
	}
	each(base, func(p *pair, v []float64) { p.Base, p.inBase = append(p.Base, v...), p.inBase+1 })
	each(new, func(p *pair, v []float64) { p.New, p.inNew = append(p.New, v...), p.inNew+1 })

	var common []Change
	for _, p := range all {
		if p.inBase == len(base) && p.inNew == len(new) {
			common = append(common, p.Change)
		}
	}
	return common
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

// A Verdict is what is concluded about a change.
type Verdict struct {
	Base, New float64 // medians
	Change    float64 // of the medians: 0.1 is 10 % slower
	P         float64 // that samples differ so much by chance
	Slower    bool
	Faster    bool
}

// A Rule says when a difference counts.
type Rule struct {
	Alpha float64 // the chance that any row of a table is called slower or faster when nothing has changed, at most
	Least float64 // the change that matters
}

// CanTell reports whether so many values of each can show a difference in a
// table of that many rows at all.
func (r Rule) CanTell(values, rows int) bool {
	return exactP(0, values, values) < r.Alpha/float64(rows)
}

// canTellAny reports whether any row of a table has enough values to be called
// slower or faster.
func (r Rule) canTellAny(table []Change) bool {
	return slices.ContainsFunc(table, func(c Change) bool {
		return exactP(0, len(c.Base), len(c.New)) < r.Alpha/float64(len(table))
	})
}

// Judge compares a row of a table of so many rows: a difference counts if it is
// both large enough to matter and too large for chance (Mann-Whitney, two-sided,
// with Bonferroni's correction).
func (r Rule) Judge(c *Change, rows int) Verdict {
	v := Verdict{Base: median(c.Base), New: median(c.New), P: mannWhitney(c.Base, c.New)}
	if v.Base > 0 {
		v.Change = v.New/v.Base - 1
	}
	if v.P < r.Alpha/float64(max(rows, 1)) {
		v.Slower = v.Change > r.Least
		v.Faster = v.Change < -r.Least/(1+r.Least)
	}
	return v
}

// Write writes a table of changes and what they were judged by, and returns
// those that are slower.
func (r Rule) Write(w io.Writer, table []Change) (slower []Change, err error) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tw, "ratio\tbase\tq1 – q3\tnew\tq1 – q3\tchange\tp\tverdict\t\n")
	for i := range table {
		c := &table[i]
		v := r.Judge(c, len(table))
		text := ""
		switch {
		case v.Slower:
			text = "slower"
			slower = append(slower, *c)
		case v.Faster:
			text = "faster"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%+.1f%%\t%.4f\t%s\t\n", c.Name(), Number(v.Base), quartiles(c.Base), Number(v.New), quartiles(c.New), 100*v.Change, v.P, text)
	}
	if err := tw.Flush(); err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(w, "Mann-Whitney, two-sided, p below %.2g/%d, and at least %.2g %%\n", r.Alpha, len(table), 100*r.Least)
	return slower, err
}

func quartiles(values []float64) string {
	s := spreadOf(values)
	return Number(s.Q1) + " – " + Number(s.Q3)
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
