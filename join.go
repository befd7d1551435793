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
// fb has ended, if it was queued; in fb it is ErrGoexit. When every queue is full both
// run on the calling goroutine, one after the other; but a function that is not known
// to return waits for room, or runs on a goroutine of its own if the pool rejects. After Close fa runs, fb does
// not, and Join returns ErrClosed.
//
// It panics if p, fa or fb is nil. a and b may be nil.
func Join[A, B any](p *Pool, a *A, fa func(*A), b *B, fb func(*B)) error {
	check(p, fa == nil || fb == nil, "Join")
	return p.join2(funcOf(fa), unsafe.Pointer(a), funcOf(fb), unsafe.Pointer(b))
}

func (p *Pool) join2(fa *funcval, a unsafe.Pointer, fb *funcval, b unsafe.Pointer) (err error) {
	f, ok := p.submit(fb, b, 0, false)
	if !ok {
		if p.whenFull == Reject || isProven(fb.code) {
			return p.callBoth(fa, a, fb, b)
		}
		f, _ = p.submit(fb, b, 0, true)
	}
	returned := false
	defer func() {
		if !returned {
			err = p.unwoundJoin(f, recover())
		}
	}()
	callTask(fa, a)
	returned = true
	return f.Wait()
}

// unwoundJoin waits for the second function of a Join whose first did not return; e
// is what recover returned.
func (p *Pool) unwoundJoin(f Future, e any) error {
	defer f.Wait() // even if the handler calls runtime.Goexit
	if e == nil {
		return ErrGoexit // seen only after panic(nil) under GODEBUG=panicnil=1, which looks the same
	}
	err := newPanicError(e)
	p.report(err)
	return err
}

// callBoth is join2 without room in a queue.
func (p *Pool) callBoth(fa *funcval, a unsafe.Pointer, fb *funcval, b unsafe.Pointer) error {
	errA := p.call(fa, a)
	errB := ErrGoexit
	if isProven(fb.code) {
		errB = p.call(fb, b)
	} else { // it may call runtime.Goexit, and the pool will not queue it
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			errB = p.call(fb, b)
		}()
		<-ended
	}
	if errA != nil {
		return errA
	}
	return errB
}

// call calls a function that is no task.
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
