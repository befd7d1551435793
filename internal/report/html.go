package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/zeropool-go/zeropool/internal/svg"
)

// htmlRows is the number of workers or CPUs up to which a table lists them all
// openly; longer tables are folded away.
const htmlRows = 64

// HTML writes the picture and the tables behind it as one page that needs
// nothing from the network.
func (r *Report) HTML(out io.Writer) error {
	var b bytes.Buffer
	title := svg.Escape("Worker plan on " + or(r.Topology.Model, "this machine"))
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"+
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"+
		"<meta name=\"color-scheme\" content=\"light dark\">\n<title>%s</title>\n%s</head>\n<body>\n<main>\n<h1>Worker plan</h1>\n", title, pageStyle)
	b.WriteString("<div class=\"picture\">\n")
	b.Write(r.picture())
	b.WriteString("</div>\n")
	r.htmlFacts(&b)
	r.htmlWorkers(&b)
	r.htmlExcluded(&b)
	r.htmlNodes(&b)
	r.htmlCPUs(&b)
	b.WriteString("</main>\n</body>\n</html>\n")
	_, err := out.Write(b.Bytes())
	return err
}

func (r *Report) htmlFacts(b *bytes.Buffer) {
	b.WriteString("<section><h2>Machine</h2>\n<dl>\n")
	fact := func(name, value string) {
		fmt.Fprintf(b, "<dt>%s</dt><dd>%s</dd>\n", svg.Escape(name), svg.Escape(value))
	}
	fact("Layout", r.summary())
	fact("Plan", r.planText())
	for _, s := range slices.Concat(r.facts(), r.conditionItems(), r.deviceItems()) {
		name, value, _ := strings.Cut(s, ": ")
		fact(name, value)
	}
	b.WriteString("</dl>\n")
	if ws := r.warnings(); len(ws) > 0 {
		b.WriteString("<h3>Warnings</h3>\n<ul>\n")
		for _, s := range ws {
			id, rest, _ := strings.Cut(s, " ")
			fmt.Fprintf(b, "<li><code>%s</code> %s</li>\n", svg.Escape(id), svg.Escape(rest))
		}
		b.WriteString("</ul>\n")
	}
	b.WriteString("</section>\n")
}

// table writes a table under a heading; a long one is folded away.
func table(b *bytes.Buffer, heading string, columns []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "<section><h2>%s</h2>\n", svg.Escape(heading))
	if len(rows) > htmlRows {
		fmt.Fprintf(b, "<details><summary>%d rows</summary>\n", len(rows))
	}
	b.WriteString("<table>\n<thead><tr>")
	for _, c := range columns {
		fmt.Fprintf(b, "<th scope=\"col\">%s</th>", svg.Escape(c))
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	for _, row := range rows {
		b.WriteString("<tr>")
		for _, s := range row {
			b.WriteString("<td>" + svg.Escape(s) + "</td>")
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody>\n</table>\n")
	if len(rows) > htmlRows {
		b.WriteString("</details>\n")
	}
	b.WriteString("</section>\n")
}

// known writes a number, or a dash for one that is not known.
func known(n int) string {
	if n < 0 {
		return "–"
	}
	return strconv.Itoa(n)
}

func (r *Report) htmlWorkers(b *bytes.Buffer) {
	rows := make([][]string, 0, len(r.Plan.Workers))
	for _, a := range r.Plan.Workers {
		rows = append(rows, []string{"w" + strconv.Itoa(a.Worker), known(a.CPU), known(a.Core), known(a.L3), known(a.Node), a.Why})
	}
	table(b, "Workers", []string{"worker", "CPU", "core", "L3", "node", "why"}, rows)
}

func (r *Report) htmlExcluded(b *bytes.Buffer) {
	var rows [][]string
	for _, g := range r.reasons() {
		rows = append(rows, []string{strconv.Itoa(len(g.cpus)), ranges(g.cpus), g.why})
	}
	table(b, "CPUs without a worker", []string{"number", "CPUs", "why"}, rows)
}

func (r *Report) htmlNodes(b *bytes.Buffer) {
	var rows [][]string
	for _, n := range r.Topology.Nodes {
		memory := "–"
		if n.MemBytes >= 0 {
			memory = bytesText(n.MemBytes)
		}
		distances := make([]string, len(n.Distances))
		for i, d := range n.Distances {
			distances[i] = strconv.Itoa(d)
		}
		rows = append(rows, []string{strconv.Itoa(n.ID), or(ranges(n.CPUs), "none"), memory, or(strings.Join(distances, " "), "–"), or(r.devicesOf(n.ID), "–")})
	}
	table(b, "NUMA nodes", []string{"node", "CPUs", "memory", "distances", "devices"}, rows)
}

func (r *Report) htmlCPUs(b *bytes.Buffer) {
	rows := make([][]string, 0, len(r.Topology.CPUs))
	for i := range r.Topology.CPUs {
		c := &r.Topology.CPUs[i]
		speed := "–"
		if c.MaxKHz > 0 {
			speed = ghz(c.MaxKHz)
		}
		rows = append(rows, []string{strconv.Itoa(c.ID), known(c.Core), known(c.L2), known(c.L3), known(c.Cluster), known(c.Die),
			known(c.Package), known(c.Node), or(kind(c), "–"), known(c.Capacity), speed, r.why[c.ID]})
	}
	table(b, "CPUs", []string{"CPU", "core", "L2", "L3", "cluster", "die", "package", "node", "kind", "capacity", "max", "plan"}, rows)
}

const pageStyle = `<style>
:root{color-scheme:light dark}
body{margin:0;background:` + svg.Paper + `;color:` + svg.Ink + `;font:14px/1.5 ` + svg.Font + `}
main{max-width:1300px;margin:0 auto;padding:16px 24px 48px}
h1{font-size:20px;margin:8px 0 12px}
h2{font-size:16px;margin:28px 0 8px}
h3{font-size:14px;margin:16px 0 4px}
.picture{overflow-x:auto;border:1px solid #d5dbe1;border-radius:8px}
.picture svg{display:block;margin:0 auto;max-width:100%;height:auto}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:0}
dt{color:#59636e}
dd{margin:0;overflow-wrap:anywhere}
ul{margin:0;padding-left:20px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:3px 12px 3px 0;text-align:left;vertical-align:top;border-bottom:1px solid #d5dbe1}
th{color:#59636e;font-weight:600}
td{overflow-wrap:anywhere}
summary{cursor:pointer}
@media (prefers-color-scheme:dark){
body{background:` + svg.PaperDark + `;color:` + svg.InkDark + `}
.picture{border-color:#30363d}
dt,th{color:#9aa6b2}
th,td{border-color:#30363d}
}
</style>
`
