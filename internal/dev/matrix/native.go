package matrix

import "slices"

// natives are the peers that are programs of their own: systems of other
// languages, which nobody uses from Go, and what a compiler makes of plain code.
// They are compared in a table of their own.
var natives = []string{"oneTBB", "OpenMP", "rayon", "plain-c++"}

// nativeTable puts the medians of zeropool and of the native systems side by
// side, with zeropool's ratio to each.
func (m *Matrix) nativeTable(w *page) {
	var rows [][]string
	for i := range m.Workloads {
		q := &m.Workloads[i]
		for k := range q.Cells {
			c := &q.Cells[k]
			if !c.shown() || !slices.ContainsFunc(natives, func(name string) bool { _, ok := c.sample(name); return ok }) {
				continue
			}
			row := []string{q.words(), value(q.Unit, c.Result.Ours().Median)}
			for _, name := range natives {
				row = append(row, median(c, name))
			}
			rows = append(rows, row)
			break
		}
	}
	if len(rows) == 0 {
		return
	}
	w.line("\n## Beside native systems\n\nMedians, and in brackets zeropool's ratio to them in the same rounds. Each system is a process of its own, which looks at the clock itself; it does the same work in its own language, by another compiler, which alone explains part of a ratio: *plain-c++* is the same without tasks. Versions and flags: [above](#machine-and-versions).\n")
	table(w, append([]string{"time per task, medians", "zeropool"}, natives...), rows, 1)
}
