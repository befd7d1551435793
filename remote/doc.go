// Package remote runs functions of one program on the pools of many processes.
// NATS JetStream lies between them: it keeps the tasks, hands each to one worker,
// and hands it to another when that one dies. With Embedded it runs inside the
// program; Connect uses servers that run anyway, one or a cluster. Nothing else
// in the program changes.
//
//	var Render = remote.Define("render@v1", func(ctx context.Context, p *Page) (Picture, error) { ... })
//
//	eng, err := remote.Embedded(dir)                   // or remote.Connect(nc)
//	srv, err := remote.Serve(eng, pool, Render)        // where the work is done
//	f, err := Render.Submit(ctx, eng, &page)           // where it is wanted
//	picture, err := f.Wait(ctx)
//
// # What holds
//
// A task that Submit has accepted ends in exactly one outcome: the result of its
// function, or a dead letter that says why there is none. The outcome is stored
// before the task is taken out of its stream. Once it is stored, it never changes
// and the task is never run again, as long as the outcome is kept (KeepResults; a
// dead letter is kept for good).
//
// A function may run more than once for one task: when its worker dies, when its
// lease is lost, or when two workers race. The results of all runs but one are
// dropped. Effects outside the result must therefore be idempotent; TaskOf gives
// the function the ID of the task to make them so.
//
// There is no ordering. Tasks run in any order, several at a time, and a task that
// is tried again runs after later ones.
//
// # Leases
//
// A worker holds a task by a lease of AckWait, which one goroutine of the Server
// prolongs while the task runs, so a task may run for longer than that. When the
// servers cannot be reached for AckWait, the lease is lost: the context of the
// function ends with ErrLeaseLost as its cause, and another worker gets the task.
package remote
