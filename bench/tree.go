package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// file is one of a tree, to be hashed or parsed.
type file struct {
	path   string
	size   int64
	sum    [sha256.Size]byte
	decls  int
	broken bool   // it does not parse: some of Go's own tests are like that
	err    string // why it could not be read
}

// goTree returns the sources of Go that the go command in the path has.
func goTree() (string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("no Go tree: go env GOROOT: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "src"), nil
}

// files lists the regular files below a directory, in the order of their paths.
func files(root string) ([]file, error) {
	var list []file
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			list = append(list, file{path: path, size: info.Size()})
		}
		return err
	})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("no files below %s", root)
	}
	return list, err
}

// withSuffix returns the files whose path ends so.
func withSuffix(list []file, suffixes ...string) []file {
	var some []file
	for _, f := range list {
		for _, s := range suffixes {
			if strings.HasSuffix(f.path, s) {
				some = append(some, f)
			}
		}
	}
	return some
}

// thinned is how many files of the Go tree there are for each that is hashed or parsed: all
// of them take seconds in each round.
const thinned = 8

// oneOf returns one of every n files.
func oneOf(n int, list []file) []file {
	var some []file
	for i := 0; i < len(list); i += n {
		some = append(some, list[i])
	}
	return some
}

func megabytes(list []file) float64 {
	total := int64(0)
	for _, f := range list {
		total += f.size
	}
	return float64(total) / 1e6
}

// hash is a task: it reads a file and hashes it.
func hash(f *file) {
	text, err := os.ReadFile(f.path)
	if err != nil {
		f.err = err.Error()
		return
	}
	f.sum = sha256.Sum256(text)
}

// parse is a task: it reads a file, parses it, and counts what is declared.
func parse(f *file) {
	text, err := os.ReadFile(f.path)
	if err != nil {
		f.err = err.Error()
		return
	}
	tree, err := parser.ParseFile(token.NewFileSet(), f.path, text, parser.SkipObjectResolution)
	f.broken = err != nil
	if tree != nil {
		f.decls = len(tree.Decls)
	}
}

// readable is sound when every file could be read.
func readable(list []file) error {
	for _, f := range list {
		if f.err != "" {
			return errors.New(f.err)
		}
	}
	return nil
}

func sha256Tree(list []file, names *regexp.Regexp) bench.Workload {
	title := fmt.Sprintf("SHA-256 of each of %d files of the Go tree, %.0f MB, read from the page cache", len(list), megabytes(list))
	return real("sha256-tree", title, list, names, hash, readable)
}

func parseTree(list []file, names *regexp.Regexp) bench.Workload {
	list = withSuffix(list, ".go")
	title := fmt.Sprintf("go/parser on each of %d Go files of the Go tree, %.0f MB, read from the page cache", len(list), megabytes(list))
	return real("parse-tree", title, list, names, parse, readable)
}

// onTree returns the workloads on real input: the files below a directory, or the sources
// of Go, of which it reads a part and all pictures.
func onTree(root string, names *regexp.Regexp) ([]bench.Workload, error) {
	one := 1
	if root == "" {
		var err error
		if root, err = goTree(); err != nil {
			return nil, err
		}
		one = thinned
	}
	list, err := files(root)
	if err != nil {
		return nil, err
	}
	texts := oneOf(one, list)
	r, err := resize(list, names)
	return []bench.Workload{sha256Tree(texts, names), parseTree(texts, names), r}, err
}
