package zeropool

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/chunk"
	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/proven"
)

// A batch is one piece of work of many elements. It stands on the pool's board
// while there are elements that nobody has claimed; who works on it claims ranges
// of elements from one cursor.
//
// A batch is recycled once its work has ended and nobody holds a reference: one
// for the unfinished work, one for each goroutine that works on it. Its state
// holds a generation, so a Future that outlives it is safe.
type batch struct {
	state atomic.Uint64 // generation<<1, plus 1 when the batch has failed: grows with each use and each end
	pool  *Pool
	work
	n       int
	prev    *batch // on the board; guarded by its mutex
	next    *batch // likewise; or in the list of the recycled ones
	tasks   []Task // of a mixed batch
	width   int    // goroutines that can work on it at a time
	refs    atomic.Int32
	failure atomic.Pointer[failure]
	asked   atomic.Bool // a stand-in works on it, or will, for those that wait and must not
	by      *account    // of a loop: has begun all its elements; of the waiter that drives it, or Pool.driven
	_       [lineSize]byte

	cursor atomic.Int64 // first element that nobody has claimed
	_      [lineSize - 8]byte

	finished atomic.Int64 // elements that have ended
	_        [lineSize - 8]byte
}

// work says what the elements are, and what ends them.
type work struct {
	body   body           // runs elements
	fn     *funcval       // the function, or nil: each element has one of its own
	base   unsafe.Pointer // the first element's params
	stride uintptr
	out    unsafe.Pointer  // where the results go
	whole  bool            // a range of elements is one call, and fails as a whole
	early  bool            // the first failure withdraws what nobody has claimed
	stop   <-chan struct{} // its end does so too, if it is not nil
	over   *atomic.Bool    // likewise, if it is true, for a context of a bubble that the pool is not in; nothing else hangs on it
}

// A body runs elements of a batch from lo to hi, in this order, until one returns an
// error. It keeps the number of the current one in at, for the case that it does not
// return, and hi in the end.
//
// The implementations have no fields: what they work on is in the batch, so that
// storing one in an interface allocates nothing, whatever its type parameters are.
type body interface {
	run(b *batch, lo, hi int, at *int) error
}

// A failure is why a batch has failed.
type failure struct {
	err error
	at  int // the element, or atEnd
}

// A span is what a goroutine is to do of a batch. First come the elements, if any, that
// somebody has claimed, and that are left because a task called runtime.Goexit; then those
// that nobody has claimed.
type span struct {
	b        *batch
	next, hi int
	alone    bool // the rest of the batch, from hi on, is the goroutine's too
}

// left returns how many elements from next on count as begun by the goroutine with this
// span.
func (sp span) left(next int) int {
	if sp.alone {
		return sp.b.n - next
	}
	return sp.hi - next
}

// workOf is for bodies that call fn for each element of params.
func workOf[T, F any](body body, params []T, fn F) work {
	return work{body: body, fn: funcOf(fn), base: unsafe.Pointer(unsafe.SliceData(params)), stride: unsafe.Sizeof(*new(T))}
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
	return p.submitBatch(workOf(elements{}, params, fn), len(params), nil)
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
	return p.submitBatch(work{body: mixed{}}, len(tasks), tasks)
}

func (p *Pool) submitBatch(w work, n int, tasks []Task) Future {
	if n == 0 {
		return Future{}
	}
	if !p.accept(n) {
		return closedFuture
	}
	b := p.newBatch(w, n)
	b.tasks = append(b.tasks[:0], tasks...)
	b.width = p.width()
	p.batches.Add(1)
	b.refs.Store(1) // K2: after the fields
	f := Future{at: unsafe.Pointer(b), key: b.state.Load(), n: n}
	p.post(b, 0)
	// D1: if Close has missed the batch, the workers may have ended; the stand-ins
	// have not, because the batch has been counted.
	if p.gate.Load()&gateClosed != 0 && b.retain(f.key) {
		p.hand(job{span: span{b: b}})
	}
	if p.gate.Load()&gateSleeping != 0 { // P1; a napping poller comes by itself, or a waiter summons it
		p.summon()
	}
	return f
}

// accept counts n elements as submitted, and reports whether the pool takes them: after
// Close it does not, and they count as canceled.
func (p *Pool) accept(n int) bool {
	if p.gate.Load()&gateClosed != 0 {
		return false
	}
	p.batched.Add(uint64(n)) // a full fence before the load of the gate (D1)
	if p.gate.Load()&gateClosed == 0 {
		return true
	}
	acc := p.helper()
	acc.count(&acc.begun, uint64(n))
	acc.count(&acc.canceled, uint64(n))
	p.tellClosers(gateClosed)
	return false
}

