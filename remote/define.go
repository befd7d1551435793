package remote

import (
	"context"
	"errors"
	"fmt"
)

// A Func is a function that may run in another process, under a name that both
// sides know. It is made by Define and does not change; any number of goroutines
// may use it.
type Func[P, R any] struct {
	name  string
	codec Codec
	fn    func(context.Context, *P) (R, error)
}

// A DefineOption changes what Define makes.
type DefineOption interface{ define(*defineConfig) }

type defineConfig struct{ codec Codec }

type defineOption func(*defineConfig)

func (o defineOption) define(c *defineConfig) { o(c) }

// WithCodec makes a function use another codec than JSON for its params and its
// results. It panics if c is nil.
func WithCodec(c Codec) DefineOption {
	if c == nil {
		panic("remote: WithCodec: nil Codec")
	}
	return defineOption(func(d *defineConfig) { d.codec = c })
}

// Define gives fn a name under which other processes run it. The name carries the
// version, as in "render@v1": a change of params, result or meaning needs another
// version, and tasks of a version wait until somebody serves it.
//
// The function may run several times at a time, and more than once for one task.
// Its context ends when the lease of the task is lost or Shutdown's patience is at
// its end; TaskOf tells which task it is. An error or a panic means another try
// later, unless it wraps what Permanent returned.
//
// Define panics if CheckName rejects the name or fn is nil: both are mistakes in
// the program, and it is meant for package variables.
func Define[P, R any](name string, fn func(ctx context.Context, params *P) (R, error), opts ...DefineOption) *Func[P, R] {
	if err := CheckName(name); err != nil {
		panic(err.Error())
	}
	if fn == nil {
		panic("remote: Define: nil function")
	}
	c := defineConfig{codec: JSON}
	for _, o := range opts {
		o.define(&c)
	}
	return &Func[P, R]{name: name, codec: c.codec, fn: fn}
}

// Name returns the name with the version.
func (f *Func[P, R]) Name() string { return f.name }

// function is a Func whose types are hidden.
type function interface {
	Name() string
	codecName() string
	// call decodes the params, runs the function and encodes its result.
	call(ctx context.Context, params []byte) ([]byte, error)
}

func (f *Func[P, R]) codecName() string { return f.codec.Name() }

func (f *Func[P, R]) call(ctx context.Context, data []byte) ([]byte, error) {
	params := new(P)
	if err := f.codec.Unmarshal(data, params); err != nil {
		return nil, Permanent(fmt.Errorf("params cannot be decoded (%s): %w", f.codec.Name(), err))
	}
	result, err := f.fn(ctx, params)
	if err != nil {
		return nil, err
	}
	if data, err = f.codec.Marshal(&result); err != nil {
		return nil, Permanent(fmt.Errorf("result cannot be encoded (%s): %w", f.codec.Name(), err))
	}
	return data, nil
}

// Permanent marks an error as one that another try would meet again: the task
// becomes a dead letter at once. It returns nil if err is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanent{err}
}

type permanent struct{ err error }

func (p *permanent) Error() string { return p.err.Error() }
func (p *permanent) Unwrap() error { return p.err }

func isPermanent(err error) bool {
	_, ok := errors.AsType[*permanent](err)
	return ok
}

// A Task is what a function may know about the task it runs for.
type Task struct {
	Function string // name with version
	ID       string // as given to Submit, or made by it; of a batch: the batch's ID, "-" and the index
	Delivery int    // how often the task has been handed to a worker, this time included
	Failures int    // how many tries have ended with an error or a panic
}

type taskKey struct{}

// TaskOf returns the task that a function runs for, from the function's context,
// and the zero Task for any other context.
func TaskOf(ctx context.Context) Task {
	t, _ := ctx.Value(taskKey{}).(Task)
	return t
}
