package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Future is a task that has been stored. Any number of goroutines may wait for
// it, any number of times, for as long as its outcome is kept.
type Future[R any] struct {
	id    string
	codec Codec
	task  *pending // the task, or the message of a batch that it is in
	item  int      // its index in that message
	items int      // of that message; 0 if it is not in a batch
}

// Futures are those of a batch, in the order of its params.
type Futures[R any] []*Future[R]

// ID returns the ID of the task.
func (f *Future[R]) ID() string { return f.id }

// Wait returns the result of the task. A task that was given up returns a
// *DeadLetter as the error. When ctx ends first, Wait returns its error, with
// ErrNotServed if nobody has ever served the function; the task goes on.
func (f *Future[R]) Wait(ctx context.Context) (R, error) {
	r, err := f.wait(ctx)
	if _, dead := errors.AsType[*DeadLetter](err); err != nil && !dead {
		err = fmt.Errorf("remote: %s, task %q: %w", f.task.function, f.id, err)
	}
	return r, err
}

func (f *Future[R]) wait(ctx context.Context) (result R, err error) {
	o, err := f.task.wait(ctx)
	if err != nil {
		return result, err
	}
	if o.dead != nil {
		return result, o.dead
	}
	if len(o.items) != f.items {
		return result, fmt.Errorf("the outcome has %d items, not %d: the ID has been used for another kind of submission", len(o.items), f.items)
	}
	body := o.body
	if f.items != 0 {
		item := o.items[f.item]
		if item[0] == apart {
			alone := &pending{e: f.task.e, function: f.task.function, token: token(member, f.id), id: f.id}
			return (&Future[R]{id: f.id, codec: f.codec, task: alone}).wait(ctx)
		}
		body = item[1:]
	}
	if o.codec != f.codec.Name() {
		return result, fmt.Errorf("the result is encoded with %q, not %q", o.codec, f.codec.Name())
	}
	if err := f.codec.Unmarshal(body, &result); err != nil {
		return result, fmt.Errorf("the result cannot be decoded (%s): %w", f.codec.Name(), err)
	}
	return result, nil
}

// Wait waits for all and returns their results. Its error is that of the lowest
// index whose task was given up; the results of the others are valid then. When
// ctx ends it returns at once.
func (fs Futures[R]) Wait(ctx context.Context) ([]R, error) {
	results := make([]R, len(fs))
	var first error
	for i, f := range fs {
		var err error
		results[i], err = f.Wait(ctx)
		if err == nil {
			continue
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return results, first
}

// pending is a message of the stream of tasks whose outcome somebody wants.
type pending struct {
	e               *Engine
	function, token string
	id              string

	mu sync.Mutex
	o  *outcome // once known
}

func (p *pending) known(o *outcome) *outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o != nil {
		p.o = o
	}
	return p.o
}

const (
	// glance is how often a waiter sees whether the connection was lost meanwhile.
	glance = time.Second
	// longestLook bounds the time between two looks at the store, of which each
	// is twice as long as the one before. What is stored while the waiter is
	// connected is pushed to it, but a push may be lost.
	longestLook = 16 * time.Second
)

// wait returns the outcome once there is one. It subscribes before it looks, so
// that an outcome is either found or pushed.
func (p *pending) wait(ctx context.Context) (*outcome, error) {
	if o := p.known(nil); o != nil {
		return o, nil
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	// Not SubscribeSync, whose channel takes half a megabyte.
	pushed := make(chan *nats.Msg, 1)
	sub, err := p.e.nc.ChanSubscribe(p.e.names.done(p.function, p.token), pushed)
	if err != nil {
		return nil, err
	}
	defer sub.Unsubscribe()
	served := true
	for interval := glance; ; interval = min(2*interval, longestLook) {
		connects := p.e.nc.Stats().Reconnects
		o, err := p.look(ctx)
		if o != nil || err != nil {
			return p.known(o), err
		}
		for at := time.Now(); time.Since(at) < interval && connects == p.e.nc.Stats().Reconnects && !p.e.nc.IsClosed(); {
			t := time.NewTimer(glance)
			select {
			case m := <-pushed:
				t.Stop()
				o, err := readOutcome(m.Header.Get("Nats-Subject"), m.Header, m.Data)
				return p.known(o), err
			case <-ctx.Done():
				t.Stop()
				err := context.Cause(ctx)
				if !served {
					err = fmt.Errorf("%w: %w", ErrNotServed, err)
				}
				return nil, err
			case <-t.C:
			}
		}
		served = p.served(ctx)
	}
}

// look returns the outcome if it is stored. Servers that cannot answer now are no
// error: the next look may find them back.
func (p *pending) look(ctx context.Context) (*outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, oneTry)
	defer cancel()
	m, err := stored(ctx, p.e.outcomes, p.e.names.outcome(p.function, p.token))
	if p.e.nc.IsClosed() {
		return nil, nats.ErrConnectionClosed
	}
	if m == nil || err != nil {
		return nil, nil
	}
	return readOutcome(m.Subject, m.Header, m.Data)
}

// served returns false if it is known that nobody has ever served the function.
func (p *pending) served(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, oneTry)
	defer cancel()
	_, err := p.e.tasks.Consumer(ctx, p.function)
	return !errors.Is(err, jetstream.ErrConsumerNotFound)
}
