package zeropool

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool/internal/dev/testenv"
	"github.com/zeropool-go/zeropool/topology"
)

// hangLimit is how long a test may take before it counts as hung.
const hangLimit = 2 * time.Minute

var watched sync.Map // the names of the tests that are being watched

// watch ends the test binary, with the stacks of all goroutines, if the test
// does not end by itself.
func watch(t testing.TB) {
	if _, again := watched.LoadOrStore(t.Name(), true); again {
		return
	}
	limit := hangLimit * time.Duration(stressFactor())
	if raceEnabled {
		limit *= 3
	}
	timer := time.AfterFunc(limit, func() {
		buf := make([]byte, 16<<20)
		os.Stderr.Write(buf[:runtime.Stack(buf, true)])
		panic(t.Name() + " hangs: the stacks of all goroutines are above")
	})
	t.Cleanup(func() {
		timer.Stop()
		watched.Delete(t.Name())
	})
}

// mustNew starts a pool that the test closes itself. Whoever does not test Close, or
// what is left after it, takes newTestPool.
func mustNew(t testing.TB, opts ...Option) *Pool {
	t.Helper()
	watch(t)
	p, err := New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var openPools atomic.Int32 // of newTestPool

// newTestPool starts a pool which the end of the test closes and whose counters
// it adds up.
func newTestPool(t testing.TB, opts ...Option) *Pool {
	t.Helper()
	p := mustNew(t, opts...)
	openPools.Add(1)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		checkAtRest(t, p)
		if openPools.Add(-1) == 0 {
			checkMasks(t)
		}
	})
	return p
}

// checkAtRest asserts that the counters of a pool with nothing to do add up.
func checkAtRest(t testing.TB, p *Pool) {
	t.Helper()
	s := p.Stats().Total
	if s.Submitted != s.Completed+s.Panicked+s.Canceled || s.Queued != 0 || s.Running != 0 {
		t.Errorf("at rest, counters do not add up: %+v", s)
	}
}

// atRest waits until nothing is queued or running: the counters of a task may
// follow its end.
func atRest(t testing.TB, p *Pool) Stats {
	t.Helper()
	var s Stats
	eventually(t, func() bool {
		s = p.Stats()
		return s.Total.Queued == 0 && s.Total.Running == 0 &&
			s.Total.Submitted == s.Total.Completed+s.Total.Panicked+s.Total.Canceled
	}, func() string { return fmt.Sprintf("counters never add up: %+v", s.Total) })
	return s
}

// eventually waits for a condition that is certain to come true.
func eventually(t testing.TB, ok func() bool, what func() string) {
	t.Helper()
	deadline := time.Now().Add(hangLimit / 2)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal(what())
		}
		runtime.Gosched()
	}
}

// unpinned are the options of a pool of n workers anywhere.
func unpinned(n int, more ...Option) []Option {
	return append([]Option{WithPlacement(topology.Unpinned), WithWorkers(n)}, more...)
}

// quiet keeps expected panics out of the log.
var quiet = WithPanicHandler(func(*PanicError) {})

// brief says that few shapes and rounds are to do: in short mode, where each takes ten
// times as long. The race detector needs no luck, and an emulator has none to offer.
func brief() bool { return testing.Short() && (raceEnabled || testenv.Emulated()) }

// eachPool runs a test on pools of different shapes; on the first ones only if brief.
func eachPool(t *testing.T, test func(t *testing.T, p *Pool)) {
	for i, shape := range []struct {
		name string
		opts []Option
	}{
		{"default", []Option{quiet}},
		{"four workers", unpinned(4, quiet)},
		{"full queues", unpinned(2, WithQueueCapacity(2), quiet)},
		{"one worker", unpinned(1, quiet)},
		{"one pinned worker", []Option{WithWorkers(1), quiet}},
		{"full queues, pinned", []Option{WithWorkers(3), WithQueueCapacity(4), WithSpin(0), quiet}},
		{"full queues, blocking", unpinned(2, WithQueueCapacity(2), WithWhenFull(Block), quiet)},
	} {
		if i > 2 && brief() {
			break
		}
		t.Run(shape.name, func(t *testing.T) { test(t, newTestPool(t, shape.opts...)) })
	}
}

// eachProcs runs a test with different numbers of processors; with two of them if brief.
func eachProcs(t *testing.T, test func(t *testing.T)) {
	for _, n := range []int{1, 2, 4, 16} {
		if brief() && n != 2 && n != 16 {
			continue
		}
		t.Run(fmt.Sprintf("procs=%d", n), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
			test(t)
		})
	}
}

