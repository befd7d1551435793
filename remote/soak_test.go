package remote

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

var (
	soakFor  = flag.Duration("soak", 0, "how long TestSoak runs; 0 leaves it out")
	soakSeed = flag.Uint64("soak.seed", 1, "what it draws its random numbers from")
)

// TestSoak protects the promise that all the others are parts of: whatever dies, and
// whenever, every task that was accepted ends in exactly one outcome, and it is the
// right one. Servers and workers are killed, stopped and sent away at random under
// a load of everything: single tasks, batches, the same twice, failing ones, ones
// that kill their worker, ones that last longer than their lease, and garbage.
func TestSoak(t *testing.T) {
	if *soakFor == 0 {
		t.Skip("give -soak 10m")
	}
	t.Run("one server", func(t *testing.T) {
		c := childConfig{Dir: t.TempDir(), Name: "one", Port: freePort(t)}
		k, url := startServer(t, c)
		s := newSoak(t, url, 1, *soakFor*3/5)
		s.servers.Go(func() {
			for s.rest(2*time.Second, 8*time.Second) {
				k.kill()
				s.count("server kills")
				if s.random(2) == 0 {
					s.rest(0, 3*time.Second) // longer than the lease
				}
				k, _ = startServer(t, c)
			}
		})
		s.run()
	})
	t.Run("cluster", func(t *testing.T) {
		servers, configs, urls := startCluster(t)
		s := newSoak(t, strings.Join(urls, ","), 3, *soakFor*2/5)
		s.servers.Go(func() {
			for s.rest(15*time.Second, 25*time.Second) {
				c := configs[s.random(len(configs))]
				servers[c.Name].kill()
				s.count("server kills")
				s.rest(0, 5*time.Second)
				servers[c.Name], _ = startServer(t, c)
			}
		})
		s.run()
	})
}

type soak struct {
	t       *testing.T
	e       *Engine
	url     string
	ctx     context.Context // for what must come to an end
	running context.Context // ends when the load and the killing do
	stop    func()
	servers sync.WaitGroup // who kills servers
	workers sync.WaitGroup // who kills workers
	load    sync.WaitGroup
	over    chan struct{} // closed when all is accounted for

	mu     sync.Mutex
	rng    *rand.Rand
	counts map[string]int
	tokens map[string]bool // of the messages submitted: they must have an outcome
	items  map[string]bool // of the items of batches: they may have one
}

func newSoak(t *testing.T, url string, replicas int, d time.Duration) *soak {
	ctx, cancel := context.WithTimeout(context.Background(), d+10*time.Minute)
	t.Cleanup(cancel)
	s := &soak{
		t: t, e: testConnect(t, url, Replicas(replicas)), url: url, ctx: ctx,
		rng:    rand.New(rand.NewPCG(*soakSeed, uint64(replicas))),
		over:   make(chan struct{}),
		counts: make(map[string]int), tokens: make(map[string]bool), items: make(map[string]bool),
	}
	s.running, s.stop = context.WithTimeout(ctx, d)
	t.Cleanup(s.stop)
	return s
}

func (s *soak) random(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.IntN(n)
}

// upTo returns a random duration below d.
func (s *soak) upTo(d time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(s.rng.Int64N(int64(d)))
}

func (s *soak) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
}

// rest waits for a random time, and returns false when the soak is over.
func (s *soak) rest(from, to time.Duration) bool {
	return wait(s.running, from+s.upTo(to-from))
}

func (s *soak) run() {
	for range 3 {
		s.workers.Go(s.worker)
	}
	for g := range 4 {
		s.load.Go(func() { s.submit(g) })
	}
	for wait(s.running, 10*time.Second) {
		s.mu.Lock()
		fmt.Fprintln(os.Stderr, s.counts)
		s.mu.Unlock()
	}
	s.servers.Wait() // every server runs again
	s.load.Wait()    // every task has the right outcome
	s.account()
	close(s.over)
	s.workers.Wait()
	s.t.Log(s.counts)
}

// worker keeps one worker running, kills it, stops it for a while, or sends it
// away. It works on after that until all is accounted for.
func (s *soak) worker() {
	for {
		k := startChild(s.t, childConfig{URL: s.url, Stream: "zeropool", AckWait: 2 * time.Second, Slots: 8, Kill: true})
		life := time.After(time.Second + s.upTo(8*time.Second))
		if s.running.Err() != nil {
			life = nil // only the tasks kill now
		}
		select {
		case <-k.gone:
			s.count("workers gone")
			for l := range k.lines {
				if text, failed := strings.CutPrefix(l, "error:"); failed {
					s.t.Errorf("a worker failed: %s", text)
					wait(s.running, time.Second)
				}
			}
		case <-s.over:
			k.kill()
			return
		case <-life:
			switch how := s.random(3); {
			case how == 0:
				fmt.Fprintln(k.stdin, "leave")
				<-k.gone
				s.count("workers left")
			case how == 1 && sigStop != 0:
				k.cmd.Process.Signal(sigStop)
				wait(s.ctx, s.upTo(4*time.Second))
				k.cmd.Process.Signal(sigCont)
				s.count("workers stopped")
				k.kill()
			default:
				k.kill()
				s.count("worker kills")
			}
		}
	}
}

