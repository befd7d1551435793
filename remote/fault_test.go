package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// load submits tasks of square from several goroutines, one in eight of them
// twice, and waits for each result.
type load struct {
	t         testing.TB
	e         *Engine
	stop      chan struct{}
	submitted atomic.Int64
	done      atomic.Int64
	all       sync.WaitGroup
}

func startLoad(t testing.TB, e *Engine, goroutines int) *load {
	l := &load{t: t, e: e, stop: make(chan struct{})}
	ctx := patient(t)
	for g := range goroutines {
		l.all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-l.stop:
					return
				default:
				}
				n := 1000*g + i
				id := ID(fmt.Sprint(g, " ", i))
				f, err := square.Submit(ctx, e, &n, id)
				l.submitted.Add(1)
				if i%8 == 0 && err == nil {
					f, err = square.Submit(ctx, e, &n, id)
				}
				if err != nil {
					t.Errorf("submit: %v", err)
					return
				}
				if r, err := f.Wait(ctx); r != n*n || err != nil {
					t.Errorf("%d: result %d, error %v", n, r, err)
					return
				}
				l.done.Add(1)
			}
		})
	}
	return l
}

// past waits until so many more tasks are done than now.
func (l *load) past(n int64) {
	l.t.Helper()
	n += l.done.Load()
	until(l.t, fmt.Sprintf("%d tasks are done", n), func() bool { return l.done.Load() >= n || l.t.Failed() })
}

// end stops submitting and asserts that each task has exactly one result.
func (l *load) end() {
	l.t.Helper()
	close(l.stop)
	l.all.Wait()
	wantOutcomes(l.t, l.e, int(l.submitted.Load()), 0)
}

// TestServerKilled: a server process that dies and comes back loses nothing that
// was accepted; submitters, waiters and workers go on by themselves.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	c := childConfig{Dir: t.TempDir(), Name: "one", Port: freePort(t)}
	k, url := startServer(t, c)
	e := testConnect(t, url)
	testServe(t, testConnect(t, url), square, Slots(8), AckWait(5*time.Second))
	l := startLoad(t, e, 4)
	for range 2 {
		l.past(200)
		k.kill()
		k, _ = startServer(t, c)
	}
	l.past(200)
	l.end()
}

// TestServerSilent: a submission that ends because the servers do not answer says so,
// and is still recognised as one whose time was over.
func TestServerSilent(t *testing.T) {
	t.Parallel()
	k, url := startServer(t, childConfig{Dir: t.TempDir(), Name: "one", Port: freePort(t)})
	e := testConnect(t, url)
	k.kill()
	ctx, cancel := context.WithTimeout(patient(t), 3*time.Second)
	defer cancel()
	n := 1
	if _, err := square.Submit(ctx, e, &n); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the servers do not answer") {
		t.Errorf("error %v", err)
	}
}

// TestWorkerKilled: the tasks of a worker process that dies in the middle of them
// go to another one.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t, Listen("127.0.0.1:0")), patient(t)
	w := childConfig{URL: e.URL(), Stream: "zeropool", AckWait: 2 * time.Second, Slots: 8}
	first := startWorker(t, w)
	var fs Futures[int]
	for n := range 10 {
		fs = append(fs, must(hold.Submit(ctx, e, &n, ID(fmt.Sprint("h", n)))))
	}
	first.line("began")
	first.line("began")
	first.kill()
	second := startWorker(t, w)
	second.release()
	for n, f := range fs {
		if r, err := f.Wait(ctx); r != n || err != nil {
			t.Errorf("result %d, error %v", r, err)
		}
	}
	wantOutcomes(t, e, 10, 0)
	if n := deliveries(t, e, "hold@v1"); n <= 10 {
		t.Errorf("%d deliveries: nothing was held by the worker that died", n)
	}
}

// TestPoison: a task that kills its worker becomes a dead letter and does not take
// sound tasks with it; nor does a batch with such an item.
func TestPoison(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t, Listen("127.0.0.1:0")), patient(t)
	// The workers are started again, as a supervisor would.
	ended, stop := context.WithCancel(ctx)
	var supervisors sync.WaitGroup
	for range 2 {
		supervisors.Go(func() {
			for ended.Err() == nil {
				k := startChild(t, childConfig{URL: e.URL(), Stream: "zeropool", AckWait: time.Second, Losses: 5, Kill: true})
				select {
				case <-k.gone:
				case <-ended.Done():
					k.kill()
				}
			}
		})
	}
	defer supervisors.Wait()
	defer stop()
	n := 1
	poison := must(kill.Submit(ctx, e, &n, ID("poison")))
	batch := must(kill.SubmitBatch(ctx, e, []int{1}, ID("batch")))
	var sound Futures[int]
	for n := range 100 {
		sound = append(sound, must(square.Submit(ctx, e, &n)))
	}
	must(sound.Wait(ctx))
	for id, f := range map[string]*Future[int]{"poison": poison, "batch-0": batch[0]} {
		_, err := f.Wait(ctx)
		if d := deadLetter(t, err); d.ID != id || d.Failures != 0 || !strings.Contains(d.Reason, "without a word of the worker") {
			t.Errorf("dead letter %+v", d)
		}
	}
	wantOutcomes(t, e, 101, 2) // the batch has an outcome: its item has left it
}

