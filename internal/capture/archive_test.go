package capture

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// tarGz packs entries; the contents of a file are as long as its header says.
func tarGz(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, zeros{}, h.Size); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// gz packs bytes that need not be an archive.
func gz(t testing.TB, r io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.Copy(z, r); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// TestHostileArchives protects the promise that a bad archive is one clear error
// that says what was wrong.
func TestHostileArchives(t *testing.T) {
	small := limits{stream: 1 << 20, data: 64 << 10, file: 16 << 10, nodes: 200}
	good := tarGz(t, tar.Header{Name: "proc/self/status", Size: 1000})
	damaged := bytes.Clone(good)
	damaged[len(damaged)-5] ^= 1
	link := func(kind byte, name, to string) []byte {
		return tarGz(t, tar.Header{Typeflag: kind, Name: name, Linkname: to})
	}
	var deep []tar.Header
	for i := range small.nodes/maxDepth + 2 {
		deep = append(deep, tar.Header{Typeflag: tar.TypeDir, Name: fmt.Sprintf("%d%s/", i, strings.Repeat("/x", maxDepth-1))})
	}
	var many []tar.Header
	for i := range small.data/small.file + 1 {
		many = append(many, tar.Header{Name: fmt.Sprint("f", i), Size: small.file})
	}
	for name, c := range map[string]struct {
		archive []byte
		want    string
	}{
		"empty":              {nil, "truncated"},
		"text":               {[]byte("this is no archive, nor a directory"), "neither a directory nor a .tar.gz file"},
		"half of a header":   {good[:5], "truncated"},
		"half":               {good[:len(good)/2], "truncated"},
		"without its end":    {good[:len(good)-1], "truncated"},
		"wrong checksum":     {damaged, "checksum"},
		"not a tar":          {gz(t, strings.NewReader(strings.Repeat("garbage ", 1000))), "tar header"},
		"half of a tar":      {gz(t, io.LimitReader(zeros{}, 100)), "truncated"},
		"absolute":           {tarGz(t, tar.Header{Name: "/etc/passwd"}), `entry "/etc/passwd": outside the archive`},
		"traversal":          {tarGz(t, tar.Header{Name: "../../etc/passwd"}), "outside the archive"},
		"hidden traversal":   {tarGz(t, tar.Header{Name: "sys/../../etc/passwd"}), "outside the archive"},
		"traversal inside":   {tarGz(t, tar.Header{Name: "sys/../proc/stat"}), "outside the archive"},
		"directory above":    {tarGz(t, tar.Header{Typeflag: tar.TypeDir, Name: "../"}), "outside the archive"},
		"absolute link":      {link(tar.TypeSymlink, "sys", "/etc"), `a link out of the archive, to "/etc"`},
		"link out":           {link(tar.TypeSymlink, "sys/devices", "../../etc"), "a link out of the archive"},
		"hard link":          {link(tar.TypeLink, "sys", "/etc/passwd"), "neither a file, a directory nor a symbolic link"},
		"device":             {link(tar.TypeChar, "sys", ""), "neither a file, a directory nor a symbolic link"},
		"fifo":               {link(tar.TypeFifo, "sys", ""), "neither a file, a directory nor a symbolic link"},
		"file for the root":  {tarGz(t, tar.Header{Name: "."}), "no name"},
		"twice":              {tarGz(t, tar.Header{Name: "a"}, tar.Header{Name: "a"}), "there twice"},
		"file below a file":  {tarGz(t, tar.Header{Name: "a"}, tar.Header{Name: "a/b"}), "something else"},
		"directory and file": {tarGz(t, tar.Header{Name: "a/b"}, tar.Header{Name: "a"}), "there twice"},
		"file below a link":  {tarGz(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "b"}, tar.Header{Name: "a/b"}), "something else"},
		"long name":          {tarGz(t, tar.Header{Name: strings.Repeat("x", maxName+1)}), "too long"},
		"deep name":          {tarGz(t, tar.Header{Name: strings.Repeat("x/", maxDepth+1) + "x"}), "too long"},
		"large file":         {tarGz(t, tar.Header{Name: "proc/stat", Size: small.file + 1}), "larger than any capture"},
		"many large files":   {tarGz(t, many...), "larger than any capture"},
		"many directories":   {tarGz(t, deep...), "larger than any capture"},
		"bomb":               {gz(t, io.LimitReader(zeros{}, small.stream+1)), "larger than any capture"},
	} {
		tree, err := readArchive(bytes.NewReader(c.archive), small)
		if tree != nil || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 400 {
			t.Errorf("%s: %.500v, want %q", name, err, c.want)
		}
	}
	if _, err := readArchive(bytes.NewReader(good), small); err != nil {
		t.Errorf("a good archive: %v", err)
	}
}

