package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/zeropool-go/zeropool/internal/cli"
	"github.com/zeropool-go/zeropool/remote"
)

// runStatus is the command "zeropool-remote status".
func runStatus(args []string, stdout, stderr io.Writer) int {
	f := newFlags("status", "--server URL | --dir DIR [flags]", "--server nats://127.0.0.1:4222 --dead", 0)
	dead := f.Bool("dead", false, "list the dead letters too")
	if code, done := f.parse(args, stdout, stderr); done {
		return code
	}
	return cli.Finish("zeropool-remote status", status(f, *dead, stdout), stderr)
}

func status(f *flags, dead bool, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), f.away)
	defer cancel()
	if f.dir != "" { // asking makes no directory
		if _, err := os.Stat(f.dir); err != nil {
			return err
		}
	}
	eng, ctx, end, err := f.open(ctx, quiet, remote.Existing())
	if err != nil {
		return err
	}
	defer end()
	s, err := eng.Status(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FUNCTION\tWAITING\tHELD\tRETRIED\tDEAD\tIDLE PULLS")
	for _, q := range s.Functions {
		pulls := fmt.Sprint(q.Pulling)
		if !q.Served {
			pulls = "never served"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\n", q.Name, q.Waiting, q.Held, q.Retried, q.Dead, pulls)
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "STREAM\tMESSAGES\tBYTES\tLIMIT\tREPLICAS")
	for _, q := range []struct {
		name string
		s    remote.StreamStatus
	}{{"tasks", s.Tasks}, {"outcomes", s.Outcomes}} {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\n", q.name, q.s.Messages, q.s.Bytes, q.s.MaxBytes, q.s.Replicas)
	}
	if err := w.Flush(); err != nil || !dead {
		return err
	}
	for d, err := range eng.DeadLetters(ctx) {
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "\n%s\n%s", d.Error(), d.Stack)
	}
	return nil
}