// width returns how many goroutines can work on a batch at a time.
func (p *Pool) width() int { return min(len(p.workers)+1, runtime.GOMAXPROCS(0)) }

// newBatch returns a batch with recycled storage, which nobody else knows yet.
func (p *Pool) newBatch(w work, n int) *batch {
	b := p.helper().batch.Swap(nil)
	if b == nil {
		b = p.spareBatch()
	}
	b.work = w
	b.n = n
	b.by = nil
	b.asked.Store(false)
	b.finished.Store(0)
	b.state.Add(2) // the next generation
	return b
}

func (p *Pool) spareBatch() *batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.recycled; b != nil {
		p.recycled, b.next = b.next, nil
		return b
	}
	return &batch{pool: p}
}

// retain takes a reference to the batch if it is still the one that key names, and has
// not ended. It never raises the count from 0 (K1): by then somebody recycles the batch,
// or fills it.
func (b *batch) retain(key uint64) bool {
	for {
		n := b.refs.Load()
		if n == 0 {
			return false
		}
		if b.refs.CompareAndSwap(n, n+1) { // K2
			break
		}
	}
	if b.state.Load() == key {
		return true
	}
	b.release()
	return false
}

// release drops a reference. The last one recycles the batch, unless it has an
// error to keep.
func (b *batch) release() {
	if b.refs.Add(-1) != 0 { // K1: what other holders did comes before
		return
	}
	b.work = work{}
	clear(b.tasks)
	if b.state.Load()&1 != 0 {
		b.tasks = nil
		return
	}
	if b.pool.helper().batch.CompareAndSwap(nil, b) {
		return
	}
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	b.next, b.pool.recycled = b.pool.recycled, b
}

// poll returns how the batch that had that state when it began has ended, if it has (F1).
func (b *batch) poll(key uint64) (err error, done bool) {
	switch b.state.Load() {
	case key:
		return nil, false
	case key | 1:
		return b.failure.Load().err, true
	}
	return nil, true // ended, and may serve another batch already
}

// A board is the list of the batches that have elements which nobody has claimed, the
// oldest first. A batch on it has a reference: that of its unfinished work, or of the one
// who has claimed its last element and is about to take it off.
type board struct {
	count atomic.Int32 // how many they are, and are about to be
	mu    sync.Mutex   // guards the list
	ends  batch        // stands before the oldest and behind the newest, in a ring
}

// post puts b on the board, to be claimed from element lo on.
func (p *Pool) post(b *batch, lo int) {
	b.cursor.Store(int64(lo))
	d := &p.board
	d.count.Add(1) // P1: a full fence before the load of the gate
	d.mu.Lock()
	b.prev, b.next = d.ends.prev, &d.ends
	b.prev.next, b.next.prev = b, b
	d.mu.Unlock()
}

// unpost takes b off the board. Only the goroutine that has claimed the last
// element does, while it holds a reference.
func (p *Pool) unpost(b *batch) {
	d := &p.board
	d.mu.Lock()
	b.prev.next, b.next.prev = b.next, b.prev
	b.prev, b.next = nil, nil
	d.mu.Unlock()
	d.count.Add(-1)
}

// openBatch returns the oldest batch with work left, which the caller holds, or nil.
func (p *Pool) openBatch() *batch {
	d := &p.board
	if d.count.Load() == 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for b := d.ends.next; b != &d.ends; b = b.next {
		if int(b.cursor.Load()) < b.n {
			b.refs.Add(1) // K1
			return b
		}
	}
	return nil
}

// proven reports whether the batch may run on a goroutine that must go on
// afterwards.
func (b *batch) proven() bool {
	if b.fn != nil {
		return proven.Is(b.fn.code)
	}
	for i := range b.tasks {
		if !proven.Is(b.tasks[i].fn.code) {
			return false
		}
	}
	return true
}

func (f Future) cancelBatch() int {
	if f.at == nil || !f.batch().retain(f.key) {
		return 0
	}
	b := f.batch()
	n := b.pool.withdraw(b, ErrCanceled)
	b.release()
	return n
}

// withdraw ends the elements that nobody has claimed with err. The caller holds a
// reference. If there are none, it leaves the batch alone: it may have ended.
func (p *Pool) withdraw(b *batch, err error) int {
	lo := int(b.cursor.Swap(int64(b.n)))
	if lo >= b.n {
		return 0
	}
	p.unpost(b)
	n := b.n - lo
	p.skip(b, n, err)
	return n
}

