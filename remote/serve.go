package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/zeropool-go/zeropool"
)

// ErrShutdown is the cause with which a function's context ends when the context
// of Shutdown has ended before the function.
var ErrShutdown = errors.New("remote: the server is being shut down")

// A ServeOption is a function to serve, made by Define, or a setting.
type ServeOption interface{ serve(*serveConfig) error }

type serveOption func(*serveConfig) error

func (o serveOption) serve(c *serveConfig) error { return o(c) }

type serveConfig struct {
	functions   []function
	slots       int // 0 if not given
	ackWait     time.Duration
	maxRunning  int
	maxFailures int
	maxLosses   int
	firstDelay  time.Duration
	maxDelay    time.Duration
}

// serve makes a Func an option of Serve.
func (f *Func[P, R]) serve(c *serveConfig) error {
	if f == nil {
		return errors.New("remote: Serve: nil Func")
	}
	for _, other := range c.functions {
		if other.Name() == f.name {
			return fmt.Errorf("remote: Serve: %s is given twice", f.name)
		}
	}
	c.functions = append(c.functions, f)
	return nil
}

// Slots sets how many messages a Server holds at a time, at least one for each
// function; the default is twice the pool's workers, or the number of functions if
// that is more. A message has a slot from the moment it is fetched until its
// outcome is stored and acknowledged, so tasks that are short beside that take
// more slots. One slot is each function's own; the rest are for whoever comes
// first.
func Slots(n int) ServeOption {
	return serveOption(func(c *serveConfig) error {
		if n < 1 {
			return fmt.Errorf("remote: Slots(%d): the number must be above 0", n)
		}
		c.slots = n
		return nil
	})
}

// AckWait sets after how long without a sign of life of its worker a task goes to
// another one, from a second on. The default is 30 seconds. It is a setting of the
// function on the servers: all who serve it must agree.
func AckWait(d time.Duration) ServeOption {
	return serveOption(func(c *serveConfig) error {
		if d < time.Second {
			return fmt.Errorf("remote: AckWait(%v): the duration must be at least a second", d)
		}
		c.ackWait = d
		return nil
	})
}

// MaxRunning sets how many messages of one function all workers together hold at a
// time. The default is no limit beside the slots. It is a setting of the function
// on the servers: all who serve it must agree.
func MaxRunning(n int) ServeOption {
	return serveOption(func(c *serveConfig) error {
		if n < 1 {
			return fmt.Errorf("remote: MaxRunning(%d): the number must be above 0", n)
		}
		c.maxRunning = n
		return nil
	})
}

// MaxFailures sets how many tries of a task may end with an error or a panic; then
// it becomes a dead letter. The default is 5.
func MaxFailures(n int) ServeOption {
	return serveOption(func(c *serveConfig) error {
		if n < 1 {
			return fmt.Errorf("remote: MaxFailures(%d): the number must be above 0", n)
		}
		c.maxFailures = n
		return nil
	})
}

// MaxLosses sets how many deliveries of a task may end without a word of the
// worker, which died or lost its lease; then it becomes a dead letter. The default
// is 10. What kills its process takes its neighbours with it, so a task that has been
// lost twice runs alone in its worker, and from then on only deliveries count in which
// it had begun. With a limit of 1 or 2 sound tasks go after the one that kills.
func MaxLosses(n int) ServeOption {
	return serveOption(func(c *serveConfig) error {
		if n < 1 {
			return fmt.Errorf("remote: MaxLosses(%d): the number must be above 0", n)
		}
		c.maxLosses = n
		return nil
	})
}

// Backoff sets how long a task rests after its first failure; each further one
// doubles that, up to max. The default is one second, up to one minute. An item of a
// batch rests from its second failure on: the first makes it a task of its own.
func Backoff(first, max time.Duration) ServeOption {
	return serveOption(func(c *serveConfig) error {
		if first <= 0 || max < first {
			return fmt.Errorf("remote: Backoff(%v, %v): the first must be above 0 and not above the second", first, max)
		}
		c.firstDelay, c.maxDelay = first, max
		return nil
	})
}

