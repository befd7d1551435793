package zeropool

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// SetLimit(1) is serial: tasks share state without a lock, which the race detector
// checks, and run in the order in which one goroutine added them.
func TestLimitOneIsSerial(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		g := p.NewGroup()
		g.SetLimit(1)
		for range 5 {
			var order []int
			for i := range 500 {
				g.Go(func() {
					order = append(order, i)
					if i%50 == 0 { // the group's own tasks add too
						g.Go(func() { order = append(order, i+1_000_000) })
					}
				})
			}
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
			first := slices.DeleteFunc(slices.Clone(order), func(i int) bool { return i >= 1_000_000 })
			if len(order) != 510 || len(first) != 500 || !slices.IsSorted(first) {
				t.Fatalf("%d tasks ran, %d of the first; in order: %t", len(order), len(first), slices.IsSorted(first))
			}
		}
	})
}

// gauge counts how many are inside, and how many were at most.
type gauge struct{ now, most atomic.Int32 }

func (m *gauge) run() {
	n := m.now.Add(1)
	for {
		most := m.most.Load()
		if n <= most || m.most.CompareAndSwap(most, n) {
			break
		}
	}
	spinFor(100)
	runtime.Gosched()
	m.now.Add(-1)
}

// No more than the limit run at a time, whoever adds, whatever way tasks end, and
// several goroutines may wait; all run.
func TestLimitHolds(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		for _, limit := range []int{1, 2, 3} {
			g := p.NewGroup()
			g.SetLimit(limit)
			var m gauge
			var runs, faults atomic.Int32
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for i := range 100 {
						g.GoErr(func() error {
							m.run()
							runs.Add(1)
							switch i % 25 {
							case 1:
								panic("boom")
							case 2:
								runtime.Goexit()
							case 3:
								return errors.New("boom")
							}
							return nil
						})
					}
					if g.Wait() != nil {
						faults.Add(1)
					}
				})
			}
			wg.Wait()
			if g.Wait() == nil && faults.Load() == 0 {
				t.Error("no error")
			}
			if runs.Load() != 400 || int(m.most.Load()) > limit {
				t.Fatalf("limit %d: %d at a time, %d ran", limit, m.most.Load(), runs.Load())
			}
		}
	})
}

// Groups with the same limit in tasks of groups with it do not deadlock, each waited
// for in its task, and tasks that add to their own group neither.
func TestLimitNested(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		var leaves atomic.Int64
		var descend func(depth int) error
		descend = func(depth int) error {
			if depth == 0 {
				leaves.Add(1)
				return nil
			}
			g := p.NewGroup()
			g.SetLimit(1)
			for range 2 {
				g.GoErr(func() error {
					g.GoErr(func() error { return descend(depth - 1) })
					return descend(depth - 1)
				})
			}
			return g.Wait()
		}
		if err := descend(4); err != nil || leaves.Load() != 256 {
			t.Errorf("%v, %d leaves", err, leaves.Load())
		}
	})
}

// A limit may change while tasks run: raising it lets waiting ones begin, taking it
// away all of them, and lowering it calls none back.
func TestLimitChanges(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		g := p.NewGroup()
		g.SetLimit(1)
		var begun atomic.Int32
		free := make(chan struct{})
		for range 4 {
			g.Go(func() { begun.Add(1); <-free })
		}
		until := func(n int32) {
			if n > int32(p.Workers()) {
				return // the rest may be queued
			}
			for begun.Load() != n {
				runtime.Gosched()
			}
		}
		until(1)
		if q := g.limit.Load().list.Len(); q != 3 {
			t.Errorf("%d tasks wait inside the group, want 3", q)
		}
		g.SetLimit(2)
		until(2)
		g.SetLimit(1)
		g.SetLimit(0)
		until(4)
		g.limit.Load().mu.Lock()
		if q := g.limit.Load().list.Len(); q != 0 {
			t.Errorf("%d tasks wait without a limit", q)
		}
		g.limit.Load().mu.Unlock()
		close(free)
		if err := g.Wait(); err != nil || begun.Load() != 4 {
			t.Errorf("%v, %d ran", err, begun.Load())
		}
		// Limits that come and go while tasks come and go lose none.
		var runs atomic.Int32
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 200 {
				g.SetLimit(i % 3)
				runtime.Gosched()
			}
		})
		for range 2000 {
			g.Go(func() { runs.Add(1) })
		}
		wg.Wait()
		if err := g.Wait(); err != nil || runs.Load() != 2000 {
			t.Errorf("%v, %d of 2000 ran", err, runs.Load())
		}
	})
}

