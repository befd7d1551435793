package matrix

import (
	"bytes"
	"fmt"
	"io"
)

const pageStyle = `<style>
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;margin:0;background:#fff;color:#1f2328}
main{max-width:1100px;margin:0 auto;padding:24px 16px}
svg{max-width:100%;height:auto}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:14px}
th,td{padding:4px 10px;border-bottom:1px solid #d1d9e0;text-align:left;white-space:nowrap}
th button{all:unset;cursor:pointer;font-weight:600}
th button:focus-visible{outline:2px solid #0b5cad}
th[aria-sort=ascending] button::after{content:" ▲"}
th[aria-sort=descending] button::after{content:" ▼"}
@media (prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}th,td{border-color:#30363d}}
</style>
`

// pageScript sorts a table by the column whose heading is pressed: numbers by
// their value, everything else as text.
const pageScript = `<script>
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const th = button.parentElement, body = th.closest("table").tBodies[0], column = th.cellIndex;
    const down = th.getAttribute("aria-sort") === "ascending";
    for (const other of th.parentElement.cells) other.removeAttribute("aria-sort");
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = row => row.cells[column].textContent.trim();
    const number = s => parseFloat(s.replace(/[,<]/g, ""));
    const rows = [...body.rows].sort((a, b) => {
      const x = key(a), y = key(b), m = number(x), n = number(y);
      if (!isNaN(m) && !isNaN(n)) return m - n;
      if (isNaN(m) !== isNaN(n)) return isNaN(m) ? 1 : -1;
      return x.localeCompare(y);
    });
    if (down) rows.reverse();
    body.append(...rows);
  });
}
</script>
`

// HTML writes one page with the picture and sortable tables, which needs
// nothing from the network.
func (m *Matrix) HTML(out io.Writer) error {
	var b bytes.Buffer
	b.WriteString("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>zeropool benchmarks</title>\n")
	b.WriteString(pageStyle)
	b.WriteString("</head>\n<body>\n<main>\n<h1>zeropool benchmarks</h1>\n<div class=\"wide\">\n")
	b.Write(m.picture())
	b.WriteString("</div>\n<h2>Runs</h2>\n")
	var rows [][]string
	for i := range m.Runs {
		rows = append(rows, runRow(&m.Runs[i]))
	}
	htmlTable(&b, runHead, rows)
	b.WriteString("<h2>All measurements</h2>\n<p>Press a heading to sort. A ratio below 1 means that zeropool is faster.</p>\n")
	rows = nil
	for i := range m.Workloads {
		q := &m.Workloads[i]
		for _, row := range detailRows(q) {
			rows = append(rows, append([]string{q.Name, q.Unit}, row...))
		}
	}
	htmlTable(&b, append([]string{"workload", "unit"}, detailHead...), rows)
	b.WriteString("</main>\n")
	b.WriteString(pageScript)
	b.WriteString("</body>\n</html>\n")
	_, err := out.Write(b.Bytes())
	return err
}

func htmlTable(b *bytes.Buffer, head []string, rows [][]string) {
	b.WriteString("<div class=\"wide\"><table>\n<thead><tr>")
	for _, h := range head {
		fmt.Fprintf(b, "<th scope=\"col\"><button type=\"button\">%s</button></th>", escape(h))
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	for _, row := range rows {
		b.WriteString("<tr>")
		for _, c := range row {
			fmt.Fprintf(b, "<td>%s</td>", escape(c))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody>\n</table></div>\n")
}
