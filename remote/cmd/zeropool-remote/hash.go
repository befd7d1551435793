package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zeropool-go/zeropool/remote"
)

// file is the params of the function: a path that all workers can read.
type file struct {
	Path []byte `json:"path"` // of any bytes, which a text in JSON could not hold
	Size int64  `json:"size"`
	Time int64  `json:"time"` // of the last change, in nanoseconds since 1970
}

// digest is its result.
type digest struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

var hash = remote.Define("sha256@v1", func(_ context.Context, f *file) (digest, error) {
	r, err := os.Open(string(f.Path))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return digest{}, remote.Permanent(err)
	}
	if err != nil {
		return digest{}, err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, r)
	return digest{hex.EncodeToString(h.Sum(nil)), n}, err
})

// line is what sha256sum writes for a file: a name that would take more than its
// line is escaped, and a backslash before the line says so.
func (d digest) line(path string) string {
	escaped := strings.NewReplacer("\\", `\\`, "\n", `\n`, "\r", `\r`).Replace(path)
	if escaped != path {
		return `\` + d.SHA256 + "  " + escaped
	}
	return d.SHA256 + "  " + path
}

// files lists the regular files below a directory, in the order of their paths.
func files(tree string) ([]file, error) {
	tree, err := filepath.Abs(tree)
	if err != nil {
		return nil, err
	}
	var list []file
	err = filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			list = append(list, file{[]byte(path), info.Size(), info.ModTime().UnixNano()})
		}
		return err
	})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("no files below %s", tree)
	}
	return list, err
}

// groupID names a group of files as they are now, so that a tree that has not
// changed since is not hashed again.
func groupID(group []file) string {
	h := sha256.New()
	for _, f := range group {
		fmt.Fprintf(h, "%q %d %d\n", f.Path, f.Size, f.Time)
	}
	return hex.EncodeToString(h.Sum(nil))
}
