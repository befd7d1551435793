// Package tasks is what the programs beside it run.
package tasks

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/zeropool-go/zeropool"
)

// Run submits from several goroutines and returns nil if every task has run once.
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
