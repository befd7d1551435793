package bench

import (
	"bytes"
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
// what variants use at rest: it lets the program start itself for each of them,
// so that none sees the traces of another. In such a process it does what was
// asked for, writes the finding to stdout, and returns true and the exit code.
func Child(prepare func() (*Env, error), stdout, stderr io.Writer) (code int, child bool) {
	text, child := os.LookupEnv(childVariable)
	if !child {
		haveChildren = true
		return 0, false
	}
	r, err := serve(text, prepare)
	if err == nil {
		err = json.NewEncoder(stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1, true
	}
	return 0, true
}

func serve(text string, prepare func() (*Env, error)) (rest, error) {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return rest{}, fmt.Errorf("environment variable %s: %w", childVariable, err)
	}
	w, err := Find(o.Workload)
	if err != nil {
		return rest{}, err
	}
	if !w.Kind.AtRest() {
		return rest{}, fmt.Errorf("workload %s is not about variants at rest", w.Name)
	}
	e, err := prepare()
	if err != nil {
		return rest{}, err
	}
	if o.Workers > 0 && o.Workers != e.Workers {
		e.SetWorkers(o.Workers)
	}
	for _, v := range w.Variants(e) {
		if v.Name == o.Variant {
			return watch(w.Kind, v, o.Window)
		}
	}
	return rest{}, fmt.Errorf("workload %s has no variant %q", w.Name, o.Variant)
}

// watchChild does what watch does in a process of its own.
func watchChild(o order) (r rest, err error) {
	self, err := os.Executable()
	if err != nil {
		return rest{}, err
	}
	text, err := json.Marshal(o)
	if err != nil {
		return rest{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), childLimit)
	defer cancel()
	var out, errs bytes.Buffer
	c := exec.CommandContext(ctx, self)
	c.Env = append(os.Environ(), childVariable+"="+string(text))
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		if said := strings.TrimSpace(errs.String()); said != "" {
			err = errors.New(said)
		}
		return rest{}, fmt.Errorf("in a process of its own: %w", err)
	}
	err = json.Unmarshal(out.Bytes(), &r)
	return r, err
}
