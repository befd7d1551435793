package matrix

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
	"github.com/zeropool-go/zeropool/internal/svg"
)

// scaling is a workload with different numbers of workers.
type scaling struct {
	q      *Workload
	points []point // by number of workers, one for each
}

type point struct {
	workers int
	result  *bench.Result
}

// scalings returns the workloads of the reference run that were also measured
// with other numbers of workers.
func (m *Matrix) scalings() []scaling {
	run := m.reference()
	if run == nil {
		return nil
	}
	var all []scaling
	for i := range m.Workloads {
		q := &m.Workloads[i]
		c, ok := q.cell(run)
		if !ok || q.Unit == instructions {
			continue
		}
		s := scaling{q: q, points: []point{{run.Workers, c.Result}}}
		for _, other := range slices.Concat(m.Scaled, m.Runs) {
			if build(other.Report) != build(run.Report) || slices.ContainsFunc(s.points, func(p point) bool { return p.workers == other.Workers }) {
				continue
			}
			for k := range other.Results {
				if r := &other.Results[k]; r.Name == q.Name && r.Missing == "" {
					s.points = append(s.points, point{other.Workers, r})
				}
			}
		}
		if len(s.points) > 1 {
			slices.SortFunc(s.points, func(a, b point) int { return cmp.Compare(a.workers, b.workers) })
			all = append(all, s)
		}
	}
	return all
}

// variants returns the names of those whose number of workers was varied.
func (s *scaling) variants() []string {
	var names []string
	for _, name := range s.q.variants() {
		if serial(name) || name == bench.Ideal || name == bench.Chunks || name == bench.Goroutines || name == bench.Nothing {
			continue
		}
		n := 0
		for _, p := range s.points {
			if _, ok := p.of(name); ok {
				n++
			}
		}
		if n > 1 {
			names = append(names, name)
		}
	}
	return names
}

func (p point) of(variant string) (bench.Sample, bool) {
	return (&Cell{Result: p.result}).sample(variant)
}

// speedup returns how many times as fast as one goroutine a variant is, where
// that means something: where the tasks are long enough for an efficiency.
func (p point) speedup(variant string) (float64, bool) {
	s, ok := p.of(variant)
	serial, known := p.of(bench.Serial)
	if !known {
		serial, known = p.of(bench.Calls)
	}
	if !ok || !known || s.Efficiency == nil || s.Median <= 0 {
		return 0, false
	}
	v := serial.Median / s.Median
	return v, !math.IsInf(v, 0)
}

// lineMarks tell the lines of a panel apart, with the dashes of CSS.
var lineMarks = []struct{ shape, dash string }{
	{circle, ""}, {square, "6 4"}, {triangle, "2 3"}, {diamond, "9 3 2 3"}, {cross, "4 2"},
}

// scalingPicture draws, for each workload measured with several numbers of
// workers, the speed-up over a plain loop or the time per task. It is nil where
// there is none.
func (m *Matrix) scalingPicture() []byte {
	title := "More workers"
	all := m.scalings()
	var c canvas
	if len(all) == 0 {
		return nil
	}
	const (
		panelH = 232.0
		panelW = (width - 3*margin) / 2
	)
	run := m.reference()
	y := c.heading(title, fmt.Sprintf("%s on %s, %d CPUs. Medians. Heavy tasks: how many times as fast as a plain loop, more is better; dotted, the ideal. Others: time per task, less is better.", run.Label, run.CPU, run.CPUs))
	names := lines(all)
	var keys []keyEntry
	for i, name := range names {
		class := "them"
		if name == bench.Ours {
			class = "win"
		}
		keys = append(keys, keyEntry{class, lineMarks[i].shape, "", variant(name)})
	}
	y = c.key(y+8, keys...) + 4
	// Those with a speed-up come first.
	slices.SortStableFunc(all, func(a, b scaling) int {
		_, x := a.points[0].speedup(bench.Ours)
		_, y := b.points[0].speedup(bench.Ours)
		return order(y, x)
	})
	for i := range all {
		left := margin + float64(i%2)*(panelW+margin)
		c.scaling(&all[i], run.CPUs, names, left, y+float64(i/2)*panelH, panelW, panelH-16)
	}
	rows := (len(all) + 1) / 2
	return frame(y+float64(rows)*panelH+4, title, fmt.Sprintf("%d workloads.", len(all)), &c)
}

