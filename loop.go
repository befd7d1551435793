package zeropool

import "unsafe"

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
	return p.loop(work{kind: ranges, fn: *(**funcval)(unsafe.Pointer(&body))}, n)
}

func (p *Pool) loop(w work, n int) error {
	if n == 0 {
		return nil
	}
	a := p.borrow(stackHash())
	// L1: after the borrowing, so that Close waits for a loop that missed it.
	if p.gate.Load()&gateClosed != 0 {
		p.giveBack(a)
		return ErrClosed
	}
	b := a.newBatch(w, n)
	b.cursor.Store(int64(n)) // nobody may claim before the caller shares
	b.refs.Store(2)
	f := Future{r: &b.rec, key: b.gen, n: n}
	p.batched.Add(uint64(n))
	if b.proven() {
		p.driveInline(a, b)
	} else {
		p.standInForLoop(a, b)
	}
	err, done := f.poll()
	if !done {
		p.park(waitable{f: f}, nil)
		err, _ = f.poll()
	}
	return err
}

func (p *Pool) driveInline(a *agent, b *batch) {
	defer p.giveBack(a)
	a.drive(b, 0)
}

// drive runs the elements of b from lo on, alone until it is worth sharing, and
// drops the caller's reference.
func (a *agent) drive(b *batch, lo int) {
	p := a.pool
	n, chunk := b.n, 1
	from, calls, start := lo, 0, ticks()
	before := start
	for lo < n {
		if p.gate.Load()&gateCut != 0 {
			b.cursor.Store(int64(lo))
			a.cutOffBatch(b)
			break
		}
		hi := lo + min(chunk, n-lo)
		a.runShare(b, lo, hi, true)
		calls += b.calls(lo, hi)
		lo = hi
		if lo == n {
			break
		}
		now := ticks()
		next, invite, share := afterAlone(chunk, lo-from, n-lo, now-start, now-before, p.worthwhile, p.width)
		if share {
			b.cursor.Store(int64(lo))
			b.asked.Store(int32(invite))
			if invite > 0 {
				b.refs.Add(int32(invite))
				p.invite(b, invite, false)
			}
			a.join(b)
			return
		}
		chunk, before = next, now
	}
	if b.kind != mixed && !isProven(b.code()) {
		observe(b.code(), calls)
	}
	b.release(a)
}
