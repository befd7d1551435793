// Hashtree prints the SHA-256 of every file below a directory, and its progress while
// it works.
//
//	go run ./examples/hashtree [directory]
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/zeropool-go/zeropool"
)

// A file is the params of a task, and has room for its result.
type file struct {
	path string
	sum  [sha256.Size]byte
	err  error
}

func (f *file) hash() {
	r, err := os.Open(f.path)
	if err != nil {
		f.err = err
		return
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		f.err = err
		return
	}
	h.Sum(f.sum[:0])
}

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := run(root); err != nil {
		log.Fatal(err)
	}
}

func run(root string) error {
	var files []file
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, file{path: path})
		}
		return err
	})
	if err != nil {
		return err
	}

	pool, err := zeropool.New()
	if err != nil {
		return err
	}
	defer pool.Close()
	// One batch for all files: each is a task, and nothing is allocated for it.
	future := zeropool.SubmitBatch(pool, files, (*file).hash)
	for !future.Done() {
		// Returns as soon as the batch has ended, and at the latest after the time.
		future.WaitTimeout(200 * time.Millisecond)
		done, total := future.Progress()
		fmt.Fprintf(os.Stderr, "\r%d of %d files", done, total)
	}
	fmt.Fprintln(os.Stderr)
	if err := future.Wait(); err != nil {
		return err
	}
	for i := range files {
		if f := &files[i]; f.err != nil {
			fmt.Fprintln(os.Stderr, f.err)
		} else {
			fmt.Printf("%x  %s\n", f.sum, f.path)
		}
	}
	return nil
}
