package remote

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

// A SubmitOption changes one submission.
type SubmitOption interface{ submit(*submitConfig) error }

type submitOption func(*submitConfig) error

func (o submitOption) submit(c *submitConfig) error { return o(c) }

type submitConfig struct {
	id         string // "" if not given
	perMessage int
}

// ID names the task, with 1 to 1024 bytes of any kind. As long as a task of the
// same function with this ID is queued, runs, or has an outcome that is kept,
// another submission is that same task, whatever its params: nothing is stored,
// and its Future gets the same outcome. Of a batch it names the whole, which must
// then be submitted again with the same number of items of the same sizes.
func ID(key string) SubmitOption {
	return submitOption(func(c *submitConfig) error {
		if key == "" || len(key) > maxID {
			return fmt.Errorf("remote: ID of %d bytes: an ID has 1 to %d bytes", len(key), maxID)
		}
		c.id = key
		return nil
	})
}

// PerMessage sets how many items of a batch go into one message, from 1 to 1024.
// The default is 64. A message goes to one worker and also ends where its params
// reach 256 KiB.
func PerMessage(n int) SubmitOption {
	return submitOption(func(c *submitConfig) error {
		if n < 1 || n > maxItems {
			return fmt.Errorf("remote: PerMessage(%d): the number must be from 1 to %d", n, maxItems)
		}
		c.perMessage = n
		return nil
	})
}

func (e *Engine) submitConfig(opts []SubmitOption) (c submitConfig, fresh bool, err error) {
	c = submitConfig{perMessage: 64}
	if e == nil {
		return c, false, errors.New("remote: nil Engine")
	}
	for _, o := range opts {
		if err := o.submit(&c); err != nil {
			return c, false, err
		}
	}
	if fresh = c.id == ""; fresh {
		c.id = newID()
	}
	return c, fresh, nil
}

// maxParams is how many bytes the params of one message may have.
func (e *Engine) maxParams() int { return int(e.nc.MaxPayload()) - headroom }

// Submit stores a task and returns its Future. When it returns without an error,
// the servers have the task. It tries until ctx ends; then the task may have been
// stored or not, and a second Submit with the same ID makes sure. Refusals come at
// once: ErrFull, ErrTooLarge for params above the server's limit less 64 KiB
// (960 KiB by default), or params that the codec cannot encode.
func (f *Func[P, R]) Submit(ctx context.Context, e *Engine, params *P, opts ...SubmitOption) (*Future[R], error) {
	c, fresh, err := e.submitConfig(opts)
	if err != nil {
		return nil, err
	}
	if params == nil {
		return nil, fmt.Errorf("remote: %s: nil params", f.name)
	}
	body, err := f.encode(e, params)
	if err != nil {
		return nil, fmt.Errorf("remote: %s: %w", f.name, err)
	}
	tok := token(single, c.id)
	if err := e.putTask(ctx, f.name, tok, e.task(f, tok, c.id, body), fresh); err != nil {
		return nil, fmt.Errorf("remote: %s, task %q: %w", f.name, c.id, err)
	}
	return &Future[R]{id: c.id, codec: f.codec, task: &pending{e: e, function: f.name, token: tok, id: c.id}}, nil
}

// SubmitBatch stores a task for each element of params, many in one message, and
// returns a Future for each. The items of a message run at the same time in one
// worker, and their results are stored together; an item that fails is tried
// again by itself.
//
// An error means that some of the messages may have been stored: nothing is if it
// is ErrTooLarge or the codec's. With an ID, submitting the same again stores only
// what is missing.
func (f *Func[P, R]) SubmitBatch(ctx context.Context, e *Engine, params []P, opts ...SubmitOption) (Futures[R], error) {
	c, fresh, err := e.submitConfig(opts)
	if err != nil {
		return nil, err
	}
	bodies := make([][]byte, len(params))
	for i := range params {
		if bodies[i], err = f.encode(e, &params[i]); err != nil {
			return nil, fmt.Errorf("remote: %s, item %d: %w", f.name, i, err)
		}
	}
	futures := make(Futures[R], len(params))
	for first := 0; first < len(params); {
		end := batchEnd(bodies, first, c.perMessage)
		id := fmt.Sprintf("%s[%d:%d]", c.id, first, end)
		tok := token(part, id)
		m := e.task(f, tok, c.id, pack(bodies[first:end]))
		m.Header.Set(headerItems, strconv.Itoa(end-first))
		m.Header.Set(headerFirst, strconv.Itoa(first))
		if err := e.putTask(ctx, f.name, tok, m, fresh); err != nil {
			return nil, fmt.Errorf("remote: %s, batch %q, items from %d on of %d: %w", f.name, c.id, first, len(params), err)
		}
		task := &pending{e: e, function: f.name, token: tok, id: id}
		for i := first; i < end; i++ {
			futures[i] = &Future[R]{id: itemID(c.id, i), codec: f.codec, task: task, item: i - first, items: end - first}
		}
		first = end
	}
	return futures, nil
}

// batchEnd is where the message ends whose first item is first.
func batchEnd(bodies [][]byte, first, perMessage int) int {
	size := 0
	for i := first; i < min(len(bodies), first+perMessage); i++ {
		if size += len(bodies[i]); size > maxBatchBytes && i > first {
			return i
		}
	}
	return min(len(bodies), first+perMessage)
}

// itemID is the ID of a task that leaves its batch.
func itemID(batch string, i int) string { return batch + "-" + strconv.Itoa(i) }

func (f *Func[P, R]) encode(e *Engine, params *P) ([]byte, error) {
	body, err := f.codec.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("params cannot be encoded (%s): %w", f.codec.Name(), err)
	}
	if limit := e.maxParams(); len(body) > limit {
		return nil, fmt.Errorf("params of %d bytes are %w (%d bytes at most)", len(body), ErrTooLarge, limit)
	}
	return body, nil
}

// task is the message that stands for a task.
func (e *Engine) task(f function, token, id string, body []byte) *nats.Msg {
	m := nats.NewMsg(e.names.task(f.Name(), token))
	m.Data = body
	setText(m.Header, headerID, id)
	m.Header.Set(headerCodec, f.codecName())
	return m
}
