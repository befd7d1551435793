// Parse parses every Go file below a directory. The first file that does not parse
// stops it, as does an interrupt; of several, the error shown is that of the first in
// the order of the names.
//
//	go run ./examples/parse [directory]
package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/zeropool-go/zeropool"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, root); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, root string) error {
	var paths []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(path, ".go") {
			paths = append(paths, path)
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
	files := token.NewFileSet() // may be used by several goroutines
	trees := make([]*ast.File, len(paths))
	err = zeropool.MapErr(ctx, pool, paths, trees, func(path *string) (*ast.File, error) {
		return parser.ParseFile(files, *path, nil, parser.SkipObjectResolution)
	})
	if err != nil {
		return err
	}

	functions, err := zeropool.Reduce(pool, trees, 0,
		func(n int, f **ast.File) int {
			for _, d := range (*f).Decls {
				if _, ok := d.(*ast.FuncDecl); ok {
					n++
				}
			}
			return n
		},
		func(a, b int) int { return a + b })
	if err != nil {
		return err
	}
	fmt.Printf("%d files, %d functions\n", len(trees), functions)
	return nil
}
