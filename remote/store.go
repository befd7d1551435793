package remote

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// onlyFirst makes the server refuse m when a message is stored under a subject
// that matches filter. Tasks and outcomes are both written so: it is what makes a
// second submission the same task, and the first outcome the only one.
func onlyFirst(m *nats.Msg, filter string) {
	m.Header.Set("Nats-Expected-Last-Subject-Sequence", "0")
	m.Header.Set("Nats-Expected-Last-Subject-Sequence-Subject", filter)
}

// refused says that the server has, or is about to have, another message in the
// place of one written with onlyFirst. The other one can still be lost with the
// leader of a cluster, so the caller must look.
func refused(err error) bool {
	code := apiCode(err)
	return code == jetstream.JSErrCodeStreamWrongLastSequence || code == jetstream.JSErrCodeStreamWrongLastSequenceConstant
}

func full(err error) bool {
	code := apiCode(err)
	return code == codeNoResources || code == codeStoreFailed
}

func tooLarge(err error) bool {
	return errors.Is(err, nats.ErrMaxPayload) || apiCode(err) == jetstream.JSErrCodeStreamMessageExceedsMaximum
}

// stored returns the last message of the stream whose subject matches, and nil if
// there is none.
func stored(ctx context.Context, s jetstream.Stream, subject string) (*jetstream.RawStreamMsg, error) {
	m, err := s.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return m, err
}

// settled says whether the task has an outcome.
func (e *Engine) settled(ctx context.Context, function, token string) (bool, error) {
	m, err := stored(ctx, e.outcomes, e.names.outcome(function, token))
	return m != nil, err
}

// known says whether the task is queued or has an outcome. It looks in this order
// because a task is taken out of its stream after its outcome is stored.
func (e *Engine) known(ctx context.Context, function, token string) (bool, error) {
	m, err := stored(ctx, e.tasks, e.names.task(function, token))
	if m != nil || err != nil {
		return m != nil, err
	}
	return e.settled(ctx, function, token)
}

// putTask stores a task unless it is known, trying until ctx ends. A task that
// fresh calls new cannot be known at the first try.
func (e *Engine) putTask(ctx context.Context, function, token string, m *nats.Msg, fresh bool) error {
	onlyFirst(m, m.Subject)
	return e.retry(ctx, func(ctx context.Context) (bool, error) {
		if !fresh {
			// The queue cannot tell of a task that is done with.
			if settled, err := e.settled(ctx, function, token); settled || err != nil {
				return settled, err
			}
		}
		fresh = false
		_, err := e.js.PublishMsg(ctx, m)
		switch {
		case refused(err):
			return e.known(ctx, function, token)
		case full(err):
			return true, fmt.Errorf("%w (%w)", ErrFull, err)
		case tooLarge(err):
			return true, fmt.Errorf("%w (%w)", ErrTooLarge, err)
		}
		return err == nil || apiStatus(err) == 400, err
	})
}

// putOutcome stores the outcome of a task unless it has one, trying until ctx
// ends: an outcome is what the work was done for, so a full stream or a server
// that is away only delays it.
func (e *Engine) putOutcome(ctx context.Context, function, token string, m *nats.Msg) error {
	onlyFirst(m, e.names.outcome(function, token))
	tries := 0
	return e.retry(ctx, func(ctx context.Context) (bool, error) {
		_, err := e.js.PublishMsg(ctx, m)
		if refused(err) {
			return e.settled(ctx, function, token)
		}
		if err == nil || tooLarge(err) {
			return true, err
		}
		if tries%100 == 0 { // every ten seconds or so
			e.log.Warn("remote: an outcome cannot be stored yet", "function", function, "task", text(m.Header, headerID), "error", err)
		}
		tries++
		return false, err
	})
}
