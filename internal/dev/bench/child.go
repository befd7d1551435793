package bench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// childVariable holds, in the environment of a process that was started to be
// watched, what it is to do.
const childVariable = "ZEROPOOL_BENCH_CHILD"

// childLimit bounds a child that hangs; a paused machine is no reason to give up.
const childLimit = 5 * time.Minute

// order is what a child is to do.
type order struct {
	Workload, Variant string
	Window            time.Duration
	Workers           int
}

// haveChildren says that this program serves children: its main function called
// Child.
var haveChildren bool

// Child must be the first call in the main function of a program that measures
// what variants use at rest, or servers: it lets the program start itself for
// each of them, so that none sees the traces of another. In such a process it
// does what was asked for, writes the finding to stdout, and returns true and
// the exit code. A server's finding is its address; it serves until its standard
// input ends.
func Child(prepare func() (*Env, error), stdout, stderr io.Writer) (code int, child bool) {
	text, child := os.LookupEnv(childVariable)
	if !child {
		haveChildren = true
		return 0, false
	}
	if err := serve(text, prepare, os.Stdin, json.NewEncoder(stdout)); err != nil {
		fmt.Fprintln(stderr, err)
		return 1, true
	}
	return 0, true
}

func serve(text string, prepare func() (*Env, error), until io.Reader, finding *json.Encoder) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return fmt.Errorf("environment variable %s: %w", childVariable, err)
	}
	w, err := Find(o.Workload)
	if err != nil {
		return err
	}
	if !w.Kind.AtRest() && w.Kind != Requests {
		return fmt.Errorf("workload %s is not measured in a process of its own", w.Name)
	}
	e, err := prepare()
	if err != nil {
		return err
	}
	if o.Workers > 0 && o.Workers != e.Workers {
		e.SetWorkers(o.Workers)
	}
	for _, v := range w.Variants(e) {
		switch {
		case v.Name != o.Variant:
		case w.Kind == Requests:
			return serveUntil(e, v.Name, until, finding)
		default:
			r, err := watch(w.Kind, v, o.Window)
			if err != nil {
				return err
			}
			return finding.Encode(r)
		}
	}
	return fmt.Errorf("workload %s has no variant %q", w.Name, o.Variant)
}

// serveUntil tells the address of a server and serves until a reader ends.
func serveUntil(e *Env, variant string, until io.Reader, address *json.Encoder) error {
	at, stop, err := startServer(e, variant)
	if err != nil {
		return err
	}
	defer stop()
	if err := address.Encode(at); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, until)
	return err
}

// command returns the command that does what is ordered, with a place for what
// it says when it fails.
func (o *order) command(ctx context.Context) (c *exec.Cmd, problems *bytes.Buffer, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, nil, err
	}
	problems = new(bytes.Buffer)
	c = exec.CommandContext(ctx, self)
	c.Env = append(os.Environ(), childVariable+"="+string(text))
	c.Stderr = problems
	return c, problems, nil
}

// failed says what happened to a child.
func failed(err error, problems *bytes.Buffer) error {
	if said := strings.TrimSpace(problems.String()); said != "" {
		err = errors.New(said)
	}
	return fmt.Errorf("in a process of its own: %w", err)
}

// watchChild does what watch does in a process of its own.
func watchChild(o order) (r rest, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), childLimit)
	defer cancel()
	c, problems, err := o.command(ctx)
	if err != nil {
		return rest{}, err
	}
	out, err := c.Output()
	if err != nil {
		return rest{}, failed(err, problems)
	}
	err = json.Unmarshal(out, &r)
	return r, err
}

// startChild starts a server in a process of its own.
func startChild(o order) (address string, stop func(), err error) {
	ctx, cancel := context.WithCancel(context.Background())
	c, problems, err := o.command(ctx)
	if err != nil {
		cancel()
		return "", nil, err
	}
	until, err1 := c.StdinPipe()
	out, err2 := c.StdoutPipe()
	if err := cmp.Or(err1, err2); err != nil {
		cancel()
		return "", nil, err
	}
	if err := c.Start(); err != nil {
		cancel()
		return "", nil, err
	}
	stop = func() {
		until.Close()
		c.Wait() // its answers were checked: how it ends does not matter
		cancel()
	}
	hangs := time.AfterFunc(childLimit, cancel)
	defer hangs.Stop()
	if err := json.NewDecoder(out).Decode(&address); err != nil {
		stop()
		return "", nil, failed(err, problems)
	}
	return address, stop, nil
}
