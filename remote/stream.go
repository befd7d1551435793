package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func (c *engineConfig) tasksConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        c.names.tasks(),
		Description: "zeropool: tasks that have no outcome yet",
		Subjects:    []string{c.names.task("*", "*")},
		Retention:   jetstream.WorkQueuePolicy,
		Discard:     jetstream.DiscardNew, // a full stream refuses; it must not drop what it has accepted
		Storage:     jetstream.FileStorage,
		MaxBytes:    cmp.Or(c.tasksBytes, 1<<30),
		Replicas:    cmp.Or(c.replicas, 1),
	}
}

func (c *engineConfig) outcomesConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        c.names.outcomes(),
		Description: "zeropool: results, dead letters and counts of failed tries",
		// The last token of an outcome is its kind, so one filter lists the dead
		// letters.
		Subjects:          []string{c.names.outcome("*", "*"), c.names.failed("*", "*")},
		Retention:         jetstream.LimitsPolicy,
		Discard:           jetstream.DiscardNew,
		Storage:           jetstream.FileStorage,
		MaxMsgsPerSubject: 1,
		MaxBytes:          cmp.Or(c.outcomesBytes, 1<<30),
		MaxAge:            cmp.Or(c.keep, 24*time.Hour),
		AllowMsgTTL:       true, // a dead letter stays
		AllowDirect:       true,
		RePublish: &jetstream.RePublish{
			// Unlike a subscription to the subject itself, it shows only what has
			// been stored. The kind is left out, so that waiters need no wildcard,
			// which costs the server more.
			Source:      c.names.outcome("*", "*"),
			Destination: c.names.done("{{wildcard(1)}}", "{{wildcard(2)}}"),
		},
		Replicas: cmp.Or(c.replicas, 1),
	}
}

// stream returns the stream, which it makes if there is none. Of one that exists
// it compares what this package relies on; sizes only if they were given, which
// bytes and age say.
func (e *Engine) stream(ctx context.Context, c *engineConfig, want jetstream.StreamConfig, bytes, age bool) (jetstream.Stream, error) {
	var s jetstream.Stream
	start := time.Now()
	err := e.retry(ctx, func(ctx context.Context) (bool, error) {
		var err error
		if s, err = e.js.Stream(ctx, want.Name); errors.Is(err, jetstream.ErrStreamNotFound) && !c.existing {
			s, err = e.js.CreateStream(ctx, want)
		}
		if absent(err) && time.Since(start) < startPatience {
			return false, err // a server that has just started enables it a little later
		}
		// The name may just have been taken by another engine: look again.
		return err == nil || !transient(err) && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse), err
	})
	if absent(err) {
		return nil, fmt.Errorf("remote: the server %s does not have JetStream enabled (%w)", e.nc.ConnectedUrlRedacted(), err)
	}
	if err != nil {
		return nil, fmt.Errorf("remote: stream %s: %w", want.Name, err)
	}
	have := s.CachedInfo().Config
	slices.Sort(have.Subjects)
	slices.Sort(want.Subjects)
	d := differences{}
	d.add("subjects", have.Subjects, want.Subjects)
	d.add("retention", have.Retention, want.Retention)
	d.add("discard policy", have.Discard, want.Discard)
	d.add("storage", have.Storage, want.Storage)
	d.add("persist mode", have.PersistMode, want.PersistMode)
	d.add("messages per subject", max(have.MaxMsgsPerSubject, 0), want.MaxMsgsPerSubject)
	d.add("maximum of messages", max(have.MaxMsgs, 0), want.MaxMsgs)
	d.add("message TTL allowed", have.AllowMsgTTL, want.AllowMsgTTL)
	d.add("direct get allowed", have.AllowDirect || !want.AllowDirect, true)
	d.add("republish", republish(have), republish(want))
	if c.replicas != 0 {
		d.add("replicas", have.Replicas, want.Replicas)
	}
	if bytes {
		d.add("maximum of bytes", have.MaxBytes, want.MaxBytes)
	}
	if age {
		d.add("maximum age", have.MaxAge, want.MaxAge)
	}
	return s, d.err("stream " + want.Name)
}

func republish(c jetstream.StreamConfig) string {
	if c.RePublish == nil {
		return "none"
	}
	return fmt.Sprintf("%s to %s, headers only: %v", c.RePublish.Source, c.RePublish.Destination, c.RePublish.HeadersOnly)
}

// differences are settings that are not what they should be.
type differences []string

func (d *differences) add(setting string, have, want any) {
	if h, w := fmt.Sprint(have), fmt.Sprint(want); h != w {
		*d = append(*d, fmt.Sprintf("%s is %s, not %s", setting, h, w))
	}
}

func (d differences) err(what string) error {
	if len(d) == 0 {
		return nil
	}
	return fmt.Errorf("remote: %s %w: %s", what, ErrSettings, strings.Join(d, "; "))
}

// startPatience is for a server that listens and is not ready yet.
const startPatience = 3 * time.Second

// absent says that nobody answers requests to JetStream.
func absent(err error) bool {
	return errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) || errors.Is(err, nats.ErrNoResponders)
}

// transient says whether a request that failed may succeed later.
func transient(err error) bool {
	return errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, nats.ErrDisconnected) ||
		errors.Is(err, nats.ErrConnectionReconnecting) ||
		apiStatus(err) == 503 && !absent(err)
}
