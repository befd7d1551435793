package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var (
	// ErrFull is in what Submit returns when the stream of tasks, or the server's
	// store, has reached its limit. Nothing has been stored; workers make room.
	ErrFull = errors.New("the store has reached its limit")
	// ErrTooLarge is in what Submit returns for params that no message can hold.
	ErrTooLarge = errors.New("too large for one message")
	// ErrNotServed is in what Wait returns when its context has ended and no
	// worker has ever served the function. The task waits for one.
	ErrNotServed = errors.New("no worker has served this function yet")
	// ErrInUse is in what Embedded returns for a directory that another Engine, of
	// this program or another one, has open.
	ErrInUse = errors.New("in use by another engine")
	// ErrSettings is in what Connect, Embedded and Serve return for a stream or a
	// consumer that exists with other settings. It is left as it is.
	ErrSettings = errors.New("exists with other settings")
)

const (
	// oneTry is how long one request to a server may take. A server that dies
	// leaves requests without an answer: better many short tries than a long one.
	oneTry = time.Second
	// pause is between two tries.
	pause = 100 * time.Millisecond
	// setupPatience is for a cluster that has not elected its leaders yet.
	setupPatience = 30 * time.Second
)

// An Engine is where tasks and their outcomes are stored: two streams of JetStream.
// It is made by Embedded or Connect. Any number of goroutines may use it.
type Engine struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	names    names
	tasks    jetstream.Stream
	outcomes jetstream.Stream
	log      *slog.Logger
	server   *embedded // nil if it was made by Connect
}

// An EngineOption changes what Embedded or Connect makes.
type EngineOption interface{ engine(*engineConfig) error }

type engineOption func(*engineConfig) error

func (o engineOption) engine(c *engineConfig) error { return o(c) }

type engineConfig struct {
	names         names
	replicas      int // 0: not given, as the others
	tasksBytes    int64
	outcomesBytes int64
	keep          time.Duration
	log           *slog.Logger
	listen        string
	sync          time.Duration
	existing      bool
	onlyEmbedded  string // the name of a given option that Connect does not know
}

// Stream sets the prefix of the names of the streams and of their subjects:
// letters, digits, "_" and "-". Engines with different prefixes share nothing. The
// default is "zeropool".
func Stream(prefix string) EngineOption {
	return engineOption(func(c *engineConfig) error {
		if len(prefix) > maxName || !validStream.MatchString(prefix) {
			return fmt.Errorf("remote: Stream(%q): the name must be of letters, digits, _ and -, at most %d bytes", prefix, maxName)
		}
		c.names = names(prefix)
		return nil
	})
}

// Replicas sets on how many servers of a cluster each stream is kept: 1 (the
// default), 3 or 5.
func Replicas(n int) EngineOption {
	return engineOption(func(c *engineConfig) error {
		if n != 1 && n != 3 && n != 5 {
			return fmt.Errorf("remote: Replicas(%d): the number must be 1, 3 or 5", n)
		}
		c.replicas = n
		return nil
	})
}

// MaxBytes sets how much the stream of tasks and the stream of outcomes may hold.
// The default is 1 GiB each. A full stream of tasks refuses the next one
// (ErrFull); a full stream of outcomes stops the workers until there is room.
func MaxBytes(tasks, outcomes int64) EngineOption {
	return engineOption(func(c *engineConfig) error {
		if tasks < 1 || outcomes < 1 {
			return fmt.Errorf("remote: MaxBytes(%d, %d): both must be above 0", tasks, outcomes)
		}
		c.tasksBytes, c.outcomesBytes = tasks, outcomes
		return nil
	})
}

// KeepResults sets how long a result can be had, and its ID be recognised, at
// least a second. The default is 24 hours. Dead letters are kept until somebody
// removes them.
func KeepResults(d time.Duration) EngineOption {
	return engineOption(func(c *engineConfig) error {
		if d < time.Second {
			return fmt.Errorf("remote: KeepResults(%v): the duration must be at least a second", d)
		}
		c.keep = d
		return nil
	})
}

// Log sets where an engine and its servers report what they met and survived. The
// default is slog.Default().
func Log(l *slog.Logger) EngineOption {
	return engineOption(func(c *engineConfig) error {
		if l == nil {
			return errors.New("remote: Log(nil): a logger is needed")
		}
		c.log = l
		return nil
	})
}

// Existing makes Connect and Embedded return an error instead of making a stream
// that does not exist.
func Existing() EngineOption {
	return engineOption(func(c *engineConfig) error {
		c.existing = true
		return nil
	})
}

// Listen makes the embedded server accept other processes at a TCP address, such
// as "127.0.0.1:4222"; port 0 takes a free one, which Engine.URL tells. There is
// no authentication: use a loopback or a private address. Without Listen the
// server has no socket.
func Listen(address string) EngineOption {
	return engineOption(func(c *engineConfig) error {
		c.listen, c.onlyEmbedded = address, "Listen"
		return nil
	})
}

