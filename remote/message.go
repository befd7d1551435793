package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/zeropool-go/zeropool"
)

// A message is a task, or a part of a batch, while a worker holds it.
type message struct {
	s     *Server
	f     function
	m     jetstream.Msg
	lease *lease

	token      string
	id         string // of the task or of the whole batch
	batch      bool
	first      int // the index of its first item in the batch
	deliveries int // of the task, with that of its batch before it left it
	failures   int // before this delivery
	losses     int // likewise, deliveries without a word of the worker; of a suspect those in which it had begun
	begun      int // likewise, times that it has begun as a suspect

	ctx   context.Context // of the functions
	items []item
	left  atomic.Int64  // items that have not ended
	ended chan struct{} // closed when none is left
}

// An item is what one call of the function is for.
type item struct {
	of     *message
	id     string
	params []byte

	result   []byte
	err      error
	stack    string
	returned bool
}

// suspect is the number of losses from which on a task is taken for one that may
// kill its process, and runs alone in its worker.
const suspect = 2

// handle does all that a fetched message needs. It is where a message waits for
// the servers and for the pool; the pool only computes. What it cannot bring to an
// end it leaves: the server will deliver it again.
func (s *Server) handle(f function, jm jetstream.Msg, fetched time.Duration) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	m := &message{s: s, f: f, m: jm, ctx: ctx, ended: make(chan struct{})}
	m.lease = &lease{reply: jm.Reply(), cancel: cancel, confirmed: fetched}
	n := s.keeper.add(m.lease)
	defer s.keeper.drop(n)

	if err := m.process(); err != nil && s.ctx.Err() == nil {
		s.e.log.Warn("remote: a task is left to be delivered again", "function", f.Name(), "task", m.id, "delivery", m.deliveries, "error", err)
	}
}

func (m *message) process() error {
	s := m.s
	if s.ctx.Err() != nil { // it came with the last fetch, after Shutdown's patience
		return m.release(context.Cause(s.ctx))
	}
	settled, err := m.read()
	if settled {
		return m.ack()
	}
	if bad, ok := errors.AsType[*permanent](err); ok {
		return m.bury(m.token, m.id, m.m.Data(), bad.Error(), "", 0)
	}
	if err != nil {
		return err
	}
	if m.batch && m.losses >= min(suspect, s.c.maxLosses) {
		return m.split()
	}
	if m.losses >= s.c.maxLosses {
		reason := fmt.Sprintf("%d deliveries ended without a word of the worker: it died, or lost its lease", m.losses)
		return m.bury(m.token, m.id, m.m.Data(), reason, "", m.failures)
	}
	if m.batch && m.deliveries > 1 {
		if err := m.skipDeparted(); err != nil {
			return err
		}
	}
	if err := m.run(); err != nil {
		return err
	}
	return m.settle()
}

// read looks at the message and at what is stored of its task. A *permanent error
// says that it can never be run.
func (m *message) read() (settled bool, err error) {
	e, h := m.s.e, m.m.Headers()
	subject := m.m.Subject()
	m.token = subject[strings.LastIndexByte(subject, '.')+1:]
	if m.id = text(h, headerID); m.id == "" {
		m.id = m.token
	}
	meta, err := m.m.Metadata()
	if err != nil {
		return false, err
	}
	moved := number(h, headerMoved)
	m.deliveries = moved + int(meta.NumDelivered)
	if settled, err := m.ask(e.settled, m.token); settled || err != nil {
		return settled, err
	}
	if m.deliveries > 1 {
		m.failures = moved
		_, err := m.ask(func(ctx context.Context, function, token string) (bool, error) {
			note, err := stored(ctx, e.outcomes, e.names.failed(function, token))
			if note != nil {
				m.failures = max(moved, number(note.Header, headerFailures))
				m.begun = number(note.Header, headerBegun)
			}
			return note != nil, err
		}, m.token)
		if err != nil {
			return false, err
		}
		// Nothing is held against a suspect that was waiting to be alone: what killed that
		// worker was something else.
		m.losses = min(max(0, m.deliveries-1-m.failures), suspect+m.begun)
	}

	m.batch, m.first = h.Get(headerItems) != "", number(h, headerFirst)
	bodies := [][]byte{m.m.Data()}
	if codec := h.Get(headerCodec); codec != "" && codec != m.f.codecName() {
		return false, Permanent(fmt.Errorf("the params are encoded with %q; this function uses %q", codec, m.f.codecName()))
	}
	if m.batch {
		if bodies, err = unpack(m.m.Data(), number(h, headerItems)); err != nil {
			return false, Permanent(fmt.Errorf("the params of the batch cannot be read: %w", err))
		}
	}
	m.items = make([]item, len(bodies))
	for i, body := range bodies {
		m.items[i] = item{of: m, id: m.id, params: body}
		if m.batch {
			m.items[i].id = itemID(m.id, m.first+i)
		}
	}
	return false, nil
}

