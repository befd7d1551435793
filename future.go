package zeropool

import (
	"context"
	"runtime"
	"time"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/membarrier"
)

// A Future stands for a submitted task or batch. It is a small value that may
// be copied, kept, and used from any number of goroutines, before and after the
// task has ended and the pool has been closed. The zero Future is done, without
// an error.
type Future struct {
	at  unsafe.Pointer // the *lane of a task, or the *batch
	key uint64         // state of the task's slot without its kind, or that of the batch while it has not ended
	n   int            // length of a batch, 0 for a single task
}

// closedFuture is what submissions return after Close.
var closedFuture = failedFuture(ErrClosed)

var rejectedFuture = failedFuture(ErrFull)

func failedFuture(err error) Future {
	l := newLane(nil, 1, 0)
	s := l.at(0)
	s.params = unsafe.Pointer(&outcome{err})
	s.state.Store(failed)
	return Future{at: unsafe.Pointer(l)}
}

func (f Future) lane() *lane {
	if f.n != 0 {
		return nil
	}
	return (*lane)(f.at)
}

// refusal returns why the pool has not taken a single task, or nil.
func (f Future) refusal() error {
	if l := (*lane)(f.at); l != nil && l.pool == nil {
		return (*outcome)(l.at(0).params).err
	}
	return nil
}

func (f Future) batch() *batch { return (*batch)(f.at) }

// poll returns how the task ended, if it has.
//
// F1: the load pairs with the store that ended the task, so that what the task
// wrote is visible to whoever sees the end.
func (f Future) poll() (err error, done bool) {
	if f.at == nil {
		return nil, true
	}
	if f.n != 0 {
		return f.batch().poll(f.key)
	}
	s := f.lane().slot(f.key)
	switch v := s.state.Load() ^ f.key; {
	case v == failed:
		return (*outcome)(s.params).err, true
	case v-1 < taken: // full, owned or taken
		return nil, false
	}
	return nil, true
}

// Done reports whether the task has ended, in whatever way.
func (f Future) Done() bool {
	_, done := f.poll()
	return done
}

// Wait blocks until the task has ended and returns nil if it returned normally,
// its error if it was submitted by SubmitErr or GoErr, a *PanicError if it
// panicked (of a batch, the first of its panics), ErrGoexit if it called
// runtime.Goexit, ErrClosed, ErrFull or ErrCanceled if it was never run; each
// call returns the same.
//
// Waiting helps: Wait runs the very task it waits for when nobody has begun it,
// so that it is legal inside a task, to any depth. While it blocks, other
// queued work that no worker is free for is run in its place. Tasks that wait for
// each other in a circle wait for ever.
func (f Future) Wait() error {
	l := f.lane()
	if l == nil {
		return f.waitBatch()
	}
	s := l.slot(f.key)
	if take(l, s, f.key) == tookIt {
		if (l.knows(s) || l.proven(s)) && l.pool.run(l, s, f.key|owned, &l.account) {
			if f.key&fallible == 0 {
				return nil
			}
			return f.err()
		}
		return f.waitTaken(l, s)
	}
	if s.state.Load()^f.key-1 >= taken { // it has ended
		return f.err()
	}
	return f.waitSlow(l, s)
}

// waitTaken is the rest of Wait for a task that the caller has taken out of its
// own lane, and that has panicked, or that it must not run itself.
func (f Future) waitTaken(l *lane, s *slot) error {
	if v := f.key | owned; s.state.Load() == v {
		l.pool.handOver(l, s, v, &l.account)
	}
	return f.block()
}

// waitSlow is the rest of Wait for a task that is not in the caller's own lane, or
// that others may take too.
func (f Future) waitSlow(l *lane, s *slot) error {
	store(&l.last, f.key) // so that thieves take from the other end
	p := l.pool
	if v, acc := p.takeBack(l, s, f.key); v != 0 {
		if provenTask(s.fn, s.params) {
			p.run(l, s, v, acc)
		} else {
			p.handOver(l, s, v, acc)
		}
	}
	return f.block()
}

// block waits until the task or batch has ended, and returns how.
func (f Future) block() error {
	if !watchFor(f.Done) {
		f.parkNow(nil, 0)
	}
	return f.err()
}

// err returns how the task or batch has ended, once it has.
func (f Future) err() error {
	err, _ := f.poll()
	return err
}

// parkNow parks until the task or batch has ended, which it reports, or until stop is
// closed or the timeout is over.
func (f Future) parkNow(stop <-chan struct{}, timeout time.Duration) bool {
	if f.n != 0 {
		return f.batch().pool.parkNow(f.at, f.Done, true, stop, timeout)
	}
	l := f.lane()
	return l.pool.parkNow(unsafe.Pointer(l.slot(f.key)), f.arrived, true, stop, timeout)
}