// SyncEvery makes the embedded server write to the disk at this interval, at
// least a second, instead of before it answers. When the machine, not just the
// process, dies, what was accepted since is lost.
func SyncEvery(d time.Duration) EngineOption {
	return engineOption(func(c *engineConfig) error {
		if d < time.Second {
			return fmt.Errorf("remote: SyncEvery(%v): the interval must be at least a second", d)
		}
		c.sync, c.onlyEmbedded = d, "SyncEvery"
		return nil
	})
}

func newEngineConfig(opts []EngineOption) (*engineConfig, error) {
	c := &engineConfig{names: "zeropool", log: slog.Default()}
	for _, o := range opts {
		if err := o.engine(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Connect returns an engine on the servers that nc is connected to, which must
// have JetStream enabled. It makes the two streams if they do not exist, and does
// not change them if they do: settings that were given and differ are an error
// (ErrSettings), those that were not given are taken from the streams.
//
// The connection should reconnect for ever (nats.MaxReconnects(-1)) and soon
// (nats.ReconnectWait of 100 to 250 ms). It stays the caller's; whether the
// servers write to the disk before they answer is theirs to say.
func Connect(nc *nats.Conn, opts ...EngineOption) (*Engine, error) {
	if nc == nil {
		return nil, errors.New("remote: Connect: nil connection")
	}
	c, err := newEngineConfig(opts)
	if err != nil {
		return nil, err
	}
	if c.onlyEmbedded != "" {
		return nil, fmt.Errorf("remote: Connect: %s is for an embedded server", c.onlyEmbedded)
	}
	return connect(nc, c)
}

func connect(nc *nats.Conn, c *engineConfig) (*Engine, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	e := &Engine{nc: nc, js: js, names: c.names, log: c.log}
	if nc.IsConnected() && nc.MaxPayload() < leastPayload {
		return nil, fmt.Errorf("remote: the server %s takes messages of %d bytes at most (max_payload): at least %d are needed", nc.ConnectedUrlRedacted(), nc.MaxPayload(), leastPayload)
	}
	ctx, cancel := context.WithTimeout(context.Background(), setupPatience)
	defer cancel()
	if e.tasks, err = e.stream(ctx, c, c.tasksConfig(), c.tasksBytes != 0, true); err != nil {
		return nil, err
	}
	if e.outcomes, err = e.stream(ctx, c, c.outcomesConfig(), c.outcomesBytes != 0, c.keep != 0); err != nil {
		return nil, err
	}
	return e, nil
}

// Close ends an embedded server, once the servers made by Serve have been shut
// down; stored tasks and outcomes stay in the directory. An engine made by Connect
// has nothing to close. Close may be called more than once.
func (e *Engine) Close() error {
	if e.server == nil {
		return nil
	}
	return e.server.close(e.nc)
}

// URL returns the address at which other processes reach the engine's server, and
// "" for an embedded server without Listen.
func (e *Engine) URL() string {
	if e.server != nil {
		return e.server.url
	}
	return e.nc.ConnectedUrl()
}

// retry calls try, which may take oneTry, until it says that it is done or ctx
// ends; then it returns the last error, with that of the context.
func (e *Engine) retry(ctx context.Context, try func(context.Context) (done bool, err error)) error {
	silent := false // the last try that had all its time got no answer
	for {
		done, err := func() (bool, error) {
			ctx, cancel := context.WithTimeout(ctx, oneTry)
			defer cancel()
			return try(ctx)
		}()
		if done {
			return err
		}
		if e.nc.IsClosed() {
			return fmt.Errorf("%w (%w)", nats.ErrConnectionClosed, err)
		}
		if ctx.Err() == nil {
			silent = errors.Is(err, context.DeadlineExceeded)
		}
		if !wait(ctx, pause) {
			switch {
			case err != nil && !errors.Is(err, context.DeadlineExceeded):
				return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
			case silent:
				return fmt.Errorf("%w (the servers do not answer)", context.Cause(ctx))
			}
			return context.Cause(ctx)
		}
	}
}

// wait returns true after d, and false if ctx ends before.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// apiCode is the code of a refusal by JetStream, or 0.
func apiCode(err error) jetstream.ErrorCode {
	if e, ok := errors.AsType[jetstream.JetStreamError](err); ok && e.APIError() != nil {
		return e.APIError().ErrorCode
	}
	return 0
}

// apiStatus is the HTTP-like status of a refusal by JetStream, or 0.
func apiStatus(err error) int {
	if e, ok := errors.AsType[jetstream.JetStreamError](err); ok && e.APIError() != nil {
		return e.APIError().Code
	}
	return 0
}

// Codes of JetStream that the client library does not name.
const (
	codeNoResources = 10023 // the server's store has reached its limit
	codeStoreFailed = 10077 // the stream has reached a limit, or its store failed
)