// ask puts a question to the servers until it is answered or the lease is lost.
func (m *message) ask(question func(context.Context, string, string) (bool, error), token string) (yes bool, err error) {
	err = m.s.e.retry(m.ctx, func(ctx context.Context) (bool, error) {
		var err error
		yes, err = question(ctx, m.f.Name(), token)
		return err == nil, err
	})
	return yes, err
}

// errDeparted marks an item that has left its batch.
var errDeparted = errors.New("the item has left its batch")

// skipDeparted marks the items that an earlier delivery has made tasks of their
// own, or settled.
func (m *message) skipDeparted() error {
	for i := range m.items {
		known, err := m.ask(m.s.e.known, token(member, m.items[i].id))
		if err != nil {
			return err
		}
		if known {
			m.items[i].err = errDeparted
		}
	}
	return nil
}

// run has the pool run the items and waits for them.
func (m *message) run() error {
	var todo []*item
	for i := range m.items {
		if m.items[i].err == nil {
			todo = append(todo, &m.items[i])
		}
	}
	if len(todo) == 0 {
		return nil
	}
	if m.losses >= suspect {
		m.s.alone.Lock()
		defer m.s.alone.Unlock()
	} else {
		m.s.alone.RLock()
		defer m.s.alone.RUnlock()
	}
	// The server's own context first: it ends before those of its messages, one of which
	// may just have let this one be alone.
	if err := cmp.Or(context.Cause(m.s.ctx), context.Cause(m.ctx)); err != nil {
		return m.release(err)
	}
	if m.losses >= suspect {
		if err := m.note(nil, m.failures, m.begun+1); err != nil {
			return m.release(err)
		}
	}
	m.left.Store(int64(len(todo)))
	for {
		f := zeropool.SubmitBatch(m.s.pool, todo, run)
		err := m.await(f)
		if err == nil {
			return nil
		}
		if !errors.Is(err, zeropool.ErrFull) {
			m.s.e.log.Error("remote: the pool is closed; no more is fetched", "function", m.f.Name())
			m.s.stop()
			return m.release(err)
		}
		if !wait(m.ctx, pause/10) {
			return m.release(context.Cause(m.ctx))
		}
	}
}

// await waits until the items have ended. It does not wait for the Future: a
// waiter would run tasks itself, beside the pool's workers. It returns an error if
// the pool has not run them all, and never will.
func (m *message) await(f zeropool.Future) error {
	for {
		if f.Done() {
			select {
			case <-m.ended:
				return nil
			default:
				if err := f.Wait(); err != nil {
					return err
				}
			}
		}
		t := time.NewTimer(m.s.keeper.beat())
		select {
		case <-m.ended:
			t.Stop()
			return nil
		case <-t.C:
		}
	}
}

