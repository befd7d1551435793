package zeropool

import (
	"slices"
	"sync/atomic"
	"unsafe"
)

// A batch is one piece of work of many elements. It takes the room of a few
// queue entries, each an invitation for one worker to join; those who join claim
// ranges of elements from one cursor.
//
// A batch is recycled once its work has ended and nobody holds a reference: one
// for the unfinished work, one for each invitation, one for each waiter that
// joined. Its record's key is a generation, so a Future that outlives it is
// safe.
type batch struct {
	rec  record
	pool *Pool
	work
	n     int
	gen   uint64
	tasks []Task // of a mixed batch, the storage that work points to
	refs  atomic.Int32
	ring  *ring // where the invitations are
	first uint64
	asked atomic.Int32          // workers that have been invited
	fault atomic.Pointer[error] // the first
	_     [lineSize]byte

	cursor atomic.Int64 // first element that nobody has claimed
	_      [lineSize - 8]byte

	finished atomic.Int64 // elements that have ended
	_        [lineSize - 8]byte
}

// work says what the elements are.
type work struct {
	kind   workKind
	fn     *funcval       // the function, but for mixed
	base   unsafe.Pointer // the first element's params
	stride uintptr
}

type workKind uint8

const (
	uniform workKind = iota // fn(params[i])
	mixed                   // tasks[i]
	ranges                  // fn(lo, hi)
)

// share is the part of a batch that a task which called runtime.Goexit left
// undone.
type share struct {
	b        *batch
	next, hi int
	alone    bool // the rest of the batch, from hi on, is this agent's too
}

func workOf[T any](params []T, fn func(*T)) work {
	return work{fn: funcOf(fn), base: unsafe.Pointer(unsafe.SliceData(params)), stride: unsafe.Sizeof(*new(T))}
}

// SubmitBatch queues one task fn(&params[i]) for each element and returns one
// Future for all. The elements are worked on in any order, several at a time;
// params must not be used by others until the Future is done. A panic ends its
// element, not the others. An empty batch is done at once. SubmitBatch
// allocates nothing in the long run.
//
// It panics if p or fn is nil.
func SubmitBatch[T any](p *Pool, params []T, fn func(*T)) Future {
	check(p, fn == nil, "SubmitBatch")
	if len(params) == 0 {
		return Future{}
	}
	return p.submitBatch(workOf(params, fn), len(params), nil)
}

// SubmitMixed queues tasks of different kinds, made by Bind, and returns one
// Future for all. The slice may be reused as soon as SubmitMixed returns. An
// empty slice is done at once.
//
// It panics if p is nil or one of the tasks is the zero Task.
func (p *Pool) SubmitMixed(tasks []Task) Future {
	check(p, false, "SubmitMixed")
	for i := range tasks {
		if tasks[i].fn == nil {
			panic("zeropool: SubmitMixed: a Task that Bind did not make")
		}
	}
	if len(tasks) == 0 {
		return Future{}
	}
	return p.submitBatch(work{kind: mixed}, len(tasks), tasks)
}

func (p *Pool) submitBatch(w work, n int, tasks []Task) Future {
	if p.gate.Load()&gateClosed != 0 {
		return closedFuture
	}
	a := p.borrow(stackHash())
	b := a.newBatch(w, n)
	p.giveBack(a)
	if tasks != nil {
		b.tasks = append(b.tasks[:0], tasks...)
		b.base = unsafe.Pointer(unsafe.SliceData(b.tasks))
	}
	f := Future{r: &b.rec, key: b.gen, n: n}
	p.batched.Add(uint64(n))
	want := min(len(p.workers), n)
	b.refs.Store(int32(want) + 1)
	b.asked.Store(int32(want))
	if sent, err := p.invite(b, want, true); sent == 0 {
		// Nobody was asked, so the batch is still ours to end.
		a := p.borrow(stackHash())
		a.withdraw(b, err)
		p.giveBack(a)
	}
	return f
}

