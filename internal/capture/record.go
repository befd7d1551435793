package capture

import (
	"errors"
	"io"
	"io/fs"
	"path"
)

// recorder is a file system that remembers what was read from it.
type recorder struct {
	root   fs.FS
	files  map[string][]byte // contents, as far as they were read
	dirs   map[string]bool   // directories that were looked for, or counted in a list
	failed map[string]error  // what exists and could not be read
}

func newRecorder(root fs.FS) *recorder {
	return &recorder{root, map[string][]byte{}, map[string]bool{}, map[string]error{}}
}

// fail remembers an error, unless the file is merely absent.
func (r *recorder) fail(name string, err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		r.failed[name] = err
	}
}

func (r *recorder) Open(name string) (fs.File, error) {
	f, err := r.root.Open(name)
	if err != nil {
		r.fail(name, err)
		return nil, err
	}
	return &recorded{File: f, r: r, name: name}, nil
}

func (r *recorder) Stat(name string) (fs.FileInfo, error) {
	i, err := fs.Stat(r.root, name)
	if err == nil && i.IsDir() {
		r.dirs[name] = true
	}
	return i, err
}

// recorded is an open file of a recorder.
type recorded struct {
	fs.File
	r    *recorder
	name string
	at   int // bytes read so far
}

func (f *recorded) Read(b []byte) (int, error) {
	n, err := f.File.Read(b)
	text := f.r.files[f.name]
	if text == nil {
		text = []byte{}
	}
	// A file that is read again only adds what it has beyond the first time.
	if known := len(text) - f.at; n > known {
		text = append(text, b[max(known, 0):n]...)
	}
	f.r.files[f.name] = text
	f.at += n
	if err != nil && n == 0 && err != io.EOF {
		delete(f.r.files, f.name)
		f.r.fail(f.name, err)
	}
	return n, err
}

func (f *recorded) ReadDir(n int) ([]fs.DirEntry, error) {
	d, ok := f.File.(fs.ReadDirFile)
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: f.name, Err: errors.New("not a directory")}
	}
	entries, err := d.ReadDir(n)
	for _, e := range entries {
		if systemFile.MatchString(f.name) && numberedDir.MatchString(e.Name()) {
			f.r.dirs[path.Join(f.name, e.Name())] = true
		}
	}
	return entries, err
}
