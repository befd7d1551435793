package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
)

// TestSubmit protects the first promise: the typed params reach the function, its
// typed result reaches whoever waits, and the function knows its task.
func TestSubmit(t *testing.T) {
	t.Parallel()
	type page struct{ Text string }
	type picture struct {
		Length int
		Task   Task
	}
	render := Define("render@v1", func(ctx context.Context, p *page) (picture, error) {
		return picture{len(p.Text), TaskOf(ctx)}, nil
	})
	e, ctx := testEngine(t), patient(t)
	testServe(t, e, render)
	for _, id := range []string{"", "a.b *>\n\"ü\"", strings.Repeat("x", maxID)} {
		var opts []SubmitOption
		if id != "" {
			opts = append(opts, ID(id))
		}
		f := must(render.Submit(ctx, e, &page{"hello"}, opts...))
		if id == "" {
			id = f.ID()
		}
		want := picture{5, Task{Function: "render@v1", ID: id, Delivery: 1}}
		for range 2 { // waiting again gives the same
			if got, err := f.Wait(ctx); got != want || err != nil || f.ID() != id {
				t.Errorf("task %q: result %+v, error %v", id, got, err)
			}
		}
	}
	wantOutcomes(t, e, 3, 0)
	if (TaskOf(ctx) != Task{}) {
		t.Error("a context without a task has one")
	}
}

// TestSubmitBatch: items of a batch have their own results, in the order of the
// params, however they are spread over messages.
func TestSubmitBatch(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	testServe(t, e, square)
	params := make([]int, 200)
	for i := range params {
		params[i] = i
	}
	for _, per := range []int{1, 7, 64, 1024} {
		fs := must(square.SubmitBatch(ctx, e, params, PerMessage(per)))
		got := must(fs.Wait(ctx))
		for i := range got {
			if got[i] != i*i {
				t.Errorf("%d per message: item %d is %d", per, i, got[i])
			}
		}
	}
	wantOutcomes(t, e, 200+29+4+1, 0)
	if fs, err := square.SubmitBatch(ctx, e, nil); len(fs) != 0 || err != nil {
		t.Errorf("empty batch: %d futures, error %v", len(fs), err)
	}
}

// TestBatchBytes: a message of a batch ends at 256 KiB too, and one item may be
// larger than that.
func TestBatchBytes(t *testing.T) {
	bodies := [][]byte{make([]byte, 100<<10), make([]byte, 100<<10), make([]byte, 100<<10), make([]byte, 500<<10), nil, nil}
	var ends []int
	for first := 0; first < len(bodies); {
		first = batchEnd(bodies, first, 64)
		ends = append(ends, first)
	}
	if !slices.Equal(ends, []int{2, 3, 4, 6}) {
		t.Errorf("messages end at %v", ends)
	}
}

// TestBatchItemsFail: an item that fails, panics, cannot be decoded or has a result
// without room in the message does not disturb the others, and has exactly one
// outcome itself.
func TestBatchItemsFail(t *testing.T) {
	t.Parallel()
	type in struct{ Do string }
	mixed := Define("mixed@v1", func(ctx context.Context, p *in) (string, error) {
		switch p.Do {
		case "fail once":
			if TaskOf(ctx).Failures == 0 {
				return "", errors.New("once")
			}
		case "fail":
			return "", errors.New("always")
		case "permanent":
			return "", Permanent(errors.New("for good"))
		case "panic":
			panic("in an item")
		case "large":
			return strings.Repeat("x", 600<<10), nil
		case "too large":
			return strings.Repeat("x", 2<<20), nil
		}
		return p.Do, nil
	})
	e, ctx := testEngine(t), patient(t)
	testServe(t, e, mixed)
	do := []string{"a", "fail once", "fail", "permanent", "panic", "large", "large", "too large", "b"}
	params := make([]in, len(do))
	for i := range params {
		params[i].Do = do[i]
	}
	fs := must(mixed.SubmitBatch(ctx, e, params, ID("batch")))
	results, err := fs.Wait(ctx)
	if d := deadLetter(t, err); d.ID != "batch-2" || d.Reason != "always" || d.Failures != 5 || d.Deliveries != 5 {
		t.Errorf("the first error is of another item: %+v", d)
	}
	for i, what := range do {
		_, err := fs[i].Wait(ctx)
		switch what {
		case "large":
			if len(results[i]) != 600<<10 {
				t.Errorf("item %d: result of %d bytes", i, len(results[i]))
			}
			continue
		case "a", "b", "fail once":
			if results[i] != what || err != nil {
				t.Errorf("item %d: %q, %v", i, results[i], err)
			}
			continue
		}
		d := deadLetter(t, err)
		if want := map[string]string{"fail": "always", "permanent": "for good", "panic": "panic: in an item", "too large": "too large for one message"}[what]; !strings.Contains(d.Reason, want) {
			t.Errorf("item %d: %s", i, d.Reason)
		}
		if string(d.Params) != fmt.Sprintf(`{"Do":%q}`, what) {
			t.Errorf("item %d: params %s", i, d.Params)
		}
		if (d.Stack != "") != (what == "panic") {
			t.Errorf("item %d: stack %q", i, d.Stack)
		}
	}
	// The batch itself, and each item that left it.
	wantOutcomes(t, e, 3, 4)
}