// TestSuspectRunsAlone: a task that has been lost twice runs while nothing else
// does in its worker, so that it can take nobody with it.
func TestSuspectRunsAlone(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	var beside atomic.Int32
	var wrong atomic.Bool
	begun, finish := make(chan Task, 100), make(chan struct{})
	f := Define("f@v1", func(ctx context.Context, n *int) (int, error) {
		task := TaskOf(ctx)
		if task.Delivery > suspect {
			if beside.Load() != 0 {
				wrong.Store(true)
			}
			return *n, nil
		}
		beside.Add(1)
		defer beside.Add(-1)
		begun <- task
		if task.ID == "suspect" {
			<-ctx.Done()
			return 0, ctx.Err()
		}
		<-finish
		return *n, nil
	})
	n := 1
	lost := must(f.Submit(ctx, e, &n, ID("suspect")))
	for range suspect { // so many servers give it up in the middle
		s := must(Serve(e, testPool(t), f))
		<-begun
		ended, cancel := context.WithCancel(ctx)
		cancel()
		s.Shutdown(ended)
		<-s.ended
	}
	fs := must(f.SubmitBatch(ctx, e, make([]int, 6), PerMessage(1)))
	testServeOn(t, e, testPool(t), f, Slots(4))
	<-begun
	close(finish)
	must(fs.Wait(ctx))
	if r, err := lost.Wait(ctx); r != 1 || err != nil || wrong.Load() {
		t.Errorf("result %d, error %v; beside others: %v", r, err, wrong.Load())
	}
	wantOutcomes(t, e, 7, 0)
}

