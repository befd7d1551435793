package matrix

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/zeropool-go/zeropool/internal/bench"
)

const (
	svgWidth  = 960
	plotLeft  = 300
	plotRight = svgWidth - 30
	lineStep  = 24 // of one run
	bandGap   = 6  // between workloads
	headSpace = 150
)

// overviewStyle uses blue and orange, which colour-blind readers tell apart, and
// never colour alone: what is faster lies to the left of the line, and each
// baseline has a shape.
const overviewStyle = `<style>
.zm text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:#1f2328}
.zm .t{font-size:20px;font-weight:600}.zm .s{fill:#59636e;font-size:12px}.zm .e{text-anchor:end}.zm .c{text-anchor:middle}.zm .b{font-weight:600}
.zm .bg{fill:#fff}.zm .band{fill:#f6f8fa}.zm .grid{stroke:#d1d9e0}.zm .one{stroke:#1f2328;stroke-width:1.5}
.zm .win{fill:#0b5cad;stroke:#0b5cad}.zm .lose{fill:#fff;stroke:#c2410c;stroke-width:2}.zm .key{fill:none;stroke:#59636e;stroke-width:1.5}
.zm .rw{stroke:#0b5cad;stroke-opacity:.5;stroke-width:2}.zm .rl{stroke:#c2410c;stroke-opacity:.5;stroke-width:2}
@media (prefers-color-scheme:dark){
.zm text{fill:#e6edf3}.zm .s{fill:#9aa6b2}.zm .bg{fill:#0d1117}.zm .band{fill:#161b22}.zm .grid{stroke:#30363d}.zm .one{stroke:#e6edf3}
.zm .win{fill:#58a6ff;stroke:#58a6ff}.zm .lose{fill:#0d1117;stroke:#fb923c}.zm .key{stroke:#9aa6b2}.zm .rw{stroke:#58a6ff}.zm .rl{stroke:#fb923c}
}
</style>
`

// shapes draw a baseline's marker about the origin.
var shapes = []struct{ variant, words, path string }{
	{bench.Channel, "channel", "M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0 -11 0z"},
	{bench.Goroutines, "goroutine per task", "M-5-5h10v10h-10z"},
	{bench.Chunks, "goroutine per CPU", "M0-7l7 7l-7 7l-7-7z"},
	{bench.Serial, "plain loop", "M0-6.5l6.5 11.5h-13z"},
}

func shapeOf(variant string) string {
	for _, s := range shapes {
		if s.variant == variant {
			return s.path
		}
	}
	return "M-5-5l10 10m0-10l-10 10"
}

// scale is a logarithmic axis.
type scale struct{ lo, hi float64 } // powers of ten

func (s scale) x(ratio float64) float64 {
	at := (math.Log10(ratio) - s.lo) / (s.hi - s.lo)
	return plotLeft + min(max(at, 0), 1)*(plotRight-plotLeft)
}

// scaleOf covers all ratios, and 0.1 to 10 in any case.
func (m *Matrix) scaleOf() scale {
	s := scale{-1, 1}
	for i := range m.Workloads {
		for k := range m.Workloads[i].Cells {
			for _, r := range m.Workloads[i].Cells[k].ratios() {
				s.lo = min(s.lo, math.Floor(math.Log10(r.Median)))
				s.hi = max(s.hi, math.Ceil(math.Log10(r.Median)))
			}
		}
	}
	return scale{max(s.lo, -4), min(s.hi, 4)}
}

// SVG draws the ratios of all workloads and runs on one logarithmic axis.
func (m *Matrix) SVG(out io.Writer) error {
	_, err := out.Write(m.picture())
	return err
}

func (m *Matrix) picture() []byte {
	var body bytes.Buffer
	sc := m.scaleOf()
	y := headSpace
	shown := 0
	for i := range m.Workloads {
		q := &m.Workloads[i]
		cells := slices.DeleteFunc(slices.Clone(q.Cells), func(c Cell) bool { return len(c.ratios()) == 0 })
		if len(cells) == 0 {
			continue
		}
		height := lineStep*len(cells) + bandGap
		if shown%2 == 0 {
			fmt.Fprintf(&body, "<rect class=\"band\" x=\"0\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", y, svgWidth, height)
		}
		shown++
		for k := range cells {
			middle := y + bandGap/2 + lineStep*k + lineStep/2
			if k == 0 {
				fmt.Fprintf(&body, "<text class=\"b\" x=\"16\" y=\"%d\">%s<title>%s</title></text>\n", middle+4, escape(q.Name), escape(q.Title))
			}
			fmt.Fprintf(&body, "<text class=\"s e\" x=\"%d\" y=\"%d\">%s</text>\n", plotLeft-16, middle+4, escape(cells[k].Run.Label))
			drawRatios(&body, sc, q, &cells[k], middle)
		}
		y += height
	}
	bottom := y

	var b bytes.Buffer
	height := bottom + 44
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"zm\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"zeropool compared with plain Go\">\n",
		svgWidth, height, svgWidth, height)
	b.WriteString(overviewStyle)
	fmt.Fprintf(&b, "<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", svgWidth, height)
	b.WriteString("<text class=\"t\" x=\"16\" y=\"32\">Time of zeropool, divided by the other's</text>\n" +
		"<text class=\"s\" x=\"16\" y=\"54\">Median over rounds in which both had their turn; the bar spans the middle half. Logarithmic.</text>\n")
	x := 16
	for _, s := range shapes {
		fmt.Fprintf(&b, "<path class=\"key\" transform=\"translate(%d 76)\" d=\"%s\"/><text x=\"%d\" y=\"80\">%s</text>\n", x+7, s.path, x+20, s.words)
		x += 48 + 7*len(s.words)
	}
	one := sc.x(1)
	fmt.Fprintf(&b, "<text class=\"b e\" x=\"%.1f\" y=\"112\">← zeropool is faster</text><text class=\"b\" x=\"%.1f\" y=\"112\">slower →</text>\n", one-10, one+10)
	for p := sc.lo; p <= sc.hi; p++ {
		x := sc.x(math.Pow(10, p))
		fmt.Fprintf(&b, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", x, x, headSpace-8, bottom)
		for _, at := range []int{headSpace - 14, bottom + 20} {
			fmt.Fprintf(&b, "<text class=\"s c\" x=\"%.1f\" y=\"%d\">%g×</text>\n", x, at, math.Pow(10, p))
		}
	}
	b.Write(body.Bytes())
	fmt.Fprintf(&b, "<line class=\"one\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n</svg>\n", one, one, headSpace-8, bottom)
	return b.Bytes()
}

func drawRatios(b *bytes.Buffer, sc scale, q *Workload, c *Cell, y int) {
	for _, r := range c.ratios() {
		marker, bar := "win", "rw"
		if r.Median > 1 {
			marker, bar = "lose", "rl"
		}
		if r.Q1 > 0 && r.Q3 > 0 {
			fmt.Fprintf(b, "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", bar, sc.x(r.Q1), sc.x(r.Q3), y, y)
		}
		fmt.Fprintf(b, "<path class=\"%s\" transform=\"translate(%.1f %d)\" d=\"%s\"><title>%s, %s: %s× %s (%s to %s)</title></path>\n",
			marker, sc.x(r.Median), y, shapeOf(r.To), escape(q.Name), escape(c.Run.Label), bench.Number(r.Median), escape(r.To), bench.Number(r.Q1), bench.Number(r.Q3))
	}
}

// escape makes text fit for XML: without control characters, which XML does not
// have at all.
func escape(s string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xfffe || r == 0xffff {
			return '\uFFFD'
		}
		return r
	}, s))
}
