package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// TestDirectory: a store directory that cannot be used has one clear error, at once.
func TestDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// What the server makes below the directory cannot be made.
	blocked := filepath.Join(dir, "blocked")
	if err := os.Mkdir(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(blocked, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	readOnly := filepath.Join(dir, "readonly")
	if err := os.Mkdir(readOnly, 0o500); err != nil {
		t.Fatal(err)
	}
	dirs := map[string]string{file: "store directory", filepath.Join(file, "below"): "store directory", blocked: "embedded server"}
	if runtime.GOOS != "windows" && os.Getuid() != 0 {
		dirs[readOnly] = "permission denied"
	}
	for d, want := range dirs {
		e, err := Embedded(d)
		if e != nil || err == nil || !strings.HasPrefix(err.Error(), "remote: ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v", d, err)
		}
	}
	// The lock of the failed start is free again.
	if err := os.Remove(filepath.Join(blocked, "jetstream")); err != nil {
		t.Fatal(err)
	}
	e := must(Embedded(blocked))
	if err := errors.Join(e.Close(), e.Close()); err != nil {
		t.Error(err)
	}
}

// TestDirectoryInUse: a second engine on a directory, which would lose messages
// without an error, is refused, in this process and from another one; after Close
// the directory is free.
func TestDirectoryInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := must(Embedded(dir))
	if _, err := Embedded(dir); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = must(Embedded(dir))
	defer e.Close()
}

// TestSettings: a stream that exists with other settings is refused, with each
// difference named, and stays as it is. Settings that were not given are taken from
// the stream.
func TestSettings(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t, Listen("127.0.0.1:0"), Stream("right"), MaxBytes(1<<20, 2<<20), KeepResults(time.Hour)), patient(t)
	if _, err := e.js.CreateStream(ctx, jetstream.StreamConfig{Name: "wrong-tasks", Subjects: []string{"wrong.task.*.*"}, Discard: jetstream.DiscardOld}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.js.CreateStream(ctx, jetstream.StreamConfig{Name: "half-outcomes", Subjects: []string{"half.>"}}); err != nil {
		t.Fatal(err)
	}
	before := must(e.js.Stream(ctx, "wrong-tasks")).CachedInfo().Config
	for _, q := range []struct {
		opts []EngineOption
		want []string
	}{
		{[]EngineOption{Stream("wrong")}, []string{"stream wrong-tasks exists with other settings", "retention is Limits, not WorkQueue", "discard policy is DiscardOld, not DiscardNew"}},
		{[]EngineOption{Stream("half")}, []string{"stream half-tasks", "subjects overlap"}},
		{[]EngineOption{Stream("right"), MaxBytes(1<<21, 2<<20)}, []string{"stream right-tasks", "maximum of bytes is 1048576, not 2097152"}},
		{[]EngineOption{Stream("right"), KeepResults(time.Minute)}, []string{"stream right-outcomes", "maximum age is 1h0m0s, not 1m0s"}},
		{[]EngineOption{Stream("right"), Replicas(3)}, []string{"replicas is 1, not 3"}},
		{[]EngineOption{Stream("absent"), Existing()}, []string{"stream absent-tasks", "not found"}},
		{[]EngineOption{Stream("a.b")}, []string{`Stream("a.b")`}},
		{[]EngineOption{Replicas(2)}, []string{"Replicas(2)"}},
		{[]EngineOption{MaxBytes(0, 1)}, []string{"MaxBytes(0, 1)"}},
		{[]EngineOption{KeepResults(time.Millisecond)}, []string{"KeepResults(1ms)"}},
		{[]EngineOption{Log(nil)}, []string{"Log(nil)"}},
		{[]EngineOption{Listen("127.0.0.1:0")}, []string{"Listen is for an embedded server"}},
		{[]EngineOption{SyncEvery(time.Second)}, []string{"SyncEvery is for an embedded server"}},
		{[]EngineOption{SyncEvery(0)}, []string{"SyncEvery(0s)"}},
	} {
		_, err := Connect(e.nc, q.opts...)
		if err == nil || !strings.HasPrefix(err.Error(), "remote: ") || strings.Contains(err.Error(), "\n") {
			t.Fatalf("error %v, want %q", err, q.want)
		}
		for _, want := range q.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
		}
	}
	if after := must(e.js.Stream(ctx, "wrong-tasks")).CachedInfo().Config; fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("the stream was changed: %+v, before %+v", after, before)
	}
	for _, opts := range [][]EngineOption{{Stream("right")}, {Stream("right"), MaxBytes(1<<20, 2<<20), KeepResults(time.Hour), Replicas(1), Existing()}} {
		must(Connect(e.nc, opts...))
	}
	for address, want := range map[string]string{"127.0.0.1": "missing port", "127.0.0.1:x": `port "x"`, "127.0.0.1:70000": "0 to 65535"} {
		if _, err := Embedded(t.TempDir(), Listen(address)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Listen(%q): %v", address, err)
		}
	}
	if _, err := Connect(nil); err == nil {
		t.Error("no error for a nil connection")
	}
}