// invite asks want workers to join b, each invitation carrying a reference, and
// returns how many it has sent. They go into the queues, or onto a list of the
// pool's when those are full; but if wait, the first one takes its place like
// any task, as the pool's policy says. Unless all were sent, the error says why.
func (p *Pool) invite(b *batch, want int, wait bool) (sent int, err error) {
	w := p.home()
	if p.gate.Load()&gateIdle != 0 {
		w = p.target(w)
	}
	for want > 0 {
		q := &w.ring
		pos, got := claim(q, uint64(min(want, maxClaim)))
		if got == 0 {
			if q, pos = p.claimElsewhere(w, wait); q == nil && wait {
				_, err = fullFuture(p)
				break
			} else if q == nil {
				back := p.inviteByList(b, want)
				sent, want = sent+want-back, back
				err = ErrClosed
				break
			}
			got = 1
		}
		for i := range got {
			s := q.slot(pos + i)
			s.task.fn = nil
			s.task.params = unsafe.Pointer(b)
		}
		p.joins.Add(got)
		publish(q, pos, got)
		want -= int(got)
		sent += int(got)
		if gate := p.gate.Load(); gate != 0 { // P1, as in Pool.submit
			for i := range got {
				if !p.published(gate, q, pos+i) {
					p.joins.Add(^uint64(0))
					sent--
					err = ErrClosed
					b.release(nil)
				}
			}
		}
		wait = false
	}
	for range want {
		b.release(nil)
	}
	return sent, err
}

// inviteMore asks further workers to join b if, at that many ticks for each
// element, what nobody has claimed is worth it: a loop that began with short
// elements has asked few. The caller holds a reference.
func (p *Pool) inviteMore(b *batch, asked int32, each float64) {
	left := b.n - int(b.cursor.Load())
	want := int32(worthInviting(each*float64(left), p.worthwhile, p.width))
	if want > asked && b.asked.CompareAndSwap(asked, want) {
		b.refs.Add(want - asked)
		p.invite(b, int(want-asked), false)
	}
}

// inviteByList puts n invitations on the pool's list, from which workers take
// them when the queues are empty, and returns how many it had to take back
// because the pool has closed.
func (p *Pool) inviteByList(b *batch, n int) (back int) {
	p.mu.Lock()
	for range n {
		p.invitees = append(p.invitees, b)
	}
	p.invitations.Add(int32(n)) // P1
	p.mu.Unlock()
	gate := p.gate.Load()
	if gate&gateIdle != 0 {
		p.wakeFor(p.workers[0])
	}
	if gate&gateClosed == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.invitees = slices.DeleteFunc(p.invitees, func(l *batch) bool {
		if l != b {
			return false
		}
		back++
		return true
	})
	p.invitations.Add(int32(-back))
	return back
}

// invited takes an invitation off the pool's list.
func (p *Pool) invited() *batch {
	if p.invitations.Load() == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.invitees) == 0 {
		return nil
	}
	b := p.invitees[0]
	p.invitees = slices.Delete(p.invitees, 0, 1)
	p.invitations.Add(-1)
	return b
}

// accept makes t the task of joining b.
func (a *agent) accept(b *batch, t *task) {
	*t = task{params: unsafe.Pointer(b), done: a.spare}
	a.begun.add(1)
}

// newBatch returns a batch with the caller's agent's or the pool's storage.
func (a *agent) newBatch(w work, n int) *batch {
	b := a.batch
	a.batch = nil
	if b == nil {
		b = a.pool.spareBatch()
	}
	b.work = w
	b.n = n
	b.gen++
	b.cursor.Store(0)
	b.finished.Store(0)
	b.rec.state.Store(b.gen << phaseBits)
	return b
}

func (p *Pool) spareBatch() *batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.batches); n > 0 {
		b := p.batches[n-1]
		p.batches = p.batches[:n-1]
		return b
	}
	b := &batch{pool: p}
	b.rec.info.Store(&outcome{pool: p, batch: b})
	return b
}

// hold takes a reference to the batch if it is still the one that key names and
// has not ended. It never raises the count from 0 (K1): by then somebody
// recycles the batch.
func (b *batch) hold(key uint64) bool {
	for {
		n := b.refs.Load()
		if n == 0 {
			return false
		}
		if b.refs.CompareAndSwap(n, n+1) {
			break
		}
	}
	if b.rec.state.Load() == key<<phaseBits {
		return true
	}
	b.release(nil)
	return false
}

