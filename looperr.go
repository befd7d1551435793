package zeropool

import (
	"context"
	"errors"
	"math"
	"unsafe"
)

// Loops that the first error, or the end of a context, ends early.
//
// Elements are claimed in the order of their indices, and only a failure leaves a
// part of a claimed range undone. So when a loop has ended early, every element
// below the lowest one that failed has run.

// atEnd is the place of an error that is none of an element, above all of them.
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
	if f := b.fault.Load(); f != nil {
		return f.err
	}
	select {
	case <-b.limit:
		return errLimit
	default:
		return nil
	}
}

// errLimit is why a loop has ended whose context has. No method of the user's context is
// called where elements are counted: one that panics would leave them so.
var errLimit = errors.New("zeropool: the context of a loop has ended")

// errLoop is loop for one that ends early.
func (p *Pool) errLoop(ctx context.Context, w work, n int) error {
	w.early = true
	if n == 0 {
		return nil
	}
	if w.limit = ctx.Done(); w.limit != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	err := p.loop(w, n)
	if err == errLimit {
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
	return p.errLoop(ctx, work{
		body:   elementsErr{},
		fn:     funcOf(fn),
		base:   unsafe.Pointer(unsafe.SliceData(params)),
		stride: unsafe.Sizeof(*new(T)),
	}, len(params))
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