// TestWaitingSuspectIsNotLost: of two tasks that are each lost again and again in the
// middle, neither is given up sooner because the other one had the worker to itself: once
// they run alone, both begin as often as MaxLosses says.
func TestWaitingSuspectIsNotLost(t *testing.T) {
	t.Parallel()
	const losses = 4
	e, ctx := testEngine(t), patient(t)
	begun := make(chan struct{}, 100)
	var begins atomic.Int32
	f := Define("f@v1", func(ctx context.Context, _ *int) (int, error) {
		if TaskOf(ctx).Delivery > suspect {
			begins.Add(1)
		}
		begun <- struct{}{}
		<-ctx.Done()
		return 0, ctx.Err()
	})
	var fs Futures[int]
	for n := range 2 {
		fs = append(fs, must(f.Submit(ctx, e, &n)))
	}
	var left atomic.Int64
	left.Store(2)
	over := make(chan struct{})
	for _, f := range fs {
		go func() {
			f.Wait(ctx)
			if left.Add(-1) == 0 {
				close(over)
			}
		}()
	}
	for left.Load() > 0 {
		s := must(Serve(e, testPool(t), f, Slots(2), MaxLosses(losses), AckWait(4*time.Second)))
		select {
		case <-begun:
			until(t, "all that are left are fetched", func() bool { return s.holding.Load() >= left.Load() })
		case <-over:
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		s.Shutdown(ended)
		<-s.ended
		for len(begun) > 0 {
			<-begun
		}
	}
	for _, f := range fs {
		_, err := f.Wait(ctx)
		if d := deadLetter(t, err); !strings.Contains(d.Reason, fmt.Sprintf("%d deliveries ended without a word", losses)) {
			t.Errorf("dead letter %+v", d)
		}
	}
	if n := begins.Load(); n != 2*(losses-suspect) {
		t.Errorf("two tasks began %d times after their second loss, and %d are allowed", n, losses)
	}
}

// TestLeaseLost: a worker that cannot reach the server for AckWait tells its
// function so. The task is not counted as failed, is run again, and has one
// outcome.
func TestLeaseLost(t *testing.T) {
	t.Parallel()
	c := childConfig{Dir: t.TempDir(), Name: "one", Port: freePort(t)}
	k, url := startServer(t, c)
	e, ctx := testConnect(t, url), patient(t)
	begun, cause := make(chan Task, 10), make(chan error, 1)
	var runs atomic.Int32
	f := Define("f@v1", func(ctx context.Context, n *int) (int, error) {
		begun <- TaskOf(ctx)
		// Not by the delivery: a server that is killed may have forgotten the last.
		if runs.Add(1) > 1 {
			return *n, nil
		}
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return 0, ctx.Err()
	})
	testServe(t, e, f, AckWait(2*time.Second))
	n := 5
	future := must(f.Submit(ctx, e, &n))
	<-begun
	k.kill()
	if err := <-cause; err != ErrLeaseLost {
		t.Errorf("cause %v", err)
	}
	startServer(t, c)
	if r, err := future.Wait(ctx); r != 5 || err != nil {
		t.Errorf("result %d, error %v", r, err)
	}
	if task := <-begun; task.Failures != 0 {
		t.Errorf("task %+v", task)
	}
	wantOutcomes(t, e, 1, 0)
}

// TestLateWorker: a worker that was stopped for longer than AckWait, and goes on
// while another one has its task, neither disturbs that one nor stores a second
// outcome.
func TestLateWorker(t *testing.T) {
	t.Parallel()
	if sigStop == 0 {
		t.Skip("processes cannot be stopped here")
	}
	e, ctx := testEngine(t, Listen("127.0.0.1:0")), patient(t)
	w := childConfig{URL: e.URL(), Stream: "zeropool", AckWait: 2 * time.Second, Slots: 4}
	first := startWorker(t, w)
	n := 6
	f := must(hold.Submit(ctx, e, &n, ID("late")))
	if l := first.line("began"); l != "late 1" {
		t.Fatal(l)
	}
	if err := first.cmd.Process.Signal(sigStop); err != nil {
		t.Fatal(err)
	}
	second := startWorker(t, w)
	if l := second.line("began"); l != "late 2" {
		t.Fatal(l)
	}
	if err := first.cmd.Process.Signal(sigCont); err != nil {
		t.Fatal(err)
	}
	if l := first.line("ended"); l != "late "+ErrLeaseLost.Error() {
		t.Error(l)
	}
	second.release()
	if r, err := f.Wait(ctx); r != 6 || err != nil {
		t.Errorf("result %d, error %v", r, err)
	}
	wantOutcomes(t, e, 1, 0)
	if n := deliveries(t, e, "hold@v1"); n != 2 {
		t.Errorf("%d deliveries", n)
	}
}

// TestLateResult: a result that comes after the lease was lost counts, if it is the
// first: the other worker finds the task settled when it has its own.
func TestLateResult(t *testing.T) {
	t.Parallel()
	e, ctx := testEngine(t), patient(t)
	again, stored := make(chan bool), make(chan bool)
	f := Define("f@v1", func(ctx context.Context, n *int) (int, error) {
		if TaskOf(ctx).Delivery == 1 {
			<-ctx.Done() // and has a result all the same
			<-again
			return 1, nil
		}
		close(again)
		<-stored
		return 2, nil
	})
	s := testServe(t, e, f, AckWait(2*time.Second))
	n := 0
	future := must(f.Submit(ctx, e, &n))
	until(t, "the task is held and its signals go nowhere", func() bool {
		s.keeper.mu.Lock()
		defer s.keeper.mu.Unlock()
		for _, l := range s.keeper.leases {
			l.reply = "nowhere"
		}
		return len(s.keeper.leases) > 0
	})
	if r, err := future.Wait(ctx); r != 1 || err != nil {
		t.Errorf("result %d, error %v", r, err)
	}
	close(stored)
	wantOutcomes(t, e, 1, 0)
	if r, err := must(f.Submit(ctx, e, &n, ID(future.ID()))).Wait(ctx); r != 1 || err != nil {
		t.Errorf("the result became %d, error %v", r, err)
	}
}

// TestCluster: with three servers and three replicas the loss of one, the leader of
// the tasks, loses nothing.
func TestCluster(t *testing.T) {
	t.Parallel()
	servers, _, urls := startCluster(t)
	e := testConnect(t, strings.Join(urls, ","), Replicas(3))
	testServe(t, testConnect(t, strings.Join(urls, ",")), square, Slots(8), AckWait(5*time.Second))
	l := startLoad(t, e, 4)
	l.past(200)
	leader := must(e.tasks.Info(patient(t))).Cluster.Leader
	servers[leader].kill()
	l.past(200)
	l.end()
}

func startCluster(t testing.TB) (servers map[string]*child, configs []childConfig, urls []string) {
	t.Helper()
	var routes []int
	for range 3 {
		routes = append(routes, freePort(t))
	}
	servers = make(map[string]*child)
	for i, r := range routes {
		c := childConfig{Dir: t.TempDir(), Name: fmt.Sprint("server", i), Port: freePort(t), Route: r, Routes: routes}
		k, url := startServer(t, c)
		servers[c.Name], configs, urls = k, append(configs, c), append(urls, url)
	}
	return servers, configs, urls
}

// TestChild keeps the harness honest: a child that is killed is gone at once, and
// its parent sees what it wrote before.
func TestChild(t *testing.T) {
	t.Parallel()
	k, url := startServer(t, childConfig{Dir: t.TempDir(), Name: "one", Port: -1})
	if !strings.HasPrefix(url, "nats://127.0.0.1:") {
		t.Error(url)
	}
	k.kill()
	if err := k.cmd.Process.Signal(syscall.Signal(0)); !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
}