// TestSameID: a second submission with an ID is the same task while it waits, while
// it runs, when it is done, and after a restart of the server, and stores nothing.
func TestSameID(t *testing.T) {
	t.Parallel()
	dir, ctx := t.TempDir(), patient(t)
	var runs atomic.Int32
	begun, finish := make(chan bool), make(chan bool)
	count := Define("count@v1", func(_ context.Context, n *int) (int, error) {
		runs.Add(1)
		begun <- true
		<-finish
		return *n, nil
	})
	e := must(Embedded(dir))
	submit := func(n int) *Future[int] {
		t.Helper()
		return must(count.Submit(ctx, e, &n, ID("one")))
	}
	// While it waits, from many goroutines.
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() { submit(1) })
	}
	all.Wait()
	if i := must(e.tasks.Info(ctx)); i.State.Msgs != 1 {
		t.Errorf("%d messages", i.State.Msgs)
	}
	// While it runs. Params do not count.
	s := must(Serve(e, testPool(t), count))
	<-begun
	f := submit(2)
	close(finish)
	// When it is done.
	for _, f := range []*Future[int]{f, submit(3)} {
		if n, err := f.Wait(ctx); n != 1 || err != nil {
			t.Errorf("result %d, error %v", n, err)
		}
	}
	wantOutcomes(t, e, 1, 0)
	if err := errors.Join(s.Shutdown(ctx), e.Close()); err != nil {
		t.Fatal(err)
	}
	e = must(Embedded(dir))
	defer e.Close()
	s = must(Serve(e, testPool(t), count))
	if n, err := submit(4).Wait(ctx); n != 1 || err != nil {
		t.Errorf("after a restart: result %d, error %v", n, err)
	}
	wantOutcomes(t, e, 1, 0)
	if runs.Load() != 1 {
		t.Errorf("%d runs", runs.Load())
	}
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// TestSameBatchID: a batch that was stored in part is completed by submitting it
// again; nothing is run twice.
func TestSameBatchID(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	var runs [10]atomic.Int32
	count := Define("count@v1", func(_ context.Context, n *int) (int, error) {
		return *n, errIf(runs[*n].Add(1) > 1, "run twice")
	})
	params := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	must(count.SubmitBatch(ctx, e, params[:6], ID("b"), PerMessage(3)))
	testServe(t, e, count)
	got := must(must(count.SubmitBatch(ctx, e, params, ID("b"), PerMessage(3))).Wait(ctx))
	if !slices.Equal(got, params) {
		t.Errorf("results %v", got)
	}
	wantOutcomes(t, e, 4, 0)
}

func errIf(failed bool, text string) error {
	if failed {
		return errors.New(text)
	}
	return nil
}

// TestIDsDoNotMeet: a task, a part of a batch and an item of one are different
// tasks, whatever their IDs.
func TestIDsDoNotMeet(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, id := range []string{"", "a", "a-1", "a[0:1]", "A", "a\x00"} {
		for _, k := range []kind{single, part, member} {
			tok := token(k, id)
			if seen[tok] || len(tok) != 22 || strings.ContainsAny(tok, ". *>") {
				t.Errorf("token %q of %q", tok, id)
			}
			seen[tok] = true
		}
	}
}

// TestBadSubmissions: each mistake has one clear error, at once, and stores nothing.
func TestBadSubmissions(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	text := Define("text@v1", func(_ context.Context, s *string) (string, error) { return *s, nil })
	bad := Define("bad@v1", func(_ context.Context, c *chan int) (int, error) { return 0, nil })
	s, large, c := "s", strings.Repeat("x", 1<<20), make(chan int)
	for _, q := range []struct {
		err  error
		want string
		is   error
	}{
		{second(text.Submit(ctx, e, &s, ID(""))), "ID of 0 bytes", nil},
		{second(text.Submit(ctx, e, &s, ID(large))), "ID of 1048576 bytes", nil},
		{second(text.Submit(ctx, e, nil)), "nil params", nil},
		{second(text.Submit(ctx, nil, &s)), "nil Engine", nil},
		{second(text.Submit(ctx, e, &large)), "params of 1048578 bytes are too large for one message (983040 bytes at most)", ErrTooLarge},
		{second(text.SubmitBatch(ctx, e, []string{s, large})), "item 1: params of", ErrTooLarge},
		{second(text.SubmitBatch(ctx, e, []string{s}, PerMessage(0))), "PerMessage(0)", nil},
		{second(bad.Submit(ctx, e, &c)), "params cannot be encoded (json)", nil},
	} {
		if q.err == nil || !strings.HasPrefix(q.err.Error(), "remote: ") || !strings.Contains(q.err.Error(), q.want) || strings.Contains(q.err.Error(), "\n") {
			t.Errorf("error %v, want %q", q.err, q.want)
		}
		if q.is != nil && !errors.Is(q.err, q.is) {
			t.Errorf("%v is not %v", q.err, q.is)
		}
	}
	wantOutcomes(t, e, 0, 0)
}

