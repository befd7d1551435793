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
// Pool.For allocate nothing in steady state, as long as no more than 128 waits
// are blocked at a time. A params struct that would otherwise stay on the stack
// moves to the heap, once, like anything whose address is kept; reuse it.
//
// # Queues
//
// Each worker has a bounded queue of 24-byte tasks, and so has each goroutine that
// submits often: its lane, from which it takes its own tasks again without a
// locked instruction. These steps are written in assembly on amd64 and arm64.
// Elsewhere, and under the build tag purego, the race detector and the sanitizers,
// the queues are in Go, and all tasks go through those of the workers. Idle workers
// steal, nearest first but for once in 5 ms, what has waited for some microseconds.
// A batch or loop takes no room in queues.
//
// # Workers
//
// Package topology chooses a physical core for each worker from what this process
// may use; Pool.Plan says which and why. A worker is pinned to it while it is at
// work for more than a millisecond without a pause, and the garbage collector does
// not run often; see WithPinning. An idle pool uses no CPU.
//
// The number of workers does not bound how many tasks run at a time: waiters run
// tasks too. One worker does not make tasks exclude each other. Group.SetLimit bounds
// what runs at a time.
//
// What a task does to its thread may outlive it or end early: a process started by
// a task has the mask of a pinned worker (see Pool.Unpinned), a process with
// Pdeathsig may be killed when the worker's thread ends, and unshare and setns change
// a thread that later tasks and other goroutines run on: they then see another
// namespace, now and then. runtime.LockOSThread does not help, because the task ends
// and its goroutine goes on: the worker keeps the thread, locked, and passes it to
// later tasks. Do such things in a goroutine of your own that locks its thread and
// ends without unlocking it, so that the runtime ends the thread as well. A task that
// locks or unlocks its goroutine once too often harms no mask: a worker restores that
// of the thread that it has pinned.
//
// A task may use an iterator that it has made by iter.Pull, if it does not call
// Pool.Unpinned meanwhile. Where several tasks share one, make it outside of tasks, and
// call next inside Pool.Unpinned. The runtime ends the process if an iterator goes on on a
// goroutine that is locked to its thread and was made on one that is not, or the other way
// round, and a pinned worker is locked.
//
// While a worker is pinned, each wait of a task for a channel, a timer or a lock costs
// hand-overs between threads: always under Hold, and for as long as a lease lasts under
// the default.
//
// # Waiting
//
// Waiting helps: Future.Wait runs the task it waits for when nobody has begun
// it, and Group.Wait, ForEach and For work too. So a task may submit tasks and
// wait for them, to any depth, on one worker. A waiter never runs a stranger's
// task on its own goroutine, so holding a lock while waiting is no more
// dangerous than it is with a channel.
//
// A submitter that finds all queues full waits for queued tasks, unless the policy
// is Reject. If it holds a lock that these want, neither goes on: under Help it may run
// such a task itself. Submit without the lock, or use TrySubmit.
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
// that has returned 64 times is taken for one that always does, and a waiter may
// then run it on its own goroutine; should it call runtime.Goexit after all, the
// task ends with ErrGoexit, and so does the goroutine that was waiting for it.
//
// After Close every submission is answered with a Future that is done with
// ErrClosed. Nothing that was accepted before is lost.
package zeropool