// run calls the function for one item, on a worker of the pool.
func run(p **item) {
	it := *p
	m := it.of
	defer func() {
		if v := recover(); v != nil {
			it.err, it.stack = fmt.Errorf("panic: %v", v), string(debug.Stack())
		} else if !it.returned {
			it.err = errors.New("the function called runtime.Goexit")
		}
		if m.left.Add(-1) == 0 {
			close(m.ended)
		}
	}()
	ctx := context.WithValue(m.ctx, taskKey{}, Task{
		Function: m.f.Name(), ID: it.id, Delivery: m.deliveries, Failures: m.failures,
	})
	result, err := m.f.call(ctx, it.params)
	it.result, it.err, it.returned = result, spoken(err), true
}

// spoken is an error with the text of err and no method of the program's: one that
// panics, as that of a nil pointer does, must do so where it counts as the task's.
func spoken(err error) error {
	switch {
	case err == nil:
		return nil
	case isPermanent(err):
		return Permanent(errors.New(err.Error()))
	}
	return errors.New(err.Error())
}

// settle stores what came of the items and takes the message out of its stream.
func (m *message) settle() error {
	failed := 0
	for i := range m.items {
		if err := m.items[i].err; err != nil && !errors.Is(err, errDeparted) {
			failed++
		}
	}
	if failed > 0 && m.ctx.Err() != nil {
		// It may have failed because it was told to stop.
		return m.release(context.Cause(m.ctx))
	}
	if m.batch {
		return m.settleBatch()
	}
	it := &m.items[0]
	if it.err == nil {
		out := result(m.subject(m.token, kindOK), m.id, m.f.codecName(), 0, it.result)
		return m.store(m.token, out, it)
	}
	m.logFailure(it)
	failures := m.failures + 1
	if isPermanent(it.err) || failures >= m.s.c.maxFailures {
		return m.bury(m.token, m.id, it.params, it.err.Error(), it.stack, failures)
	}
	if err := m.note(it, failures, m.begun); err != nil {
		return err
	}
	if !m.s.keeper.held(m.lease) {
		return ErrLeaseLost
	}
	return m.m.NakWithDelay(m.s.c.delay(failures))
}

// delay is how long a task rests after so many failures.
func (c *serveConfig) delay(failures int) time.Duration {
	d := c.firstDelay
	for ; failures > 1 && d < c.maxDelay; failures-- {
		d *= 2
	}
	return min(d, c.maxDelay)
}

// settleBatch stores one outcome for all items, except for those that have one of
// their own, or will: what failed, and what the message has no room for.
func (m *message) settleBatch() error {
	room := m.s.e.maxParams()
	parts := make([][]byte, len(m.items))
	for i := range m.items {
		it := &m.items[i]
		parts[i] = []byte{apart}
		tok := token(member, it.id)
		switch need := len(it.result) + 8; {
		case errors.Is(it.err, errDeparted):
		case it.err != nil:
			m.logFailure(it)
			if err := m.depart(tok, it, 1); err != nil {
				return err
			}
		case need > room:
			out := result(m.subject(tok, kindOK), it.id, m.f.codecName(), 0, it.result)
			if err := m.put(tok, out, it); err != nil {
				return err
			}
		default:
			room -= need
			parts[i] = append([]byte{inline}, it.result...)
		}
	}
	out := result(m.subject(m.token, kindOK), m.id, m.f.codecName(), len(parts), pack(parts))
	return m.store(m.token, out, nil)
}

// split makes each item a task of its own: one of them may have killed its worker,
// and must not take the others with it again.
func (m *message) split() error {
	parts := make([][]byte, len(m.items))
	for i := range m.items {
		parts[i] = []byte{apart}
		if err := m.depart(token(member, m.items[i].id), &m.items[i], 0); err != nil {
			return err
		}
	}
	out := result(m.subject(m.token, kindOK), m.id, m.f.codecName(), len(parts), pack(parts))
	return m.store(m.token, out, nil)
}

