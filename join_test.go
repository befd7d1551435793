package zeropool

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/proven"
)

type fibTask struct{ n, out int }

var joinPool *Pool

func fibByJoin(f *fibTask) {
	if f.n < 2 {
		f.out = f.n
		return
	}
	ab := [2]fibTask{{n: f.n - 1}, {n: f.n - 2}}
	Join(joinPool, &ab[0], fibByJoin, &ab[1], fibByJoin)
	f.out = ab[0].out + ab[1].out
}

// Join runs both functions once and returns after both, at any depth of
// recursion.
func TestJoinFib(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		joinPool = p
		f := fibTask{n: 16}
		fibByJoin(&f)
		if f.out != 987 {
			t.Errorf("fib(16) = %d", f.out)
		}
	})
}

// Join nests to any depth, on the side that it runs and on the side that it queues,
// from inside tasks too, and loses nothing when the queues are full.
func TestJoinDeep(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		depth := 100_000
		if raceEnabled || testing.Short() {
			depth = 10_000
		}
		if brief() {
			depth = 2_000
		}
		var leaves atomic.Int64
		leaf := func(*int) { leaves.Add(1) }
		var left, right func(*int)
		left = func(n *int) {
			if *n == 0 {
				return
			}
			next := *n - 1
			if err := Join(p, &next, left, nil, leaf); err != nil {
				t.Error(err)
			}
		}
		right = func(n *int) {
			if *n == 0 {
				return
			}
			next := *n - 1
			if err := Join(p, nil, leaf, &next, right); err != nil {
				t.Error(err)
			}
		}
		for name, down := range map[string]func(*int){"run": left, "queued": right} {
			leaves.Store(0)
			n := depth
			down(&n)
			if got := leaves.Load(); got != int64(depth) {
				t.Errorf("%s side: %d of %d ran", name, got, depth)
			}
			leaves.Store(0)
			n = depth / 100
			if err := Submit(p, &n, down).Wait(); err != nil {
				t.Error(err)
			}
			if got := leaves.Load(); got != int64(depth/100) {
				t.Errorf("%s side in a task: %d of %d ran", name, got, depth/100)
			}
		}
	})
}

// Join waits for both whatever happens, and returns the first one's panic, or else
// the second one's error.
func TestJoinFails(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		const ok, panics, exits = 0, 1, 2
		type side struct {
			does int
			name string
			ran  atomic.Bool
		}
		run := func(s *side) {
			spinFor(100)
			s.ran.Store(true)
			switch s.does {
			case panics:
				panic(s.name)
			case exits:
				runtime.Goexit()
			}
		}
		for range 30 {
			for does := range 9 {
				a, b := side{does: does / 3, name: "a"}, side{does: does % 3, name: "b"}
				var err error
				returned := false
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer func() {
						if !b.ran.Load() {
							t.Error("Join ended before its second function")
						}
					}()
					err = Join(p, &a, run, &b, run)
					returned = true
				}()
				<-done
				if returned != (a.does != exits) {
					t.Fatalf("%d, %d: Join returned: %t", a.does, b.does, returned)
				}
				pe, _ := err.(*PanicError)
				switch {
				case a.does == exits:
				case a.does == panics:
					if pe == nil || pe.Value != "a" {
						t.Errorf("%d, %d: %v", a.does, b.does, err)
					}
				case b.does == panics:
					if pe == nil || pe.Value != "b" {
						t.Errorf("%d, %d: %v", a.does, b.does, err)
					}
				case b.does == exits && err != ErrGoexit, b.does == ok && err != nil:
					t.Errorf("%d, %d: %v", a.does, b.does, err)
				}
			}
		}
	})
}

// A pool that rejects what it has no room for rejects no half of a Join: both run, and
// its errors are the same.
func TestJoinWithoutRoom(t *testing.T) {
	p := newTestPool(t, unpinned(1, WithQueueCapacity(2), WithWhenFull(Reject), quiet)...)
	release := hold(t, p)
	defer release()
	fill(p)
	type side struct{ does, ran int }
	run := func(s *side) {
		s.ran++
		switch s.does {
		case 1:
			panic("boom")
		case 2:
			runtime.Goexit()
		}
	}
	for round := range 2 * proven.Runs { // until run would be known to return, had it not exited
		for does := range 3 {
			a, b := side{}, side{does: does}
			err := Join(p, &a, run, &b, run)
			_, panicked := err.(*PanicError)
			if a.ran != 1 || b.ran != 1 || panicked != (does == 1) || (err == ErrGoexit) != (does == 2) || (err == nil) != (does == 0) {
				t.Fatalf("round %d, %d: %v, %+v, %+v", round, does, err, a, b)
			}
		}
	}
}

// On a closed pool Join runs its first function, which needs no worker, does
// not run the second, and says ErrClosed.
func TestJoinAfterClose(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	p.Close()
	a, b := 0, 0
	set := func(x *int) { *x = 1 }
	if err := Join(p, &a, set, &b, set); err != ErrClosed || a != 1 || b != 0 {
		t.Errorf("%v, a ran %d times, b %d", err, a, b)
	}
}

