package zeropool

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/scratch"
)

// Map stores fn(&in[i]) in out[i] for every element and returns when all calls have
// returned: nil, or the first failure, a *PanicError or ErrGoexit. It shares the elements with
// workers as ForEach does: a panic ends its element, whose place in out keeps what
// it had, not the others. It allocates nothing in the long run.
//
// in and out may be the same slice: fn sees in[i] as it was. If they overlap
// otherwise, an element may be overwritten before it is read, or while it is. The
// elements of out beyond len(in) are left alone.
//
// It panics if p or fn is nil or out is shorter than in, and returns ErrClosed where
// ForEach does.
func Map[T, R any](p *Pool, in []T, out []R, fn func(*T) R) error {
	check(p, fn == nil, "Map")
	return p.loop(mapOf("Map", mapped[T, R]{}, in, out, fn), len(in))
}

// MapErr is Map for a function that may fail, and ends early like ForEachErr: at the
// first error, panic, or Goexit, or when ctx ends. It returns what ForEachErr
// returns; out then has the results of all elements below the one that failed, and of
// some above it. The place of an element that failed, or has not run, keeps what it
// had.
//
// It panics if p or fn is nil or out is shorter than in, and returns ErrClosed after
// Close.
func MapErr[T, R any](ctx context.Context, p *Pool, in []T, out []R, fn func(*T) (R, error)) error {
	check(p, fn == nil, "MapErr")
	return p.errLoop(ctx, mapOf("MapErr", mappedErr[T, R]{}, in, out, fn), len(in))
}

// mapOf is workOf for bodies that store results.
func mapOf[T, R, F any](call string, body body, in []T, out []R, fn F) work {
	if len(out) < len(in) {
		panic(fmt.Sprintf("zeropool: %s: %d elements, room for %d results", call, len(in), len(out)))
	}
	w := workOf(body, in, fn)
	w.out = unsafe.Pointer(unsafe.SliceData(out))
	return w
}

type mapped[T, R any] struct{}

func (mapped[T, R]) run(b *batch, lo, hi int, at *int) error {
	f := b.fn
	fn := *(*func(*T) R)(unsafe.Pointer(&f))
	in, out := unsafe.Slice((*T)(b.base), b.n), unsafe.Slice((*R)(b.out), b.n)
	for i := lo; i < hi; i++ {
		*at = i
		out[i] = fn(&in[i])
	}
	*at = hi
	return nil
}

type mappedErr[T, R any] struct{}

func (mappedErr[T, R]) run(b *batch, lo, hi int, at *int) error {
	f := b.fn
	fn := *(*func(*T) (R, error))(unsafe.Pointer(&f))
	in, out := unsafe.Slice((*T)(b.base), b.n), unsafe.Slice((*R)(b.out), b.n)
	for i := lo; i < hi; i++ {
		*at = i
		r, err := fn(&in[i])
		if err != nil {
			return err
		}
		out[i] = r
	}
	*at = hi
	return nil
}

// Reduce folds all elements into one value. It cuts in into blocks of neighbours,
// folds each block, r = fold(r, &in[i]) from r = zero on, in the order of the
// indices, and merges the results of neighbouring blocks, merge(left, right), in this
// order too. So the result is that of the plain loop if merge is associative, fold
// agrees with it, and zero is its neutral element; merge need not be commutative.
// Where the cuts are differs from run to run: a sum of floating-point numbers may
// differ in the last digits.
//
// The blocks are shared with workers as the ranges of For are. fold and merge may
// change and return their first argument, but several blocks begin with the same
// zero: it must not be a map, or point to anything, that fold changes. fold may make
// one when it is given nil. Reduce allocates nothing in the long run, as long as no more
// than 64 run at a time, and of no more than 64 combinations of types in turn.
//
// The first panic or Goexit ends it early: it then returns zero and a *PanicError or
// ErrGoexit. Of an empty slice it returns zero. Stats counts blocks, and the merging
// as one task.
//
// It panics if p, fold or merge is nil, and returns zero and ErrClosed after Close.
func Reduce[T, R any](p *Pool, in []T, zero R, fold func(R, *T) R, merge func(R, R) R) (R, error) {
	check(p, fold == nil || merge == nil, "Reduce")
	if len(in) == 0 {
		return zero, nil
	}
	blocks := min(len(in), max(minBlocks, blocksEach*len(p.workers)))
	if !p.accept(blocks + 1) { // with the merging, so that Close waits for that too
		return zero, ErrClosed
	}
	acc, merging := &p.helper().account, false
	acc.count(&acc.begun, 1)
	defer func() {
		if !merging { // a fold has failed, or has ended the goroutine
			acc.count(&acc.canceled, 1)
			p.tellClosers(p.gate.Load())
		}
	}()
	r := scratch.Take[reduction[T, R]](&p.scratch)
	if cap(r.parts) < blocks {
		r.parts = make([]part[R], blocks)
	}
	r.parts = r.parts[:blocks]
	r.in, r.zero, r.fold, r.merge = in, zero, fold, merge
	w := work{
		body:  folded[T, R]{},
		fn:    funcOf(fold),
		base:  unsafe.Pointer(r),
		early: true,
	}
	err := p.accepted(w, blocks)
	if merging = err == nil; merging {
		acc.give(1)
		w.body, w.fn = merged[T, R]{}, funcOf(merge)
		err = p.accepted(w, 1)
	}
	if err == nil {
		zero = r.parts[0].r
	}
	r.putBack(p)
	return zero, err
}

const (
	// minBlocks and blocksEach, by worker, are how many blocks a Reduce has: enough
	// that all goroutines end together.
	minBlocks  = 64
	blocksEach = 16
)

// reduction is what the goroutines of a Reduce work on.
type reduction[T, R any] struct {
	in    []T
	zero  R
	fold  func(R, *T) R
	merge func(R, R) R
	parts []part[R] // by block; several blocks folded into one have their part at the first
}

type part[R any] struct {
	r  R
	ok bool
}

type folded[T, R any] struct{}

func (folded[T, R]) run(b *batch, lo, hi int, at *int) error {
	r := (*reduction[T, R])(b.base)
	acc := r.zero
	from := blockStart(len(r.in), b.n, lo)
	for i := lo; i < hi; i++ {
		*at = i
		to := blockStart(len(r.in), b.n, i+1)
		for j := from; j < to; j++ {
			acc = r.fold(acc, &r.in[j])
		}
		from = to
	}
	r.parts[lo] = part[R]{acc, true}
	*at = hi
	return nil
}

// blockStart returns where block i begins of n elements that are cut into blocks of
// lengths that differ by one at most.
func blockStart(n, blocks, i int) int { return n/blocks*i + min(i, n%blocks) }

type merged[T, R any] struct{}

func (merged[T, R]) run(b *batch, _, hi int, at *int) error {
	r := (*reduction[T, R])(b.base)
	acc := r.parts[0].r
	for i := range r.parts[1:] {
		if p := &r.parts[i+1]; p.ok {
			acc = r.merge(acc, p.r)
		}
	}
	r.parts[0].r = acc
	*at = hi
	return nil
}

// putBack keeps r for the next Reduce of the same types, but nothing of the caller's.
func (r *reduction[T, R]) putBack(p *Pool) {
	clear(r.parts)
	*r = reduction[T, R]{parts: r.parts[:0]}
	scratch.Keep(&p.scratch, r)
}
