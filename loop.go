package zeropool

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/bubble"
	"github.com/zeropool-go/zeropool/internal/chunk"
	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/proven"
)

// ForEach calls fn(&params[i]) for every element and returns when all calls have
// returned: nil, or the first failure, a *PanicError or ErrGoexit. The caller starts at once
// and works too; workers join only while what is left is worth waking them, so
// that a short ForEach costs about the plain loop. If calls of fn took more than 32 µs on
// average when workers joined last, they join from the start. It allocates nothing in the
// long run.
//
// The decision to wake follows heartbeat scheduling: Acar, Charguéraud, Guatto,
// Rainey, Sieczkowski, "Heartbeat Scheduling: Provable Efficiency for Nested
// Parallelism", PLDI 2018.
//
// It panics if p or fn is nil. After Close it returns ErrClosed, unless there are no
// elements, and so it does if Shutdown cuts it off, when some calls may have been made.
func ForEach[T any](p *Pool, params []T, fn func(*T)) error {
	check(p, fn == nil, "ForEach")
	return p.loop(workOf(elements{}, params, fn), len(params))
}

// For calls body(lo, hi) for ranges that cover [0,n) exactly once and returns
// when all calls have returned: nil, or the first failure, a *PanicError or ErrGoexit. It
// starts with short ranges in the caller; like ForEach it lets workers join
// while what is left is worth it. A panic ends its range, not the others.
//
// It panics if p or body is nil or n is negative, and returns ErrClosed where ForEach does.
func (p *Pool) For(n int, body func(lo, hi int)) error {
	check(p, body == nil, "For")
	if n < 0 {
		panic("zeropool: For: negative n")
	}
	return p.loop(work{body: ranges{}, whole: true, fn: funcOf(body)}, n)
}

// ranges calls body(lo, hi).
type ranges struct{}

func (ranges) run(b *batch, lo, hi int, at *int) error {
	fn := b.fn
	(*(*func(int, int))(unsafe.Pointer(&fn)))(lo, hi)
	*at = hi
	return nil
}

// loop runs a loop of n elements, and waits for it.
func (p *Pool) loop(w work, n int) error {
	if n == 0 {
		return nil
	}
	if !p.accept(n) {
		return ErrClosed
	}
	return p.accepted(w, n)
}

// accepted is loop for elements that accept has taken.
func (p *Pool) accepted(w work, n int) error {
	b := p.newBatch(w, n)
	returns := b.proven()
	b.by = &p.driven
	if returns {
		b.by = &p.helper().account
	}
	b.by.count(&b.by.begun, uint64(n))
	b.refs.Store(2) // K2
	f := Future{at: unsafe.Pointer(b), key: b.state.Load(), n: n}
	if returns {
		p.drive(b, b.by, 0)
	} else {
		p.hand(job{span: span{b: b, alone: true}})
	}
	return f.block()
}

// drive runs the elements of b from one on, alone until it is worth sharing, and
// drops the caller's reference.
func (p *Pool) drive(b *batch, acc *account, from int) {
	start := cpu.Ticks()
	for lo := from; lo < b.n; {
		if err := p.stops(b); err != nil {
			p.skip(b, b.n-lo, err)
			break
		}
		next, worth := lo, lo == from && lo < b.n-1 && b.long()
		if !worth {
			next, worth = p.driveAlone(b, acc, lo, from, start)
		}
		if worth {
			b.width = p.width()
			p.post(b, next)
			p.summon()
			p.join(b, acc, false, toTheEnd)
			return
		}
		lo = next
	}
	b.release()
}

// driveAlone runs the elements of b from lo on, until the others are worth sharing, which
// it reports, there are no others, b is to end, or one has not returned, and returns where
// to go on. The caller runs b alone since start, when it was at the element from. Elements
// that have returned are counted together, not by chunks: that saves two locked
// instructions for each.
func (p *Pool) driveAlone(b *batch, acc *account, lo, from int, start int64) (next int, worth bool) {
	counted, hi, i := lo, lo, lo // hi is the end of the chunk, i the element that it has come to
	calls, want, before := 0, 1, start
	if lo > from {
		before = cpu.Ticks()
	}
	defer func() {
		if code := b.fn.code; !proven.Is(code) {
			proven.Observe(code, calls)
		}
		b.returned(acc, lo-counted)
		if i != hi {
			next = p.unwoundRange(span{b, lo, hi, true}, i, acc, recover())
		}
	}()
	for lo < b.n && p.stops(b) == nil {
		if lo > from {
			now := cpu.Ticks()
			longer, enough := chunk.AfterAlone(want, lo-from, b.n-lo, now-start, now-before, p.times.worthwhile)
			if enough {
				if p.width() > 1 {
					return lo, true
				}
				b.returned(acc, lo-counted) // nobody else counts for a long time
				counted, longer = lo, chunk.Next(want, want, now-before, p.times.chunk)
			}
			want, before = chunk.Early(longer, lo-from, b.n-lo), now
		}
		hi = lo + min(want, b.n-lo)
		if err := b.body.run(b, lo, hi, noEscape(&i)); err != nil {
			at := i
			i = hi
			b.fail(err, at)
			return p.endFailed(span{b, lo, hi, true}, at, acc), false
		}
		calls += b.calls(lo, hi)
		lo = hi
	}
	return lo, false
}

