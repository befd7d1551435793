package gentree

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the trees in topology/testdata")

// TestTrees asserts that the trees in topology/testdata are what the generator
// makes.
func TestTrees(t *testing.T) {
	for _, m := range Machines() {
		t.Run(m.Name, func(t *testing.T) {
			dir := filepath.Join("..", "..", "testdata", m.Name)
			if *update {
				if err := m.Write(dir); err != nil {
					t.Fatal(err)
				}
			}
			want, got := m.Files(), 0
			err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
				if err != nil {
					return err
				}
				got++
				if expected, ok := want[name]; !ok || string(text) != expected {
					t.Errorf("%s is not what the generator writes; run with -update", name)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if got != len(want) {
				t.Errorf("%d files, the generator writes %d; run with -update", got, len(want))
			}
		})
	}
}
