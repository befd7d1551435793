package remote

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// The headers of tasks and outcomes. Texts are quoted as in Go, in ASCII: a header
// cannot hold a line break.
const (
	headerID         = "Zeropool-Id"         // a task's or a batch's ID
	headerCodec      = "Zeropool-Codec"      // the codec of the body
	headerItems      = "Zeropool-Items"      // the number of items, in a batch only
	headerFirst      = "Zeropool-First"      // the index of the first item of this message within its batch
	headerMoved      = "Zeropool-Moved"      // the failures of a task before it left its batch
	headerError      = "Zeropool-Error"      // of a dead letter or of a failed try
	headerStack      = "Zeropool-Stack"      // likewise, of a panic
	headerFailures   = "Zeropool-Failures"   // likewise
	headerBegun      = "Zeropool-Begun"      // times that a task which is not given up has begun as a suspect
	headerDeliveries = "Zeropool-Deliveries" // likewise
	headerTime       = "Zeropool-Time"       // likewise, RFC 3339
)

const (
	// maxID bounds an ID, maxError and maxStack what is kept of an error and of a
	// stack, in bytes. Quoted they may be four times as long, which a header of
	// 64 KiB, the server's limit, still holds.
	maxID    = 1 << 10
	maxError = 2 << 10
	maxStack = 8 << 10
	// headroom is what a message keeps free for headers below the server's limit,
	// so that a dead letter has room for the params.
	headroom = 64 << 10
	// leastPayload is what a server must take at least: as much again for params
	// and results.
	leastPayload = 2 * headroom
	// maxItems and maxBatchBytes bound one message of a batch.
	maxItems      = 1024
	maxBatchBytes = 256 << 10
)

// cut returns at most n bytes of the text.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return text[:n-3] + "..."
}

func setText(h nats.Header, key, text string) {
	if text != "" {
		h.Set(key, strconv.QuoteToASCII(text))
	}
}

// text reads what setText wrote; what another program wrote is taken as it is.
func text(h nats.Header, key string) string {
	v := h.Get(key)
	if plain, err := strconv.Unquote(v); err == nil {
		return plain
	}
	return v
}

func number(h nats.Header, key string) int {
	n, err := strconv.Atoi(h.Get(key))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// A DeadLetter is the outcome of a task that has no result. Wait returns it as its
// error.
type DeadLetter struct {
	Function   string    // name with version
	ID         string    // of the task
	Reason     string    // the error of the last try, or why there was none
	Stack      string    // of the goroutine that panicked, if that was the reason
	Failures   int       // tries that ended with an error or a panic
	Deliveries int       // how often the task was handed to a worker
	Params     []byte    // as they were submitted
	Time       time.Time // when it was given up

	token string // of its subject
}

// Error says what became of the task, in one line.
func (d *DeadLetter) Error() string {
	return fmt.Sprintf("remote: %s, task %q: given up after %d failures in %d deliveries: %s",
		d.Function, d.ID, d.Failures, d.Deliveries, d.Reason)
}

// message writes the dead letter to be stored under a subject.
func (d *DeadLetter) message(subject string) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Data = d.Params
	setText(m.Header, headerID, d.ID)
	setText(m.Header, headerError, cut(d.Reason, maxError))
	setText(m.Header, headerStack, cut(d.Stack, maxStack))
	m.Header.Set(headerFailures, strconv.Itoa(d.Failures))
	m.Header.Set(headerDeliveries, strconv.Itoa(d.Deliveries))
	m.Header.Set(headerTime, time.Now().UTC().Format(time.RFC3339Nano))
	m.Header.Set("Nats-TTL", "never")
	return m
}

func readDeadLetter(subject string, h nats.Header, body []byte) *DeadLetter {
	d := &DeadLetter{
		ID:         text(h, headerID),
		Reason:     text(h, headerError),
		Stack:      text(h, headerStack),
		Failures:   number(h, headerFailures),
		Deliveries: number(h, headerDeliveries),
		Params:     body,
	}
	if t := strings.Split(subject, "."); len(t) > 3 {
		d.Function, d.token = t[2], t[3]
	}
	d.Time, _ = time.Parse(time.RFC3339Nano, h.Get(headerTime))
	return d
}

// outcome is a stored outcome: of a task, or of all items of one message of a
// batch.
type outcome struct {
	dead  *DeadLetter // nil if there are results
	codec string
	body  []byte   // of a single task: its result
	items [][]byte // of a batch: inline and the result, or apart
}

// The first byte of an item in the outcome of a batch.
const (
	inline = 'r' // its result follows
	apart  = 'a' // it has an outcome of its own, or will have
)

var errBadOutcome = errors.New("not an outcome")

// readOutcome reads a message of the subject PREFIX.out.FUNCTION.TOKEN.KIND.
func readOutcome(subject string, h nats.Header, body []byte) (*outcome, error) {
	switch kind := subject[strings.LastIndexByte(subject, '.')+1:]; kind {
	case kindDead:
		return &outcome{dead: readDeadLetter(subject, h, body)}, nil
	case kindOK:
		o := &outcome{codec: h.Get(headerCodec), body: body}
		if h.Get(headerItems) == "" {
			return o, nil
		}
		var err error
		if o.items, err = unpack(body, number(h, headerItems)); err != nil {
			return nil, fmt.Errorf("remote: outcome %s: %w", subject, err)
		}
		for i, item := range o.items {
			if len(item) == 0 || item[0] != inline && item[0] != apart {
				return nil, fmt.Errorf("remote: outcome %s: item %d: %w", subject, i, errBadOutcome)
			}
		}
		return o, nil
	default:
		return nil, fmt.Errorf("remote: outcome %s: %w", subject, errBadOutcome)
	}
}

// result is the message that stores the result of a single task, or of a batch if
// items is not 0.
func result(subject, id, codec string, items int, body []byte) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Data = body
	setText(m.Header, headerID, id)
	m.Header.Set(headerCodec, codec)
	if items != 0 {
		m.Header.Set(headerItems, strconv.Itoa(items))
	}
	return m
}