// submit submits tasks of all kinds and checks what becomes of them.
func (s *soak) submit(g int) {
	slots := make(chan bool, 64)
	for i := 0; s.rest(0, 50*time.Millisecond); i++ {
		slots <- true
		id := fmt.Sprint(g, "/", i)
		what := s.random(100)
		n := s.random(1000)
		twice := s.random(4) == 0
		s.load.Go(func() {
			defer func() { <-slots }()
			switch {
			case what < 50:
				s.one("square", square, id, n, twice, func(r int, d *DeadLetter) bool { return d == nil && r == n*n || lost(d) })
			case what < 75:
				s.batch(id, 1+n%100, twice)
			case what < 90:
				n %= 7
				s.one("fail", fail, id, n, twice, func(r int, d *DeadLetter) bool {
					return d == nil && r == n && n < 5 || d != nil && d.Failures == 5 && d.Reason == "not yet" && n >= 5 || lost(d)
				})
			case what < 94:
				n = 2000 + 2*n
				s.one("linger", linger, id, n, twice, func(r int, d *DeadLetter) bool { return d == nil && r == n || lost(d) })
			case what < 99:
				s.garbage(id)
			case n < 100:
				s.one("kill", kill, id, n, twice, func(_ int, d *DeadLetter) bool { return lost(d) })
			}
		})
	}
}

// lost says that a task was given up because its workers died, which also happens
// to tasks that cannot help it.
func lost(d *DeadLetter) bool {
	return d != nil && strings.Contains(d.Reason, "without a word of the worker")
}

func (s *soak) note(tokens map[string]bool, tok string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tokens[tok] = true
}

func (s *soak) check(what, id string, err error, right func(*DeadLetter) bool) {
	d, dead := errors.AsType[*DeadLetter](err)
	switch {
	case err != nil && !dead || !right(d):
		s.t.Errorf("%s %s: %v", what, id, err)
		s.count(what + ": wrong")
	case lost(d):
		s.count(what + ": lost too often")
	case dead:
		s.count(what + ": dead")
	default:
		s.count(what + ": result")
	}
}

func (s *soak) one(what string, f *Func[int, int], id string, n int, twice bool, right func(int, *DeadLetter) bool) {
	future, err := f.Submit(s.ctx, s.e, &n, ID(id))
	if err == nil && twice {
		future, err = f.Submit(s.ctx, s.e, &n, ID(id))
	}
	if err != nil {
		s.t.Errorf("%s %s: %v", what, id, err)
		return
	}
	s.note(s.tokens, future.task.token)
	r, err := future.Wait(s.ctx)
	s.check(what, id, err, func(d *DeadLetter) bool { return right(r, d) })
}

func (s *soak) batch(id string, n int, twice bool) {
	params := make([]int, n)
	for i := range params {
		params[i] = i
	}
	per := PerMessage(1 + len(id)%3*20)
	fs, err := square.SubmitBatch(s.ctx, s.e, params, ID(id), per)
	if err == nil && twice {
		fs, err = square.SubmitBatch(s.ctx, s.e, params, ID(id), per)
	}
	if err != nil {
		s.t.Errorf("batch %s: %v", id, err)
		return
	}
	for i, f := range fs {
		s.note(s.tokens, f.task.token)
		s.note(s.items, token(member, f.id))
		r, err := f.Wait(s.ctx)
		s.check("item", f.id, err, func(d *DeadLetter) bool { return d == nil && r == i*i || lost(d) })
	}
}

func (s *soak) garbage(id string) {
	tok := token(single, id)
	m := s.e.task(square, tok, id, []byte("{"))
	if err := s.e.putTask(s.ctx, square.Name(), tok, m, false); err != nil {
		s.t.Errorf("garbage %s: %v", id, err)
		return
	}
	s.note(s.tokens, tok)
	_, err := (&Future[int]{id: id, codec: JSON, task: &pending{e: s.e, function: square.Name(), token: tok, id: id}}).Wait(s.ctx)
	s.check("garbage", id, err, func(d *DeadLetter) bool {
		return d != nil && string(d.Params) == "{" && strings.Contains(d.Reason, "cannot be decoded")
	})
}

// account asserts that the stream of tasks is empty, and that what is stored are
// the outcomes of the submitted messages, one each, and of items that have left
// their batch.
func (s *soak) account() {
	defer func() {
		if s.t.Failed() {
			st, err := s.e.Status(s.ctx)
			s.t.Logf("%+v, error %v", st, err)
		}
	}()
	drained(s.t, s.e)
	i, err := s.e.outcomes.Info(s.ctx, jetstream.WithSubjectFilter(s.e.names.outcome("*", "*")))
	if err != nil {
		s.t.Fatal(err)
	}
	found := make(map[string]bool)
	for subject := range i.State.Subjects {
		tok := strings.Split(subject, ".")[3]
		found[tok] = true
		if !s.tokens[tok] && !s.items[tok] {
			s.t.Errorf("an outcome of nothing that was submitted: %s", subject)
		}
	}
	missing := 0
	for tok := range s.tokens {
		if !found[tok] {
			missing++
		}
	}
	if missing > 0 {
		s.t.Errorf("%d of %d messages have no outcome", missing, len(s.tokens))
	}
	s.counts["messages"], s.counts["outcomes"] = len(s.tokens), len(found)
}
