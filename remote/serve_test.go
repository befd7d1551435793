package remote

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/zeropool-go/zeropool"
)

// TestFailures: a task that fails is tried again, until it succeeds or MaxFailures
// tries have failed; then its dead letter says why. However it fails, the worker
// lives on.
func TestFailures(t *testing.T) {
	t.Parallel()
	type in struct {
		How   string
		Times int
	}
	broken := errors.New("broken\nin two lines")
	try := Define("try@v1", func(ctx context.Context, p *in) (int, error) {
		task := TaskOf(ctx)
		if task.Delivery != task.Failures+1 {
			return 0, Permanent(fmt.Errorf("task %+v", task))
		}
		if task.Failures < p.Times {
			switch p.How {
			case "error":
				return 0, broken
			case "permanent":
				return 0, fmt.Errorf("wrapped: %w", Permanent(broken))
			case "panic":
				panic("out of order")
			case "nil error":
				var none *fussy
				return 0, none
			case "runtime error":
				return p.Times / (p.Times - 9), nil
			case "goexit":
				runtime.Goexit()
			}
		}
		return task.Failures, nil
	})
	e, ctx := testEngine(t), patient(t)
	testServe(t, e, try, MaxFailures(3))
	for _, q := range []struct {
		in       in
		failures int    // in the end
		dead     string // why; "" for a result
		stack    string
	}{
		{in{"error", 0}, 0, "", ""},
		{in{"error", 2}, 2, "", ""},
		{in{"panic", 2}, 2, "", ""},
		{in{"goexit", 1}, 1, "", ""},
		{in{"error", 9}, 3, broken.Error(), ""},
		{in{"permanent", 9}, 1, "wrapped: " + broken.Error(), ""},
		{in{"panic", 9}, 3, "panic: out of order", "remote.TestFailures.func"},
		{in{"runtime error", 9}, 3, "panic: runtime error: integer divide by zero", "remote.TestFailures.func"},
		{in{"nil error", 1}, 1, "", ""},
		{in{"nil error", 9}, 3, "panic: runtime error: invalid memory address or nil pointer dereference", "remote.(*fussy).Error"},
		{in{"goexit", 9}, 3, "the function called runtime.Goexit", ""},
	} {
		id := fmt.Sprint(q.in)
		n, err := must(try.Submit(ctx, e, &q.in, ID(id))).Wait(ctx)
		if q.dead == "" {
			if n != q.failures || err != nil {
				t.Errorf("%s: result %d, error %v", id, n, err)
			}
			continue
		}
		d := deadLetter(t, err)
		if d.Function != "try@v1" || d.ID != id || d.Reason != q.dead || d.Failures != q.failures || d.Deliveries != q.failures ||
			!strings.Contains(d.Stack, q.stack) || (d.Stack != "") != (q.stack != "") || !strings.HasPrefix(string(d.Params), `{"How":`) ||
			d.Time.IsZero() {
			t.Errorf("%s: dead letter %+v", id, d)
		}
	}
	wantOutcomes(t, e, 5, 6)

	// The dead letters can be listed, in order. One that has been removed no longer
	// stands for its ID.
	var ids []string
	for d, err := range e.DeadLetters(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.ID)
		if d.ID == "{error 9}" {
			if err := e.Remove(ctx, d); err != nil {
				t.Fatal(err)
			}
		}
	}
	if strings.Join(ids, ", ") != "{error 9}, {permanent 9}, {panic 9}, {runtime error 9}, {nil error 9}, {goexit 9}" {
		t.Errorf("dead letters %v", ids)
	}
	if n, err := must(try.Submit(ctx, e, &in{"error", 0}, ID("{error 9}"))).Wait(ctx); n != 0 || err != nil {
		t.Errorf("result %d, error %v", n, err)
	}
	wantOutcomes(t, e, 6, 5)
	if s := must(e.Status(ctx)); s.Dead != 5 || s.Functions[0].Dead != 5 || s.Tasks.Messages != 0 {
		t.Errorf("status %+v", s)
	}
	if err := e.Remove(ctx, &DeadLetter{}); err == nil {
		t.Error("removed nothing without an error")
	}
}

// fussy is an error whose text needs more than a nil pointer.
type fussy struct{ text string }