// Tasks that wait inside a group when the pool is closed end with ErrClosed, however
// many there are.
func TestLimitAndClose(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	g := p.NewGroup()
	g.SetLimit(1)
	free, began := make(chan struct{}), make(chan struct{})
	g.Go(func() { close(began); <-free })
	var runs count
	for range 100_000 {
		SubmitTo(g, &runs, (*count).run)
	}
	<-began
	closed := make(chan error)
	go func() { closed <- p.Close() }()
	for p.gate.Load()&gateEnding == 0 {
		runtime.Gosched()
	}
	close(free)
	if err := g.Wait(); err != ErrClosed || runs.runs.Load() != 0 {
		t.Errorf("%v, %d ran", err, runs.runs.Load())
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// A task that limits what its sub-tasks do at a time, on the only worker: with SetLimit
// it goes on, however many there are, with every number, and to a depth, where a
// semaphore that each sub-task gives back, taken before each submission, would keep its
// worker for ever.
func TestLimitInsideTaskGoesOn(t *testing.T) {
	for _, limit := range []int{1, 2, 3} {
		for _, opts := range [][]Option{unpinned(1), unpinned(1, WithQueueCapacity(2)), unpinned(2, WithWhenFull(Block), WithQueueCapacity(64))} {
			p := newTestPool(t, opts...)
			var ran atomic.Int32
			var down func(depth int) error
			down = func(depth int) error {
				g := p.NewGroup()
				g.SetLimit(limit)
				for range 3 * limit {
					g.GoErr(func() error {
						ran.Add(1)
						if depth > 0 {
							return down(depth - 1)
						}
						return nil
					})
				}
				return g.Wait()
			}
			if err := p.GoErr(func() error { return down(2) }).Wait(); err != nil {
				t.Error(err)
			}
			n := int32(3 * limit)
			if want := n + n*n + n*n*n; ran.Load() != want {
				t.Errorf("limit %d: %d of %d tasks ran", limit, ran.Load(), want)
			}
		}
	}
}

// Tasks that wait inside a Group because the queues are full, not because of the limit,
// begin in the order in which they were added when the limit is 1, and none is lost.
func TestLimitWithFullQueues(t *testing.T) {
	p := newTestPool(t, unpinned(1, WithQueueCapacity(2))...)
	g := p.NewGroup()
	g.SetLimit(1)
	for range stressRounds(200) {
		var order []int
		g.Go(func() {
			fill(p) // what ends next finds no room for the next task
		})
		for i := range 20 {
			g.Go(func() {
				order = append(order, i)
				if i%5 == 0 {
					fill(p)
				}
			})
		}
		if err := g.Wait(); err != nil || len(order) != 20 || !slices.IsSorted(order) {
			t.Fatalf("%v, order %v", err, order)
		}
	}
}

// The policy Reject is for what is submitted, not for what waits inside a Group: that
// begins when there is room.
func TestLimitedGroupIsNotRejected(t *testing.T) {
	p := newTestPool(t, unpinned(1, WithQueueCapacity(2), WithWhenFull(Reject))...)
	g := p.NewGroup()
	g.SetLimit(1)
	var ran count
	begun, goesOn := make(chan struct{}), make(chan struct{})
	g.Go(func() { close(begun); <-goesOn; ran.run() })
	<-begun
	const n = 100
	for range n - 1 {
		SubmitTo(g, &ran, (*count).run)
	}
	fill(p)
	g.SetLimit(2) // there is no room for one more, and who says so does not wait
	close(goesOn)
	if err := g.Wait(); err != nil || ran.runs.Load() != n {
		t.Errorf("%v, %d of %d tasks ran", err, ran.runs.Load(), n)
	}
}