// help gives the batch that key names one more goroutine: the caller's own, or a
// stand-in's when the caller must stay free or the functions are not known to
// return.
func (b *batch) help(key uint64, stayFree bool) {
	if !b.hold(key) {
		return
	}
	p := b.pool
	a := p.borrow(stackHash())
	if stayFree || !b.proven() {
		var t task
		a.accept(b, &t)
		p.standIn(a, &t)
		return
	}
	defer p.giveBack(a) // even if an element calls runtime.Goexit
	a.join(b)
}

// release drops a reference. The last one recycles the batch, unless its record
// has an error to keep.
func (b *batch) release(a *agent) {
	if b.refs.Add(-1) != 0 { // K1: what other holders did comes before
		return
	}
	b.work = work{}
	clear(b.tasks)
	if b.rec.state.Load()&phaseMask == phaseFailed {
		return
	}
	if a != nil && a.batch == nil {
		a.batch = b
		return
	}
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	b.pool.batches = append(b.pool.batches, b)
}

// callEach calls the function for the elements from lo to hi and keeps the number
// of the current one in at, for the case that it does not return. It is a
// function of its own, and unrolled, because what is live across the call must be
// stored and loaded again for every element.
//
//go:noinline
func callEach(call func(unsafe.Pointer), base unsafe.Pointer, stride uintptr, lo, hi int, at *int) {
	i := lo
	for ; hi-i >= 4; i += 4 {
		*at = i
		call(unsafe.Add(base, uintptr(i)*stride))
		*at = i + 1
		call(unsafe.Add(base, uintptr(i+1)*stride))
		*at = i + 2
		call(unsafe.Add(base, uintptr(i+2)*stride))
		*at = i + 3
		call(unsafe.Add(base, uintptr(i+3)*stride))
	}
	for ; i < hi; i++ {
		*at = i
		call(unsafe.Add(base, uintptr(i)*stride))
	}
	*at = hi
}

func (b *batch) code() uintptr {
	if b.fn == nil {
		return 0
	}
	return b.fn.code
}

// proven reports whether the batch may run on a goroutine that must go on
// afterwards.
func (b *batch) proven() bool {
	if b.kind != mixed {
		return isProven(b.code())
	}
	for i := range b.tasks {
		t := task{fn: b.tasks[i].fn, params: b.tasks[i].params}
		if !t.proven() {
			return false
		}
	}
	return true
}

func (b *batch) progress(key uint64, total int) int {
	done := int(b.finished.Load())
	if b.rec.state.Load() != key<<phaseBits {
		return total
	}
	return min(done, total)
}

// cancel withdraws the elements that nobody has claimed.
func (b *batch) cancel(key uint64, err error) int {
	if !b.hold(key) {
		return 0
	}
	a := b.pool.borrow(stackHash())
	n := a.withdraw(b, err)
	b.release(a)
	b.pool.giveBack(a)
	return n
}

// withdraw ends the elements that nobody has claimed with err.
func (a *agent) withdraw(b *batch, err error) int {
	lo := int(b.cursor.Swap(int64(b.n)))
	if lo >= b.n {
		return 0
	}
	n := b.n - lo
	b.fail(err)
	a.begun.add(uint64(n))
	a.canceled.add(uint64(n))
	b.finish(a, n)
	return n
}

// cutOffBatch ends what nobody has claimed because Shutdown's context has ended.
func (a *agent) cutOffBatch(b *batch) {
	if a.withdraw(b, ErrClosed) > 0 {
		a.pool.cutWork.Store(true)
	}
}

// fail notes the batch's first error.
func (b *batch) fail(err error) { b.fault.CompareAndSwap(nil, &err) }

// finish counts n elements as ended, and ends the batch with the last. The
// caller holds a reference.
func (b *batch) finish(a *agent, n int) {
	if b.finished.Add(int64(n)) != int64(b.n) {
		return
	}
	state := b.gen<<phaseBits | phaseDone
	if err := b.fault.Load(); err != nil {
		b.rec.info.Store(&outcome{pool: b.pool, batch: b, err: *err})
		state = b.gen<<phaseBits | phaseFailed
	}
	b.rec.state.Swap(state) // C1
	a.noteWake(b.pool.wakeWaiters(&b.rec))
	b.release(nil)
}

