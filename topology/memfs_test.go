package topology

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
)

// memFS is a tree of files in memory that follows relative symbolic links.
type memFS struct{ root *memNode }

type memNode struct {
	name     string
	data     []byte
	link     string
	children map[string]*memNode // nil for a file
}

func newMemFS() *memFS {
	return &memFS{&memNode{name: ".", children: map[string]*memNode{}}}
}

func (m *memFS) dir(p string) *memNode {
	n := m.root
	for part := range strings.SplitSeq(path.Clean(p), "/") {
		if part == "." {
			continue
		}
		c := n.children[part]
		if c == nil {
			c = &memNode{name: part, children: map[string]*memNode{}}
			n.children[part] = c
		}
		n = c
	}
	return n
}

func (m *memFS) set(p, data string) {
	m.dir(path.Dir(p)).children[path.Base(p)] = &memNode{name: path.Base(p), data: []byte(data)}
}

func (m *memFS) remove(p string) {
	delete(m.dir(path.Dir(p)).children, path.Base(p))
}

// files returns the paths of all regular files in order.
func (m *memFS) files() []string {
	var out []string
	var walk func(n *memNode, p string)
	walk = func(n *memNode, p string) {
		for _, name := range slices.Sorted(maps.Keys(n.children)) {
			c, full := n.children[name], path.Join(p, name)
			switch {
			case c.children != nil:
				walk(c, full)
			case c.link == "":
				out = append(out, full)
			}
		}
	}
	walk(m.root, "")
	return out
}

func (m *memFS) find(name string) *memNode {
	for range 40 {
		n, p := m.root, ""
		parts := strings.Split(name, "/")
		again := false
		for i, part := range parts {
			if part == "." {
				continue
			}
			if n = n.children[part]; n == nil {
				return nil
			}
			if n.link != "" {
				target := path.Join(p, n.link)
				name = path.Join(append([]string{target}, parts[i+1:]...)...)
				again = true
				break
			}
			p = path.Join(p, part)
		}
		if !again {
			return n
		}
	}
	return nil
}

func (m *memFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	n := m.find(name)
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &memFile{node: n, r: bytes.NewReader(n.data)}, nil
}

type memFile struct {
	node *memNode
	r    *bytes.Reader
	left []string
	read bool
}

func (f *memFile) Stat() (fs.FileInfo, error) { return memInfo{f.node}, nil }
func (f *memFile) Close() error               { return nil }
func (f *memFile) Read(b []byte) (int, error) {
	if f.node.children != nil {
		return 0, &fs.PathError{Op: "read", Path: f.node.name, Err: fs.ErrInvalid}
	}
	return f.r.Read(b)
}

func (f *memFile) ReadDir(n int) ([]fs.DirEntry, error) {
	if f.node.children == nil {
		return nil, &fs.PathError{Op: "readdir", Path: f.node.name, Err: fs.ErrInvalid}
	}
	if !f.read {
		f.left, f.read = slices.Sorted(maps.Keys(f.node.children)), true
	}
	if n > 0 && len(f.left) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(f.left) {
		n = len(f.left)
	}
	out := make([]fs.DirEntry, n)
	for i, name := range f.left[:n] {
		out[i] = fs.FileInfoToDirEntry(memInfo{f.node.children[name]})
	}
	f.left = f.left[n:]
	return out, nil
}

type memInfo struct{ n *memNode }

func (i memInfo) Name() string { return i.n.name }
func (i memInfo) Size() int64  { return int64(len(i.n.data)) }
func (i memInfo) IsDir() bool  { return i.n.children != nil }
func (i memInfo) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
func (i memInfo) ModTime() time.Time { return time.Time{} }
func (i memInfo) Sys() any           { return nil }

// loadTar reads a tar.gz file into memory.
func loadTar(tb testing.TB, name string) *memFS {
	tb.Helper()
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	m := newMemFS()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return m
		}
		if err != nil {
			tb.Fatal(err)
		}
		p := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			m.dir(p)
		case tar.TypeSymlink:
			m.dir(path.Dir(p)).children[path.Base(p)] = &memNode{name: path.Base(p), link: h.Linkname}
		case tar.TypeReg:
			data, err := io.ReadAll(r)
			if err != nil {
				tb.Fatal(err)
			}
			m.set(p, string(data))
		}
	}
}