// TestAddressTaken: an embedded server that cannot listen says so, once.
func TestAddressTaken(t *testing.T) {
	t.Parallel()
	e := testEngine(t, Listen("127.0.0.1:0"))
	address := strings.TrimPrefix(e.URL(), "nats://")
	if _, err := Embedded(t.TempDir(), Listen(address)); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("error %v", err)
	}
}

// TestNoServer: an engine needs a server that answers, with JetStream and with room
// in a message, and the error says what is missing.
func TestNoServer(t *testing.T) {
	t.Parallel()
	nc := must(nats.Connect(testEngine(t, Listen("127.0.0.1:0")).URL()))
	nc.Close()
	if _, err := Connect(nc); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("error %v", err)
	}
	narrow := must(server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, MaxPayload: 64 << 10}))
	narrow.Start()
	defer narrow.Shutdown()
	nc = must(nats.Connect(narrow.ClientURL()))
	defer nc.Close()
	if _, err := Connect(nc); err == nil || !strings.Contains(err.Error(), "65536 bytes at most (max_payload)") {
		t.Errorf("error %v", err)
	}
	s := must(server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true}))
	s.Start()
	defer s.Shutdown()
	nc = must(nats.Connect(s.ClientURL()))
	defer nc.Close()
	if _, err := Connect(nc); err == nil || !strings.Contains(err.Error(), s.ClientURL()+" does not have JetStream enabled") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

// TestTasksFull: a full stream of tasks refuses with one clear error and loses
// nothing; when workers have made room it takes more.
func TestTasksFull(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t, MaxBytes(64<<10, 1<<20)), patient(t)
	text := Define("text@v1", func(_ context.Context, s *string) (int, error) { return len(*s), nil })
	s := strings.Repeat("x", 4<<10)
	var fs []*Future[int]
	var err error
	for err == nil && len(fs) < 1000 {
		var f *Future[int]
		if f, err = text.Submit(ctx, e, &s); err == nil {
			fs = append(fs, f)
		}
	}
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "text@v1") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
	if len(fs) < 10 || len(fs) > 16 {
		t.Errorf("%d tasks fit", len(fs))
	}
	testServe(t, e, text)
	for _, f := range fs {
		if n, err := f.Wait(ctx); n != 4<<10 || err != nil {
			t.Errorf("result %d, error %v", n, err)
		}
	}
	if n, err := must(text.Submit(ctx, e, &s)).Wait(ctx); n != 4<<10 || err != nil {
		t.Errorf("result %d, error %v", n, err)
	}
	wantOutcomes(t, e, len(fs)+1, 0)
}

// TestOutcomesFull: while the stream of outcomes is full the workers keep what they
// have, hold the tasks and run none again; nothing is lost when there is room.
func TestOutcomesFull(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t, MaxBytes(1<<20, 64<<10)), patient(t)
	var runs atomic.Int32
	large := Define("large@v1", func(_ context.Context, n *int) (string, error) {
		runs.Add(1)
		return strings.Repeat("x", 10<<10), nil
	})
	fs := must(large.SubmitBatch(ctx, e, make([]int, 10), PerMessage(1)))
	testServe(t, e, large, Slots(4), AckWait(2*time.Second))
	purgeEach(t, e, fs)
	drained(t, e)
	if runs.Load() != 10 {
		t.Errorf("%d runs", runs.Load())
	}
}

