package zeropool

import (
	"fmt"
	"sync"
	"testing"
)

// As many tasks begin as there are workers and goroutines that are blocked in a Wait:
// that many tasks meet, all of them must be there before one of them ends. Should a
// waiter keep its place, they wait for good, which watch ends.
func TestWaitersLendTheirPlaces(t *testing.T) {
	for _, c := range [][2]int{{1, 1}, {1, 2}, {1, 4}, {2, 2}, {2, 4}, {3, 1}, {3, 2}, {3, 4}} {
		workers, waiters := c[0], c[1]
		t.Run(fmt.Sprintf("%d workers, %d waiters", workers, waiters), func(t *testing.T) {
			p := newTestPool(t, unpinned(workers)...)
			for range stressRounds(500) {
				m := newMeeting(workers + waiters)
				fs := make([]Future, m.want)
				for i := range fs {
					fs[i] = p.Go(m.meet)
				}
				var wg sync.WaitGroup
				for i := range waiters {
					wg.Go(func() {
						if err := fs[i].Wait(); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
			}
		})
	}
}