// TestEveryTruncation protects the promise for an archive that ends anywhere.
func TestEveryTruncation(t *testing.T) {
	good := pack(t, take(t, load(t, "server"), Options{}).Tree)
	for n := 0; n < len(good); n += 7 {
		if _, err := readArchive(bytes.NewReader(good[:n]), ofCaptures); err == nil || !strings.Contains(err.Error(), "truncated") {
			t.Fatalf("%d of %d bytes: %v", n, len(good), err)
		}
	}
}

// TestLinksInside protects captures made by hand, in which nodes link to their
// CPUs: links that stay in the archive are followed, in a circle they end.
func TestLinksInside(t *testing.T) {
	symlink := func(name, to string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}
	}
	tree := unpack(t, tarGz(t,
		tar.Header{Name: "./sys/cpu/cpu0/online", Size: 3},
		symlink("sys/node/cpu0", "../cpu/cpu0"),
		symlink("sys/one", "./two/."), symlink("sys/two", "cpu"),
		symlink("a", "b"), symlink("b", "a"), symlink("self", "."), symlink("lost", "nowhere/at/all"),
	))
	for _, name := range []string{"sys/node/cpu0/online", "sys/one/cpu0/online", "self/self/sys/two/cpu0/online"} {
		if text, err := fs.ReadFile(tree, name); err != nil || len(text) != 3 {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	for name, want := range map[string]error{"a": errLinks, "a/b": errLinks, "lost": fs.ErrNotExist, "sys/cpu/cpu0/online/x": fs.ErrNotExist, "../sys": fs.ErrInvalid, "/sys": fs.ErrInvalid} {
		if _, err := tree.Open(name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

// TestTreeIsAFileSystem has the standard library check how a tree behaves.
func TestTreeIsAFileSystem(t *testing.T) {
	if err := fstest.TestFS(load(t, "loaded"), "proc/self/status", "sys/devices/system/cpu/online"); err != nil {
		t.Error(err)
	}
}

// TestOpenArchive protects the names in errors of files.
func TestOpenArchive(t *testing.T) {
	name := filepath.Join(t.TempDir(), "bad.tar.gz")
	if err := os.WriteFile(name, []byte("bad"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{name, filepath.Join(t.TempDir(), "none.tar.gz"), t.TempDir()} {
		if _, err := OpenArchive(name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzArchive asserts that no archive panics or gives a tree that cannot be read
// and written again.
func FuzzArchive(f *testing.F) {
	f.Add(tarGz(f, tar.Header{Name: "proc/self/status", Size: 10}, tar.Header{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "proc"}))
	f.Add(tarGz(f, tar.Header{Typeflag: tar.TypeDir, Name: "sys/"}, tar.Header{Name: "sys/../x"}))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, archive []byte) {
		tree, err := readArchive(bytes.NewReader(archive), ofCaptures)
		if err != nil {
			if tree != nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("tree %v, error %q", tree, err)
			}
			return
		}
		if _, err := tree.WriteTo(io.Discard); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
		Take(tree, Options{Now: true})
	})
}