// skip ends n elements that have not begun, and never will, with err.
func (p *Pool) skip(b *batch, n int, err error) {
	b.fail(err, atEnd)
	if err == ErrClosed && p.gate.Load()&gateCut != 0 {
		p.cutWork.Store(true)
	}
	acc := b.by
	if acc == nil {
		acc = &p.helper().account
	}
	b.begin(acc, n)
	acc.count(&acc.canceled, uint64(n))
	b.finish(n)
}

// begin counts n elements as begun by acc.
func (b *batch) begin(acc *account, n int) {
	if b.by == acc {
		return
	}
	if b.by != nil {
		b.by.give(n)
	}
	acc.count(&acc.begun, uint64(n))
}

// fail notes an error of an element. A batch keeps the first; one that ends early
// keeps that of the lowest element.
func (b *batch) fail(err error, at int) {
	if !b.early {
		at = 0
	}
	f := &failure{err, at}
	for {
		old := b.failure.Load()
		if old != nil && old.at <= at || b.failure.CompareAndSwap(old, f) {
			return
		}
	}
}

// finish counts n elements as ended, and ends the batch with the last. The
// caller holds a reference, and has counted them in its account.
func (b *batch) finish(n int) {
	if b.finished.Add(int64(n)) != int64(b.n) {
		return
	}
	p := b.pool
	if b.failure.Load() != nil {
		b.state.Add(1) // F1, C1
	} else {
		b.state.Add(2) // F1, C1
	}
	if b.by == nil {
		p.batches.Add(-1)
	}
	gate := p.gate.Load()
	if gate >= gateWaiter { // C1
		p.wake(unsafe.Pointer(b), everyone)
	}
	b.release()
	p.tellClosers(gate)
}

// toTheEnd is the till of a caller of join that waits for the batch.
const toTheEnd = math.MaxInt64

// join works on b until nobody can claim any more of it, or until the ticks are more than
// till, and drops the reference that the caller holds. A waiter begins alone, as a loop
// does, and summons a runner when what is left is worth it, at once if elements took long
// the last time.
func (p *Pool) join(b *batch, acc *account, alone bool, till int64) {
	start := cpu.Ticks()
	want, ran, calls, before := 1, 0, 0, start
	if alone && b.n-int(b.cursor.Load()) > 1 && b.long() {
		p.summon()
		alone = false
	}
	for {
		if err := p.stops(b); err != nil {
			p.withdraw(b, err)
		}
		part := 2 * b.width
		if alone {
			part = 1
		}
		lo, hi := b.claimRange(want, part)
		if lo == hi {
			break
		}
		b.begin(acc, hi-lo)
		p.runSpan(span{b, lo, hi, false}, acc)
		ran += hi - lo
		calls += b.calls(lo, hi)
		now := cpu.Ticks()
		if !alone {
			want = chunk.Next(want, hi-lo, now-before, p.times.chunk)
		} else if next, worth := chunk.AfterAlone(want, ran, b.n-hi, now-start, now-before, p.times.worthwhile); worth {
			p.summon()
			alone, want, now = false, 1, cpu.Ticks()
		} else {
			want = next
		}
		if before = now; now > till {
			break
		}
	}
	if ran > 0 && b.fn != nil {
		proven.NoteLong(b.fn.code, (before-start)/int64(ran) > p.times.long)
		if !proven.Is(b.fn.code) {
			proven.Observe(b.fn.code, calls)
		}
	}
	b.release()
}

// longTime is how long an element must take on average for the next batch or loop of the
// same function to begin with a worker, and not alone.
const longTime = 4 * chunk.WorthWaking

// long reports whether elements took that long the last time, and somebody can help.
func (b *batch) long() bool {
	return b.fn != nil && proven.Long(b.fn.code) && b.pool.width() > 1
}

// claimRange claims up to want elements, as chunk.Claim says.
func (b *batch) claimRange(want, part int) (lo, hi int) {
	for {
		c := b.cursor.Load()
		left := b.n - int(c)
		if left <= 0 {
			return 0, 0
		}
		k := chunk.Claim(left, want, part)
		if b.cursor.CompareAndSwap(c, c+int64(k)) {
			if k == left {
				b.pool.unpost(b)
			}
			return int(c), int(c) + k
		}
	}
}

// runSpan runs a range of elements that the caller has claimed and counted as
// begun.
func (p *Pool) runSpan(sp span, acc *account) {
	for sp.next < sp.hi {
		sp.next = p.runRange(sp, acc)
	}
}

