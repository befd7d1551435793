package matrix

import (
	"fmt"
	"io"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
	"github.com/zeropool-go/zeropool/internal/svg"
)

// compared returns what a run says about a workload, with the comparison to the
// best other, if the overview and the README compare it: schedules are many, and
// are shown together.
func (q *Workload) compared(run *Run) (c *Cell, best bench.Ratio, ok bool) {
	c, ok = q.cell(run)
	if !ok || !duration(q.Unit) || q.scheduled() {
		return nil, best, false
	}
	best, ok = c.peer()
	return c, best, ok
}

// overviewLabels is the room for a workload's words.
const overviewLabels = 295.0

// overview draws, for each workload of a run, the ratio to the best peer.
func (m *Matrix) overview() []byte {
	type row struct {
		words  string
		peer   bench.Ratio
		serial bench.Ratio // to the plain loop, if it is not the peer
	}
	var rows []row
	values := []float64{0.1, 10}
	run := m.reference()
	for i := range m.Workloads {
		q := &m.Workloads[i]
		c, peer, ok := q.compared(run)
		if !ok {
			continue
		}
		r := row{words: q.words(), peer: peer}
		if s, ok := c.Result.Ratio(bench.Serial); ok && peer.To != bench.Serial {
			r.serial = s
		}
		rows = append(rows, r)
		values = append(values, peer.Median, r.serial.Median)
	}
	var c canvas
	title := "Time of zeropool, divided by that of the best other"
	if len(rows) == 0 {
		y := c.heading(title, "Nothing was compared.")
		return frame(y+margin, title, "", &c)
	}
	const (
		result = 205.0
		step   = 26.0
	)
	y := c.heading(title, about(run)+". Medians over rounds in which each had its turn; the bar spans the middle half of the rounds. Others whose workers poll and never sleep are left out.")
	y = c.key(y+8,
		keyEntry{"win", circle, "", "as fast as the best other, or faster"},
		keyEntry{"lose", diamond, "", "slower"},
		keyEntry{"them hollow", triangle, "", "compared with a plain loop on one CPU"})
	a := logAxis(overviewLabels+margin, width-margin-result, values...)
	top := y + 36
	bottom := top + step*float64(len(rows))
	c.text("s b e", a.x(1)-8, top-26, "← zeropool is faster")
	c.text("s b", a.x(1)+8, top-26, "slower →")
	for i := 0; i < len(rows); i += 2 {
		c.rect("band", 0, top+step*float64(i), width, step)
	}
	c.grid(a, top, bottom, func(v float64) string { return axisText("×", v) })
	c.line("one", a.x(1), top, a.x(1), bottom)
	for i, r := range rows {
		middle := top + step*(float64(i)+0.5)
		c.text("", margin, middle+4.5, svg.Fit(r.words, fontText, overviewLabels-8))
		if r.serial.Median > 0 {
			c.mark("them hollow", triangle, a.x(r.serial.Median), middle, fmt.Sprintf("%s: %s× a plain loop", r.words, bench.Number(r.serial.Median)))
		}
		class, bar, shape, text := "win", "winbar", circle, "wintext"
		if r.peer.Median > level {
			class, bar, shape, text = "lose", "losebar", diamond, "losetext"
		}
		if r.peer.Q1 > 0 {
			c.line(bar, a.x(r.peer.Q1), middle, a.x(r.peer.Q3), middle)
		}
		c.mark(class, shape, a.x(r.peer.Median), middle, fmt.Sprintf("%s: %s× %s (%s to %s)", r.words, bench.Number(r.peer.Median), r.peer.To, bench.Number(r.peer.Q1), bench.Number(r.peer.Q3)))
		number := bench.Number(r.peer.Median) + "×"
		c.text(text+" e", width-margin-result+62, middle+4.5, number)
		c.text("", width-margin-result+68, middle+4.5, svg.Fit(variant(r.peer.To), fontText, int(result)-68))
	}
	return frame(bottom+margin, title, fmt.Sprintf("%d workloads.", len(rows)), &c)
}

// SVG writes the picture of the overview.
func (m *Matrix) SVG(out io.Writer) error {
	_, err := out.Write(m.overview())
	return err
}
