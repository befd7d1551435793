package report

import (
	"bufio"
	"io"
)

// Summary writes what the machine is and which of its CPUs may be used.
func (r *Report) Summary(out io.Writer) error {
	w := textWriter{bufio.NewWriter(out)}
	r.textMachine(w)
	r.textUsable(w)
	return w.Flush()
}
