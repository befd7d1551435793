package topology

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// The bounds on what is read are far above what a kernel writes: they end the
// reading of a file that has no end, and cut nothing off one that has.
const (
	maxFile    = 64 << 10 // bytes of a file with one line; masks of 8192 CPUs take 2 KiB, lists 20
	maxLine    = 1 << 20  // bytes of one line of a longer file; the longest known are the 65536 groups of proc/self/status
	maxLines   = 1 << 20  // lines of such a file; a mount table has 100000 at most, unless fs.mount-max is raised
	maxReads   = 1 << 20  // files opened for one topology
	maxEntries = 1 << 22  // entries of one directory; a node has one for each block of its memory
)

var (
	errTooLarge     = errors.New("larger than expected")
	errTooManyReads = errors.New("too many files")
)

// source reads the small files of sysfs and procfs. Names are relative to the
// root of the machine's tree and slash-separated.
type source interface {
	open(name string) (io.ReadCloser, error)
	// list hands the names in a directory to f until it returns false.
	list(name string, f func(entry string) bool) error
	// isDir reports whether name is a directory.
	isDir(name string) bool
}

// listBatch is how many names of a directory are asked for at a time.
const listBatch = 1024

// fsSource reads a captured tree.
type fsSource struct{ fsys fs.FS }

func (s fsSource) open(name string) (io.ReadCloser, error) { return s.fsys.Open(name) }

func (s fsSource) list(name string, f func(string) bool) error {
	file, err := s.fsys.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	d, ok := file.(fs.ReadDirFile)
	if !ok {
		return &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	for {
		entries, err := d.ReadDir(listBatch)
		for _, e := range entries {
			if !f(e.Name()) {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return io.ErrNoProgress
		}
	}
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

// twin returns a reader of the same source with warnings of its own. The two
// must not read at the same time.
func (r *reader) twin() *reader {
	return &reader{src: r.src, buf: r.buf, warned: map[string]int{}}
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
	n, err := r.fill(name, r.buf)
	if err != nil {
		return "", err
	}
	if n > maxFile {
		return "", errTooLarge
	}
	return string(r.buf[:n]), nil
}

// lines hands the lines of a file of any size to f, without their ends, until f
// returns false.
func (r *reader) lines(name string, f func(line string) bool) error {
	file, err := r.open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	var begun []byte // the line that the pieces so far have begun
	for left := maxLines; ; {
		n, err := readSome(file, r.buf)
		for piece := r.buf[:n]; len(piece) > 0; {
			line, rest, ended := bytes.Cut(piece, newline)
			if len(begun)+len(line) > maxLine {
				return errTooLarge
			}
			if begun, piece = append(begun, line...), rest; !ended {
				break
			}
			if left--; left < 0 {
				return errTooLarge
			}
			if !f(string(begun)) {
				return nil
			}
			begun = begun[:0]
		}
		if err == io.EOF {
			if len(begun) > 0 {
				f(string(begun))
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

var newline = []byte{'\n'}

// names hands the names in a directory to f until it returns false.
func (r *reader) names(dir string, f func(entry string) bool) error {
	left := maxEntries
	err := r.src.list(dir, func(entry string) bool {
		left--
		return left >= 0 && f(entry)
	})
	if err == nil && left < 0 {
		err = errTooLarge
	}
	return err
}

// fill reads the start of a file and returns how much of it buf now holds. It
// may stop behind the first line.
func (r *reader) fill(name string, buf []byte) (n int, err error) {
	file, err := r.open(name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for n < len(buf) && (n == 0 || buf[n-1] != '\n') {
		k, err := readSome(file, buf[n:])
		n += k
		if err == io.EOF {
			break
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (r *reader) open(name string) (io.ReadCloser, error) {
	if r.reads >= maxReads {
		return nil, errTooManyReads
	}
	r.reads++
	return r.src.open(name)
}

// readSome reads at least one byte, or says why it could not.
func readSome(file io.Reader, buf []byte) (int, error) {
	for range 100 {
		if n, err := file.Read(buf); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
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