// setProcs sets GOMAXPROCS for the test.
func setProcs(t *testing.T, n int) {
	old := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(old) })
}

// meeting is a task that ends when as many as it wants have begun.
type meeting struct {
	want int32
	here atomic.Int32
	all  chan struct{}
}

func newMeeting(n int) *meeting { return &meeting{want: int32(n), all: make(chan struct{})} }

func (m *meeting) meet() {
	if m.here.Add(1) == m.want {
		close(m.all)
	}
	<-m.all
}

// hold keeps every worker of p in a task until release is called. One more than there
// are workers takes the place of each that a stand-in has taken, of an earlier wait.
func hold(t testing.TB, p *Pool) (release func()) {
	t.Helper()
	free, onWorker := make(chan struct{}), make(chan bool)
	for held := 0; held < p.Workers(); {
		p.Go(func() {
			onWorker <- p.currentRunner().worker != nil
			<-free
		})
		if <-onWorker {
			held++
		}
	}
	return sync.OnceFunc(func() { close(free) })
}

// holdElsewhere is hold by another goroutine, so that no worker is attached to a lane of the
// caller's.
func holdElsewhere(t testing.TB, p *Pool) (release func()) {
	t.Helper()
	held := make(chan func())
	go func() { held <- hold(t, p) }()
	return <-held
}

// fill queues tasks that do nothing until every queue is full.
func fill(p *Pool) (queued []Future) {
	for {
		f, ok := TrySubmit(p, nil, nothing)
		if !ok {
			return queued
		}
		queued = append(queued, f)
	}
}

func nothing(*struct{}) {}

// count is a task that counts its runs.
type count struct{ runs atomic.Int32 }

func (c *count) run() { c.runs.Add(1) }

func (c *count) once(t testing.TB, what string) {
	t.Helper()
	if n := c.runs.Load(); n != 1 {
		t.Fatalf("%s ran %d times", what, n)
	}
}

// A nil pool, group or function and an impossible length panic in the call that
// brings them, with its name and what is wrong, and leave the pool as it was.
func TestNilArguments(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	g := p.NewGroup()
	x := 0
	for _, c := range []struct {
		call, missing string
		f             func()
	}{
		{"Submit", "nil Pool", func() { Submit(nil, &x, func(*int) {}) }},
		{"Submit", "nil function", func() { Submit(p, &x, nil) }},
		{"TrySubmit", "nil Pool", func() { TrySubmit(nil, &x, func(*int) {}) }},
		{"TrySubmit", "nil function", func() { TrySubmit(p, &x, nil) }},
		{"SubmitBatch", "nil Pool", func() { SubmitBatch(nil, []int{1}, func(*int) {}) }},
		{"SubmitBatch", "nil function", func() { SubmitBatch(p, []int{1}, nil) }},
		{"SubmitBatch", "nil function", func() { SubmitBatch(p, []int(nil), nil) }},
		{"SubmitMixed", "nil Pool", func() { (*Pool)(nil).SubmitMixed([]Task{Bind(&x, func(*int) {})}) }},
		{"SubmitMixed", "Bind", func() { p.SubmitMixed([]Task{Bind(&x, func(*int) {}), {}}) }},
		{"Bind", "nil function", func() { Bind[int](&x, nil) }},
		{"Go", "nil Pool", func() { (*Pool)(nil).Go(func() {}) }},
		{"Go", "nil function", func() { p.Go(nil) }},
		{"ForEach", "nil Pool", func() { ForEach(nil, []int{1}, func(*int) {}) }},
		{"ForEach", "nil function", func() { ForEach(p, []int{1}, nil) }},
		{"For", "nil Pool", func() { (*Pool)(nil).For(1, func(int, int) {}) }},
		{"For", "nil function", func() { p.For(1, nil) }},
		{"For", "negative", func() { p.For(-1, func(int, int) {}) }},
		{"NewGroup", "nil Pool", func() { (*Pool)(nil).NewGroup() }},
		{"SubmitTo", "nil Group", func() { SubmitTo(nil, &x, func(*int) {}) }},
		{"SubmitTo", "nil function", func() { SubmitTo(g, &x, nil) }},
		{"Group.Go", "nil Group", func() { (*Group)(nil).Go(func() {}) }},
		{"Group.Go", "nil function", func() { g.Go(nil) }},
		{"Group.Wait", "nil Group", func() { (*Group)(nil).Wait() }},
		{"Group.WaitContext", "nil Group", func() { (*Group)(nil).WaitContext(t.Context()) }},
		{"Group.Wait", "nil Pool", func() { new(Group).Wait() }},
		{"Group.Go", "nil Pool", func() { new(Group).Go(func() {}) }},
	} {
		func() {
			defer func() {
				msg := fmt.Sprint(recover())
				if !strings.HasPrefix(msg, "zeropool: "+c.call+": ") || !strings.Contains(msg, c.missing) {
					t.Errorf("%s with %s: panic %q", c.call, c.missing, msg)
				}
			}()
			c.f()
			t.Errorf("%s with %s: no panic", c.call, c.missing)
		}()
	}
	if s := p.Stats().Total; s.Submitted != 0 {
		t.Errorf("refused calls were counted: %+v", s)
	}
}