func (f *fussy) Error() string { return f.text }

// TestBackoff: a task that has failed rests, longer each time. The rest may be
// longer than asked for, never shorter.
func TestBackoff(t *testing.T) {
	t.Parallel()
	var at []time.Time
	late := Define("late@v1", func(context.Context, *int) (int, error) {
		at = append(at, time.Now())
		return 0, errors.New("no")
	})
	e, ctx, n := testEngine(t), patient(t), 0
	testServe(t, e, late, MaxFailures(4), Backoff(50*time.Millisecond, 100*time.Millisecond))
	must(late.Submit(ctx, e, &n)).Wait(ctx)
	for i, rest := range []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond} {
		if d := at[i+1].Sub(at[i]); d < rest {
			t.Errorf("try %d came after %v, not %v", i+2, d, rest)
		}
	}
}

// TestUndecodable: what cannot be decoded becomes a dead letter at its first
// delivery, with the params as they are, and does not reach the function. Messages
// of other programs included.
func TestUndecodable(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	publish := func(tok string, body string, headers ...string) {
		m := nats.NewMsg(e.names.task("square@v1", tok))
		m.Data = []byte(body)
		for i := 0; i < len(headers); i += 2 {
			m.Header.Set(headers[i], headers[i+1])
		}
		must(e.js.PublishMsg(ctx, m))
	}
	publish("a", "{")
	publish("b", "")
	publish("c", `"text"`)
	publish("d", "\xff\x00", headerID, "not quoted")
	publish("e", "7")                                  // this one is fine
	publish("f", "\x01", headerItems, "1")             // cut off
	publish("g", "\x011\x01", headerItems, "1")        // too long
	publish("h", "\x011", headerItems, "999999999999") // too many
	publish("i", "\x011", headerItems, "x", headerID, `"batch"`)
	publish("j", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", headerItems, "1")
	publish("k", "\x011\x01x", headerItems, "2") // the second item
	testServe(t, e, square)
	wantOutcomes(t, e, 2, 10)
	bodies := make(map[string]string)
	for d, err := range e.DeadLetters(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		bodies[d.ID] = string(d.Params)
		if d.Deliveries != 1 || d.Stack != "" || !strings.Contains(d.Reason, "cannot be ") {
			t.Errorf("dead letter %+v", d)
		}
	}
	if bodies["a"] != "{" || bodies["not quoted"] != "\xff\x00" || bodies["batch"] != "\x011" || bodies["k-1"] != "x" {
		t.Errorf("params %q", bodies)
	}
}

// TestResultNotEncodable: a result that the codec refuses, or no message can hold,
// is a dead letter, not an endless task.
func TestResultNotEncodable(t *testing.T) {
	t.Parallel()
	odd := Define("odd@v1", func(_ context.Context, n *int) (any, error) {
		if *n == 0 {
			return make(chan int), nil
		}
		return strings.Repeat("x", *n), nil
	})
	e, ctx := testEngine(t), patient(t)
	testServe(t, e, odd)
	for n, want := range map[int]string{0: "result cannot be encoded (json)", 2 << 20: "result of 2097154 bytes is too large"} {
		_, err := must(odd.Submit(ctx, e, &n)).Wait(ctx)
		if d := deadLetter(t, err); !strings.Contains(d.Reason, want) || d.Deliveries != 1 {
			t.Errorf("%d: %+v", n, d)
		}
	}
	wantOutcomes(t, e, 0, 2)
}

// TestSlots: a worker never holds more messages than it has slots, with one
// function or several, and each function has a slot of its own that others cannot
// take.
func TestSlots(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	var running, most atomic.Int32
	block := make(chan struct{})
	body := func(context.Context, *int) (int, error) {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-block
		running.Add(-1)
		return 0, nil
	}
	a, b, c := Define("a@v1", body), Define("b@v1", body), Define("c@v1", body)
	var all []*Future[int]
	submit := func(f *Func[int, int], tasks int) {
		for n := range tasks {
			all = append(all, must(f.Submit(ctx, e, &n)))
		}
	}
	submit(a, 30)
	submit(b, 30)
	testServeOn(t, e, testPool(t, zeropool.WithWorkers(8)), a, b, c, Slots(5))
	until(t, "four tasks run; the fifth slot is c's own", func() bool { return running.Load() == 4 })
	held := func() (n int) {
		for _, f := range must(e.Status(ctx)).Functions {
			n += f.Held
		}
		return n
	}
	if n := held(); n != 4 {
		t.Errorf("%d messages held", n)
	}
	submit(c, 3)
	until(t, "five tasks run", func() bool { return running.Load() == 5 })
	if n := held(); n != 5 {
		t.Errorf("%d messages held", n)
	}
	close(block)
	for _, f := range all {
		if _, err := f.Wait(ctx); err != nil {
			t.Error(err)
		}
	}
	if most.Load() != 5 {
		t.Errorf("up to %d tasks ran at a time", most.Load())
	}
	wantOutcomes(t, e, 63, 0)
	for _, f := range []string{"a@v1", "b@v1", "c@v1"} {
		if n, want := deliveries(t, e, f), map[string]int{"a@v1": 30, "b@v1": 30, "c@v1": 3}[f]; n != want {
			t.Errorf("%s: %d deliveries for %d tasks", f, n, want)
		}
	}
}

// TestMaxRunning bounds the whole fleet.
func TestMaxRunning(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	var running, most atomic.Int32
	f := Define("f@v1", func(context.Context, *int) (int, error) {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		runtime.Gosched()
		running.Add(-1)
		return 0, nil
	})
	fs := must(f.SubmitBatch(ctx, e, make([]int, 100), PerMessage(1)))
	for range 3 {
		testServe(t, e, f, MaxRunning(2))
	}
	must(fs.Wait(ctx))
	if most.Load() > 2 {
		t.Errorf("%d ran at a time", most.Load())
	}
	wantOutcomes(t, e, 100, 0)
}

// TestLongTask: a task may run for longer than AckWait. It stays with its worker,
// is delivered once, and its lease is prolonged although every worker of the pool
// is busy.
func TestLongTask(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	long := Define("long@v1", func(ctx context.Context, d *time.Duration) (int, error) {
		at := time.Now()
		if !wait(ctx, *d) {
			return 0, context.Cause(ctx)
		}
		if time.Since(at) < *d {
			return 0, errors.New("no time has passed")
		}
		return TaskOf(ctx).Delivery, nil
	})
	testServe(t, e, long, AckWait(2*time.Second))
	d := 5 * time.Second
	var fs []*Future[int]
	for range 4 { // on two workers: the second two wait in the pool's queue, held
		fs = append(fs, must(long.Submit(ctx, e, &d)))
	}
	for _, f := range fs {
		if n, err := f.Wait(ctx); n != 1 || err != nil {
			t.Errorf("delivery %d, error %v", n, err)
		}
	}
	wantOutcomes(t, e, 4, 0)
	if n := deliveries(t, e, "long@v1"); n != 4 {
		t.Errorf("%d deliveries", n)
	}
}

// TestShutdownUnderLoad: a server that leaves finishes what it has begun and takes
// nothing with it: every task runs exactly once, here or on the other server.
func TestShutdownUnderLoad(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	const tasks = 2000
	var runs [tasks]atomic.Int32
	var ran atomic.Int32
	some := make(chan struct{})
	f := Define("f@v1", func(_ context.Context, n *int) (int, error) {
		runs[*n].Add(1)
		if ran.Add(1) == 100 {
			close(some)
		}
		return *n, nil
	})
	s := testServe(t, e, f, Slots(32))
	params := make([]int, tasks)
	for i := range params {
		params[i] = i
	}
	var fs Futures[int]
	var submitter sync.WaitGroup
	submitter.Go(func() { fs = must(f.SubmitBatch(ctx, e, params, PerMessage(1))) })
	<-some
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	at := ran.Load()
	if held := must(must(e.tasks.Consumer(ctx, "f@v1")).Info(ctx)).NumAckPending; held != 0 {
		t.Errorf("%d messages are still held", held)
	}
	submitter.Wait()
	if ran.Load() != at {
		t.Error("a task ran after the shutdown")
	}
	testServe(t, e, f)
	must(fs.Wait(ctx))
	wantOutcomes(t, e, tasks, 0)
	for i := range runs {
		if n := runs[i].Load(); n != 1 {
			t.Errorf("task %d ran %d times", i, n)
		}
	}
	if n := deliveries(t, e, "f@v1"); n != tasks {
		t.Errorf("%d deliveries", n)
	}
}

// TestShutdownImpatient: when Shutdown's patience ends, functions are told, and
// their tasks go to another server long before AckWait, without having failed.
func TestShutdownImpatient(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	begun, cause := make(chan Task, 2), make(chan error, 1)
	f := Define("f@v1", func(ctx context.Context, n *int) (int, error) {
		begun <- TaskOf(ctx)
		if TaskOf(ctx).Delivery > 1 {
			return *n, nil
		}
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return 0, ctx.Err()
	})
	n := 7
	future := must(f.Submit(ctx, e, &n))
	s := must(Serve(e, testPool(t), f, AckWait(time.Hour)))
	<-begun
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Shutdown(ended); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 messages were still held") {
		t.Errorf("error %v", err)
	}
	if err := <-cause; err != ErrShutdown {
		t.Errorf("cause %v", err)
	}
	testServe(t, e, f, AckWait(time.Hour))
	if n, err := future.Wait(ctx); n != 7 || err != nil {
		t.Errorf("result %d, error %v", n, err)
	}
	if task := <-begun; task.Delivery < 2 || task.Failures != 0 {
		t.Errorf("task %+v", task)
	}
	wantOutcomes(t, e, 1, 0)
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("a second Shutdown: %v", err)
	}
}

