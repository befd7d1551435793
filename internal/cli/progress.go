package cli

import (
	"fmt"
	"io"
	"os"
	"time"
)

// Progress is a line on a terminal that says how far long work has come. On
// anything but a terminal it writes nothing.
type Progress struct {
	w    io.Writer
	last time.Time
}

// progressEvery keeps the terminal from disturbing what is measured.
const progressEvery = 100 * time.Millisecond

// NewProgress returns the line that is written to w.
func NewProgress(w io.Writer) *Progress {
	f, ok := w.(*os.File)
	if !ok {
		return &Progress{}
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 || os.Getenv("TERM") == "dumb" {
		return &Progress{}
	}
	return &Progress{w: w}
}

// Show says what is being done, and how much of it all is behind.
func (p *Progress) Show(what string, done, total int) {
	if p.w == nil || time.Since(p.last) < progressEvery {
		return
	}
	p.last = time.Now()
	fmt.Fprintf(p.w, "\r\x1b[K%3d%%  %s", 100*done/max(total, 1), what)
}

// Clear removes the line.
func (p *Progress) Clear() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
