// Package zeropool is a worker pool for tasks of 10 ns to 10 ms, where a channel
// hand-off, an allocation or a closure for each task is too much.
//
// A task is a function and a pointer to its parameters. Results are written
// through that pointer, into the caller's memory:
//
//	type square struct{ in, out int }
//
//	p, err := zeropool.New()
//	if err != nil {
//		return err
//	}
//	defer p.Close()
//	params := square{in: 7}
//	err = zeropool.Submit(p, &params, func(s *square) { s.out = s.in * s.in }).Wait()
//
// Submit, SubmitBatch, Pool.SubmitMixed, SubmitTo, Future.Wait, ForEach and
// Pool.For allocate nothing in steady state. A params struct that would
// otherwise stay on the stack moves to the heap, once, like anything whose
// address is kept; reuse it.
//
// # Workers
//
// Each worker owns a bounded queue of 24-byte tasks, whose enqueue and dequeue
// are written in assembly on amd64 and arm64 and in Go elsewhere, and under the
// build tag purego, the race detector and the sanitizers. Workers are pinned to
// physical cores chosen by package topology from what this process may use;
// Pool.Plan says where each one sits and why. They steal from each other,
// nearest first, and an idle pool uses no CPU.
//
// # Waiting
//
// Waiting helps: Future.Wait runs the task it waits for when nobody has begun
// it, and Group.Wait, ForEach and For work too. So a task may submit tasks and
// wait for them, to any depth, on one worker. A waiter never runs a stranger's
// task on its own goroutine, so holding a lock while waiting is no more
// dangerous than it is with a channel.
//
// # Seen from outside
//
// Pool.Stats has the counters; contrib/prometheus and contrib/otel export them.
// For expvar:
//
//	var stats = expvar.Func(func() any { return p.Stats() })
//	func init() { expvar.Publish("zeropool", stats) }
//
// Profiles carry the labels zeropool (the pool's name) and worker, and a trace by
// runtime/trace has a region zeropool.busy from each unpark of a worker to its
// next park.
//
// # What goes wrong
//
// A panic in a task becomes a *PanicError for whoever waits, every time, and is
// reported at once to the pool's panic handler, by default to log/slog. A task
// that calls runtime.Goexit ends with ErrGoexit. There is one limit: a function
// that has returned normally more than a thousand times is taken for one that
// always does, and a waiter may then run it on its own goroutine; should it call
// runtime.Goexit after all, the task ends with ErrGoexit, and so does the
// goroutine that was waiting for it.
//
// After Close every submission is answered with a Future that is done with
// ErrClosed. Nothing that was accepted before is lost.
package zeropool
