package zeropool

import "unsafe"

// Join runs fa(a) and fb(b), possibly at the same time, and returns when both have
// ended: it queues fb(b), runs fa(a) on the calling goroutine, and then waits for
// fb(b), which it runs itself if nobody has begun it. It is made for divide and
// conquer: both functions may Join again, to any depth. It allocates nothing.
//
// It returns nil if both returned normally. A panic in fa is recovered and reported
// like that of a task; Join waits for fb all the same, and returns the *PanicError of
// fa, or else the error of fb. A runtime.Goexit in fa ends the calling goroutine once
// fb has ended, if it was queued; in fb it is ErrGoexit, as with Wait. When every queue is
// full fb(b) is not queued: Join runs it after fa(a), like a ForEach of one element.
// After Close fa runs, fb does not, and Join returns ErrClosed.
//
// It panics if p, fa or fb is nil. a and b may be nil.
func Join[A, B any](p *Pool, a *A, fa func(*A), b *B, fb func(*B)) error {
	check(p, fa == nil || fb == nil, "Join")
	return p.join2(funcOf(fa), unsafe.Pointer(a), funcOf(fb), unsafe.Pointer(b))
}

// What join2 is running.
const (
	joinsNothing = iota
	joinsFirst
	joinsSecond
)

// join2 is Join. It runs fb as run does, and does not call run: a second frame with a
// deferred call would make a fork take a third longer.
func (p *Pool) join2(fa *funcval, a unsafe.Pointer, fb *funcval, b unsafe.Pointer) (err error) {
	f, ok := p.submit(fb, b, 0, nil, false)
	if !ok {
		return p.joinFull(fa, a, fb, b)
	}
	l := f.lane()
	s := l.slot(f.key)
	v := f.key | owned
	runs := joinsFirst
	defer func() {
		switch runs {
		case joinsFirst:
			err = p.unwoundJoin(f, recover())
		case joinsSecond:
			r := running{l: l, s: s, v: v, acc: &l.account}
			r.unwound(recover())
			err = f.err()
		}
	}()
	callTask(fa, a)
	runs = joinsNothing
	if take(l, s, f.key) != tookIt {
		return f.Wait()
	}
	if !l.knows(s) && !l.proven(s) {
		return f.waitTaken(l, s)
	}
	if p.gate.Load()&gateCut != 0 { // D1, as in run
		p.cutOff(l, s, v, &l.account)
		return f.err()
	}
	runs = joinsSecond
	callTask(s.fn, s.params)
	runs = joinsNothing
	s.fn = nil
	s.params = nil
	finish(l, s, l.next(v))                       // F1, R1; C1: as in run
	if g := p.gate.Load(); g&^gateSleeping != 0 { // C1
		p.told(l, v)
	}
	return nil
}

// joinFull is join2 without room in a queue: fb is a loop of one element.
func (p *Pool) joinFull(fa *funcval, a unsafe.Pointer, fb *funcval, b unsafe.Pointer) error {
	errA := p.call(fa, a)
	errB := p.loop(work{body: elements{}, fn: fb, base: b}, 1)
	if errA != nil {
		return errA
	}
	return errB
}

// unwoundJoin waits for the second function of a Join whose first did not return; e
// is what recover returned.
func (p *Pool) unwoundJoin(f Future, e any) error {
	defer f.Wait() // even if the handler calls runtime.Goexit
	if e == nil && goexited() {
		return ErrGoexit // which nobody sees
	}
	err := newPanicError(e)
	p.report(err)
	return err
}

// call calls the first function of a Join whose second one is not queued.
func (p *Pool) call(fn *funcval, params unsafe.Pointer) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = p.unwoundJoin(Future{}, recover())
		}
	}()
	callTask(fn, params)
	returned = true
	return nil
}
