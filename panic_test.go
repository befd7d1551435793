package zeropool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

//go:noinline
func blowUpForTheStack(p *[]int) { (*p)[7] = 1 }

// A panic is an error of Wait, for each form and each kind of value, that holds
// the value and the stack of where it happened; every Wait returns the same;
// and what a task recovers itself is no error.
func TestPanicError(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		cause := fmt.Errorf("cause: %w", fs.ErrNotExist)
		f := p.Go(func() { panic(cause) })
		err := f.Wait()
		var pe *PanicError
		if !errors.As(err, &pe) || !errors.Is(err, fs.ErrNotExist) || pe.Value != any(cause) || !strings.Contains(err.Error(), "cause") {
			t.Fatalf("%v", err)
		}
		var same sync.WaitGroup
		for range 8 {
			same.Go(func() {
				for range 10 {
					if f.Wait() != err || f.WaitTimeout(0) != err || f.WaitContext(t.Context()) != err {
						t.Error("Wait returned another error than before")
					}
				}
			})
		}
		same.Wait()

		err = Submit(p, new([]int), blowUpForTheStack).Wait()
		var re runtime.Error
		if !errors.As(err, &pe) || !errors.As(err, &re) || !strings.Contains(string(pe.Stack), "blowUpForTheStack") {
			t.Errorf("index out of range: %v\n%s", err, pe.Stack)
		}
		err = SubmitBatch(p, make([][]int, 3), blowUpForTheStack).Wait()
		if !errors.As(err, &pe) || !strings.Contains(string(pe.Stack), "blowUpForTheStack") {
			t.Errorf("in a batch: %v", err)
		}
		err = ForEach(p, make([][]int, 3), blowUpForTheStack)
		if !errors.As(err, &pe) || !strings.Contains(string(pe.Stack), "blowUpForTheStack") {
			t.Errorf("in ForEach: %v", err)
		}

		if err := p.Go(func() { panic("text") }).Wait(); !errors.As(err, &pe) || pe.Value != "text" || pe.Unwrap() != nil || errors.Unwrap(err) != nil {
			t.Errorf("panic with a string: %v", err)
		}
		var nilPanic *runtime.PanicNilError
		if err := p.Go(func() { panic(nil) }).Wait(); !errors.As(err, &pe) || !errors.As(err, &nilPanic) {
			t.Errorf("panic(nil): %v", err)
		}
		// A task may recover by itself.
		if err := p.Go(func() { defer func() { recover() }(); panic("hidden") }).Wait(); err != nil {
			t.Errorf("a panic that the task recovered: %v", err)
		}
		// A panic in the midst of another.
		if err := p.Go(func() { defer func() { panic("second") }(); panic("first") }).Wait(); !errors.As(err, &pe) || pe.Value != "second" {
			t.Errorf("a panic while panicking: %v", err)
		}
		if err := p.Go(func() { defer func() { panic("in Goexit") }(); runtime.Goexit() }).Wait(); !errors.As(err, &pe) || pe.Value != "in Goexit" {
			t.Errorf("a panic while exiting: %v", err)
		}
		if err := p.Go(func() { defer runtime.Goexit(); panic("before Goexit") }).Wait(); err != ErrGoexit {
			t.Errorf("Goexit while panicking: %v", err)
		}
		s := atRest(t, p).Total
		if s.Completed != 1 {
			t.Errorf("%+v", s)
		}
		// The workers live on.
		var c count
		for range 2000 {
			if err := Submit(p, &c, (*count).run).Wait(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A test of its own, because an emulator may not be able to run it.
func TestNilDereference(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		var re runtime.Error
		if err := Submit(p, nil, (*count).run).Wait(); !errors.As(err, &re) {
			t.Errorf("nil dereference: %v", err)
		}
		if err := p.SubmitMixed([]Task{Bind(nil, (*count).run)}).Wait(); !errors.As(err, &re) {
			t.Errorf("nil dereference in a mixed batch: %v", err)
		}
		if s := atRest(t, p).Total; s.Panicked != 2 {
			t.Errorf("%+v", s)
		}
	})
}

// The handler is called exactly once for each panicking task, before its Future
// is done, by the goroutine that recovered the panic.
func TestPanicHandler(t *testing.T) {
	type bad struct {
		f       Future
		early   atomic.Bool // the Future was done before the handler returned
		handled atomic.Int32
		ready   chan struct{}
	}
	handler := WithPanicHandler(func(e *PanicError) {
		b := e.Value.(*bad)
		<-b.ready
		if b.f.Done() {
			b.early.Store(true)
		}
		if !bytes.Contains(e.Stack, []byte("goroutine ")) || !bytes.Contains(debugStack(), []byte("zeropool.(*Pool)")) {
			panic("no stack")
		}
		b.handled.Add(1)
	})
	for _, opts := range [][]Option{{handler}, unpinned(1, handler), unpinned(2, handler, WithQueueCapacity(2))} {
		p := newTestPool(t, opts...)
		for range 300 {
			b := &bad{ready: make(chan struct{})}
			b.f = Submit(p, b, func(b *bad) { panic(b) })
			close(b.ready)
			err := b.f.Wait()
			var pe *PanicError
			if !errors.As(err, &pe) || pe.Value != any(b) || b.handled.Load() != 1 || b.early.Load() {
				t.Fatalf("%v: handler called %d times, Future done early: %v", err, b.handled.Load(), b.early.Load())
			}
		}
		// Of a batch, each element; of a group, each task.
		bs := make([]*bad, 200)
		for i := range bs {
			bs[i] = &bad{ready: make(chan struct{}), f: Submit(p, new(sync.WaitGroup), func(*sync.WaitGroup) {})}
			bs[i].f.Wait()
			close(bs[i].ready)
		}
		SubmitBatch(p, bs[:100], func(b **bad) { panic(*b) }).Wait()
		ForEach(p, bs[100:150], func(b **bad) { panic(*b) })
		g := p.NewGroup()
		for i := range bs[150:] {
			SubmitTo(g, bs[150+i], func(b *bad) { panic(b) })
		}
		g.Wait()
		for i, b := range bs {
			if n := b.handled.Load(); n != 1 {
				t.Errorf("panic %d was handled %d times", i, n)
			}
		}
	}
}

func debugStack() []byte {
	buf := make([]byte, 1<<16)
	return buf[:runtime.Stack(buf, false)]
}

// logRecords collects what the default handlers write.
type logRecords struct {
	mu      sync.Mutex
	records []slog.Record
}

func (l *logRecords) Enabled(context.Context, slog.Level) bool { return true }
func (l *logRecords) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logRecords) WithGroup(string) slog.Handler            { return l }
func (l *logRecords) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, r.Clone())
	return nil
}

