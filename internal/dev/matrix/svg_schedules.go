package matrix

import (
	"fmt"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
	"github.com/zeropool-go/zeropool/internal/svg"
)

// schedule is a workload of which it is known how long the ideal schedule takes.
type schedule struct {
	q       *Workload
	ours    float64 // times the ideal, from the same rounds
	channel float64 // times the ideal, from the medians; 0: unknown
	best    bench.Sample
	bestIs  float64 // the best rival that is not the channel, as channel
}

// scheduleResults returns them in the run that the pictures are about.
func (m *Matrix) scheduleResults() []schedule {
	run := m.reference()
	var all []schedule
	for i := range m.Workloads {
		q := &m.Workloads[i]
		c, ok := q.cell(run)
		if !ok {
			continue
		}
		ideal, ok := c.ideal()
		ratio, known := c.Result.Ratio(bench.Ideal)
		if !ok || !known || ideal.Median <= 0 {
			continue
		}
		s := schedule{q: q, ours: ratio.Median}
		for _, x := range c.Result.Samples {
			switch {
			case x.Name == bench.Channel:
				s.channel = x.Median / ideal.Median
			case !rival(x.Name) || x.Name == bench.Serial:
			case s.bestIs == 0 || x.Median < s.best.Median:
				s.best, s.bestIs = x, x.Median/ideal.Median
			}
		}
		all = append(all, s)
	}
	return all
}

// schedules draws how many times as long as the ideal schedule each takes. It is
// nil where no ideal is known.
func (m *Matrix) schedules() []byte {
	all := m.scheduleResults()
	if len(all) == 0 {
		return nil
	}
	const (
		labels = 400
		step   = 22.0
	)
	title := "Time, divided by that of the ideal schedule"
	var c canvas
	y := c.heading(title, about(m.reference())+". The ideal: every CPU busy until all is done, at no cost. Logarithmic.")
	keys := []keyEntry{{"win", circle, "", "zeropool"}, {"them", square, "", "channel"}}
	values := []float64{1, 10}
	rivals := false
	for _, s := range all {
		values = append(values, s.ours, s.channel, s.bestIs)
		rivals = rivals || s.bestIs > 0
	}
	if rivals {
		keys = append(keys, keyEntry{"them hollow", triangle, "", "best other"})
	}
	y = c.key(y+8, keys...)
	a := logAxis(labels+margin, width-margin-70, values...)
	top := y + 20
	bottom := top + step*float64(len(all))
	for i := 0; i < len(all); i += 2 {
		c.rect("band", 0, top+step*float64(i), width, step)
	}
	c.grid(a, top, bottom, func(v float64) string { return axisText("×", v) })
	c.line("one", a.x(1), top, a.x(1), bottom)
	for i, s := range all {
		middle := top + step*(float64(i)+0.5)
		c.text("", margin, middle+4.5, svg.Fit(s.q.words(), fontText, labels-8))
		if s.channel > 0 {
			c.mark("them", square, a.x(s.channel), middle, "channel "+bench.Number(s.channel)+"×")
		}
		if s.bestIs > 0 {
			c.mark("them hollow", triangle, a.x(s.bestIs), middle, variant(s.best.Name)+" "+bench.Number(s.bestIs)+"×")
		}
		c.mark("win", circle, a.x(s.ours), middle, "zeropool "+bench.Number(s.ours)+"×")
		c.text("wintext e", width-margin, middle+4.5, bench.Number(s.ours)+"×")
	}
	return frame(bottom+margin, title, fmt.Sprintf("%d workloads.", len(all)), &c)
}
