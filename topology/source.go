package topology

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

const (
	maxFile    = 64 << 10 // sysfs gives at most a page, masks of 8192 CPUs some 2 KiB
	maxTable   = 1 << 20  // mount tables
	maxReads   = 1 << 20  // files opened for one topology
	maxEntries = 1 << 17  // entries taken from one directory
)

var (
	errTooLarge     = errors.New("larger than expected")
	errTooManyReads = errors.New("too many files")
)

// source reads the small files of sysfs and procfs. Names are relative to the
// root of the machine's tree and slash-separated.
type source interface {
	// read fills buf with the start of the file and returns how much it read.
	// With line set it may stop behind the first line.
	read(name string, buf []byte, line bool) (int, error)
	// list returns the names in a directory, at most maxEntries of them.
	list(name string) ([]string, error)
	// isDir reports whether name is a directory.
	isDir(name string) bool
}

// fsSource reads a captured tree.
type fsSource struct{ fsys fs.FS }

func (s fsSource) read(name string, buf []byte, line bool) (int, error) {
	f, err := s.fsys.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, idle := 0, 0
	for n < len(buf) {
		k, err := f.Read(buf[n:])
		n += k
		if err == io.EOF {
			break
		}
		if err != nil {
			return n, err
		}
		if line && k > 0 && buf[n-1] == '\n' {
			break
		}
		if idle++; k > 0 {
			idle = 0
		} else if idle > 100 {
			return n, io.ErrNoProgress
		}
	}
	return n, nil
}

func (s fsSource) list(name string) ([]string, error) {
	f, err := s.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	entries, err := d.ReadDir(maxEntries)
	if err != nil && err != io.EOF {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (s fsSource) isDir(name string) bool {
	info, err := fs.Stat(s.fsys, name)
	return err == nil && info.IsDir()
}

// reader is a source with a shared buffer, a bound on the number of files, and
// the list of what was wrong with them.
type reader struct {
	src      source
	buf      []byte
	reads    int
	warnings []string
	warned   map[string]int
}

func newReader(src source) *reader {
	return &reader{src: src, buf: make([]byte, maxFile+1), warned: map[string]int{}}
}

// maxPerKind bounds how often one kind of warning is repeated.
const maxPerKind = 5

// warn records a warning under its stable id. Repetitions beyond maxPerKind are
// only counted; flush tells how many there were.
func (r *reader) warn(id, format string, args ...any) {
	r.warned[id]++
	if r.warned[id] <= maxPerKind {
		r.warnings = append(r.warnings, id+" "+fmt.Sprintf(format, args...))
	}
}

// bad records that a file could not be used, unless it is merely absent.
func (r *reader) bad(name string, err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.warn("W-BAD-FILE", "%s: %v", name, reason(err))
	}
}

// blame adds to an error that ended a reading the first file that was of no use.
func (r *reader) blame(err error) error {
	for _, w := range r.warnings {
		if file, ok := strings.CutPrefix(w, "W-BAD-FILE "); ok {
			return fmt.Errorf("%w (%s)", err, file)
		}
	}
	return err
}

// reason is err without the path that a PathError repeats.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (r *reader) flush() []string {
	for _, w := range r.warnings {
		id := warningID(w)
		if n := r.warned[id]; n > maxPerKind {
			r.warnings = append(r.warnings, fmt.Sprintf("%s %d more of this kind", id, n-maxPerKind))
			r.warned[id] = 0
		}
	}
	return r.warnings
}

func warningID(w string) string {
	for i := range len(w) {
		if w[i] == ' ' {
			return w[:i]
		}
	}
	return w
}

// text returns the contents of a file that holds a single line of at most
// maxFile bytes, as nearly all of sysfs does.
func (r *reader) text(name string) (string, error) {
	n, err := r.fill(name, r.buf, true)
	if err != nil {
		return "", err
	}
	if n > maxFile {
		return "", errTooLarge
	}
	return string(r.buf[:n]), nil
}

// head returns at most the first limit bytes of a file of any size.
func (r *reader) head(name string, limit int) (string, error) {
	n, err := r.fill(name, r.buf[:min(limit, len(r.buf))], false)
	if err != nil || n < len(r.buf) {
		return string(r.buf[:n]), err
	}
	buf := make([]byte, limit)
	n, err = r.fill(name, buf, false)
	return string(buf[:n]), err
}

func (r *reader) fill(name string, buf []byte, line bool) (int, error) {
	if r.reads >= maxReads {
		return 0, errTooManyReads
	}
	r.reads++
	return r.src.read(name, buf, line)
}

// list reads a file in list format. A missing file is not worth a warning.
func (r *reader) list(name string) (set cpuSet, ok bool) {
	set, _, ok = r.endedList(name)
	return set, ok
}

// endedList is list, and reports whether the file ends with a newline, as all
// lists of the kernel do: one that does not may be cut inside a number.
func (r *reader) endedList(name string) (set cpuSet, ended, ok bool) {
	text, err := r.text(name)
	if err == nil {
		if set, err = parseCPUList(text); err == nil {
			return set, strings.Contains(text, "\n"), true
		}
	}
	r.bad(name, err)
	return nil, false, false
}

// mask reads the group of CPUs that cpu belongs to from a mask file or, when
// that is missing, unusable or leaves cpu out, from its twin in list format.
// A group that leaves cpu out in both is returned as it is.
func (r *reader) mask(cpu int, base, twin string) (cpuSet, error) {
	text, err := r.text(base)
	var set cpuSet
	if err == nil {
		if set, err = parseCPUMask(text); err == nil && set.has(cpu) {
			return set, nil
		}
	}
	r.bad(base, err)
	text, twinErr := r.text(twin)
	if twinErr == nil {
		var list cpuSet
		if text == "" {
			twinErr = errEmpty
		} else if list, twinErr = parseCPUList(text); twinErr == nil && (list.has(cpu) || err != nil) {
			return list, nil
		}
	}
	if err == nil {
		return set, nil
	}
	r.bad(twin, twinErr)
	return nil, err
}