func (l *logRecords) take() []slog.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.records
	l.records = nil
	return r
}

func captureLog(t *testing.T) *logRecords {
	before := slog.Default()
	l := &logRecords{}
	slog.SetDefault(slog.New(l))
	t.Cleanup(func() { slog.SetDefault(before) })
	return l
}

// Without a handler a panic is logged once, with the pool's name, the value and
// the stack; a Goexit is not.
func TestDefaultPanicHandler(t *testing.T) {
	log := captureLog(t)
	p := newTestPool(t, unpinned(1, WithName("mill"))...)
	if err := Submit(p, new([]int), blowUpForTheStack).Wait(); err == nil {
		t.Fatal("no error")
	}
	records := log.take()
	if len(records) != 1 {
		t.Fatalf("%d log records for one panic", len(records))
	}
	text := ""
	records[0].Attrs(func(a slog.Attr) bool { text += a.String() + "\n"; return true })
	if records[0].Level != slog.LevelError {
		t.Errorf("level %v", records[0].Level)
	}
	for _, want := range []string{"mill", "index out of range", "blowUpForTheStack"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log record does not mention %q:\n%s", want, text)
		}
	}
	if err := p.Go(func() { runtime.Goexit() }).Wait(); err != ErrGoexit {
		t.Error(err)
	}
	if n := len(log.take()); n != 0 {
		t.Errorf("%d log records for a Goexit", n)
	}
}

// A handler that panics itself costs neither the worker nor the task's error.
func TestPanicInHandler(t *testing.T) {
	log := captureLog(t)
	p := newTestPool(t, unpinned(2, WithPanicHandler(func(e *PanicError) { panic(fmt.Sprint("handler of ", e.Value)) }))...)
	for range 100 {
		var pe *PanicError
		if err := p.Go(func() { panic("task") }).Wait(); !errors.As(err, &pe) || pe.Value != "task" {
			t.Fatalf("%v", err)
		}
		if records := log.take(); len(records) != 1 || records[0].Level != slog.LevelError {
			t.Fatalf("%d log records", len(records))
		}
		if err := ForEach(p, make([]int, 3), func(*int) { panic("task") }); !errors.As(err, &pe) {
			t.Fatalf("%v", err)
		}
		if records := log.take(); len(records) != 3 {
			t.Fatalf("%d log records", len(records))
		}
	}
}

