package zeropool

import (
	"runtime"
	"sync/atomic"
	"testing"
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
		if raceEnabled {
			depth = 10_000
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