// The subprocess sees the package as an importer does.
func TestDefault(t *testing.T) {
	watch(t)
	const env = "ZEROPOOL_TEST_DEFAULT"
	if os.Getenv(env) == "" {
		testenv.NeedsProcesses(t)
		cmd := exec.Command(os.Args[0], "-test.run=^TestDefault$", "-test.count=1")
		cmd.Env = append(os.Environ(), env+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if defaultPool != nil {
		t.Error("the default pool exists before its first use")
	}
	buf := make([]byte, 1<<20)
	if stacks := string(buf[:runtime.Stack(buf, true)]); strings.Contains(stacks, "zeropool.(*worker)") {
		t.Errorf("workers exist before the first use of Default:\n%s", stacks)
	}
	var wg sync.WaitGroup
	var pools [16]*Pool
	var c count
	for i := range pools {
		wg.Go(func() {
			pools[i] = Default()
			if err := Submit(Default(), &c, (*count).run).Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, p := range pools {
		if p != pools[0] || p == nil {
			t.Fatal("Default returned different pools")
		}
	}
	if n := c.runs.Load(); n != int32(len(pools)) {
		t.Errorf("%d of %d tasks ran", n, len(pools))
	}
	if Default().Workers() < 1 {
		t.Error("the default pool has no workers")
	}
	if err := Default().Close(); err != nil {
		t.Error(err)
	}
	if err := Submit(Default(), &c, (*count).run).Wait(); err != ErrClosed {
		t.Errorf("a task for the closed default pool: %v", err)
	}
}

// A pool follows GOMAXPROCS, whatever it was when the pool was made: two elements of
// a loop or of a batch that wait for each other meet as soon as there is more than
// one processor, and with one again, everything still ends.
func TestGOMAXPROCSChanges(t *testing.T) {
	setProcs(t, 1)
	p := newTestPool(t, unpinned(2)...)
	long := func(x *int) {
		for i := range 200_000 {
			*x = max(*x, i)
		}
	}
	for range 3 {
		runtime.GOMAXPROCS(1)
		if err := ForEach(p, make([]int, 20), long); err != nil {
			t.Fatal(err)
		}
		if n := p.width(); n != 1 {
			t.Errorf("a loop is shared by %d goroutines with GOMAXPROCS 1", n)
		}
		runtime.GOMAXPROCS(4)
		m := newMeeting(2)
		xs := make([]int, 64)
		err := ForEach(p, xs, func(x *int) {
			long(x)
			if x == &xs[40] || x == &xs[63] { // far apart, so that one claim does not have both
				m.meet()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		m = newMeeting(2)
		if err := SubmitBatch(p, make([]int, 2), func(*int) { m.meet() }).Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// stressVariable names the environment variable that makes the stress tests run
// longer: a whole number from 1 on, the factor by which their rounds are
// multiplied. Unset means 1.
const stressVariable = "ZEROPOOL_STRESS"

// stressFactor returns what stressVariable says.
func stressFactor() int {
	s := os.Getenv(stressVariable)
	if s == "" {
		return 1
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		panic(fmt.Sprintf("%s=%q: a whole number from 1 on is needed", stressVariable, s))
	}
	return n
}

// stressRounds scales the rounds of a stress test: a tenth in short mode, times
// stressFactor otherwise.
func stressRounds(n int) int {
	if testing.Short() {
		return max(n/10, 1)
	}
	return n * stressFactor()
}