// Loops that the first error, or the end of a context, ends early.
//
// Elements are claimed in the order of their indices, and only a failure leaves a
// part of a claimed range undone. So when a loop has ended early, every element
// below the lowest one that failed has run.

// atEnd is the number of an error that is none of an element, above all of theirs.
const atEnd = math.MaxInt

// stops returns why a batch is to end now, or nil. Everybody who works on it asks before
// he begins a range.
func (p *Pool) stops(b *batch) error {
	if p.gate.Load()&gateCut != 0 {
		return ErrClosed
	}
	if !b.early {
		return nil
	}
	if f := b.failure.Load(); f != nil {
		return f.err
	}
	if b.over != nil && b.over.Load() {
		return errStopped
	}
	select {
	case <-b.stop:
		return errStopped
	default:
		return nil
	}
}

// errStopped is the error of a loop that has ended because its context has. No method of
// the user's context is called where elements are counted: a method that panics would leave
// them uncounted.
var errStopped = errors.New("zeropool: the context of a loop has ended")

// errLoop is loop for one that ends early.
func (p *Pool) errLoop(ctx context.Context, w work, n int) error {
	w.early = true
	if n == 0 {
		return nil
	}
	w.stop = ctx.Done()
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.stop != nil && !p.bubbled && bubble.In() { // goroutines of the pool must not touch its channel
		over := new(atomic.Bool)
		defer context.AfterFunc(ctx, func() { over.Store(true) })()
		w.stop, w.over = nil, over
	}
	err := p.loop(w, n)
	if err == errStopped {
		err = ctx.Err()
	}
	return err
}

// ForEachErr calls fn(&params[i]) for every element until a call fails or ctx ends,
// and returns when all calls that have begun have returned. It shares the elements
// with workers as ForEach does. It allocates nothing in the long run unless it fails.
//
// It returns nil if every element has run and returned nil. Otherwise it returns
// the error of the lowest element that failed: what fn returned, a *PanicError, or
// ErrGoexit. All elements below that one have run, as in a plain loop; of those above
// it some have, and no call begins once all goroutines of the loop know of the
// failure, which they learn between two chunks of elements. If none failed and ctx
// ended the loop, it returns ctx.Err(): the elements that have run are then the first
// ones. ctx is looked at once a chunk, about every 10 µs or once an element if they
// take longer. A ctx that ends after the last element has begun changes nothing.
//
// An empty loop returns nil. ForEachErr panics if p or fn is nil, and returns
// ErrClosed after Close.
func ForEachErr[T any](ctx context.Context, p *Pool, params []T, fn func(*T) error) error {
	check(p, fn == nil, "ForEachErr")
	return p.errLoop(ctx, workOf(elementsErr{}, params, fn), len(params))
}

// elementsErr calls fn(&params[i]).
type elementsErr struct{}

func (elementsErr) run(b *batch, lo, hi int, at *int) error {
	fn, base, stride := b.fn, b.base, b.stride
	for i := lo; i < hi; i++ {
		*at = i
		if err := callFallible(fn, unsafe.Add(base, uintptr(i)*stride)); err != nil {
			return err
		}
	}
	*at = hi
	return nil
}

// ForErr calls body(lo, hi) for ranges that cover [0,n) until a call fails or ctx
// ends, and returns when all calls that have begun have returned. No index is in two
// ranges. It shares them with workers as For does, and allocates nothing in the long
// run unless it fails.
//
// It returns nil if every range has run and returned nil; otherwise the error of the
// lowest range that failed, or ctx.Err() if none did. All ranges below that one have
// run. What else has run, and when ctx is looked at, is as with ForEachErr.
//
// With n == 0 it returns nil. ForErr panics if p or body is nil or n is negative, and
// returns ErrClosed after Close.
func (p *Pool) ForErr(ctx context.Context, n int, body func(lo, hi int) error) error {
	check(p, body == nil, "ForErr")
	if n < 0 {
		panic("zeropool: ForErr: negative n")
	}
	return p.errLoop(ctx, work{body: rangesErr{}, whole: true, fn: funcOf(body)}, n)
}

// rangesErr calls body(lo, hi).
type rangesErr struct{}

func (rangesErr) run(b *batch, lo, hi int, at *int) error {
	fn := b.fn
	err := (*(*func(int, int) error)(unsafe.Pointer(&fn)))(lo, hi)
	if err == nil {
		*at = hi
	}
	return err
}