// TestPoolRefuses: a pool that is full delays a task; one that is closed under the
// server gives its tasks to others, and takes no more.
func TestPoolRefuses(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	small := testPool(t, zeropool.WithWorkers(1), zeropool.WithQueueCapacity(2), zeropool.WithWhenFull(zeropool.Reject))
	s := testServeOn(t, e, small, square, Slots(64))
	params := make([]int, 500)
	must(must(square.SubmitBatch(ctx, e, params, PerMessage(1))).Wait(ctx))
	wantOutcomes(t, e, 500, 0)
	if n := deliveries(t, e, "square@v1"); n != 500 {
		t.Errorf("%d deliveries", n)
	}
	small.Close()
	var fs Futures[int]
	for n := range 100 {
		fs = append(fs, must(square.Submit(ctx, e, &n)))
	}
	<-s.stopping
	testServe(t, e, square)
	must(fs.Wait(ctx))
	wantOutcomes(t, e, 600, 0)
}

// TestConsumerRemoved: a server survives that somebody removes its consumer.
func TestConsumerRemoved(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	testServe(t, e, square)
	for n := range 3 {
		if r, err := must(square.Submit(ctx, e, &n)).Wait(ctx); r != n*n || err != nil {
			t.Fatal(r, err)
		}
		if err := e.tasks.DeleteConsumer(ctx, "square@v1"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestServeRefuses: each mistake has one clear error, and nothing is changed.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	e, p := testEngine(t), testPool(t)
	testServe(t, e, square, AckWait(10*time.Second))
	for want, opts := range map[string][]ServeOption{
		"no function":                {},
		"square@v1 is given twice":   {square, square},
		"1 slots for 2 functions":    {square, hold, Slots(1)},
		"Slots(0)":                   {square, Slots(0)},
		"AckWait(1ms)":               {square, AckWait(time.Millisecond)},
		"MaxRunning(0)":              {square, MaxRunning(0)},
		"MaxFailures(0)":             {square, MaxFailures(0)},
		"MaxLosses(-1)":              {square, MaxLosses(-1)},
		"Backoff(2s, 1s)":            {square, Backoff(2*time.Second, time.Second)},
		"nil Func":                   {(*Func[int, int])(nil)},
		"AckWait is 10s, not 30s":    {square},
		"MaxRunning is -1, not 1000": {square, AckWait(10 * time.Second), MaxRunning(1000)},
	} {
		s, err := Serve(e, p, opts...)
		if s != nil || err == nil || !strings.HasPrefix(err.Error(), "remote: ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want %q", err, want)
		}
		if strings.Contains(want, " is ") && !errors.Is(err, ErrSettings) && !strings.Contains(want, "twice") {
			t.Errorf("%v is not ErrSettings", err)
		}
	}
	if _, err := Serve(nil, p, square); err == nil {
		t.Error("no error for a nil engine")
	}
}
