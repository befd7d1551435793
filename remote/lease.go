package remote

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrLeaseLost is the cause with which a function's context ends when its worker
// could not prolong the lease in time: another worker may have the task now.
var ErrLeaseLost = errors.New("remote: the lease of the task is lost")

// A lease is one worker's hold on a message.
type lease struct {
	reply  string // where the server takes signals for the message
	cancel context.CancelCauseFunc

	// Guarded by the keeper's mu.
	confirmed time.Duration // when the last confirmed signal was sent, or the fetch was
	lost      bool
}

// A keeper prolongs the leases of a Server, from one goroutine that is not a
// worker. The server answers a signal even to a worker that does not hold the
// message any more, so an answer only says that the signal got there: what tells a
// lost lease is the time without one.
type keeper struct {
	nc      *nats.Conn
	log     *slog.Logger
	ackWait time.Duration
	start   time.Time // of the clock of all leases
	answers *nats.Subscription
	stop    chan struct{}
	stopped chan struct{}
	once    sync.Once

	mu     sync.Mutex
	leases map[int]*lease
	next   int
}

func newKeeper(nc *nats.Conn, log *slog.Logger, ackWait time.Duration) (*keeper, error) {
	k := &keeper{
		nc: nc, log: log, ackWait: ackWait, start: time.Now(),
		stop: make(chan struct{}), stopped: make(chan struct{}),
		leases: make(map[int]*lease),
	}
	var err error
	if k.answers, err = nc.Subscribe(nc.NewInbox()+".*.*", k.answer); err != nil {
		return nil, err
	}
	go k.run()
	return k, nil
}

// now is the time on the leases' clock.
func (k *keeper) now() time.Duration { return time.Since(k.start) }

// beat is the time between two signals. A lease is given up one beat before the
// server would, so that its function hears of it before another one starts.
func (k *keeper) beat() time.Duration { return k.ackWait / 4 }

// add prolongs l until drop is called with the number it returns.
func (k *keeper) add(l *lease) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.next++
	k.leases[k.next] = l
	return k.next
}

func (k *keeper) drop(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.leases, n)
}

// held says whether the lease has never been lost.
func (k *keeper) held(l *lease) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.look(l)
	return !l.lost
}

// look takes the lease for lost when its time is over.
func (k *keeper) look(l *lease) {
	if !l.lost && k.now()-l.confirmed >= k.ackWait-k.beat() {
		l.lost = true
		l.cancel(ErrLeaseLost)
	}
}

func (k *keeper) run() {
	defer close(k.stopped)
	t := time.NewTicker(k.beat())
	defer t.Stop()
	for {
		select {
		case <-k.stop:
			return
		case <-t.C:
			k.signal()
		}
	}
}

// signal asks for more time for each lease that is not lost. A late signal would
// prolong the lease of whoever has the message now.
func (k *keeper) signal() {
	k.mu.Lock()
	defer k.mu.Unlock()
	inbox := strings.TrimSuffix(k.answers.Subject, "*.*")
	for n, l := range k.leases {
		if k.look(l); l.lost {
			continue
		}
		answer := inbox + strconv.Itoa(n) + "." + strconv.FormatInt(int64(k.now()), 10)
		if err := k.nc.PublishRequest(l.reply, answer, []byte("+WPI")); err != nil {
			k.log.Warn("remote: a lease cannot be prolonged", "error", err)
		}
	}
}

// answer takes the server's answer to a signal; its subject ends with the number
// of the lease and the time at which the signal was sent.
func (k *keeper) answer(m *nats.Msg) {
	if m.Header.Get("Status") != "" {
		return // nobody was there to take the signal
	}
	parts := strings.Split(m.Subject, ".")
	n, err1 := strconv.Atoi(parts[len(parts)-2])
	sent, err2 := strconv.ParseInt(parts[len(parts)-1], 10, 64)
	if err1 != nil || err2 != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if l := k.leases[n]; l != nil {
		l.confirmed = max(l.confirmed, time.Duration(sent))
	}
}

// close may be called more than once.
func (k *keeper) close() {
	k.once.Do(func() {
		close(k.stop)
		<-k.stopped
		k.answers.Unsubscribe()
	})
}
