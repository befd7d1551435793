package zeropool_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/zeropool-go/zeropool"
)

// A function that has long been taken for one that returns exits inside a batch
// or loop that its waiter runs itself. The waiter's goroutine cannot be saved,
// but every other element runs, and everybody else learns what happened.
func TestProvenFunctionExitsInBatch(t *testing.T) {
	p, err := zeropool.New(zeropool.WithWorkers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	// The only worker is busy, so waiters work themselves.
	hold, held := make(chan struct{}), make(chan struct{})
	p.Go(func() { close(held); <-hold })
	<-held
	defer close(hold)

	type element struct {
		exit bool
		ran  *atomic.Int64
		all  chan struct{}
		want int64
	}
	run := func(e *element) {
		if e.exit {
			runtime.Goexit()
		}
		if e.ran.Add(1) == e.want {
			close(e.all)
		}
	}
	elements := func(exits bool) ([]element, chan struct{}) {
		ran, all := new(atomic.Int64), make(chan struct{})
		es := make([]element, 50)
		for i := range es {
			es[i] = element{exit: exits && i == 7, ran: ran, all: all, want: int64(len(es))}
			if exits {
				es[i].want--
			}
		}
		return es, all
	}
	for range 60 { // 3,000 clean runs
		es, _ := elements(false)
		if err := zeropool.ForEach(p, es, run); err != nil {
			t.Fatal(err)
		}
		if err := zeropool.SubmitBatch(p, es[:0:0], run).Wait(); err != nil {
			t.Fatal(err)
		}
	}

	es, all := elements(true)
	f := zeropool.SubmitBatch(p, es, run)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = f.Wait()
	}()
	<-ended
	<-all
	if err := f.Wait(); !errors.Is(err, zeropool.ErrGoexit) {
		t.Errorf("the batch ended with %v", err)
	}

	es, all = elements(true)
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		_ = zeropool.ForEach(p, es, run)
	}()
	<-ended
	<-all
}

// What ends a goroutine need not be what recover returns: an element may panic while it
// exits, and panic(nil), where that is allowed, ends nothing. Whatever it is, every other
// element runs once, the pool closes, and a caller that goes on learns what happened.
func TestOtherElementsRunOnce(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	type element struct {
		end func()
		ran atomic.Int32
	}
	run := func(e *element) {
		e.ran.Add(1)
		if e.end != nil {
			e.end()
		}
	}
	for name, form := range map[string]func(p *zeropool.Pool, es []element) error{
		"SubmitBatch": func(p *zeropool.Pool, es []element) error { return zeropool.SubmitBatch(p, es, run).Wait() },
		"SubmitMixed": func(p *zeropool.Pool, es []element) error {
			tasks := make([]zeropool.Task, len(es))
			for i := range es {
				tasks[i] = zeropool.Bind(&es[i], run)
			}
			return p.SubmitMixed(tasks).Wait()
		},
		"ForEach": func(p *zeropool.Pool, es []element) error { return zeropool.ForEach(p, es, run) },
		"Map": func(p *zeropool.Pool, es []element) error {
			return zeropool.Map(p, es, make([]int, len(es)), func(e *element) int { run(e); return 0 })
		},
		"Group": func(p *zeropool.Pool, es []element) error {
			g := p.NewGroup()
			for i := range es {
				zeropool.SubmitTo(g, &es[i], run)
			}
			return g.Wait()
		},
		"For": func(p *zeropool.Pool, es []element) error {
			return p.For(len(es), func(lo, hi int) {
				for i := range es[lo:hi] {
					run(&es[lo+i])
				}
			})
		},
		"ForEachErr": func(p *zeropool.Pool, es []element) error {
			return zeropool.ForEachErr(context.Background(), p, es, func(e *element) error { run(e); return nil })
		},
		"Reduce": func(p *zeropool.Pool, es []element) error {
			_, err := zeropool.Reduce(p, es, 0, func(s int, e *element) int { run(e); return s }, func(a, b int) int { return a + b })
			return err
		},
	} {
		early := name == "For" || name == "ForEachErr" || name == "Reduce" // a range ends with the element, or the loop does
		for how, end := range map[string]func(){
			"exits":            runtime.Goexit,
			"panics and exits": func() { defer runtime.Goexit(); panic("a") },
			"exits and panics": func() { defer func() { panic("b") }(); runtime.Goexit() },
			"panics with nil":  func() { panic(nil) },
			"panics":           func() { panic("c") },
		} {
			p, err := zeropool.New(zeropool.WithWorkers(2), zeropool.WithPanicHandler(func(*zeropool.PanicError) {}))
			if err != nil {
				t.Fatal(err)
			}
			const bad = 3000
			es := make([]element, 5000)
			es[bad].end = end
			ended := make(chan error, 1)
			go func() {
				defer close(ended) // it may be this goroutine that ends
				ended <- form(p, es)
			}()
			err, goesOn := <-ended
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			partly := early || name == "Group" && !goesOn // it may have ended before it had submitted all
			var pe *zeropool.PanicError
			if exits := how == "exits" || how == "panics and exits"; goesOn && (exits && err != zeropool.ErrGoexit || !exits && !errors.As(err, &pe)) {
				t.Errorf("%s, an element %s: %v", name, how, err)
			}
			for i := range es {
				if n := es[i].ran.Load(); n != 1 && !(partly && i != bad && n == 0) {
					t.Errorf("%s, element %d %s: element %d ran %d times", name, bad, how, i, n)
					break
				}
			}
		}
	}
}
