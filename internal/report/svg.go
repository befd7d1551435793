package report

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/zeropool-go/zeropool/internal/svg"
)

// Sizes of the picture in pixels.
const (
	margin    = 24
	minWidth  = 760
	maxWidth  = 1240
	pad       = 9
	gap       = 8
	cellW     = 48
	cellH     = 36
	dot       = 8
	fontTitle = 20.0
	fontText  = 12.0
	fontSmall = 10.0
	headH     = 20
	lineH     = 17
)

// What a picture may hold before parts that look alike are folded.
const (
	openCells  = 128  // CPUs drawn one by one before anything folds
	mostCells  = 200  // CPUs drawn one by one at all; above it all become dots
	mostCores  = 80   // cores of one box drawn one by one
	bigDots    = 1024 // CPUs of a machine drawn as large dots
	mostThread = 4    // threads of a core in one row
	heatText   = 16   // nodes up to which a heat map shows numbers
)

// canvas collects SVG elements.
type canvas struct{ bytes.Buffer }

func (c *canvas) rect(class string, x, y, w, h, radius int) {
	fmt.Fprintf(c, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="%d"/>`+"\n", class, x, y, w, h, radius)
}

func (c *canvas) text(class string, x, y int, s string) {
	fmt.Fprintf(c, `<text class="%s" x="%d" y="%d">%s</text>`+"\n", class, x, y, svg.Escape(s))
}

// heading is a bold title with a small note behind it.
func (c *canvas) heading(x, y int, title, note string) {
	fmt.Fprintf(c, `<text class="zth" x="%d" y="%d">%s`, x, y, svg.Escape(title))
	if note != "" {
		fmt.Fprintf(c, ` <tspan class="zts zm" dx="4">%s</tspan>`, svg.Escape(note))
	}
	c.WriteString("</text>\n")
}

// open begins a group that shows a title when pointed at.
func (c *canvas) open(title string) {
	fmt.Fprintf(c, "<g><title>%s</title>\n", svg.Escape(title))
}

func (c *canvas) close() { c.WriteString("</g>\n") }

// stateClass are the CSS classes of the states.
var stateClass = [stateCount]string{"zw", "zs", "zf", "zi", "zn", "zo"}

// boxClass is the CSS class of boxes of a level.
func boxClass(l level) string { return "zb-" + strings.ToLower(levelNames[l]) }

// SVG writes a picture of the machine and the plan on it. It needs no fonts,
// scripts or other files, follows the viewer's light or dark colour scheme, and
// describes itself in words.
func (r *Report) SVG(out io.Writer) error {
	w := bufio.NewWriter(out)
	w.Write(r.picture())
	return w.Flush()
}

func (r *Report) picture() []byte {
	r.alike()
	head := r.headPart()
	machine := r.machinePart()
	width := min(max(minWidth, machine.w, head.w), max(maxWidth, machine.w))
	notes := r.notesPart(width)
	all := stack(18, head, machine, notes)
	w, h := width+2*margin, all.h+2*margin

	var c canvas
	fmt.Fprintf(&c, `<svg xmlns="http://www.w3.org/2000/svg" class="zp" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="zp-title zp-desc">`+"\n", w, h, w, h)
	fmt.Fprintf(&c, "<title id=\"zp-title\">%s</title>\n", svg.Escape("Worker plan on "+or(r.Topology.Model, "this machine")))
	fmt.Fprintf(&c, "<desc id=\"zp-desc\">%s</desc>\n", svg.Escape(r.description()))
	c.WriteString(pictureStyle)
	c.rect("zbg", 0, 0, w, h, 0)
	all.draw(&c, margin, margin, width, all.h)
	c.WriteString("</svg>\n")
	return c.Bytes()
}

// description is the picture in words, for those who do not see it.
func (r *Report) description() string {
	parts := []string{r.summary(), "Plan: " + r.planText(), "CPU time: " + r.timeText()}
	for _, g := range r.reasons() {
		parts = append(parts, fmt.Sprintf("%s without a worker, %s: %s", plural(len(g.cpus), "CPU", "CPUs"), g.why, clip(strides(g.cpus), 120)))
	}
	parts = append(parts, r.conditionItems()...)
	parts = append(parts, r.deviceItems()...)
	parts = append(parts, r.warnings()...)
	return strings.Join(parts, ". ") + "."
}

// headPart is the title, the machine in a line, and a bar that shows what
// becomes of the CPUs and is the legend as well.
func (r *Report) headPart() part {
	const barH = 14
	model, summary := or(r.Topology.Model, "Unknown processor"), r.summary()
	sub := svg.Lines(summary, fontText, maxWidth, 2)
	plan := "Plan " + r.planText() + "  ·  CPU time: " + r.timeText()
	planLines := svg.Lines(plan, fontText, maxWidth, 2)
	_, legendH := r.legendEntries(minWidth)
	w := max(svg.Width(model, fontTitle), minWidth)
	for _, s := range append(sub, planLines...) {
		w = max(w, svg.Width(s, fontText))
	}
	h := 26 + lineH*(len(sub)+len(planLines)) + 8 + barH + 10 + legendH
	return part{w: min(w, maxWidth), h: h, draw: func(c *canvas, x, y, w, _ int) {
		c.text("zt1", x, y+18, svg.Fit(model, fontTitle, w))
		y += 26
		for _, s := range sub {
			y += lineH
			c.text("zt zm", x, y-4, s)
		}
		for _, s := range planLines {
			y += lineH
			c.text("zt", x, y-4, s)
		}
		y += 8
		r.bar(c, x, y, w, barH)
		y += barH + 10
		r.legend(c, x, y, w)
	}}
}

// bar is one strip, divided by the number of CPUs in each state.
func (r *Report) bar(c *canvas, x, y, w, h int) {
	total := r.count.cpus
	if total == 0 {
		c.rect("zf", x, y, w, h, 3)
		return
	}
	sum, from := 0, x
	for s, n := range r.count.byState {
		if n == 0 {
			continue
		}
		sum += n
		to := x + w*sum/total
		c.open(fmt.Sprintf("%s: %d of %s", stateNames[s], n, plural(total, "CPU", "CPUs")))
		c.rect(stateClass[s], from, y, max(to-from-1, 1), h, 2)
		c.close()
		from = to
	}
}

// legendEntry is a word of the legend, at its place.
type legendEntry struct {
	state state // stateCount for a remark
	text  string
	x, y  int
}

const legendRow = 20

// legendEntries places the words in rows of a width; height is that of all rows.
func (r *Report) legendEntries(width int) (entries []legendEntry, height int) {
	x, y := 0, 0
	add := func(s state, text string, w int) {
		if x > 0 && x+w > width {
			x, y = 0, y+legendRow
		}
		entries = append(entries, legendEntry{s, text, x, y})
		x += w + 18
	}
	for s, n := range r.count.byState {
		if n > 0 {
			text := fmt.Sprintf("%s (%d)", stateNames[s], n)
			add(state(s), text, 20+svg.Width(text, fontText))
		}
	}
	if r.pinned() {
		const remark = "w0 = worker 0, CPU 0 = OS number"
		add(stateCount, remark, svg.Width(remark, fontSmall))
	}
	return entries, y + legendRow
}

func (r *Report) legend(c *canvas, x, y, width int) {
	entries, _ := r.legendEntries(width)
	for _, e := range entries {
		if e.state == stateCount {
			c.text("zts zm", x+e.x, y+e.y+11, e.text)
			continue
		}
		c.rect(stateClass[e.state], x+e.x, y+e.y, 14, 14, 3)
		c.text("zt", x+e.x+20, y+e.y+11, e.text)
	}
}

// machinePart is the nest of boxes.
func (r *Report) machinePart() part {
	if len(r.tree.cpus) == 0 {
		return part{w: minWidth, h: 40, draw: func(c *canvas, x, y, w, h int) {
			c.rect(boxClass(levelPackage), x, y, w, h, 6)
			c.text("zt zm", x+pad, y+25, "no CPU is known")
		}}
	}
	f := figure{r: r}
	for f.folds = 0; r.openCells(r.tree, 0, f.folds) > openCells && f.folds < int(levelCount); {
		f.folds++
	}
	f.dots = r.openCells(r.tree, 0, f.folds) > mostCells
	boxes := f.children(r.tree, 0, maxWidth)
	if memory := r.memoryPart(); memory.h > 0 {
		return stack(gap, boxes, memory)
	}
	return boxes
}

// memoryPart draws the nodes that have memory but no CPU.
func (r *Report) memoryPart() part {
	var parts []part
	for _, n := range r.Topology.Nodes {
		if len(n.CPUs) > 0 {
			continue
		}
		title, note := "node "+strconv.Itoa(n.ID), "no CPU"
		if n.MemBytes > 0 {
			note = bytesText(n.MemBytes) + ", no CPU"
		}
		parts = append(parts, part{w: svg.Width(title+"  "+note, fontText) + 2*pad, h: 2*pad + 12, draw: func(c *canvas, x, y, w, h int) {
			c.rect(boxClass(levelNode), x, y, w, h, 7)
			c.heading(x+pad, y+pad+10, title, note)
		}})
	}
	return grid(parts, gap, minWidth, 12, whole)
}

// openCells counts the CPUs drawn one by one when alike neighbours fold in the
// outer levels.
func (r *Report) openCells(b *box, depth, folds int) int {
	if len(b.children) == 0 {
		return len(b.cpus)
	}
	n := 0
	for i, c := range b.children {
		if depth < folds && i > 0 && c.shape == b.children[i-1].shape && !c.isCore() {
			continue
		}
		n += r.openCells(c, depth+1, folds)
	}
	return n
}

// figure draws boxes.
type figure struct {
	r     *Report
	folds int  // outer levels in which alike neighbours fold
	dots  bool // draw every CPU as a dot
}

// children draws what is in a box: smaller boxes in one grid, cores in another.
func (f *figure) children(b *box, depth, width int) part {
	var boxes []part
	var cores []*box
	for i := 0; i < len(b.children); {
		c := b.children[i]
		if c.isCore() {
			cores = append(cores, c)
			i++
			continue
		}
		run := 1
		for depth < f.folds && i+run < len(b.children) && b.children[i+run].shape == c.shape {
			run++
		}
		boxes = append(boxes, f.group(c, depth, width))
		if run > 1 {
			boxes = append(boxes, f.more(b.children[i+1:i+run], width))
		}
		i += run
	}
	var parts []part
	if len(boxes) > 0 {
		parts = append(parts, grid(boxes, gap, width, 2, whole))
	}
	if len(cores) > 0 {
		parts = append(parts, f.cores(cores, width))
	}
	if len(parts) == 2 && b.children[0].isCore() {
		parts[0], parts[1] = parts[1], parts[0]
	}
	return stack(gap, parts...)
}

// group draws a box with its heading.
func (f *figure) group(b *box, depth, width int) part {
	inner := f.children(b, depth+1, width-2*pad)
	title, sizes := boxHeading(b)
	ws := f.r.workersOf(b)
	note := ""
	if len(ws) > 0 {
		note = workersNote(ws)
	}
	titleW := svg.Width(title+" "+sizes, fontText)
	w := max(inner.w, titleW) + 2*pad
	devices, headH := "", headH
	if node := f.r.nodeOf(b); node >= 0 {
		if devices = f.r.devicesOf(node); devices != "" {
			headH += 14
		}
	}
	return part{w: w, h: inner.h + headH + 2*pad, draw: func(c *canvas, x, y, w, h int) {
		c.open(f.tooltip(b))
		c.rect(boxClass(b.level()), x, y, w, h, 7)
		c.heading(x+pad, y+pad+10, title, sizes)
		if room := w - 2*pad - titleW - 8; note != "" && svg.Width(note, fontSmall) <= room {
			c.text("zts zm ze", x+w-pad, y+pad+10, note)
		}
		if devices != "" {
			c.text("zts zm", x+pad, y+pad+24, svg.Fit(devices, fontSmall, w-2*pad))
		}
		inner.draw(c, x+pad, y+pad+headH, w-2*pad, h-2*pad-headH)
		c.close()
	}}
}

// boxHeading names a box, and its caches and memory apart.
func boxHeading(b *box) (title, sizes string) {
	var names, bytes []string
	for _, n := range b.names {
		names = append(names, levelNames[n.level]+" "+strconv.Itoa(n.number))
		switch {
		case n.bytes <= 0:
		case len(b.names) == 1:
			bytes = append(bytes, bytesText(n.bytes))
		case n.level == levelNode:
			bytes = append(bytes, bytesText(n.bytes)+" memory")
		default:
			bytes = append(bytes, bytesText(n.bytes)+" "+levelNames[n.level])
		}
	}
	return strings.Join(names, " · "), strings.Join(bytes, " · ")
}

// workersNote names the workers of a box, or counts them.
func workersNote(workers []int) string {
	first, last := workers[0], workers[len(workers)-1]
	switch {
	case len(workers) == 1:
		return "w" + strconv.Itoa(first)
	case last-first == len(workers)-1:
		return fmt.Sprintf("w%d–w%d", first, last)
	default:
		return strconv.Itoa(len(workers)) + " workers"
	}
}

func (f *figure) tooltip(b *box) string {
	s := boxTitle(b, true) + ": " + cpusText(f.r.ids(b))
	if ws := f.r.workersOf(b); len(ws) > 0 {
		s += "; workers " + strides(ws)
	}
	return s
}

// more draws boxes that look like their neighbour as small patterns of dots.
func (f *figure) more(alike []*box, width int) part {
	first, last := alike[0], alike[len(alike)-1]
	title := "+ " + plural(len(alike), levelNames[first.level()], levelPlurals[first.level()]) + " alike"
	var cpus, ws []int
	minis := make([]part, len(alike))
	for i, b := range alike {
		cpus = append(cpus, f.r.ids(b)...)
		ws = append(ws, f.r.workersOf(b)...)
		minis[i] = f.mini(b, (width-2*pad)/min(len(alike), 2), max(2, 6/float64(len(alike))))
	}
	inner := grid(minis, gap, width-2*pad, 2.5, wide)
	var notes []string
	if a, z := first.names[0].number, last.names[0].number; a != z {
		notes = append(notes, levelPlurals[first.level()]+" "+strconv.Itoa(a)+" to "+strconv.Itoa(z))
	}
	notes = append(notes, cpusText(sorted(cpus)))
	if len(ws) > 0 {
		notes = append(notes, workersNote(sorted(ws)))
	}
	w := max(inner.w, svg.Width(title, fontText), 150) + 2*pad
	return part{w: w, h: inner.h + headH + len(notes)*14 + 2*pad + 4, draw: func(c *canvas, x, y, w, h int) {
		c.open(title + ": " + strings.Join(notes, "; "))
		c.rect("zmore", x, y, w, h, 7)
		c.text("zth", x+pad, y+pad+10, title)
		for i, s := range notes {
			c.text("zts zm", x+pad, y+pad+headH+4+14*i, svg.Fit(s, fontSmall, w-2*pad))
		}
		inner.draw(c, x+pad, y+pad+headH+len(notes)*14+4, w-2*pad, inner.h)
		c.close()
	}}
}

// mini draws a box as its number and a dot for every CPU.
func (f *figure) mini(b *box, width int, ratio float64) part {
	dots := f.dotsOf(b, width-8, ratio)
	label := strconv.Itoa(b.names[0].number)
	return part{w: max(dots.w, svg.Width(label, fontSmall)) + 8, h: dots.h + 20, draw: func(c *canvas, x, y, w, h int) {
		c.open(f.tooltip(b))
		c.rect(boxClass(b.level()), x, y, w, h, 4)
		c.text("zts zm", x+4, y+11, label)
		dots.draw(c, x+(w-dots.w)/2, y+16, dots.w, dots.h)
		c.close()
	}}
}

// dotsOf draws the CPUs of a box as dots: those of a core next to each other,
// cores of one box together.
func (f *figure) dotsOf(b *box, width int, ratio float64) part {
	var cores, boxes []part
	for _, k := range b.children {
		if k.isCore() {
			cores = append(cores, f.coreDots(k))
		} else {
			boxes = append(boxes, f.dotsOf(k, width, 2))
		}
	}
	var parts []part
	if len(boxes) > 0 {
		parts = append(parts, grid(boxes, 7, width, ratio, natural))
	}
	if len(cores) > 0 {
		parts = append(parts, grid(cores, 3, width, ratio, natural))
	}
	return stack(7, parts...)
}

func (f *figure) coreDots(b *box) part {
	return part{w: len(b.cpus)*(dot+1) - 1, h: dot, draw: func(c *canvas, x, y, _, _ int) {
		for j, i := range b.cpus {
			fmt.Fprintf(c, `<use href="#zd-%s" x="%d" y="%d"/>`, stateClass[f.r.state[i]], x+j*(dot+1), y)
		}
		c.WriteByte('\n')
	}}
}

// cores draws cores with their CPUs, or as dots where there are too many.
func (f *figure) cores(cores []*box, width int) part {
	if f.dots || len(cores) > mostCores {
		all := &box{children: cores}
		for _, k := range cores {
			all.cpus = append(all.cpus, k.cpus...)
		}
		dots := f.dotsOf(all, width, 2)
		if big := scaled(dots, 2); big.w <= width && f.r.count.cpus <= bigDots {
			dots = big
		}
		note := plural(len(cores), "core", "cores") + ", " + cpusText(sorted(f.r.ids(all)))
		return part{w: max(dots.w, min(svg.Width(note, fontSmall), 200)), h: dots.h + 16, draw: func(c *canvas, x, y, w, h int) {
			c.text("zts zm", x, y+9, svg.Fit(note, fontSmall, w))
			dots.draw(c, x, y+16, w, dots.h)
		}}
	}
	parts := make([]part, len(cores))
	for i, k := range cores {
		parts[i] = f.core(k)
	}
	return grid(parts, 6, width, 2, wide)
}

// core draws one core: its name and the cells of its threads.
func (f *figure) core(b *box) part {
	const inset, labelH, space = 4, 14, 3
	cols := min(len(b.cpus), mostThread)
	rows := (len(b.cpus) + cols - 1) / cols
	label := f.coreLabel(b)
	w := max(cols*(cellW+space)-space, svg.Width(label, fontSmall)) + 2*inset
	return part{w: w, h: labelH + rows*(cellH+space) - space + 2*inset, draw: func(c *canvas, x, y, w, h int) {
		c.rect("zc", x, y, w, h, 5)
		c.text("zts zm", x+inset+1, y+12, label)
		cell := (w-2*inset+space)/cols - space
		for j, i := range b.cpus {
			f.cell(c, i, x+inset+j%cols*(cell+space), y+inset+labelH+j/cols*(cellH+space), cell)
		}
	}}
}

func (f *figure) coreLabel(b *box) string {
	n := b.names[len(b.names)-1].number
	k := kind(&f.r.Topology.CPUs[b.cpus[0]])
	switch {
	case n < 0:
		return "unplaced"
	case k != "":
		return k + " core " + strconv.Itoa(n)
	default:
		return "core " + strconv.Itoa(n)
	}
}

// cell draws one CPU: what it is to the plan, and its number.
func (f *figure) cell(c *canvas, i, x, y, w int) {
	r := f.r
	id, s := r.Topology.CPUs[i].ID, r.state[i]
	role := stateRoles[s]
	if ws := r.workers[id]; len(ws) > 0 {
		role = "w" + strconv.Itoa(ws[0])
		if len(ws) > 1 {
			role += " +" + strconv.Itoa(len(ws)-1)
		}
	}
	number := "CPU " + strconv.Itoa(id)
	if id >= 1000 {
		number = strconv.Itoa(id)
	}
	class := stateClass[s]
	c.open(fmt.Sprintf("CPU %d: %s", id, r.why[id]))
	c.rect(class, x, y, w, cellH, 4)
	if s == offline || s == forbidden || s == isolated {
		c.rect(class+"p", x+3, y+4, w-6, cellH-8, 3)
	}
	c.text("zr "+class+"t", x+w/2, y+16, svg.Fit(role, fontText, w))
	c.text("zu "+class+"t", x+w/2, y+29, number)
	c.close()
}
