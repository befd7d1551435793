package remote

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// The tests start this binary again, as servers and workers that they can kill.
// What a child is comes through this variable.
const childVariable = "ZEROPOOL_REMOTE_CHILD"

// childConfig is what a child is to be.
type childConfig struct {
	// A server.
	Dir      string
	Name     string
	Port     int
	Route    int   // its own, 0 without a cluster
	Routes   []int // of all
	MaxStore int64 // of the server, in bytes; 0: none

	// A worker, if URL is given.
	URL     string
	Stream  string
	Slots   int
	AckWait time.Duration
	Losses  int
	Kill    bool // serve a function that kills its process
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		var c childConfig
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			panic(err)
		}
		// A child whose parent is gone ends.
		go func() {
			lines := bufio.NewScanner(os.Stdin)
			for lines.Scan() {
				switch lines.Text() {
				case "release":
					release.Do(func() { close(released) })
				case "leave":
					leave.Do(func() { close(leaving) })
				}
			}
			os.Exit(3)
		}()
		run := runServer
		if c.URL != "" {
			run = runWorker
		}
		if err := run(c); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		select {}
	}
	if os.Getenv("ZEROPOOL_REMOTE_LOG") == "" {
		slog.SetDefault(slog.New(slog.DiscardHandler))
	}
	os.Exit(m.Run())
}

func runServer(c childConfig) error {
	o := &server.Options{
		ServerName: c.Name, Host: "127.0.0.1", Port: c.Port, NoSigs: true,
		JetStream: true, StoreDir: c.Dir, JetStreamMaxStore: cmp.Or(c.MaxStore, -1), SyncAlways: c.Route == 0,
	}
	if c.Route != 0 {
		o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: c.Route}
		var urls []string
		for _, p := range c.Routes {
			urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", p))
		}
		o.Routes = server.RoutesFromStr(strings.Join(urls, ","))
	}
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	log := serverLog{log: slog.New(slog.DiscardHandler), fatal: make(chan string, 1)}
	s.SetLoggerV2(log, false, false, false)
	go s.Start()
	if !s.ReadyForConnections(time.Minute) {
		return fmt.Errorf("not ready: %v", len(log.fatal))
	}
	fmt.Println("ready", s.ClientURL())
	return nil
}

func dial(url string) (*nats.Conn, error) {
	return nats.Connect(url, nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.ReconnectWait(100*time.Millisecond))
}

func runWorker(c childConfig) error {
	nc, err := dial(c.URL)
	if err != nil {
		return err
	}
	e, err := Connect(nc, Stream(c.Stream), Existing(), Log(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	p, err := zeropool.New(zeropool.WithWorkers(2), zeropool.WithPlacement(topology.Unpinned))
	if err != nil {
		return err
	}
	opts := []ServeOption{square, hold, fail, linger, Backoff(10*time.Millisecond, 100*time.Millisecond)}
	if c.Kill {
		opts = append(opts, kill)
	}
	if c.Slots != 0 {
		opts = append(opts, Slots(c.Slots))
	}
	if c.AckWait != 0 {
		opts = append(opts, AckWait(c.AckWait))
	}
	if c.Losses != 0 {
		opts = append(opts, MaxLosses(c.Losses))
	}
	s, err := Serve(e, p, opts...)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	<-leaving
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s.Shutdown(ctx)
	os.Exit(0)
	return nil
}

// The functions that workers of the tests serve.
var (
	square = Define("square@v1", func(_ context.Context, n *int) (int, error) { return *n * *n, nil })

	// hold says that it runs, and then waits for its parent's word, or for the end
	// of its context.
	hold = Define("hold@v1", func(ctx context.Context, n *int) (int, error) {
		fmt.Println("began", TaskOf(ctx).ID, TaskOf(ctx).Delivery)
		select {
		case <-released:
			return *n, nil
		case <-ctx.Done():
			fmt.Println("ended", TaskOf(ctx).ID, context.Cause(ctx))
			return 0, ctx.Err()
		}
	})

	// fail fails so many times, then returns the number.
	fail = Define("fail@v1", func(ctx context.Context, n *int) (int, error) {
		if TaskOf(ctx).Failures < *n {
			return 0, errors.New("not yet")
		}
		return *n, nil
	})

	// linger takes so many milliseconds.
	linger = Define("linger@v1", func(ctx context.Context, n *int) (int, error) {
		if !wait(ctx, time.Duration(*n)*time.Millisecond) {
			return 0, context.Cause(ctx)
		}
		return *n, nil
	})

	kill = Define("kill@v1", func(context.Context, *int) (int, error) {
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		if err != nil {
			return 0, err
		}
		select {}
	})

	released, leaving = make(chan struct{}), make(chan struct{})
	release, leave    sync.Once
)

// child is a running one.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string   // what it writes
	gone  chan struct{} // closed when it has ended
}

func startChild(t testing.TB, c childConfig) *child {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	k := &child{t: t, cmd: exec.Command(os.Args[0]), lines: make(chan string, 1000), gone: make(chan struct{})}
	k.cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	k.cmd.Stderr = os.Stderr
	if k.stdin, err = k.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			k.lines <- s.Text()
		}
		close(k.lines)
		k.cmd.Wait()
		close(k.gone)
	}()
	t.Cleanup(k.kill)
	return k
}

