package zeropool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
)

var (
	// ErrClosed is what Wait returns for a task that was refused because its
	// pool was closed, or that had not begun when Shutdown's context ended.
	ErrClosed = errors.New("zeropool: pool is closed")
	// ErrCanceled is what Wait returns for a task that Future.Cancel or Group.Cancel
	// withdrew.
	ErrCanceled = errors.New("zeropool: task was canceled")
	// ErrFull is what Wait returns for a task that a pool with the policy
	// Reject had no room for.
	ErrFull = errors.New("zeropool: every queue is full")
	// ErrGoexit is what Wait returns for a task that called runtime.Goexit.
	ErrGoexit = errors.New("zeropool: task called runtime.Goexit")
	// ErrInTask is what Close and Shutdown return inside a task of their own
	// pool: the workers end after the task has returned.
	ErrInTask = errors.New("zeropool: closed from inside one of the pool's own tasks: the workers end after it returns")
	// ErrOwnGroup is what Group.Wait returns inside a task of the same group,
	// which it would wait for.
	ErrOwnGroup = errors.New("zeropool: Wait inside a task of the same group")
)

// PanicError reports a task that panicked. Wait returns the same *PanicError
// every time.
type PanicError struct {
	Value any    // what the task passed to panic
	Stack []byte // the stack of the goroutine that ran the task, as debug.Stack writes it, with the task's frames
}

// Error says what the task panicked with, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("zeropool: task panicked: %v", e.Value) }

// Unwrap returns Value if it is an error, and nil otherwise.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// LogValue shows the panic as a group to log/slog: its value in words, and the
// stack.
func (e *PanicError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("panic", fmt.Sprint(e.Value)), slog.String("stack", string(e.Stack)))
}

// newPanicError is to be called by the deferred function that recovered v.
func newPanicError(v any) *PanicError { return &PanicError{Value: v, Stack: debug.Stack()} }

// report calls the panic handler, at once, on the goroutine that recovered. A
// handler that panics itself must not take the worker with it: its panic goes to
// the log, or to standard error if the log panics too; but not panic(nil) where
// GODEBUG=panicnil=1 lets it be one of nothing. One that calls runtime.Goexit ends the
// goroutine, like a task.
func (p *Pool) report(e *PanicError) {
	defer func() {
		if v := recover(); v != nil {
			logPanic(p.name, newPanicError(v), "zeropool: panic handler panicked")
		}
	}()
	p.onPanic(e)
}

// logPanic writes a panic to the log. A logger that panics must not hide it, or
// take the process down: then both panics go to standard error.
func logPanic(pool string, e *PanicError, msg string) {
	defer func() {
		if v := recover(); v != nil {
			fmt.Fprintf(os.Stderr, "%s: pool %s: %v\n%s\nzeropool: logger panicked: %v\n%s\n", msg, pool, e.Value, e.Stack, v, debug.Stack())
		}
	}()
	slog.Error(msg, "pool", pool, "panic", fmt.Sprint(e.Value), "stack", string(e.Stack))
}