// join works on b until nobody can claim any more of it, and drops the
// reference that the caller holds.
func (a *agent) join(b *batch) {
	p := a.pool
	chunk, ran := 1, 0
	for {
		if p.gate.Load()&gateCut != 0 {
			a.cutOffBatch(b)
		}
		lo, hi := b.claimRange(chunk, p.width)
		if lo == hi {
			break
		}
		start := ticks()
		a.runShare(b, lo, hi, false)
		ran += b.calls(lo, hi)
		took := ticks() - start
		chunk = nextChunk(chunk, hi-lo, took, p.chunkTicks)
		if asked := b.asked.Load(); int(asked) < p.width-1 {
			p.inviteMore(b, asked, float64(took)/float64(hi-lo))
		}
	}
	if ran > 0 && b.kind != mixed && !isProven(b.code()) {
		observe(b.code(), ran)
	}
	b.release(a)
}

// claimRange claims up to chunk elements, as claimSize says.
func (b *batch) claimRange(chunk, width int) (lo, hi int) {
	for {
		c := b.cursor.Load()
		left := b.n - int(c)
		if left <= 0 {
			return 0, 0
		}
		k := claimSize(left, chunk, width)
		if b.cursor.CompareAndSwap(c, c+int64(k)) {
			return int(c), int(c) + k
		}
	}
}

// runShare runs the elements from lo to hi and counts them. alone is kept for
// whoever goes on if an element calls runtime.Goexit.
func (a *agent) runShare(b *batch, lo, hi int, alone bool) {
	a.begun.add(uint64(hi - lo))
	for lo < hi {
		lo = a.runRange(b, lo, hi, alone)
	}
}

// runRange runs elements from lo on until one panics, and returns where to go
// on.
func (a *agent) runRange(b *batch, lo, hi int, alone bool) (next int) {
	i := lo
	defer func() {
		if i == hi {
			return
		}
		failed := 1
		next = i + 1
		if b.kind == ranges {
			failed, next = hi-lo, hi
		}
		ended := next - lo
		count := func() {
			a.completed.add(uint64(ended - failed))
			a.panicked.add(uint64(failed))
			b.finish(a, ended)
		}
		// Should the goroutine exit, in the task or in the panic handler, this
		// is left for another one.
		a.rest = share{b, next, hi, alone}
		v := recover()
		if v == nil {
			exited(b.elementCode(i))
			b.fail(ErrGoexit)
			count()
			return
		}
		e := newPanicError(v)
		b.fail(e)
		defer count()
		a.pool.report(e)
		a.rest = share{}
	}()
	switch b.kind {
	case uniform:
		fn := b.fn
		call := *(*func(unsafe.Pointer))(unsafe.Pointer(&fn))
		callEach(call, b.base, b.stride, lo, hi, &i)
	case mixed:
		for ; i < hi; i++ {
			t := task{fn: b.tasks[i].fn, params: b.tasks[i].params}
			t.run()
		}
	case ranges:
		fn := b.fn
		(*(*func(int, int))(unsafe.Pointer(&fn)))(lo, hi)
		i = hi
	}
	a.completed.add(uint64(hi - lo))
	b.finish(a, hi-lo)
	return hi
}

// calls returns how many calls of its function a range of b stands for.
func (b *batch) calls(lo, hi int) int {
	if b.kind == ranges {
		return 1
	}
	return hi - lo
}

func (b *batch) elementCode(i int) uintptr {
	if b.kind != mixed {
		return b.code()
	}
	t := task{fn: b.tasks[i].fn, params: b.tasks[i].params}
	return t.code()
}

// finishShare goes on where a task that called runtime.Goexit stopped.
func (a *agent) finishShare() {
	s := a.rest
	if s.b == nil {
		return
	}
	a.rest = share{}
	for s.next < s.hi {
		s.next = a.runRange(s.b, s.next, s.hi, s.alone)
	}
	if s.alone {
		a.drive(s.b, s.hi)
	} else {
		a.join(s.b)
	}
}