// lines returns the variants to draw, in the order of their marks: zeropool, the
// channel, and as many others as there are marks.
func lines(all []scaling) []string {
	var names []string
	for _, wanted := range []func(string) bool{
		func(name string) bool { return name == bench.Ours },
		func(name string) bool { return name == bench.Channel },
		rival,
	} {
		for i := range all {
			for _, name := range all[i].variants() {
				if wanted(name) && !slices.Contains(names, name) && len(names) < len(lineMarks) {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// scaling draws one panel.
func (c *canvas) scaling(s *scaling, cpus int, names []string, left, top, w, h float64) {
	c.text("b", left, top+14, svg.Fit(s.q.words(), fontText, int(w)))
	_, fast := s.points[0].speedup(bench.Ours)
	get := func(p point, name string) (float64, bool) {
		if fast {
			return p.speedup(name)
		}
		v, ok := p.of(name)
		return v.Median, ok
	}
	most := 0.0
	if fast {
		most = float64(min(cpus, s.points[len(s.points)-1].workers))
	}
	for _, name := range names {
		for _, p := range s.points {
			if v, ok := get(p, name); ok {
				most = max(most, v)
			}
		}
	}
	const axisW, foot = 64.0, 36.0
	x0, x1, y0, y1 := left+axisW, left+w-14, top+h-foot, top+30
	step := niceStep(most / 4)
	ticks := 0.0
	for v := 0.0; v < most+step/1000; v += step {
		ticks++
	}
	ceiling := ticks * step
	y := func(v float64) float64 { return y0 - min(v/ceiling, 1)*(y0-y1) }
	for k := 0.0; k <= ticks; k++ {
		v := k * step
		c.line("grid", x0, y(v), x1, y(v))
		unit := "×"
		if !fast {
			unit = s.q.Unit
		}
		c.text("s e", x0-8, y(v)+4, axisText(unit, v))
	}
	first, last := s.points[0].workers, s.points[len(s.points)-1].workers
	x := func(workers int) float64 {
		return x0 + 12 + float64(workers-first)/float64(last-first)*(x1-x0-24)
	}
	labelled := -100.0
	for _, p := range s.points {
		if x(p.workers)-labelled < 30 {
			continue
		}
		labelled = x(p.workers)
		c.text("s c", labelled, y0+16, fmt.Sprint(p.workers))
	}
	c.text("s e", x1, y0+32, "workers")
	if fast {
		knee := max(first, min(cpus, last))
		fmt.Fprintf(c, "<path class=\"one line\" stroke-dasharray=\"1 4\" d=\"M%.1f %.1fL%.1f %.1fH%.1f\"/>\n",
			x(first), y(float64(min(first, cpus))), x(knee), y(float64(min(knee, cpus))), x(last))
	}
	// Ours last, on top of the others.
	for i := len(names) - 1; i >= 0; i-- {
		c.series(s, names[i], i, get, x, y)
	}
}

// series draws the line of one variant.
func (c *canvas) series(s *scaling, name string, mark int, get func(point, string) (float64, bool), x func(int) float64, y func(float64) float64) {
	class, width := "them", 1.5
	if name == bench.Ours {
		class, width = "win", 2.5
	}
	path, command := "", "M"
	for _, p := range s.points {
		if v, ok := get(p, name); ok {
			path += fmt.Sprintf("%s%.1f %.1f", command, x(p.workers), y(v))
			command = "L"
		}
	}
	if path == "" {
		return
	}
	fmt.Fprintf(c, "<path class=\"%s line\" style=\"stroke-width:%g\" stroke-dasharray=\"%s\" d=\"%s\"/>\n", class, width, cmp.Or(lineMarks[mark].dash, "none"), path)
	for _, p := range s.points {
		if v, ok := get(p, name); ok {
			c.mark(class, lineMarks[mark].shape, x(p.workers), y(v), fmt.Sprintf("%s, %s: %s", variant(name), workers(p.workers), bench.Number(v)))
		}
	}
}

// niceStep returns the least of 1, 2 and 5 times a power of ten that is at
// least x.
func niceStep(x float64) float64 {
	if x < 1e-300 {
		return 1
	}
	p := 1.0
	for p > x {
		p /= 10
	}
	for p*10 <= x {
		p *= 10
	}
	for _, k := range []float64{1, 2, 5, 10} {
		if k*p >= x*0.999999 {
			return k * p
		}
	}
	return 10 * p
}