// Once a function is known to return, Join runs it on its own goroutine: a panic is
// an error all the same, what is cut off by Shutdown does not begin, and an exit takes
// the goroutine with it, but loses nothing else.
func TestJoinOfProvenFunctions(t *testing.T) {
	p := newTestPool(t, unpinned(1, quiet)...)
	defer keepBusy(t, p)() // so that nobody else begins the second function
	type side struct {
		do  func()
		ran int
	}
	run := func(s *side) {
		s.ran++
		if s.do != nil {
			s.do()
		}
	}
	var a, b side
	for range 2 * proven.Runs {
		if err := Join(p, &a, run, &b, run); err != nil {
			t.Fatal(err)
		}
	}
	before := p.Stats().Total
	a, b = side{}, side{do: func() { panic("b") }}
	if pe, _ := Join(p, &a, run, &b, run).(*PanicError); pe == nil || pe.Value != "b" || a.ran != 1 || b.ran != 1 {
		t.Errorf("%v, %d and %d ran", pe, a.ran, b.ran)
	}
	b.do = func() {
		if err := Join(p, &a, run, &side{}, run); err != nil {
			t.Error(err)
		}
		runtime.Goexit()
	}
	ended := make(chan bool)
	go func() {
		defer close(ended)
		Join(p, &a, run, &side{}, run) // its own lane, if it gets one
		Join(p, &a, run, &b, run)
	}()
	<-ended
	if b.ran != 2 {
		t.Errorf("%d ran", b.ran)
	}
	s := p.Stats().Total
	if got := s.Panicked - before.Panicked; got != 2 {
		t.Errorf("%d tasks counted as panicked or exited", got)
	}
	noStandIns(t, p) // which might begin b
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a, b = side{do: func() {
		cut := make(chan error)
		go func() { cut <- p.Shutdown(ctx) }()
		<-cut
	}}, side{}
	if err := Join(p, &a, func(s *side) { s.do() }, &b, func(s *side) { s.ran++ }); err != ErrClosed || b.ran != 0 {
		t.Errorf("after Shutdown: %v, %d ran", err, b.ran)
	}
}

// A fibNode is the params of one call of fib(n). All of a tree lie in one array: the
// first child follows its parent, the second one the first one's tree.
type fibNode struct{ n, out int }

var fibSizes = func() (sizes [32]int) {
	for n := range sizes {
		if sizes[n] = 1; n >= 2 {
			sizes[n] += sizes[n-1] + sizes[n-2]
		}
	}
	return sizes
}()

func (f *fibNode) children() (a, b *fibNode) {
	a = (*fibNode)(unsafe.Add(unsafe.Pointer(f), unsafe.Sizeof(*f)))
	b = (*fibNode)(unsafe.Add(unsafe.Pointer(a), uintptr(fibSizes[f.n-1])*unsafe.Sizeof(*f)))
	a.n, b.n = f.n-1, f.n-2
	return a, b
}

func nodesByJoin(f *fibNode) {
	if f.n < 2 {
		f.out = f.n
		return
	}
	a, b := f.children()
	Join(joinPool, a, nodesByJoin, b, nodesByJoin)
	f.out = a.out + b.out
}

func nodesByHand(f *fibNode) {
	if f.n < 2 {
		f.out = f.n
		return
	}
	a, b := f.children()
	g := Submit(joinPool, b, nodesByHand)
	nodesByHand(a)
	g.Wait()
	f.out = a.out + b.out
}

// BenchmarkJoin compares fib(22) by Join to fib(22) by Submit, a call, and Wait.
func BenchmarkJoin(b *testing.B) {
	joinPool = newTestPool(b, unpinned(1)...)
	nodes := make([]fibNode, fibSizes[22])
	for name, fib := range map[string]func(*fibNode){"join": nodesByJoin, "hand": nodesByHand} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				nodes[0].n = 22
				fib(&nodes[0])
			}
		})
	}
}

// The second function of a Join that found every queue full does not begin once Close or
// Shutdown has returned, and counts as a task.
func TestJoinFullAndClosed(t *testing.T) {
	for _, shut := range []bool{false, true} {
		p := mustNew(t, unpinned(1, WithQueueCapacity(2))...)
		var warm, second count
		for range 200 { // it is proven then
			_ = Submit(p, &warm, (*count).run).Wait()
		}
		release := hold(t, p)
		fill(p)
		inFirst, goOn := make(chan struct{}), make(chan struct{})
		result := make(chan error)
		go func() {
			result <- Join(p, nil, func(*int) { close(inFirst); <-goOn }, &second, (*count).run)
		}()
		<-inFirst
		if shut {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := p.Shutdown(ctx); err != context.Canceled {
				t.Errorf("Shutdown: %v", err)
			}
			release()
		} else {
			release()
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
		close(goOn)
		if err := <-result; err != ErrClosed || second.runs.Load() != 0 {
			t.Errorf("Join: %v, its second function ran %d times", err, second.runs.Load())
		}
		_ = p.Close()
		checkAtRest(t, p)
	}
}