// purgeEach waits for results of 10 KiB and removes each, as an operator would of
// those that somebody has had. They come in any order: what is stored first makes
// room for the others.
func purgeEach(t *testing.T, e *Engine, fs Futures[string]) {
	t.Helper()
	ctx := patient(t)
	var all sync.WaitGroup
	for i, f := range fs {
		all.Go(func() {
			if r, err := f.Wait(ctx); len(r) != 10<<10 || err != nil {
				t.Errorf("task %d: %d bytes, error %v", i, len(r), err)
			}
			if err := e.outcomes.Purge(ctx, jetstream.WithPurgeSubject(e.names.outcome(f.task.function, f.task.token))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestWorkersDoNotWait: what a message waits for in the servers, it waits for outside
// the pool: with one worker, four tasks whose outcomes find no room have all run,
// and the worker is free, without its CPU, for whatever else the pool is for.
func TestWorkersDoNotWait(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t, MaxBytes(1<<20, 64<<10)), patient(t)
	var runs atomic.Int32
	large := Define("large@v1", func(context.Context, *int) (string, error) {
		runs.Add(1)
		return strings.Repeat("x", 10<<10), nil
	})
	p := testPool(t, zeropool.WithWorkers(1), zeropool.WithPlacement(topology.PerCore))
	fs := must(large.SubmitBatch(ctx, e, make([]int, 20), PerMessage(1)))
	testServeOn(t, e, p, large, Slots(4))
	until(t, "four messages wait for room in the store, and nothing runs", func() bool {
		had := int(must(e.outcomes.Info(ctx)).State.Msgs)
		queued, running := p.Load()
		return had < 10 && int(runs.Load()) == had+4 && queued == 0 && running == 0 && p.Stats().Total.Pinned == 0
	})
	if err := p.Go(func() {}).Wait(); err != nil {
		t.Error(err)
	}
	purgeEach(t, e, fs)
	drained(t, e)
}

// TestServerLimit: a server that has no room for the streams is refused with one
// clear error; one that has reached its limit later is full like a stream.
func TestServerLimit(t *testing.T) {
	t.Parallel()
	_, url := startServer(t, childConfig{Dir: t.TempDir(), Name: "one", Port: -1, MaxStore: 1 << 20})
	nc := must(dial(url))
	defer nc.Close()
	if _, err := Connect(nc); err == nil || !strings.Contains(err.Error(), "remote: stream zeropool-tasks") || !strings.Contains(err.Error(), "insufficient storage resources") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
	must(Connect(nc, MaxBytes(400<<10, 400<<10)))
	for _, code := range []jetstream.ErrorCode{codeNoResources, codeStoreFailed} {
		if err := fmt.Errorf("nats: %w", &jetstream.APIError{Code: 503, ErrorCode: code}); !full(err) {
			t.Errorf("%v is not full", err)
		}
	}
	if full(nil) || full(nats.ErrTimeout) {
		t.Error("full without a reason")
	}
}

// TestKeepResults: results go after their time, dead letters stay.
func TestKeepResults(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t, KeepResults(time.Second)), patient(t)
	f := Define("f@v1", func(_ context.Context, n *int) (int, error) {
		return 0, errIf(*n == 0, "no")
	})
	testServe(t, e, f, MaxFailures(2))
	for n := range 2 {
		must(f.Submit(ctx, e, &n)).Wait(ctx)
	}
	until(t, "the result and the count of failures are gone", func() bool {
		return must(e.outcomes.Info(ctx)).State.Msgs == 1
	})
	wantOutcomes(t, e, 0, 1)
}

// TestNothingLeft: what a server and an engine have started ends with them.
func TestNothingLeft(t *testing.T) {
	// Not parallel: it counts goroutines.
	cycle := func() {
		e := must(Embedded(t.TempDir()))
		p := testPool(t)
		s := must(Serve(e, p, square))
		n := 2
		must(must(square.Submit(patient(t), e, &n)).Wait(patient(t)))
		must(0, errors.Join(s.Shutdown(patient(t)), e.Close(), p.Close()))
	}
	cycle()
	before := runtime.NumGoroutine()
	cycle()
	cycle()
	until(t, "no more goroutines than before", func() bool { return runtime.NumGoroutine() <= before })
}

// TestFetchPauses: a worker whose fetches fail at once, because nobody answers,
// pauses between them.
func TestFetchPauses(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	testServe(t, e, square)
	must(0, e.js.DeleteStream(ctx, e.names.tasks()))
	const requests = 40
	const each = 4 // a fetch without and with a wait, a look at the consumer, another to be sure
	at, sent := time.Now(), e.nc.Stats().OutMsgs
	until(t, "the worker tries to fetch", func() bool { return e.nc.Stats().OutMsgs >= sent+requests })
	if d := time.Since(at); d < (requests/each-1)*pause {
		t.Errorf("%d requests in %v", requests, d)
	}
	// It goes on when the stream is back.
	must(e.js.CreateStream(ctx, must(newEngineConfig(nil)).tasksConfig()))
	n := 3
	if r, err := must(square.Submit(ctx, e, &n)).Wait(ctx); r != 9 || err != nil {
		t.Errorf("result %d, error %v", r, err)
	}
}

// TestFrame: what is packed comes out again, and nothing else does.
func TestFrame(t *testing.T) {
	t.Parallel()
	for _, parts := range [][]string{{""}, {"a"}, {"", "", "b", ""}, {strings.Repeat("x", 1000), "y"}} {
		var in [][]byte
		for _, p := range parts {
			in = append(in, []byte(p))
		}
		out, err := unpack(pack(in), len(in))
		if err != nil || !slices.EqualFunc(in, out, slices.Equal[[]byte]) {
			t.Errorf("%q became %q, error %v", in, out, err)
		}
	}
}

// Whatever bytes arrive, they give an error or parts that survive being packed
// again.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("\x01a\x00"), 2)
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 1)
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		parts, err := unpack(body, n)
		if err != nil {
			return
		}
		again, err := unpack(pack(parts), n)
		if err != nil || !slices.EqualFunc(parts, again, slices.Equal[[]byte]) {
			t.Errorf("%q became %q, error %v", parts, again, err)
		}
	})
}

// FuzzOutcome: what another program wrote to our subjects is an outcome or an error.
func FuzzOutcome(f *testing.F) {
	f.Add("z.out.f@1.t.ok", "2", "json", "\"x\"", []byte("\x02r1\x01a"))
	f.Add("z.out.f@1.t.dead", "", "", "\"", []byte("{}"))
	f.Fuzz(func(t *testing.T, subject, items, codec, reason string, body []byte) {
		h := nats.Header{headerItems: {items}, headerCodec: {codec}, headerError: {reason}}
		o, err := readOutcome(subject, h, body)
		if (o == nil) == (err == nil) {
			t.Errorf("outcome %v, error %v", o, err)
		}
	})
}
