// Command library is built as a shared library for C, and as a plugin: what it exports
// submits from several goroutines and says whether every task has run once.
package main

import "C"

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/zeropool-go/zeropool"
)

// Run returns nil if every task has run once.
func Run() error {
	p, err := zeropool.New(zeropool.WithWorkers(1))
	if err != nil {
		return err
	}
	var runs atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10_000 {
				zeropool.Submit(p, &runs, func(runs *atomic.Int64) { runs.Add(1) }).Wait()
			}
		})
	}
	wg.Wait()
	if err := p.Close(); err != nil {
		return err
	}
	if runs.Load() != 80_000 {
		return fmt.Errorf("%d of 80,000 tasks have run", runs.Load())
	}
	return nil
}

//export run
func run() C.int {
	if err := Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func main() {}
