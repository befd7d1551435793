// Command submitter submits from several goroutines, and ends with status 0 if
// every task has run once.
package main

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/zeropool-go/zeropool"
)

func main() {
	p, err := zeropool.New(zeropool.WithWorkers(1))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
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
	if err := p.Close(); err != nil || runs.Load() != 80_000 {
		fmt.Println(err, runs.Load())
		os.Exit(1)
	}
}
