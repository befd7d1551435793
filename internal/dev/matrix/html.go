package matrix

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
	"github.com/zeropool-go/zeropool/internal/svg"
)

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// pageColours are the colours of the page, as those of the pictures.
const pageColours = `:root{--rule:` + svg.Rule + `;--blue:` + svg.Blue + `;--loss:` + svg.Loss + `}
body{margin:0;background:` + svg.Paper + `;color:` + svg.Ink + `;font:15px/1.5 ` + svg.Font + `}
@media (prefers-color-scheme:dark){:root{--rule:` + svg.RuleDark + `;--blue:` + svg.BlueDark + `;--loss:` + svg.LossDark + `}
body{background:` + svg.PaperDark + `;color:` + svg.InkDark + `}}
`

// HTML writes one page with the main pictures and all measurements in a table
// that can be sorted and filtered. It needs nothing from the network.
func (m *Matrix) HTML(out io.Writer) error {
	var b bytes.Buffer
	b.WriteString("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>zeropool benchmarks</title>\n<style>\n" +
		pageColours + pageStyle + "</style>\n</head>\n<body>\n<main>\n<h1>zeropool benchmarks</h1>\n")
	for _, p := range [][]byte{m.overview(), m.latencies(), m.schedules(), m.scalingPicture()} {
		if p != nil {
			b.WriteString("<div class=\"wide\">\n")
			b.Write(p)
			b.WriteString("</div>\n")
		}
	}
	b.WriteString("<h2>Runs</h2>\n")
	var rows []htmlRow
	for i := range m.Runs {
		rows = append(rows, htmlRow{cells: runRow(&m.Runs[i])})
	}
	htmlTable(&b, "runs", runHead, rows)
	if peers := m.peers(); len(peers) > 0 {
		b.WriteString("<h2>Libraries</h2>\n")
		rows = nil
		for _, p := range peers {
			rows = append(rows, htmlRow{cells: p})
		}
		htmlTable(&b, "libraries", peerHead, rows)
	}
	b.WriteString("<h2>All measurements</h2>\n<p>Press a heading to sort. A ratio is zeropool's value divided by the other's in the same rounds: below 1 zeropool is faster.</p>\n" +
		"<label>Only rows with <input id=\"filter\" type=\"search\" placeholder=\"words, such as: hot channel v3\"></label>\n<p id=\"count\" aria-live=\"polite\"></p>\n")
	head := []string{"run", "workload", "variant", "median", "unit", "zeropool is"}
	for _, k := range allColumns {
		head = append(head, k.head)
	}
	htmlTable(&b, "all", head, m.measurements())
	b.WriteString("</main>\n<script>\n" + pageScript + "</script>\n</body>\n</html>\n")
	_, err := out.Write(b.Bytes())
	return err
}

// measurements returns the rows of all samples, the reports with other numbers
// of workers included.
func (m *Matrix) measurements() []htmlRow {
	var rows []htmlRow
	for _, runs := range [][]Run{m.Runs, m.Scaled} {
		for i := range runs {
			for k := range runs[i].Results {
				rows = append(rows, resultRows(&Cell{&runs[i], &runs[i].Results[k]})...)
			}
		}
	}
	return rows
}

func resultRows(c *Cell) []htmlRow {
	const fixed = 6
	row := func(variant string) []string {
		r := make([]string, fixed+len(allColumns))
		r[0], r[1], r[2], r[4] = c.Run.Label, c.Result.Name, variant, c.Result.Unit
		return r
	}
	if c.Result.Missing != "" {
		r := row("")
		r[3] = "not measured: " + c.Result.Missing
		return []htmlRow{{cells: r}}
	}
	var rows []htmlRow
	for _, s := range c.Result.Samples {
		r := htmlRow{cells: row(variant(s.Name)), ours: ours(s.Name)}
		if !c.shown() {
			r.cells[3] = emulatedNote
			for i, k := range allColumns {
				if k.head == "allocations per task" || k.head == "bytes per task" {
					r.cells[fixed+i] = k.text(c, s)
				}
			}
			rows = append(rows, r)
			continue
		}
		r.cells[3] = value(c.Result.Unit, s.Median)
		if q, ok := c.Result.Ratio(s.Name); ok {
			r.cells[5] = bench.Number(q.Median) + "×"
			r.loss = q.Median > level && rival(s.Name)
		}
		for i, k := range allColumns {
			r.cells[fixed+i] = k.text(c, s)
		}
		rows = append(rows, r)
	}
	return rows
}

type htmlRow struct {
	cells []string
	ours  bool // of zeropool
	loss  bool // the sixth cell is a ratio above 1
}

// htmlTable leaves out the end tags that HTML does not ask for.
func htmlTable(b *bytes.Buffer, id string, head []string, rows []htmlRow) {
	fmt.Fprintf(b, "<div class=\"wide\"><table id=\"%s\">\n<thead><tr>", id)
	for _, h := range head {
		fmt.Fprintf(b, "<th scope=\"col\"><button type=\"button\">%s</button></th>", svg.Escape(h))
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	for _, row := range rows {
		b.WriteString("<tr")
		if row.ours {
			b.WriteString(" class=\"ours\"")
		}
		b.WriteString(">")
		for i, c := range row.cells {
			switch {
			case row.loss && i == 5:
				b.WriteString("<td class=\"loss\">")
			case len(c) > 80:
				b.WriteString("<td class=\"prose\">")
			default:
				b.WriteString("<td>")
			}
			b.WriteString(svg.Escape(c))
		}
		b.WriteString("\n")
	}
	b.WriteString("</tbody>\n</table></div>\n")
}