// A panic in a batch is what its Wait returns, every other element runs all the
// same, and each panic is counted.
func TestBatchPanics(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		for _, n := range []int{1, 2, 10, 5000} {
			xs := make([]count, n)
			bad := map[*count]bool{&xs[0]: true, &xs[n/2]: true, &xs[n-1]: true}
			before := atRest(t, p).Total.Panicked
			f := SubmitBatch(p, xs, func(c *count) {
				c.run()
				if bad[c] {
					panic(c)
				}
			})
			err := f.Wait()
			var pe *PanicError
			if !errors.As(err, &pe) || !bad[pe.Value.(*count)] || f.Wait() != err {
				t.Fatalf("%v", err)
			}
			for i := range xs {
				xs[i].once(t, fmt.Sprintf("element %d of %d", i, n))
			}
			if got := atRest(t, p).Total.Panicked - before; got != uint64(len(bad)) {
				t.Errorf("%d panics counted of %d", got, len(bad))
			}
		}
		var c count
		err := p.SubmitMixed([]Task{Bind(&c, (*count).run), Bind(&c, func(c *count) { panic(c) }), Bind(&c, (*count).run)}).Wait()
		var pe *PanicError
		if !errors.As(err, &pe) || pe.Value != &c || c.runs.Load() != 2 {
			t.Errorf("mixed: %v, %d siblings ran", err, c.runs.Load())
		}
	})
}

// Goexit ends the task and nothing else, whoever runs it.
func TestGoexit(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		for range 20 {
			f := p.Go(runtime.Goexit)
			if err := f.Wait(); err != ErrGoexit || f.Wait() != ErrGoexit {
				t.Fatal(err)
			}
			if err := p.Go(runtime.Goexit).WaitContext(t.Context()); err != ErrGoexit {
				t.Fatal(err)
			}
			deferred := false
			if err := p.Go(func() { defer func() { deferred = true }(); runtime.Goexit() }).Wait(); err != ErrGoexit || !deferred {
				t.Fatal(err, deferred)
			}
			xs := make([]count, 100)
			if err := SubmitBatch(p, xs, func(c *count) { c.run(); runtime.Goexit() }).Wait(); err != ErrGoexit {
				t.Fatal(err)
			}
			var c count
			if err := p.SubmitMixed([]Task{Bind(&c, func(*count) { runtime.Goexit() }), Bind(&c, (*count).run)}).Wait(); err != ErrGoexit {
				t.Fatal(err)
			}
			g := p.NewGroup()
			for i := range xs {
				SubmitTo(g, &xs[i], func(c *count) { c.run(); runtime.Goexit() })
			}
			if err := g.Wait(); err != ErrGoexit {
				t.Fatal(err)
			}
			if c.runs.Load() != 1 {
				t.Fatal("a sibling of a task that exited did not run")
			}
			for i := range xs {
				if n := xs[i].runs.Load(); n != 2 {
					t.Fatalf("element %d ran %d times of 2", i, n)
				}
			}
			// In a task that another task waits for.
			if err := p.Go(func() {
				if err := p.Go(runtime.Goexit).Wait(); err != ErrGoexit {
					panic(err)
				}
			}).Wait(); err != nil {
				t.Fatal(err)
			}
		}
		atRest(t, p)
	})
}

// fickle returns thousands of times before it exits for the first time: by then
// it is trusted.
type fickle struct{ exit bool }

func (f *fickle) run() {
	if f.exit {
		runtime.Goexit()
	}
}