func second[T any](_ T, err error) error { return err }

// TestWaitNotServed: a wait for a function that nobody has ever served says so, and
// the task waits for whoever comes. Workers of another version do not take it.
func TestWaitNotServed(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	double := func(_ context.Context, n *int) (int, error) { return 2 * *n, nil }
	v1, v2 := Define("double@v1", double), Define("double@v2", double)
	testServe(t, e, v1)
	n := 4
	f := must(v2.Submit(ctx, e, &n))
	short, cancel := context.WithCancel(ctx)
	looks := 0
	sub := must(e.nc.Subscribe("$JS.API.DIRECT.GET."+e.names.outcomes()+".>", func(*nats.Msg) {
		if looks++; looks == 2 { // between two looks it asks who serves
			cancel()
		}
	}))
	defer sub.Unsubscribe()
	_, err := f.Wait(short)
	if !errors.Is(err, ErrNotServed) || !strings.Contains(err.Error(), "double@v2") {
		t.Errorf("error %v", err)
	}
	st := must(e.Status(ctx))
	if len(st.Functions) != 2 || st.Functions[1].Name != "double@v2" || st.Functions[1].Served || st.Functions[1].Waiting != 1 || !st.Functions[0].Served {
		t.Errorf("status %+v", st)
	}
	testServe(t, e, v2)
	if r, err := f.Wait(ctx); r != 8 || err != nil {
		t.Errorf("result %d, error %v", r, err)
	}
	wantOutcomes(t, e, 1, 0)
}

// TestWaitEnds: Wait ends with its context, and the Future is still good.
func TestWaitEnds(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	n := 3
	f := must(square.Submit(ctx, e, &n))
	ended, cancel := context.WithCancelCause(ctx)
	reason := errors.New("enough")
	cancel(reason)
	if _, err := f.Wait(ended); !errors.Is(err, reason) {
		t.Errorf("error %v", err)
	}
	testServe(t, e, square)
	if n, err := f.Wait(ctx); n != 9 || err != nil {
		t.Errorf("result %d, error %v", n, err)
	}
}

// TestCodec: params and results go through the function's codec, and what another
// one has encoded is not mistaken.
func TestCodec(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	fn := func(_ context.Context, b *[]byte) ([]byte, error) { return append(*b, '!'), nil }
	raw := Define("raw@v1", fn, WithCodec(rawCodec{}))
	testServe(t, e, raw)
	in := []byte("\x00 not JSON")
	if out, err := must(raw.Submit(ctx, e, &in)).Wait(ctx); string(out) != "\x00 not JSON!" || err != nil {
		t.Errorf("result %q, error %v", out, err)
	}
	other := Define("raw@v1", fn)
	_, err := must(other.Submit(ctx, e, &in)).Wait(ctx)
	if d := deadLetter(t, err); d.Deliveries != 1 || !strings.Contains(d.Reason, `encoded with "json"; this function uses "raw"`) {
		t.Errorf("dead letter %+v", d)
	}
	must(raw.Submit(ctx, e, &in, ID("x")))
	if _, err := must(other.Submit(ctx, e, &in, ID("x"))).Wait(ctx); err == nil || !strings.Contains(err.Error(), `encoded with "raw", not "json"`) {
		t.Errorf("error %v", err)
	}
	wantOutcomes(t, e, 2, 1)
}

type rawCodec struct{}

func (rawCodec) Name() string                       { return "raw" }
func (rawCodec) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }

// TestDefine: a name that cannot be part of a subject is a mistake in the program.
func TestDefine(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a", "a@", "@1", "a b@1", "a.b@1", "a@1@2", "*@1", "ü@1", "a@>", strings.Repeat("a", 99) + "@1"} {
		func() {
			defer func() {
				if v := recover(); v == nil || !strings.Contains(v.(string), fmt.Sprintf("%q", name)) {
					t.Errorf("%q: panic with %v", name, v)
				}
			}()
			Define(name, func(context.Context, *int) (int, error) { return 0, nil })
		}()
	}
	if f := Define("Render_2-x@2026-11", func(context.Context, *json.Number) (int, error) { return 0, nil }); f.Name() != "Render_2-x@2026-11" {
		t.Error(f.Name())
	}
	if Permanent(nil) != nil {
		t.Error("Permanent(nil) is an error")
	}
}
