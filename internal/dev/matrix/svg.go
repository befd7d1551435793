package matrix

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/zeropool-go/zeropool/internal/svg"
)

// Sizes that all pictures share, in pixels. A picture is as wide as a README.
const (
	width    = 830
	margin   = 16
	fontText = 13.0
	fontNote = 12.0
)

// style has zeropool in blue and its losses in orange; everybody else is grey.
// Marks differ in shape as well, so colour is never the only sign.
const style = `<style>
.zm text{font:13px ` + svg.Font + `;fill:` + svg.Ink + `}
.zm .t{font-size:18px;font-weight:600}.zm .s{fill:` + svg.Muted + `;font-size:12px}.zm .e{text-anchor:end}.zm .c{text-anchor:middle}.zm .b{font-weight:600}
.zm .bg{fill:` + svg.Paper + `}.zm .band{fill:#f3f5f8}.zm .grid{stroke:` + svg.Rule + `}.zm .minor{stroke:` + svg.Rule + `;stroke-opacity:.5}.zm .one{stroke:` + svg.Ink + `;stroke-width:1.5}
.zm .win{fill:` + svg.Blue + `;stroke:` + svg.Blue + `}.zm .lose{fill:` + svg.Paper + `;stroke:` + svg.Loss + `;stroke-width:2.5}.zm .them{fill:` + svg.Muted + `;stroke:` + svg.Muted + `}
.zm .win,.zm .them{stroke-width:1.5}.zm .hollow{fill:` + svg.Paper + `}.zm .line{fill:none}
.zm .winbar{stroke:` + svg.Blue + `}.zm .losebar{stroke:` + svg.Loss + `}.zm .thembar{stroke:` + svg.Muted + `}
.zm .winbar,.zm .losebar,.zm .thembar{stroke-width:5;stroke-opacity:.3}.zm .thin{stroke-width:1.5;stroke-opacity:.6}
.zm .losetext{fill:` + svg.Loss + `;font-weight:600}.zm .wintext{fill:` + svg.Blue + `;font-weight:600}
@media (prefers-color-scheme:dark){
.zm text{fill:` + svg.InkDark + `}.zm .s{fill:` + svg.MutedDark + `}.zm .bg{fill:` + svg.PaperDark + `}.zm .band{fill:#161b22}.zm .grid,.zm .minor{stroke:` + svg.RuleDark + `}.zm .one{stroke:` + svg.InkDark + `}
.zm .win{fill:` + svg.BlueDark + `;stroke:` + svg.BlueDark + `}.zm .lose{fill:` + svg.PaperDark + `;stroke:` + svg.LossDark + `}.zm .them{fill:` + svg.MutedDark + `;stroke:` + svg.MutedDark + `}
.zm .hollow{fill:` + svg.PaperDark + `}.zm .line{fill:none}
.zm .winbar{stroke:` + svg.BlueDark + `}.zm .losebar{stroke:` + svg.LossDark + `}.zm .thembar{stroke:` + svg.MutedDark + `}
.zm .losetext{fill:` + svg.LossDark + `}.zm .wintext{fill:` + svg.BlueDark + `}
}
</style>
`

// The marks, drawn about the origin.
const (
	circle   = "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z"
	diamond  = "M0-6.5l6.5 6.5l-6.5 6.5l-6.5-6.5z"
	triangle = "M0-5.5l5.5 9.5h-11z"
	square   = "M-4.5-4.5h9v9h-9z"
	cross    = "M-4-4l8 8m0-8l-8 8"
	tick     = "M0-5v10"
)

// canvas collects SVG elements.
type canvas struct{ bytes.Buffer }

