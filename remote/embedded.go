package remote

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// embedded is a JetStream server in this process.
type embedded struct {
	server *server.Server
	lock   *flock.Flock
	url    string
	once   sync.Once
	err    error
}

// recoverPatience is for a server that reads large streams back.
const recoverPatience = 2 * time.Minute

// Embedded starts a JetStream server in this process, which stores under dir, and
// returns an engine on it. The directory is made if need be, and locked: a second
// engine on it gets ErrInUse. The server writes to the disk before it answers,
// unless SyncEvery is given.
func Embedded(dir string, opts ...EngineOption) (*Engine, error) {
	c, err := newEngineConfig(opts)
	if err != nil {
		return nil, err
	}
	options := &server.Options{
		ServerName:        "zeropool",
		JetStream:         true,
		StoreDir:          dir,
		JetStreamMaxStore: -1,
		SyncInterval:      c.sync,
		SyncAlways:        c.sync == 0,
		DontListen:        c.listen == "",
		NoSigs:            true,
	}
	if c.listen != "" {
		if options.Host, options.Port, err = hostPort(c.listen); err != nil {
			return nil, fmt.Errorf("remote: Listen(%q): %w", c.listen, err)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("remote: store directory: %w", err)
	}
	// The server itself does not notice a second one on its directory: both lose
	// messages then.
	em := &embedded{lock: flock.New(filepath.Join(dir, "zeropool.lock"))}
	if locked, err := em.lock.TryLock(); err != nil {
		return nil, fmt.Errorf("remote: store directory: %w", err)
	} else if !locked {
		return nil, fmt.Errorf("remote: store directory %s: %w", dir, ErrInUse)
	}
	e, err := em.start(options, c)
	if err != nil {
		return nil, errors.Join(err, em.close(nil))
	}
	return e, nil
}

func (em *embedded) start(options *server.Options, c *engineConfig) (*Engine, error) {
	s, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("remote: embedded server: %w", err)
	}
	// A server that cannot use its directory only says so to its logger.
	log := serverLog{log: c.log, fatal: make(chan string, 1)}
	s.SetLoggerV2(log, false, false, false)
	em.server = s
	go s.Start()
	ready := make(chan bool, 1)
	go func() { ready <- s.ReadyForConnections(recoverPatience) }()
	select {
	case text := <-log.fatal:
		return nil, fmt.Errorf("remote: embedded server: %s", text)
	case ok := <-ready:
		if !ok {
			return nil, fmt.Errorf("remote: embedded server: not ready after %v", recoverPatience)
		}
	}
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.Name("zeropool"), nats.MaxReconnects(-1))
	if err != nil {
		return nil, fmt.Errorf("remote: embedded server: %w", err)
	}
	if c.listen != "" {
		em.url = s.ClientURL()
	}
	e, err := connect(nc, c)
	if err != nil {
		nc.Close()
		return nil, err
	}
	e.server = em
	return e, nil
}

// close ends the connection, if there is one, and the server, and frees the
// directory.
func (em *embedded) close(nc *nats.Conn) error {
	em.once.Do(func() {
		if nc != nil {
			nc.Close()
		}
		if em.server != nil {
			em.server.Shutdown()
			em.server.WaitForShutdown()
		}
		em.err = em.lock.Close()
	})
	return em.err
}

// hostPort splits an address; port 0 becomes what the server takes for a free one.
func hostPort(address string) (string, int, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("port %q is not a number from 0 to 65535", port)
	}
	if n == 0 {
		return host, server.RANDOM_PORT, nil
	}
	return host, int(n), nil
}

// serverLog passes on what the server warns of.
type serverLog struct {
	log   *slog.Logger
	fatal chan string
}

func (l serverLog) Noticef(string, ...any) {}
func (l serverLog) Debugf(string, ...any)  {}
func (l serverLog) Tracef(string, ...any)  {}

func (l serverLog) Warnf(format string, v ...any) {
	l.log.Warn("embedded server: " + fmt.Sprintf(format, v...))
}

func (l serverLog) Errorf(format string, v ...any) {
	l.log.Error("embedded server: " + fmt.Sprintf(format, v...))
}

func (l serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}
