package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/internal/cli"
	"github.com/zeropool-go/zeropool/remote"
)

// runServe is the command "zeropool-remote serve".
func runServe(args []string, stdout, stderr io.Writer) int {
	f := newFlags("serve", "--server URL | --dir DIR [--listen ADDRESS] [flags]", "--dir /var/tmp/tasks --listen 127.0.0.1:4222", 0)
	f.StringVar(&f.listen, "listen", "", "with --dir: accept other processes at `ADDRESS`, such as 127.0.0.1:4222; there is no authentication")
	slots := f.Int("slots", 0, "hold up to `N` messages at a time; 0 = twice the pool's workers")
	patience := f.Duration("patience", 30*time.Second, "how long running tasks may take to finish after an interrupt")
	f.check = func() error {
		switch {
		case *slots < 0:
			return fmt.Errorf("--slots %d: want 0 or more", *slots)
		case *patience < 0:
			return fmt.Errorf("--patience %v: want 0 or more", *patience)
		}
		return nil
	}
	if code, done := f.parse(args, stdout, stderr); done {
		return code
	}
	return cli.Finish("zeropool-remote serve", serve(f, *slots, *patience, stdout, stderr), stderr)
}

func serve(f *flags, slots int, patience time.Duration, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	eng, ctx, end, err := f.open(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer end()
	pool, err := zeropool.New()
	if err != nil {
		return err
	}
	defer pool.Close()
	if slots == 0 {
		slots = 2 * pool.Workers()
	}
	srv, err := remote.Serve(eng, pool, remote.Slots(slots), hash)
	if err != nil {
		return err
	}
	where := eng.URL()
	if where == "" {
		where = f.dir
	}
	fmt.Fprintf(stdout, "serving %s with %d slots on %s\n", hash.Name(), slots, where)
	<-ctx.Done()
	stop() // a second interrupt ends the process at once
	left, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := srv.Shutdown(left); err != nil {
		return err
	}
	return gaveUp(ctx)
}