func (c *canvas) text(class string, x, y float64, s string) {
	fmt.Fprintf(c, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", class, x, y, svg.Escape(s))
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(c, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1, y1, x2, y2)
}

func (c *canvas) rect(class string, x, y, w, h float64) {
	fmt.Fprintf(c, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", class, x, y, w, h)
}

// mark draws a mark that shows a title when pointed at.
func (c *canvas) mark(class, shape string, x, y float64, title string) {
	fmt.Fprintf(c, "<path class=\"%s\" transform=\"translate(%.1f %.1f)\" d=\"%s\">", class, x, y, shape)
	if title != "" {
		fmt.Fprintf(c, "<title>%s</title>", svg.Escape(title))
	}
	c.WriteString("</path>\n")
}

// key draws a row of marks with their meaning, in lines no wider than the
// picture, and returns where it ends.
func (c *canvas) key(y float64, entries ...keyEntry) float64 {
	x := float64(margin)
	for _, e := range entries {
		w := float64(22 + svg.Width(e.words, fontText) + 14)
		if x > margin && x+w > width-margin {
			x, y = margin, y+22
		}
		if e.bar != "" {
			c.line(e.bar, x-1, y, x+15, y)
		}
		if e.shape != "" {
			c.mark(e.class, e.shape, x+7, y, "")
		}
		c.text("", x+22, y+4.5, e.words)
		x += w
	}
	return y + 22
}

type keyEntry struct{ class, shape, bar, words string }

// frame makes a picture of what was drawn below its heading.
func frame(height float64, title, description string, body *canvas) []byte {
	var c canvas
	fmt.Fprintf(&c, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"zm\" viewBox=\"0 0 %d %.0f\" width=\"%d\" height=\"%.0f\" role=\"img\" aria-label=\"%s\">\n",
		width, height, width, height, svg.Escape(title+". "+description))
	c.WriteString(style)
	c.rect("bg", 0, 0, width, height)
	c.Write(body.Bytes())
	c.WriteString("</svg>\n")
	return c.Bytes()
}

// heading writes a title and notes below it, and returns where they end.
func (c *canvas) heading(title string, notes ...string) float64 {
	c.text("t", margin, 32, svg.Fit(title, 18, width-2*margin))
	y := 54.0
	for _, n := range notes {
		for _, line := range svg.Lines(n, fontNote, width-2*margin, 3) {
			c.text("s", margin, y, line)
			y += 17
		}
	}
	return y + 2
}

// about says what run a picture is of.
func about(r *Run) string {
	return fmt.Sprintf("%s on %s, %d CPUs, %s, %s", r.Label, r.CPU, r.CPUs, workers(r.Workers), r.Go)
}

// axis is a logarithmic axis.
type axis struct {
	lo, hi      float64 // powers of ten
	left, right float64 // where they lie
}

// maxDecades bounds an axis.
const maxDecades = 12

// steps are the values of a decade at which an axis may begin and end.
var steps = []float64{1, 2, 5}

// logAxis covers all positive values.
func logAxis(left, right float64, values ...float64) axis {
	a := axis{math.Inf(1), math.Inf(-1), left, right}
	for _, v := range values {
		if v > 0 && !math.IsInf(v, 0) {
			a.lo = min(a.lo, math.Log10(v))
			a.hi = max(a.hi, math.Log10(v))
		}
	}
	if a.lo > a.hi {
		a.lo, a.hi = 0, 1
	}
	const slack = 1e-9
	lo, hi := math.Floor(a.lo), math.Floor(a.hi)+1
	for _, k := range steps {
		if p := math.Floor(a.lo) + math.Log10(k); p <= a.lo+slack {
			lo = p
		}
	}
	for _, k := range slices.Backward(steps) {
		if p := math.Floor(a.hi) + math.Log10(k); p >= a.hi-slack {
			hi = p
		}
	}
	a.hi = max(hi, lo+1)
	a.lo = max(lo, a.hi-maxDecades)
	return a
}

func (a axis) x(v float64) float64 {
	at := 0.0
	if v > 0 {
		at = (math.Log10(v) - a.lo) / (a.hi - a.lo)
	}
	return a.left + min(max(at, 0), 1)*(a.right-a.left)
}

// grid draws the lines of the decades, those between them where there is room,
// and the labels above.
func (c *canvas) grid(a axis, top, bottom float64, label func(float64) string) {
	decade := (a.right - a.left) / (a.hi - a.lo)
	const slack = 1e-9
	for p := math.Floor(a.lo); p <= a.hi+slack; p++ {
		for _, k := range steps {
			at := p + math.Log10(k)
			if at < a.lo-slack || at > a.hi+slack || k != 1 && decade < 90 {
				continue
			}
			v := k * math.Pow(10, p)
			class := "minor"
			if k == 1 {
				class = "grid"
			}
			c.line(class, a.x(v), top, a.x(v), bottom)
			if k == 1 || decade >= 150 {
				c.text("s c", a.x(v), top-6, label(v))
			}
		}
	}
}
