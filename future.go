package zeropool

import (
	"context"
	"time"
)

// A Future stands for a submitted task or batch. It is a small value that may
// be copied, kept, and used from any number of goroutines, before and after the
// task has ended and the pool has been closed. The zero Future is done, without
// an error.
type Future struct {
	r   *record
	key uint64
	n   int // length of a batch, 0 for a single task
}

// closedFuture is what submissions return after Close.
var closedFuture = failedFuture(ErrClosed)

var rejectedFuture = failedFuture(ErrFull)

func failedFuture(err error) Future {
	r := new(record)
	r.info.Store(&outcome{err: err})
	r.state.Store(phaseFailed)
	return Future{r: r}
}

// fullFuture is what a submission returns that found no slot, and its error.
func fullFuture(p *Pool) (Future, error) {
	if p.gate.Load()&gateClosed != 0 {
		return closedFuture, ErrClosed
	}
	return rejectedFuture, ErrFull
}

// poll returns how the task ended, if it has.
//
// F1: the load pairs with the store that ended the task, so that what the task
// wrote is visible to whoever sees the end.
func (f Future) poll() (err error, done bool) {
	if f.r == nil {
		return nil, true
	}
	switch f.r.state.Load() ^ f.key<<phaseBits {
	case phasePending:
		return nil, false
	case phaseFailed:
		return f.r.info.Load().err, true
	}
	// Done, or done and the record already serves another task.
	return nil, true
}

// Done reports whether the task has ended, in whatever way.
func (f Future) Done() bool {
	_, done := f.poll()
	return done
}

// Wait blocks until the task has ended and returns nil if it returned normally,
// a *PanicError if it panicked (of a batch, the first of its panics), ErrGoexit
// if it called runtime.Goexit, ErrClosed, ErrFull or ErrCanceled if it was never
// run; each call returns the same.
//
// Waiting helps: Wait runs the very task it waits for when nobody has begun it,
// so that it is legal inside a task, to any depth. While it blocks, other
// queued work that no worker is free for is run in its place.
func (f Future) Wait() error {
	if err, done := f.poll(); done {
		return err
	}
	var t task
	q, pos := f.take(&t)
	switch p := f.r.info.Load().pool; {
	case q == nil:
		f.helpBatch(false)
	case t.proven():
		if pos%confirmEvery == 0 && p.gate.Load()&gateIdle != 0 {
			p.habits.confirm(stackHash())
		}
		if p.runHeld(q, pos, &t) {
			return nil
		}
	default:
		p.standInFor(q, pos, &t)
	}
	err, done := f.poll()
	if !done {
		f.pool().park(waitable{f: f}, nil)
		err, _ = f.poll()
	}
	return err
}

// WaitContext is Wait, except that it returns ctx.Err() as soon as ctx ends: the
// task goes on. The task is never run on the calling goroutine.
func (f Future) WaitContext(ctx context.Context) error {
	if err, done := f.poll(); done {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var t task
	if q, pos := f.take(&t); q != nil {
		f.pool().standInFor(q, pos, &t)
	} else {
		f.helpBatch(true)
	}
	if !f.pool().park(waitable{f: f}, ctx.Done()) {
		return ctx.Err()
	}
	err, _ := f.poll()
	return err
}

// WaitTimeout is WaitContext with a limit of d from now; when it is reached the
// result is context.DeadlineExceeded. A limit of zero or less only looks.
func (f Future) WaitTimeout(d time.Duration) error {
	if err, done := f.poll(); done {
		return err
	}
	if d <= 0 {
		return context.DeadlineExceeded
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return f.WaitContext(ctx)
}

// pool returns the pool of a Future that is not zero.
func (f Future) pool() *Pool { return f.r.info.Load().pool }

// Cancel withdraws the tasks that have not begun and returns how many: 0 or 1
// for a single task, up to the length of a batch. The Future of a withdrawn
// task ends with ErrCanceled, as does a batch that lost any of its tasks, once
// the others have ended.
func (f Future) Cancel() int {
	if f.Done() {
		return 0
	}
	info := f.r.info.Load()
	p := info.pool
	if info.batch != nil {
		return info.batch.cancel(f.key, ErrCanceled)
	}
	var t task
	q, pos := f.take(&t)
	if q == nil {
		return 0
	}
	a := p.borrow(stackHash())
	defer p.giveBack(a)
	a.settleSlot(q, pos, &t)
	a.fail(&t, ErrCanceled)
	return 1
}

// Progress returns how many of the Future's tasks have ended and how many there
// are, for progress bars. The zero Future has none.
func (f Future) Progress() (done, total int) {
	if f.r == nil {
		return 0, 0
	}
	total = max(f.n, 1)
	if f.Done() {
		return total, total
	}
	if b := f.r.info.Load().batch; b != nil {
		return b.progress(f.key, total), total
	}
	return 0, total
}

// take takes the task out of its queue, or returns nil: somebody has begun it, or
// it is a batch. The caller releases the slot, for which Close waits.
func (f Future) take(t *task) (*ring, uint64) {
	q := f.r.info.Load().ring
	if q == nil {
		return nil, 0
	}
	// The task is there if the sequence number is one past a position with the
	// key. The record may have moved to another ring since the caller saw its state.
	pos := q.slot(f.key).seq.Load() - 1
	if taskKey(q.id, pos) != f.key || !q.takeAt(pos, t) {
		return nil, 0
	}
	return q, pos
}

// helpBatch gives a batch one more goroutine: the caller's own, or a stand-in's
// when the caller must stay free or the functions are not known to return.
func (f Future) helpBatch(stayFree bool) {
	if b := f.r.info.Load().batch; b != nil {
		b.help(f.key, stayFree)
	}
}