// line waits for the next line with the prefix and returns the rest of it.
func (k *child) line(prefix string) string {
	k.t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case l, ok := <-k.lines:
			if rest, found := strings.CutPrefix(l, prefix); found {
				return strings.TrimSpace(rest)
			}
			if !ok || strings.HasPrefix(l, "error:") {
				k.t.Fatalf("waiting for %q, the child ended or failed: %s", prefix, l)
			}
		case <-limit:
			k.t.Fatalf("no line %q from the child", prefix)
		}
	}
}

// kill ends the child as kill -9 does, and returns when it has ended.
func (k *child) kill() {
	k.cmd.Process.Kill()
	for range k.lines { // what nobody reads must not keep it from ending
	}
	<-k.gone
}

func (k *child) release() { fmt.Fprintln(k.stdin, "release") }

// freePort returns a port that was free a moment ago, for a server that is to be
// found at the same one after a restart.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// startServer starts a server process and returns it with its URL.
func startServer(t testing.TB, c childConfig) (*child, string) {
	t.Helper()
	k := startChild(t, c)
	return k, k.line("ready")
}

// startWorker starts a worker process that is ready.
func startWorker(t testing.TB, c childConfig) *child {
	t.Helper()
	k := startChild(t, c)
	k.line("ready")
	return k
}

func testConnect(t testing.TB, url string, opts ...EngineOption) *Engine {
	t.Helper()
	nc, err := dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	e, err := Connect(nc, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func testPool(t testing.TB, opts ...zeropool.Option) *zeropool.Pool {
	t.Helper()
	p, err := zeropool.New(append([]zeropool.Option{zeropool.WithWorkers(2), zeropool.WithPlacement(topology.Unpinned)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// testEngine is embedded. It does not wait for the disk: no test cuts the power.
func testEngine(t testing.TB, opts ...EngineOption) *Engine {
	t.Helper()
	e, err := Embedded(t.TempDir(), append([]EngineOption{SyncEvery(time.Minute)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func testServe(t testing.TB, e *Engine, opts ...ServeOption) *Server {
	t.Helper()
	return testServeOn(t, e, testPool(t), opts...)
}

func testServeOn(t testing.TB, e *Engine, p *zeropool.Pool, opts ...ServeOption) *Server {
	t.Helper()
	s, err := Serve(e, p, append([]ServeOption{Backoff(time.Millisecond, 10*time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// patient is a context for what takes as long as it takes: it only ends a test
// that hangs.
func patient(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// until waits for what has no event to wait for.
func until(t testing.TB, what string, met func() bool) {
	t.Helper()
	for ctx := patient(t); !met(); {
		if !wait(ctx, 5*time.Millisecond) {
			t.Fatalf("still not so: %s", what)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		_, file, line, _ := runtime.Caller(1)
		panic(fmt.Sprintf("%s:%d: %v", file, line, err))
	}
	return v
}

// drained waits until no task is left, and returns how many outcomes of each kind
// there are. No task may have two.
func drained(t testing.TB, e *Engine) (ok, dead int) {
	t.Helper()
	ctx := patient(t)
	until(t, "the stream of tasks is empty", func() bool {
		i, err := e.tasks.Info(ctx)
		return err == nil && i.State.Msgs == 0
	})
	tasks := make(map[string]int)
	var i *jetstream.StreamInfo
	until(t, "the servers answer", func() (answered bool) {
		var err error
		i, err = e.outcomes.Info(ctx, jetstream.WithSubjectFilter(e.names.outcome("*", "*")))
		return err == nil
	})
	for subject, n := range i.State.Subjects {
		parts := strings.Split(subject, ".")
		if tasks[parts[2]+parts[3]] += int(n); tasks[parts[2]+parts[3]] != 1 {
			t.Errorf("%d outcomes of one task: %s", tasks[parts[2]+parts[3]], subject)
		}
		if parts[4] == kindOK {
			ok++
		} else {
			dead++
		}
	}
	return ok, dead
}

// wantOutcomes asserts that every task has ended, so many each way.
func wantOutcomes(t testing.TB, e *Engine, ok, dead int) {
	t.Helper()
	if o, d := drained(t, e); o != ok || d != dead {
		t.Errorf("%d results and %d dead letters, not %d and %d", o, d, ok, dead)
	}
}

// deliveries returns how often messages of the function have been handed out.
func deliveries(t testing.TB, e *Engine, function string) int {
	t.Helper()
	return int(must(must(e.tasks.Consumer(patient(t), function)).Info(patient(t))).Delivered.Consumer)
}

func deadLetter(t testing.TB, err error) *DeadLetter {
	t.Helper()
	d, ok := errors.AsType[*DeadLetter](err)
	if !ok {
		t.Fatalf("not a dead letter: %v", err)
	}
	return d
}