// depart makes an item that has failed so often a task of its own, or a dead
// letter.
func (m *message) depart(tok string, it *item, failures int) error {
	if it.err != nil && (isPermanent(it.err) || failures >= m.s.c.maxFailures) {
		return m.s.e.putOutcome(m.s.ctx, m.f.Name(), tok, m.deadLetter(tok, it.id, it.params, it.err.Error(), it.stack, failures))
	}
	out := m.s.e.task(m.f, tok, it.id, it.params)
	if failures > 0 {
		out.Header.Set(headerMoved, fmt.Sprint(failures))
	}
	for {
		err := m.s.e.putTask(m.s.ctx, m.f.Name(), tok, out, false)
		if !errors.Is(err, ErrFull) {
			return err
		}
		if !wait(m.s.ctx, pause) {
			return context.Cause(m.s.ctx)
		}
	}
}

// bury stores a dead letter and takes the message out of its stream.
func (m *message) bury(tok, id string, params []byte, reason, stack string, failures int) error {
	m.s.e.log.Error("remote: a task is given up", "function", m.f.Name(), "task", id, "reason", reason)
	return m.store(tok, m.deadLetter(tok, id, params, reason, stack, failures), nil)
}

func (m *message) deadLetter(tok, id string, params []byte, reason, stack string, failures int) *nats.Msg {
	d := &DeadLetter{ID: id, Reason: reason, Stack: stack, Failures: failures, Deliveries: m.deliveries, Params: params}
	return d.message(m.subject(tok, kindDead))
}

// store stores an outcome and takes the message out of its stream. It does so even
// if the lease is lost: a result is a result, and with an outcome stored nobody
// needs the message.
func (m *message) store(tok string, out *nats.Msg, it *item) error {
	if err := m.put(tok, out, it); err != nil {
		return err
	}
	return m.ack()
}

// put stores an outcome, and a dead letter in place of a result that is too large.
func (m *message) put(tok string, out *nats.Msg, it *item) error {
	err := m.s.e.putOutcome(m.s.ctx, m.f.Name(), tok, out)
	if it != nil && tooLarge(err) {
		reason := fmt.Sprintf("a result of %d bytes is too large for one message: %v", len(it.result), err)
		return m.s.e.putOutcome(m.s.ctx, m.f.Name(), tok, m.deadLetter(tok, it.id, it.params, reason, "", m.failures))
	}
	return err
}

func (m *message) subject(tok, kind string) string {
	return withKind(m.s.e.names.outcome(m.f.Name(), tok), kind)
}

// note stores how often the task has failed, and has begun as a suspect, which the
// server does not count, and of the item that has failed, unless it is nil, the error.
func (m *message) note(it *item, failures, begun int) error {
	d := &DeadLetter{ID: m.id, Failures: failures, Deliveries: m.deliveries}
	if it != nil {
		d.Reason, d.Stack = it.err.Error(), it.stack
	}
	n := d.message(m.s.e.names.failed(m.f.Name(), m.token))
	n.Header.Del("Nats-TTL")
	n.Header.Set(headerBegun, strconv.Itoa(begun))
	return m.s.e.retry(m.ctx, func(ctx context.Context) (bool, error) {
		_, err := m.s.e.js.PublishMsg(ctx, n)
		return err == nil, err
	})
}

// ack takes the message out of its stream. If the server does not confirm it, the
// message comes again and is found settled.
func (m *message) ack() (err error) {
	for range 3 {
		ctx, cancel := context.WithTimeout(m.s.ctx, oneTry)
		err = m.m.DoubleAck(ctx)
		cancel()
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("the acknowledgement is not confirmed: %w", err)
}

// release gives the message to another worker, unless the lease is lost: then it
// may be another worker's already. It rests until a fetch of this server that is
// still open has ended.
func (m *message) release(reason error) error {
	if m.s.keeper.held(m.lease) {
		if err := m.m.NakWithDelay(m.s.idle()); err != nil {
			return fmt.Errorf("%w (%w)", reason, err)
		}
	}
	return reason
}

func (m *message) logFailure(it *item) {
	args := []any{"function", m.f.Name(), "task", it.id, "delivery", m.deliveries, "error", it.err}
	if it.stack != "" {
		args = append(args, "stack", it.stack)
	}
	m.s.e.log.Warn("remote: a task failed", args...)
}
