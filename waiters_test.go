package zeropool

import (
	"runtime"
	"sync"
	"testing"
	"unsafe"
)

// Waiting is linear: goroutines that each wait for a running task of a new
// function need a stand-in each, and neither starting one, finding one, nor ending
// one may walk over all others. With a quadratic list this takes minutes, which
// watch ends.
func TestManyWaiters(t *testing.T) {
	n := 80_000
	if raceEnabled || testing.Short() {
		n = 6000 // the race detector allows 8128 goroutines
		n /= 2   // two for each task
	}
	p := newTestPool(t, unpinned(2)...)
	for name, wait := range map[string]func(fn func()) error{
		"Future": func(fn func()) error { return p.Go(fn).Wait() },
		"Group": func(fn func()) error {
			g := p.NewGroup()
			g.Go(fn)
			return g.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			watch(t)
			var begun, ended sync.WaitGroup
			begun.Add(n)
			free := make(chan struct{})
			for range n {
				ended.Go(func() {
					if err := wait(func() { begun.Done(); <-free }); err != nil {
						t.Error(err)
					}
				})
			}
			begun.Wait()
			close(free)
			ended.Wait()
		})
	}
}

// A task whose function has never returned waits for the next of its kind, and so
// on: the depth is linear too, and so is a Wait for a Group inside it, which asks
// which task it is in.
func TestDeepWaits(t *testing.T) {
	depth := 20_000
	if raceEnabled || testing.Short() {
		depth = 1000
	}
	p := newTestPool(t, unpinned(1)...)
	type node struct {
		left  int
		group bool
	}
	var descend func(*node)
	descend = func(n *node) {
		if n.left == 0 {
			return
		}
		next := node{n.left - 1, n.group}
		var err error
		if n.group {
			g := p.NewGroup()
			SubmitTo(g, &next, descend)
			err = g.Wait()
		} else {
			err = Submit(p, &next, descend).Wait()
		}
		if err != nil {
			t.Error(err)
		}
	}
	for _, group := range []bool{false, true} {
		if err := Submit(p, &node{depth, group}, descend).Wait(); err != nil {
			t.Error(err)
		}
		runtime.GC()
	}
}

// Goroutines that wait once use the same waiters, though their stacks grow, and move, while
// they wait. Else each would make a new one, and the pool keep all of them.
func TestWaitersAreUsedAgain(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	p := newTestPool(t, unpinned(1)...)
	done := make(chan struct{})
	const waits = 1000
	deep := 0
	wait := func() {
		p.parkNow(unsafe.Pointer(p), func() bool { return growStack(deep) == deep }, false, nil, 0)
		done <- struct{}{}
	}
	allocated := func() uint64 {
		var from, to runtime.MemStats
		runtime.ReadMemStats(&from)
		for range waits {
			go wait()
			<-done
		}
		runtime.ReadMemStats(&to)
		return to.Mallocs - from.Mallocs
	}
	for _, deep = range [...]int{10, 20, 40, 80, 160} { // stacks in other places
		allocated()
		if n := allocated(); n > waits/10 {
			t.Errorf("%d allocations in %d waits", n, waits)
		}
	}
}

// growStack needs so many KiB of stack, and returns how many.
//
//go:noinline
func growStack(n int) int {
	var frame [1 << 10]byte
	if n == 0 {
		return 0
	}
	frame[n%len(frame)] = 1
	return growStack(n-1) + int(frame[n%len(frame)])
}
