package matrix

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The pictures' folder, and how the names of pictures of workloads begin.
const (
	pictureFolder  = "img"
	workloadPrefix = "workload-"
)

// Write writes benchmarks.md, benchmarks.html and the pictures into the folder.
// Pictures of what is no more are deleted.
func (m *Matrix) Write(folder string) error {
	pictures := filepath.Join(folder, pictureFolder)
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		return err
	}
	files := map[string][]byte{ // nil: there must be none
		"overview.svg": m.overview(),
		"latency.svg":  m.latencies(),
		"scaling.svg":  m.scalingPicture(),
		"schedule.svg": m.schedules(),
	}
	for i, name := range m.pictureNames() {
		if name != "" {
			files[name] = m.picture(&m.Workloads[i])
		}
	}
	old, err := filepath.Glob(filepath.Join(pictures, workloadPrefix+"*.svg"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if name := filepath.Base(path); files[name] == nil {
			files[name] = nil
		}
	}
	for name, text := range files {
		if text == nil {
			if err := os.Remove(filepath.Join(pictures, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			continue
		}
		if err := os.WriteFile(filepath.Join(pictures, name), text, 0o644); err != nil {
			return err
		}
	}
	for name, write := range map[string]func(io.Writer) error{
		"benchmarks.md":   func(w io.Writer) error { return m.Markdown(w, pictureFolder) },
		"benchmarks.html": m.HTML,
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// pictureNames returns the file of each workload's picture, "" where there is
// nothing to draw.
func (m *Matrix) pictureNames() []string {
	names := make([]string, len(m.Workloads))
	used := map[string]bool{}
	for i := range m.Workloads {
		q := &m.Workloads[i]
		if q.Unit == instructions || q.scheduled() || m.picture(q) == nil {
			continue
		}
		base := strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
				return r
			}
			return '-'
		}, q.Name)
		base = base[:min(len(base), 100)]
		name := base
		for n := 2; used[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		used[name] = true
		names[i] = workloadPrefix + name + ".svg"
	}
	return names
}
