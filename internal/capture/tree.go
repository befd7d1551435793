package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// maxLinks bounds the links that are followed for one name.
const maxLinks = 40

var errLinks = errors.New("too many links")

// Tree is a file system in memory. Links in it lead to places in it. It may be
// read by several goroutines at a time.
type Tree struct {
	root  *node
	nodes int // files, directories and links
	most  int // of them
}

// node is a directory, a file or a link.
type node struct {
	name     string
	children map[string]*node // nil but for a directory
	link     string           // the place that a link leads to, from the root; "" but for a link
	data     []byte
}

func newTree() *Tree {
	return &Tree{root: &node{name: ".", children: map[string]*node{}}, most: ofCaptures.nodes}
}

// dir returns a directory, which it makes with its parents if need be.
func (t *Tree) dir(name string) (*node, error) {
	n := t.root
	if name == "." {
		return n, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		c := n.children[part]
		if c == nil {
			if t.nodes++; t.nodes > t.most {
				return nil, fmt.Errorf("more than %d files and directories: %w", t.most, errTooLarge)
			}
			c = &node{name: part, children: map[string]*node{}}
			n.children[part] = c
		}
		if c.children == nil {
			return nil, fmt.Errorf("%s is a directory and something else", clip(name))
		}
		n = c
	}
	return n, nil
}

// put adds a file or a link where nothing is.
func (t *Tree) put(name string, n *node) error {
	d, err := t.dir(path.Dir(name))
	if err != nil {
		return err
	}
	if t.nodes++; t.nodes > t.most {
		return fmt.Errorf("more than %d files and directories: %w", t.most, errTooLarge)
	}
	n.name = path.Base(name)
	if d.children[n.name] != nil {
		return fmt.Errorf("%s is there twice", clip(name))
	}
	d.children[n.name] = n
	return nil
}

// add adds a file.
func (t *Tree) add(name string, data []byte) error { return t.put(name, &node{data: data}) }

// find returns what a name stands for after all links.
func (t *Tree) find(name string) (*node, error) {
	for range maxLinks {
		n, rest := t.root, name
		for rest != "" && n.link == "" {
			var part string
			part, rest, _ = strings.Cut(rest, "/")
			if part == "." {
				continue
			}
			if n = n.children[part]; n == nil {
				return nil, fs.ErrNotExist
			}
		}
		if n.link == "" {
			return n, nil
		}
		name = path.Join(n.link, rest)
	}
	return nil, errLinks
}

// Open opens a file or a directory.
func (t *Tree) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	n, err := t.find(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &file{node: n, Reader: bytes.NewReader(n.data)}, nil
}

// walk calls f for every file and every empty directory in the order of their
// names.
func (t *Tree) walk(f func(name string, n *node) error) error {
	var visit func(at string, n *node) error
	visit = func(at string, n *node) error {
		if len(n.children) == 0 {
			return f(at, n)
		}
		for _, name := range slices.Sorted(maps.Keys(n.children)) {
			if err := visit(path.Join(at, name), n.children[name]); err != nil {
				return err
			}
		}
		return nil
	}
	return visit("", t.root)
}

// file is an open file or directory of a Tree.
type file struct {
	*node
	*bytes.Reader
	left   []string // names not yet listed
	listed bool
}

func (f *file) Stat() (fs.FileInfo, error) { return info{f.node}, nil }
func (f *file) Close() error               { return nil }

func (f *file) Read(b []byte) (int, error) {
	if f.children != nil {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: errors.New("is a directory")}
	}
	return f.Reader.Read(b)
}

func (f *file) ReadDir(n int) ([]fs.DirEntry, error) {
	if f.children == nil {
		return nil, &fs.PathError{Op: "readdir", Path: f.name, Err: errors.New("not a directory")}
	}
	if !f.listed {
		f.left, f.listed = slices.Sorted(maps.Keys(f.children)), true
	}
	if n > 0 && len(f.left) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(f.left) {
		n = len(f.left)
	}
	entries := make([]fs.DirEntry, n)
	for i, name := range f.left[:n] {
		entries[i] = fs.FileInfoToDirEntry(info{f.children[name]})
	}
	f.left = f.left[n:]
	return entries, nil
}

// info describes a node; it has no time, since a capture has none.
type info struct{ n *node }

func (i info) Name() string       { return i.n.name }
func (i info) Size() int64        { return int64(len(i.n.data)) }
func (i info) IsDir() bool        { return i.n.children != nil }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) Sys() any           { return nil }

func (i info) Mode() fs.FileMode {
	switch {
	case i.n.children != nil:
		return fs.ModeDir | 0o755
	case i.n.link != "":
		return fs.ModeSymlink | 0o777
	}
	return 0o644
}

// clip quotes a name for a message and bounds its length.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return fmt.Sprintf("%q and so on", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