// arrived is Done for a waiter that has announced itself: if the owner of the lane may
// end the task by a plain store, that has arrived here, or it sees the waiter.
func (f Future) arrived() bool {
	l := f.lane()
	if v := l.slot(f.key).state.Load() ^ f.key; !l.inbox && v-1 < taken-1 { // full or owned
		membarrier.Heavy(true) // W1
	}
	return f.Done() // W1
}

// WaitContext is Wait, except that it returns ctx.Err() as soon as ctx ends: the
// task goes on. The task is never run on the calling goroutine. With a context
// that cannot end it is Wait.
func (f Future) WaitContext(ctx context.Context) error {
	if ctx.Done() == nil {
		return f.Wait()
	}
	if !f.Done() && (ctx.Err() != nil || !f.waitFree(ctx.Done(), 0)) {
		return ctx.Err()
	}
	return f.err()
}

// WaitTimeout is Wait, except that it returns context.DeadlineExceeded when the
// task has not ended after d: the task goes on. The task is never run on the
// calling goroutine: if nobody has begun it, it begins at once on one of the pool's own,
// besides those that the workers run. With d <= 0 WaitTimeout only looks.
func (f Future) WaitTimeout(d time.Duration) error {
	if !f.Done() && (d <= 0 || !f.waitFree(nil, d)) {
		return context.DeadlineExceeded
	}
	return f.err()
}

// waitFree blocks until the task or batch has ended, which it reports, or until stop is
// closed or the timeout is over. What nobody has begun, a stand-in runs: one for each
// batch, however many wait for it, and however often. It is the next on this P, so the
// caller lets it run first: most end before the caller would have parked. Where it does not,
// because the Ps are saturated, it watches a batch before: if workers end batches at once,
// the caller would go on, and leave one stand-in after the other behind that has not begun.
func (f Future) waitFree(stop <-chan struct{}, timeout time.Duration) bool {
	if l := f.lane(); l != nil {
		s := l.slot(f.key)
		if v, acc := l.pool.takeBack(l, s, f.key); v != 0 {
			l.pool.handTask(l, s, v, acc, nil)
			l.pool.letRun()
			return f.Done() || l.pool.parkNow(unsafe.Pointer(s), f.Done, false, stop, timeout)
		}
	}
	if b := f.batch(); f.n != 0 && !(b.pool.roster.isSaturated(cpu.Ticks()) && watchFor(f.Done)) && b.retain(f.key) {
		if int(b.cursor.Load()) < b.n && b.asked.CompareAndSwap(false, true) {
			b.pool.hand(job{span: span{b: b}})
			b.pool.letRun()
		} else {
			b.release()
		}
	}
	return watchFor(f.Done) || f.parkNow(stop, timeout)
}

// Cancel withdraws the tasks that have not begun, and returns how many: 0 or 1
// for a single task, the number of elements for a batch. Wait then returns
// ErrCanceled, unless an element of the batch has failed before. Elements of a batch
// begin in ranges, of about 10 µs by the time that those before took: of a range that
// somebody works on all have begun.
func (f Future) Cancel() int {
	l := f.lane()
	if l == nil {
		return f.cancelBatch()
	}
	s := l.slot(f.key)
	v, acc := l.pool.takeBack(l, s, f.key)
	if v == 0 {
		return 0
	}
	l.pool.fail(l, s, v, acc, &acc.canceled, ErrCanceled)
	return 1
}

// Progress returns how many of the tasks have ended and how many there are: 1 for
// a single task, and for a batch that was refused, and for the zero Future 0 and 0. It is
// for progress bars.
func (f Future) Progress() (done, total int) {
	if f.at == nil {
		return 0, 0
	}
	total = max(f.n, 1)
	if f.n != 0 {
		done = int(f.batch().finished.Load()) // before Done: it may be another batch by then
	}
	if f.Done() {
		done = total
	}
	return min(done, total), total
}

// DoneChan returns a channel that is closed when the task has ended, for select.
// It allocates, and occupies a goroutine until then; Wait does neither. If nobody has
// begun the task, it begins at once, as with WaitTimeout.
func (f Future) DoneChan() <-chan struct{} {
	done := make(chan struct{})
	if f.Done() {
		close(done)
		return done
	}
	go func() {
		defer close(done)
		f.waitFree(nil, 0)
	}()
	return done
}

func yield() { runtime.Gosched() }
