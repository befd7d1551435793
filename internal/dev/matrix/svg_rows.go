package matrix

import (
	"fmt"
	"slices"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
	"github.com/zeropool-go/zeropool/internal/svg"
)

// rowStep is the height of a row of variants.
const rowStep = 23.0

// bar is one row of a picture of times: a variant in one run.
type bar struct {
	words  string
	ours   bool
	sample bench.Sample
}

// bars draws rows on an axis: the median with its quartiles, or the percentiles
// where there are some. The axis ends where the values are written.
func (c *canvas) bars(a axis, top float64, unit string, rows []bar) {
	for i, r := range rows {
		middle := top + rowStep*(float64(i)+0.5)
		class, line, text := "them", "thembar", ""
		if r.ours {
			class, line, text = "win", "winbar", "wintext"
		}
		c.text(text, margin, middle+4.5, svg.Fit(r.words, fontText, int(a.left)-margin-14))
		s := r.sample
		if l := s.Latency; l != nil {
			c.line(line+" thin", a.x(l.P50), middle, a.x(l.Max), middle)
			c.line(line, a.x(l.P50), middle, a.x(l.P99), middle)
			c.mark(class+" line", tick, a.x(l.P90), middle, "p90 "+value(unit, l.P90))
			c.mark(class+" line", cross, a.x(l.Max), middle, "worst "+value(unit, l.Max))
			c.mark(class+" hollow", diamond, a.x(l.P999), middle, "p99.9 "+value(unit, l.P999))
			c.mark(class, square, a.x(l.P99), middle, "p99 "+value(unit, l.P99))
			c.mark(class, circle, a.x(l.P50), middle, "median "+value(unit, l.P50))
			c.text(text+" e", width-margin-84, middle+4.5, value(unit, l.P50))
			c.text(text+" e", width-margin, middle+4.5, value(unit, l.P99))
			continue
		}
		c.line(line+" thin", a.x(s.Min), middle, a.x(s.Max), middle)
		c.line(line, a.x(s.Q1), middle, a.x(s.Q3), middle)
		c.mark(class, circle, a.x(s.Median), middle, "median "+value(unit, s.Median))
		c.text(text+" e", width-margin, middle+4.5, value(unit, s.Median))
	}
}

// reach returns the values that an axis for the rows must hold.
func reach(rows []bar) []float64 {
	var values []float64
	for _, r := range rows {
		s := r.sample
		if s.Latency != nil {
			values = append(values, s.Latency.P50, s.Latency.Max)
		} else {
			values = append(values, s.Median, s.Min, s.Max)
		}
	}
	return values
}

func (c *canvas) barKey(y float64, latency bool) float64 {
	if latency {
		return c.key(y, keyEntry{"them", circle, "", "median"}, keyEntry{"them line", tick, "", "90 %"}, keyEntry{"them", square, "", "99 %"},
			keyEntry{"them hollow", diamond, "", "99.9 % of all took at most this"}, keyEntry{"them line", cross, "", "the worst"})
	}
	return c.key(y, keyEntry{"them", circle, "", "median of the rounds"}, keyEntry{"", "", "thembar", "middle half"}, keyEntry{"", "", "thembar thin", "all"})
}

// picture draws one workload: zeropool in each run, and everybody else in the
// run that the pictures are about, or in the first that has the workload. It is
// nil where there is nothing to draw.
func (m *Matrix) picture(q *Workload) []byte {
	var rows []bar
	var main *Cell
	if c, ok := q.cell(m.reference()); ok {
		main = c
	}
	for i := range q.Cells {
		c := &q.Cells[i]
		if !c.shown() {
			continue
		}
		if main == nil {
			main = c
		}
		if s, ok := c.sample(bench.Ours); ok {
			rows = append(rows, bar{bench.Ours + ", " + c.Run.Label, true, s})
		}
	}
	if main == nil {
		return nil
	}
	for _, name := range q.variants() {
		if s, ok := main.sample(name); ok && name != bench.Ours {
			rows = append(rows, bar{variant(name), ours(name), s})
		}
	}
	var c canvas
	y := c.heading(q.words(), q.Title+": "+unitWords(q.Unit)+". "+about(main.Run)+". Logarithmic.")
	latency := slices.ContainsFunc(rows, func(b bar) bool { return b.sample.Latency != nil })
	y = c.barKey(y+8, latency)
	right := width - margin - 90.0
	if latency {
		right -= 76
		c.text("s e", width-margin-84, y+18, "median")
		c.text("s e", width-margin, y+18, "99 %")
	}
	a := logAxis(240, right, reach(rows)...)
	top := y + 24
	bottom := top + rowStep*float64(len(rows))
	c.grid(a, top, bottom, func(v float64) string { return axisText(q.Unit, v) })
	c.bars(a, top, q.Unit, rows)
	return frame(bottom+margin, q.words(), fmt.Sprintf("%d rows.", len(rows)), &c)
}

func unitWords(unit string) string {
	switch unit {
	case "ns/task":
		return "time per task"
	case "ns":
		return "time"
	}
	return unit
}

// latencies draws the percentiles of all workloads that have some: of zeropool,
// of plain Go, and of whoever else has the least median. It is nil where none
// has.
func (m *Matrix) latencies() []byte {
	run := m.reference()
	type panel struct {
		words string
		rows  []bar
	}
	var panels []panel
	var all []float64
	for i := range m.Workloads {
		q := &m.Workloads[i]
		c, ok := q.cell(run)
		if !ok || len(c.Result.Samples) == 0 || c.Result.Ours().Latency == nil {
			continue
		}
		p := panel{words: q.words()}
		var best *bench.Sample
		for k := range c.Result.Samples {
			s := &c.Result.Samples[k]
			switch {
			case s.Latency == nil || ours(s.Name) && s.Name != bench.Ours:
			case s.Name == bench.Ours || s.Name == bench.Channel || s.Name == bench.Goroutines:
				p.rows = append(p.rows, bar{variant(s.Name), s.Name == bench.Ours, *s})
			case best == nil || s.Latency.P50 < best.Latency.P50:
				best = s
			}
		}
		if best != nil {
			p.rows = append(p.rows, bar{variant(best.Name), false, *best})
		}
		panels = append(panels, p)
		all = append(all, reach(p.rows)...)
	}
	title := "How long one task takes: percentiles"
	var c canvas
	if len(panels) == 0 {
		return nil
	}
	y := c.heading(title, about(run)+fmt.Sprintf(". Logarithmic; each contains %s ns for reading the clock.", bench.Number(run.ClockCost)))
	y = c.barKey(y+8, true)
	c.text("s e", width-margin-84, y+18, "median")
	c.text("s e", width-margin, y+18, "99 %")
	a := logAxis(180, width-margin-166, all...)
	top := y + 24
	bottom := top
	for _, p := range panels {
		bottom += 30 + rowStep*float64(len(p.rows)) + 6
	}
	c.grid(a, top, bottom, func(v float64) string { return axisText("ns", v) })
	y = top
	for _, p := range panels {
		c.rect("band", 0, y+3, width, 24)
		c.text("b", margin, y+20, svg.Fit(p.words, fontText, width-2*margin))
		c.bars(a, y+30, "ns", p.rows)
		y += 30 + rowStep*float64(len(p.rows)) + 6
	}
	return frame(bottom+margin, title, fmt.Sprintf("%d workloads.", len(panels)), &c)
}