// A Server fetches tasks and runs them on a pool. It is made by Serve.
type Server struct {
	e      *Engine
	pool   *zeropool.Pool
	c      serveConfig
	keeper *keeper

	ctx      context.Context // ends when Shutdown's patience does
	cancel   context.CancelCauseFunc
	stopping chan struct{} // closed when no more is to be fetched
	stop     func()

	shared   chan struct{} // the free slots that any function may take
	fetchers sync.WaitGroup
	messages sync.WaitGroup // those held
	holding  atomic.Int64   // their number
	shutdown sync.Once
	ended    chan struct{} // closed when nothing is held and nothing is fetched

	// alone is held for reading by tasks that run, and for writing by one that may
	// kill the process.
	alone sync.RWMutex
}

// Serve runs tasks of the given functions on the pool until Shutdown: it fetches
// as many messages as it has free slots, and each is a task of the pool, or a
// batch of such. A lost connection is survived; what cannot be is in the error:
// bad options, or a function that is served with other settings elsewhere
// (ErrSettings).
//
// The pool must stay open until Shutdown has returned.
func Serve(e *Engine, pool *zeropool.Pool, opts ...ServeOption) (*Server, error) {
	if e == nil || pool == nil {
		return nil, errors.New("remote: Serve: nil Engine or Pool")
	}
	s := &Server{
		e: e, pool: pool,
		c: serveConfig{
			ackWait: 30 * time.Second, maxRunning: -1, maxFailures: 5, maxLosses: 10,
			firstDelay: time.Second, maxDelay: time.Minute,
		},
		stopping: make(chan struct{}),
		ended:    make(chan struct{}),
	}
	for _, o := range opts {
		if err := o.serve(&s.c); err != nil {
			return nil, err
		}
	}
	n := len(s.c.functions)
	if n == 0 {
		return nil, errors.New("remote: Serve: no function to serve")
	}
	if s.c.slots == 0 {
		s.c.slots = max(2*pool.Workers(), n)
	}
	if s.c.slots < n {
		return nil, fmt.Errorf("remote: Serve: %d slots for %d functions: each needs one", s.c.slots, n)
	}
	consumers := make([]jetstream.Consumer, n)
	for i, f := range s.c.functions {
		var err error
		if consumers[i], err = s.consumer(f); err != nil {
			return nil, err
		}
	}
	var err error
	if s.keeper, err = newKeeper(e.nc, e.log, s.c.ackWait); err != nil {
		return nil, fmt.Errorf("remote: Serve: %w", err)
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.stop = sync.OnceFunc(func() { close(s.stopping) })
	s.shared = freeSlots(s.c.slots - n)
	for i, f := range s.c.functions {
		s.fetchers.Go(func() { s.fetch(f, consumers[i]) })
	}
	return s, nil
}

// freeSlots returns n free slots. A slot is taken by receiving, and given back to
// the channel it came from.
func freeSlots(n int) chan struct{} {
	c := make(chan struct{}, n)
	for range n {
		c <- struct{}{}
	}
	return c
}

// consumer returns the server's side of a function: the queue of its tasks. It has
// no limit of deliveries and no delays of its own, because a message that the
// server gives up stays in the stream.
func (s *Server) consumer(f function) (jetstream.Consumer, error) {
	want := jetstream.ConsumerConfig{
		Durable:       f.Name(),
		FilterSubject: s.e.names.task(f.Name(), "*"),
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       s.c.ackWait,
		MaxDeliver:    -1,
		MaxAckPending: s.c.maxRunning,
	}
	var c jetstream.Consumer
	ctx, cancel := context.WithTimeout(context.Background(), setupPatience)
	defer cancel()
	err := s.e.retry(ctx, func(ctx context.Context) (bool, error) {
		var err error
		if c, err = s.e.tasks.Consumer(ctx, f.Name()); errors.Is(err, jetstream.ErrConsumerNotFound) {
			c, err = s.e.tasks.CreateConsumer(ctx, want)
		}
		return err == nil || !transient(err) && !errors.Is(err, jetstream.ErrConsumerExists), err
	})
	if err != nil {
		return nil, fmt.Errorf("remote: Serve %s: %w", f.Name(), err)
	}
	have := c.CachedInfo().Config
	d := differences{}
	d.add("filter", have.FilterSubject, want.FilterSubject)
	d.add("acknowledgement", have.AckPolicy, want.AckPolicy)
	d.add("AckWait", have.AckWait, want.AckWait)
	d.add("MaxRunning", have.MaxAckPending, want.MaxAckPending)
	d.add("limit of deliveries", have.MaxDeliver, want.MaxDeliver)
	d.add("backoff", have.BackOff, want.BackOff)
	return c, d.err("consumer " + f.Name())
}

// fetch takes the tasks of one function, as many as there are free slots.
//
// A fetch is never cut short, because what the server sends to a fetch that is
// gone stays there until its lease ends. So one that waits is short, and asks for
// one message only, which keeps the other slots for other functions.
func (s *Server) fetch(f function, c jetstream.Consumer) {
	own := freeSlots(1)
	for {
		slots := s.take(own)
		if slots == nil {
			return
		}
		n, err := s.handOver(f, &slots, s.keeper.now(), func() (jetstream.MessageBatch, error) { return c.FetchNoWait(len(slots)) })
		if n == 0 && err == nil {
			giveBack(slots[1:])
			slots = slots[:1]
			_, err = s.handOver(f, &slots, s.keeper.now(), func() (jetstream.MessageBatch, error) { return c.Fetch(1, jetstream.FetchMaxWait(s.idle())) })
		}
		giveBack(slots)
		if err == nil {
			continue
		}
		if s.e.nc.IsClosed() {
			s.e.log.Error("remote: the connection is closed; no more is fetched", "function", f.Name())
			s.stop()
			return
		}
		// A server that is away fails at once, again and again.
		s.e.log.Debug("remote: fetching failed", "function", f.Name(), "error", err)
		select {
		case <-s.stopping:
			return
		case <-time.After(pause):
		}
		if again, err := s.restore(f, err); err != nil {
			s.e.log.Error("remote: the consumer is gone", "function", f.Name(), "error", err)
		} else if again != nil {
			c = again
		}
	}
}

// idle is how long a fetch waits for a message.
func (s *Server) idle() time.Duration { return min(time.Second, s.keeper.beat()) }

// restore makes the consumer again if it was removed. Nothing is lost with it but
// the count of deliveries.
func (s *Server) restore(f function, err error) (jetstream.Consumer, error) {
	if !errors.Is(err, jetstream.ErrConsumerDeleted) && !errors.Is(err, jetstream.ErrConsumerNotFound) && !errors.Is(err, nats.ErrNoResponders) {
		return nil, nil
	}
	return s.consumer(f)
}

// take waits for a free slot and returns all that are free, and nil once nothing
// more is to be fetched.
func (s *Server) take(own chan struct{}) []chan struct{} {
	var slots []chan struct{}
	select {
	case <-s.stopping:
		return nil
	default:
	}
	select {
	case <-s.stopping:
		return nil
	case <-own:
		slots = append(slots, own)
	case <-s.shared:
		slots = append(slots, s.shared)
	}
	for {
		select {
		case <-own:
			slots = append(slots, own)
		case <-s.shared:
			slots = append(slots, s.shared)
		default:
			return slots
		}
	}
}

func giveBack(slots []chan struct{}) {
	for _, c := range slots {
		c <- struct{}{}
	}
}

// handOver starts what the fetch brings, each message with one of the slots, which
// it takes from the list. The leases count from the time before the fetch.
func (s *Server) handOver(f function, slots *[]chan struct{}, at time.Duration, fetch func() (jetstream.MessageBatch, error)) (n int, err error) {
	b, err := fetch()
	if err != nil {
		return 0, err
	}
	for m := range b.Messages() {
		slot := (*slots)[len(*slots)-1]
		*slots = (*slots)[:len(*slots)-1]
		n++
		s.holding.Add(1)
		s.messages.Go(func() {
			defer func() { slot <- struct{}{}; s.holding.Add(-1) }()
			s.handle(f, m, at)
		})
	}
	return n, b.Error()
}

// Shutdown takes the server out of work: it stops fetching (which takes up to a
// second), lets the functions that run finish, stores and acknowledges their
// outcomes, and returns. When ctx ends before, it cancels the functions' contexts
// (ErrShutdown) and returns the error of ctx: their tasks go to other workers, a
// second after the function returns, else AckWait after this. Calling it again waits
// again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	s.shutdown.Do(func() {
		go func() {
			s.fetchers.Wait() // they add messages
			s.messages.Wait()
			close(s.ended)
		}()
	})
	var err error
	select {
	case <-s.ended:
	case <-ctx.Done():
		err = fmt.Errorf("remote: Shutdown: %d messages were still held and go to other workers: %w", s.holding.Load(), ctx.Err())
	}
	s.cancel(ErrShutdown)
	s.keeper.close()
	return err
}