// A function that exits late takes the goroutine with it that trusted it, as it
// would without a pool; but never a worker or another task's Future.
func TestGoexitAfterThousandsOfRuns(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		var wg sync.WaitGroup
		alone := func(f func()) { wg.Go(f); wg.Wait() }
		for round := range 5 {
			for range 5000 {
				if err := Submit(p, new(fickle), (*fickle).run).Wait(); err != nil {
					t.Fatal(err)
				}
			}
			if err := SubmitBatch(p, make([]fickle, 5000), (*fickle).run).Wait(); err != nil {
				t.Fatal(err)
			}
			var f Future
			bad := &fickle{exit: true}
			switch round {
			case 0:
				alone(func() { f = Submit(p, bad, (*fickle).run); f.Wait() })
			case 1:
				alone(func() { f = SubmitBatch(p, []fickle{{}, {true}, {}}, (*fickle).run); f.Wait() })
			case 2:
				alone(func() { f = p.Go(func() { Submit(p, bad, (*fickle).run).Wait() }); f.Wait() })
			case 3:
				alone(func() { ForEach(p, []fickle{{}, {true}, {}}, (*fickle).run) })
			case 4:
				alone(func() {
					g := p.NewGroup()
					SubmitTo(g, bad, (*fickle).run)
					SubmitTo(g, new(fickle), (*fickle).run)
					f = p.Go(func() { g.Wait() })
					g.Wait()
				})
			}
			// In a case where f was run to its end, it says how it ended.
			if err := f.WaitTimeout(hangLimit); err != nil && err != ErrGoexit {
				t.Errorf("round %d: %v", round, err)
			}
			atRest(t, p)
		}
		var c count
		for range 100 {
			if err := Submit(p, &c, (*count).run).Wait(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A thousand panicking and exiting tasks leave the workers where they were.
func TestWorkersSurvive(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		p := newTestPool(t, quiet)
		const n = 1000
		var wants [3]int
		fs := make([]Future, n)
		for i := range fs {
			switch i % 3 {
			case 0:
				fs[i] = p.Go(func() { panic(i) })
			case 1:
				fs[i] = p.Go(runtime.Goexit)
			case 2:
				fs[i] = p.Go(func() {})
			}
			wants[i%3]++
		}
		for i, f := range fs {
			err := f.Wait()
			var pe *PanicError
			if !(i%3 == 0 && errors.As(err, &pe) && pe.Value == any(i) || i%3 == 1 && err == ErrGoexit || i%3 == 2 && err == nil) {
				t.Fatalf("task %d: %v", i, err)
			}
		}
		if s := atRest(t, p).Total; s.Panicked != uint64(wants[0]+wants[1]) || s.Completed != uint64(wants[2]) {
			t.Errorf("%v: %+v", wants, s)
		}
	})
}

// A handler may call runtime.Goexit, as testing.T.FailNow does: the task's
// Future has its error all the same.
func TestGoexitInHandler(t *testing.T) {
	for _, workers := range []int{1, 2} {
		p := newTestPool(t, unpinned(workers, WithPanicHandler(func(*PanicError) { runtime.Goexit() }))...)
		for range 50 {
			g := p.NewGroup()
			g.Go(func() { panic("group") })
			for _, err := range []error{
				p.Go(func() { panic("task") }).Wait(),
				p.Go(func() { panic("task") }).WaitContext(t.Context()),
				SubmitBatch(p, make([]int, 3), func(*int) { panic("batch") }).Wait(),
				ForEach(p, make([]int, 3), func(*int) { panic("loop") }),
				p.For(3, func(int, int) { panic("range") }),
				g.Wait(),
			} {
				var pe *PanicError
				if !errors.As(err, &pe) {
					t.Fatalf("%v", err)
				}
			}
			if err := p.Go(func() {}).Wait(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// brokenLog is a slog handler that panics.
type brokenLog struct{ slog.Handler }

func (brokenLog) Enabled(context.Context, slog.Level) bool  { return true }
func (brokenLog) Handle(context.Context, slog.Record) error { panic("the log is broken") }

// A logger that panics takes neither the worker with it nor the task's error, and
// no panic is lost: what cannot be logged is on standard error. That of a panic
// handler is not lost either.
func TestPanicInLogger(t *testing.T) {
	for name, c := range map[string]struct {
		opts []Option
		want []string
	}{
		"default handler": {nil, []string{"the task is broken", "the log is broken"}},
		"a handler that panics": {
			[]Option{WithPanicHandler(func(*PanicError) { panic("the handler is broken") })},
			[]string{"the handler is broken", "the log is broken"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTestPool(t, unpinned(1, c.opts...)...)
			said := standardError(t, func() {
				old := slog.Default()
				defer slog.SetDefault(old)
				slog.SetDefault(slog.New(brokenLog{}))
				var pe *PanicError
				broken := func() { panic("the task is broken") }
				if err := p.Go(broken).WaitContext(t.Context()); !errors.As(err, &pe) || pe.Value != "the task is broken" {
					t.Errorf("task: %v", err)
				}
				if err := ForEach(p, make([]int, 1), func(*int) { broken() }); !errors.As(err, &pe) {
					t.Errorf("loop: %v", err)
				}
				if err := p.Go(func() {}).WaitContext(t.Context()); err != nil {
					t.Errorf("the next task: %v", err)
				}
			})
			for _, want := range c.want {
				if n := strings.Count(said, want); n < 2 {
					t.Errorf("standard error has %q %d times, not for each of two panics:\n%s", want, n, said)
				}
			}
		})
	}
}

// standardError returns what is written to os.Stderr while f runs.
func standardError(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	old := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = old }()
	f()
	b, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
