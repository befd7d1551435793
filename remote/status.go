package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// A Status is what the servers know of the tasks. The numbers are read one after
// the other while the work goes on. A message is a task or a part of a batch.
type Status struct {
	Functions []FunctionStatus // by name
	Tasks     StreamStatus
	Outcomes  StreamStatus // results, dead letters, and counts of failed tries
	Dead      int          // dead letters
}

// A StreamStatus is the size of a stream and its limit.
type StreamStatus struct {
	Messages uint64
	Bytes    uint64
	MaxBytes int64 // -1: none
	Replicas int
}

// A FunctionStatus is about one function, with its version.
type FunctionStatus struct {
	Name    string
	Served  bool // a worker has served it at some time; otherwise its tasks wait for one
	Waiting int  // messages that no worker holds and that have not been tried
	Held    int  // messages that a worker holds, or that rest between two tries
	Retried int  // of those held, how many have been delivered more than once
	Pulling int  // open requests of idle workers
	Dead    int  // dead letters
}

// Status asks the servers how things stand.
func (e *Engine) Status(ctx context.Context) (Status, error) {
	s, err := e.status(ctx)
	if err != nil {
		return s, fmt.Errorf("remote: status: %w", err)
	}
	return s, nil
}

func (e *Engine) status(ctx context.Context) (Status, error) {
	var s Status
	functions := make(map[string]*FunctionStatus)
	of := func(name string) *FunctionStatus {
		if functions[name] == nil {
			functions[name] = &FunctionStatus{Name: name}
		}
		return functions[name]
	}
	dead := withKind(e.names.outcome("*", "*"), kindDead)
	outcomes, err := e.outcomes.Info(ctx, jetstream.WithSubjectFilter(dead))
	if err != nil {
		return s, err
	}
	s.Outcomes = streamStatus(outcomes)
	for subject, n := range outcomes.State.Subjects {
		of(strings.Split(subject, ".")[2]).Dead += int(n)
		s.Dead += int(n)
	}
	served := 0
	list := e.tasks.ListConsumers(ctx)
	for c := range list.Info() {
		f := of(c.Name)
		f.Served, f.Waiting, f.Held, f.Retried, f.Pulling = true, int(c.NumPending), c.NumAckPending, c.NumRedelivered, c.NumWaiting
		served += f.Waiting + f.Held
	}
	if err := list.Err(); err != nil {
		return s, err
	}
	tasks, err := e.tasks.Info(ctx)
	if err != nil {
		return s, err
	}
	s.Tasks = streamStatus(tasks)
	if int(tasks.State.Msgs) > served {
		// Some function has no worker yet. Which one only the subjects tell.
		if tasks, err = e.tasks.Info(ctx, jetstream.WithSubjectFilter(e.names.task("*", "*"))); err != nil {
			return s, err
		}
		for subject, n := range tasks.State.Subjects {
			if f := of(strings.Split(subject, ".")[2]); !f.Served {
				f.Waiting += int(n)
			}
		}
	}
	for _, f := range functions {
		s.Functions = append(s.Functions, *f)
	}
	slices.SortFunc(s.Functions, func(a, b FunctionStatus) int { return cmp.Compare(a.Name, b.Name) })
	return s, nil
}

func streamStatus(i *jetstream.StreamInfo) StreamStatus {
	return StreamStatus{i.State.Msgs, i.State.Bytes, i.Config.MaxBytes, i.Config.Replicas}
}

// DeadLetters returns the dead letters in the order in which they were stored. It
// ends with an error if the servers do not answer.
func (e *Engine) DeadLetters(ctx context.Context) iter.Seq2[*DeadLetter, error] {
	return func(yield func(*DeadLetter, error) bool) {
		filter := withKind(e.names.outcome("*", "*"), kindDead)
		for seq := uint64(1); ; {
			m, err := e.outcomes.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(filter))
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				return
			}
			if err != nil {
				yield(nil, fmt.Errorf("remote: dead letters: %w", err))
				return
			}
			if !yield(readDeadLetter(m.Subject, m.Header, m.Data), nil) {
				return
			}
			seq = m.Sequence + 1
		}
	}
}

// Remove removes a dead letter that DeadLetters or Wait returned, so that its ID can
// be submitted again.
func (e *Engine) Remove(ctx context.Context, d *DeadLetter) error {
	if d == nil || d.token == "" {
		return errors.New("remote: Remove: not a stored dead letter")
	}
	err := e.outcomes.Purge(ctx, jetstream.WithPurgeSubject(withKind(e.names.outcome(d.Function, d.token), kindDead)))
	if err == nil {
		err = e.outcomes.Purge(ctx, jetstream.WithPurgeSubject(e.names.failed(d.Function, d.token)))
	}
	if err != nil {
		return fmt.Errorf("remote: remove the dead letter of %s, task %q: %w", d.Function, d.ID, err)
	}
	return nil
}
