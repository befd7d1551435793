package zeropool

import (
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/chunk"
	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/proven"
)

// ForEach calls fn(&params[i]) for every element and returns when all calls have
// returned: nil, or the first panic as a *PanicError. The caller starts at once
// and works too; workers join only while what is left is worth waking them, so
// that a short ForEach costs about the plain loop. It allocates nothing in the
// long run.
//
// The decision to wake follows heartbeat scheduling: Acar, Charguéraud, Guatto,
// Rainey, Sieczkowski, "Heartbeat Scheduling: Provable Efficiency for Nested
// Parallelism", PLDI 2018.
//
// It panics if p or fn is nil, and returns ErrClosed after Close.
func ForEach[T any](p *Pool, params []T, fn func(*T)) error {
	check(p, fn == nil, "ForEach")
	return p.loop(workOf(params, fn), len(params))
}

// For calls body(lo, hi) for ranges that cover [0,n) exactly once and returns
// when all calls have returned: nil, or the first panic as a *PanicError. It
// starts with short ranges in the caller; like ForEach it lets workers join
// while what is left is worth it. A panic ends its range, not the others.
//
// It panics if p or body is nil or n is negative, and returns ErrClosed after
// Close.
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
	h := &p.helper().hand
	b := p.newBatch(w, n)
	b.by = h
	h.count(&h.begun, uint64(n))
	b.refs.Store(2) // K2
	f := Future{at: unsafe.Pointer(b), key: b.gen, n: n}
	if b.proven() {
		p.drive(b, h, 0)
	} else {
		h.give(n)
		p.hand(job{share: share{b: b, alone: true}})
	}
	return f.block()
}

// drive runs the elements of b from lo on, alone until it is worth sharing, and
// drops the caller's reference.
func (p *Pool) drive(b *batch, h *hand, lo int) {
	n, want := b.n, 1
	from, calls, start := lo, 0, cpu.Ticks()
	before := start
	for lo < n {
		if err := p.stops(b); err != nil {
			p.skip(b, n-lo, err)
			break
		}
		hi := lo + min(want, n-lo)
		p.runShare(share{b, lo, hi, true}, h)
		calls += b.calls(lo, hi)
		lo = hi
		if lo == n {
			break
		}
		now := cpu.Ticks()
		next, share := chunk.AfterAlone(want, lo-from, n-lo, now-start, now-before, p.times.worthwhile)
		if share {
			if b.width = p.width(); b.width > 1 {
				p.post(b, lo)
				p.summon()
				p.join(b, h)
				return
			}
			next = chunk.Grown(want, 2)
		}
		want, before = next, now
	}
	if !proven.Is(b.fn.code) {
		proven.Observe(b.fn.code, calls)
	}
	b.release()
}
