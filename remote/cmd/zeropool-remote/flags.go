package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/zeropool-go/zeropool/internal/cli"
	"github.com/zeropool-go/zeropool/remote"
)

// flags are what the commands have in common.
type flags struct {
	*flag.FlagSet
	name   string
	args   int          // how many arguments follow the flags
	check  func() error // says what is wrong with the flags that only this command has; nil: nothing can be
	server string
	dir    string
	listen string
	stream string
	away   time.Duration
}

func newFlags(name, synopsis, example string, args int) *flags {
	f := &flags{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError), name: name, args: args}
	f.SetOutput(io.Discard)
	f.StringVar(&f.server, "server", "", "connect to the NATS server at `URL`, which must have JetStream enabled")
	f.StringVar(&f.dir, "dir", "", "run a server inside the command, which stores under `DIR`")
	f.StringVar(&f.stream, "stream", "zeropool", "the `NAME` that all processes share")
	f.DurationVar(&f.away, "away", 30*time.Second, "end when the server has been away for that long")
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "usage: zeropool-remote %s %s\n", name, synopsis)
		f.PrintDefaults()
		fmt.Fprintf(f.Output(), "\nExample: zeropool-remote %s %s\n", name, example)
	}
	return f
}

// parse reads the arguments; done means that the command ends with that code.
func (f *flags) parse(args []string, stdout, stderr io.Writer) (code int, done bool) {
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		f.SetOutput(stdout)
		f.Usage()
		return cli.OK, true
	case err != nil:
	case f.NArg() > f.args:
		err = fmt.Errorf("unexpected argument %q", f.Arg(f.args))
	case f.NArg() < f.args:
		err = errors.New("no TREE given")
	case (f.server == "") == (f.dir == ""):
		err = errors.New("exactly one of --server and --dir is needed")
	case f.listen != "" && f.dir == "":
		err = errors.New("--listen needs --dir")
	case f.away <= 0:
		err = fmt.Errorf("--away %v: want a duration above 0", f.away)
	case f.check != nil:
		err = f.check()
	}
	if err == nil {
		return 0, false
	}
	fmt.Fprintf(stderr, "zeropool-remote %s: %v\n", f.name, err)
	f.SetOutput(stderr)
	f.Usage()
	return cli.Usage, true
}

// open returns an engine, a context that ends with an error once the server has
// been away for too long, and what ends both.
func (f *flags) open(ctx context.Context, log *slog.Logger, opts ...remote.EngineOption) (*remote.Engine, context.Context, func(), error) {
	opts = append(opts, remote.Stream(f.stream), remote.Log(log))
	if f.dir != "" {
		if f.listen != "" {
			opts = append(opts, remote.Listen(f.listen))
		}
		eng, err := remote.Embedded(f.dir, opts...)
		if err != nil {
			return nil, nil, nil, err
		}
		return eng, ctx, func() { eng.Close() }, nil
	}
	nc, err := nats.Connect(f.server, nats.Name("zeropool-remote "+f.name),
		nats.MaxReconnects(-1), nats.ReconnectWait(200*time.Millisecond))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("no server at %s: %w", f.server, err)
	}
	eng, err := remote.Connect(nc, opts...)
	if err != nil {
		nc.Close()
		return nil, nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go f.watch(ctx, nc, cancel)
	return eng, ctx, func() { cancel(nil); nc.Close() }, nil
}

// awayError says that the server has been away for too long.
type awayError struct {
	server string
	away   time.Duration
}

func (e *awayError) Error() string {
	return fmt.Sprintf("the server at %s has been away for %v; what was stored is kept, and the same command goes on from there", e.server, e.away)
}

// gaveUp returns the error with which watch ended the context, if it did.
func gaveUp(ctx context.Context) error {
	if e, ok := errors.AsType[*awayError](context.Cause(ctx)); ok {
		return e
	}
	return nil
}

// watch ends the context when the connection has been lost for too long.
func (f *flags) watch(ctx context.Context, nc *nats.Conn, cancel context.CancelCauseFunc) {
	changes := nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING)
	var tooLong <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-changes:
			tooLong = nil
			if s == nats.RECONNECTING {
				tooLong = time.After(f.away)
			}
		case <-tooLong:
			cancel(&awayError{f.server, f.away})
			return
		}
	}
}

// quiet drops what was met and survived: a command that answers has one line for
// what it could not do.
var quiet = slog.New(slog.DiscardHandler)
