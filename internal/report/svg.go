package report
import "io"
func (r *Report) SVG(w io.Writer) error { return nil }
func (r *Report) HTML(w io.Writer) error { return nil }
