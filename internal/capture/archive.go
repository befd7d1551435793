package capture

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// limits say what an archive may hold.
type limits struct {
	stream int64 // bytes of the archive when it is unpacked
	data   int64 // bytes in all files
	file   int64 // bytes in one file
	nodes  int   // files, directories and links
}

// ofCaptures is enough for the whole of sys/devices/system of a machine of 4096
// CPUs, of which a capture takes a part.
var ofCaptures = limits{stream: 512 << 20, data: 128 << 20, file: 4 << 20, nodes: 1 << 19}

const (
	maxName  = 4096 // bytes in a name
	maxDepth = 64   // directories in a name
)

var errTooLarge = errors.New("larger than any capture")

// OpenArchive reads a capture, or another tree with sys/ and proc/, from a .tar.gz
// file. It unpacks nothing onto the disk. The error names the file and, for an
// entry that has no place in a capture, the entry.
func OpenArchive(name string) (*Tree, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := readArchive(bufio.NewReader(f), ofCaptures)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

func readArchive(r io.Reader, most limits) (*Tree, error) {
	z, err := gzip.NewReader(r)
	switch {
	case errors.Is(err, gzip.ErrHeader):
		return nil, errors.New("neither a directory nor a .tar.gz file")
	case err != nil:
		return nil, whatEnded(err)
	}
	stream := &bounded{r: z, left: most.stream}
	t, data := newTree(), int64(0)
	t.most = most.nodes
	entries := tar.NewReader(stream)
	for {
		h, err := entries.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, whatEnded(err)
		}
		if h.Typeflag == tar.TypeReg {
			if data += h.Size; h.Size > most.file || data > most.data {
				return nil, fmt.Errorf("entry %s: %w", clip(h.Name), errTooLarge)
			}
		}
		if err := t.enter(h, entries); err != nil {
			return nil, fmt.Errorf("entry %s: %w", clip(h.Name), whatEnded(err))
		}
	}
	// Only behind its end does the stream tell whether it is whole.
	if _, err := io.Copy(io.Discard, stream); err != nil {
		return nil, whatEnded(err)
	}
	return t, nil
}

// enter adds one entry of an archive.
func (t *Tree) enter(h *tar.Header, r io.Reader) error {
	name, err := place(h.Name)
	if err != nil {
		return err
	}
	switch {
	case h.Typeflag == tar.TypeXGlobalHeader:
		return nil
	case h.Typeflag == tar.TypeDir:
		_, err := t.dir(name)
		return err
	case name == ".":
		return errors.New("no name of a file")
	case h.Typeflag == tar.TypeReg:
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return t.add(name, data)
	case h.Typeflag == tar.TypeSymlink:
		// A place outside is the start of a path traversal.
		if path.IsAbs(h.Linkname) || len(h.Linkname) > maxName {
			return fmt.Errorf("a link out of the archive, to %s", clip(h.Linkname))
		}
		to := path.Join(path.Dir(name), h.Linkname)
		if !fs.ValidPath(to) {
			return fmt.Errorf("a link out of the archive, to %s", clip(h.Linkname))
		}
		return t.put(name, &node{link: to})
	}
	return errors.New("neither a file, a directory nor a symbolic link")
}

// place checks the name of an entry and returns the place in the tree.
func place(name string) (string, error) {
	clean := path.Clean(name)
	switch {
	case len(name) > maxName || strings.Count(clean, "/") >= maxDepth:
		return "", errors.New("the name is too long")
	case !fs.ValidPath(clean):
		return "", errors.New("outside the archive")
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", errors.New("outside the archive")
		}
	}
	return clean, nil
}

// whatEnded says in words what the packages for archives say tersely.
func whatEnded(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the archive is truncated")
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("the archive is damaged: its checksum is wrong")
	case errors.Is(err, tar.ErrHeader):
		return errors.New("the archive is damaged: no valid tar header")
	case errors.Is(err, tar.ErrFieldTooLong):
		return errors.New("the archive is damaged: a header is too long")
	}
	return err
}

// bounded is a reader that fails behind a number of bytes.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// WriteTo writes the tree as a .tar.gz archive. Equal trees give equal bytes.
func (t *Tree) WriteTo(w io.Writer) (int64, error) {
	count := &counter{w: w}
	z := gzip.NewWriter(count)
	entries := tar.NewWriter(z)
	err := t.walk(func(name string, n *node) error {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(n.data)), Mode: 0o644, ModTime: time.Unix(0, 0)}
		if n.children != nil {
			h.Typeflag, h.Name, h.Mode = tar.TypeDir, name+"/", 0o755
		}
		if err := entries.WriteHeader(h); err != nil {
			return err
		}
		_, err := entries.Write(n.data)
		return err
	})
	return count.n, errors.Join(err, entries.Close(), z.Close())
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
