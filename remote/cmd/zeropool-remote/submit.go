package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/internal/cli"
	"github.com/zeropool-go/zeropool/remote"
)

// runSubmit is the command "zeropool-remote submit".
func runSubmit(args []string, stdout, stderr io.Writer) int {
	f := newFlags("submit", "--server URL | --dir DIR [flags] TREE", "--server nats://127.0.0.1:4222 /usr/share/doc", 1)
	batch := f.Int("batch", 64, "how many `FILES` go into one message, from 1 to 1024")
	timeout := f.Duration("timeout", 0, "give up after that long; 0 = never")
	f.check = func() error {
		switch {
		case *batch < 1 || *batch > 1024:
			return fmt.Errorf("--batch %d: want 1 to 1024", *batch)
		case *timeout < 0:
			return fmt.Errorf("--timeout %v: want 0 or more", *timeout)
		}
		return nil
	}
	if code, done := f.parse(args, stdout, stderr); done {
		return code
	}
	return cli.Finish("zeropool-remote submit", submit(f, *batch, *timeout, stdout, stderr), stderr)
}

func submit(f *flags, batch int, timeout time.Duration, stdout, stderr io.Writer) error {
	list, err := files(f.Arg(0))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if timeout > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not done after %v", timeout))
		defer cancel()
	}
	eng, ctx, end, err := f.open(ctx, quiet)
	if err != nil {
		return err
	}
	defer end()
	if f.dir != "" { // nobody else can reach the server: do the work here too
		pool, err := zeropool.New()
		if err != nil {
			return err
		}
		defer pool.Close()
		srv, err := remote.Serve(eng, pool, hash)
		if err != nil {
			return err
		}
		defer srv.Shutdown(ctx)
	}
	bar := cli.NewProgress(stderr)
	defer bar.Clear()
	var futures remote.Futures[digest]
	for group := range slices.Chunk(list, batch) {
		fs, err := hash.SubmitBatch(ctx, eng, group, remote.PerMessage(batch), remote.ID(groupID(group)))
		if err != nil {
			return err
		}
		futures = append(futures, fs...)
		bar.Show(fmt.Sprintf("submitting: %d of %d files", len(futures), len(list)), len(futures), len(list))
	}
	out := bufio.NewWriter(stdout)
	defer out.Flush()
	failed, first := 0, error(nil)
	for i, future := range futures {
		bar.Show(fmt.Sprintf("hashing: %d of %d files", i, len(list)), i, len(list))
		d, err := future.Wait(ctx)
		if dead := (*remote.DeadLetter)(nil); errors.As(err, &dead) {
			if failed++; first == nil {
				first = errors.New(dead.Reason)
			}
			continue
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(out, d.line(string(list[i].Path)))
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d files have no hash; the first: %w", failed, len(list), first)
	}
	return out.Flush()
}