// resume finishes a span that somebody has given to a stand-in, and goes on with the
// batch: until the ticks are till if it is on the board.
func (p *Pool) resume(sp span, acc *account, till int64) {
	if !sp.alone { // else Pool.driven has counted them
		acc.count(&acc.begun, uint64(sp.left(sp.next)))
	}
	p.runSpan(sp, acc)
	if sp.alone {
		p.drive(sp.b, acc, sp.hi)
	} else {
		p.join(sp.b, acc, false, till)
	}
}

// runRange runs elements of a span until one does not return, and returns where
// to go on. What is left of the span when a task, or the panic handler, calls
// runtime.Goexit is left to a stand-in.
func (p *Pool) runRange(sp span, acc *account) (next int) {
	b, lo, hi := sp.b, sp.next, sp.hi
	i := lo
	defer func() {
		if i != hi {
			next = p.unwoundRange(sp, i, acc, recover())
		}
	}()
	if err := b.body.run(b, lo, hi, noEscape(&i)); err != nil {
		at := i
		i = hi
		b.fail(err, at)
		return p.endFailed(sp, at, acc)
	}
	b.returned(acc, hi-lo)
	return hi
}

// returned counts n elements as ended that have returned.
func (b *batch) returned(acc *account, n int) {
	if n > 0 {
		acc.count(&acc.completed, uint64(n))
		b.finish(n)
	}
}

// noEscape hides a pointer to a local variable from the compiler, for the call of a
// function that does not keep it.
//
//go:nosplit
//go:nocheckptr
func noEscape(p *int) *int {
	return (*int)(unsafe.Add(nil, uintptr(unsafe.Pointer(p))))
}

// elements calls fn(&params[i]).
type elements struct{}

func (elements) run(b *batch, lo, hi int, at *int) error {
	fn := b.fn
	callEach(*(*func(unsafe.Pointer))(unsafe.Pointer(&fn)), b.base, b.stride, lo, hi, at)
	return nil
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

// mixed runs tasks[i].
type mixed struct{}

func (mixed) run(b *batch, lo, hi int, at *int) error {
	for i := lo; i < hi; i++ {
		*at = i
		callTask(b.tasks[i].fn, b.tasks[i].params)
	}
	*at = hi
	return nil
}

// unwoundRange ends the elements of a span up to i, which did not return; e is
// what recover returned.
func (p *Pool) unwoundRange(sp span, i int, acc *account, e any) (next int) {
	b, exits := sp.b, true
	defer func() {
		next = p.endFailed(sp, i, acc)
		if exits { // the goroutine, in the task or in the panic handler
			switch left := sp.left(next); {
			case !sp.alone:
				acc.give(left)
			case b.by != &p.driven:
				b.by.give(left)
				b.by = &p.driven
				b.by.count(&b.by.begun, uint64(left))
			}
			p.hand(job{span: span{b, next, sp.hi, sp.alone}})
		}
	}()
	exit := goexited()
	if exit {
		fn := b.fn
		if fn == nil {
			fn = b.tasks[i].fn
		}
		proven.Exited(fn.code)
		if e == nil {
			b.fail(ErrGoexit, i)
			return 0
		}
	}
	err := newPanicError(e)
	b.fail(err, i)
	p.report(err)
	exits = exit
	return 0
}

// endFailed ends the elements of a span up to i, which has failed, and the others too
// if the batch ends early: the caller must then look at stops before it claims more. It
// returns where to go on.
func (p *Pool) endFailed(sp span, i int, acc *account) (next int) {
	b := sp.b
	done, failed, skipped := i-sp.next, 1, 0
	if b.whole {
		done, failed = 0, sp.hi-sp.next
	}
	next = sp.next + done + failed
	if b.early {
		skipped, next = sp.hi-next, sp.hi
	}
	acc.count(&acc.completed, uint64(done))
	acc.count(&acc.panicked, uint64(failed))
	acc.count(&acc.canceled, uint64(skipped))
	b.finish(done + failed + skipped)
	return next
}

// calls returns how many calls of its function a range of b stands for.
func (b *batch) calls(lo, hi int) int {
	if b.whole {
		return 1
	}
	return hi - lo
}

func (f Future) waitBatch() error {
	if b := f.batch(); f.at != nil && b.retain(f.key) {
		if b.proven() {
			b.pool.join(b, &b.pool.helper().account, true, toTheEnd)
		} else {
			b.release()
			f.waitFree(nil, 0)
		}
	}
	return f.block()
}
