package zeropool

import (
	"sync/atomic"
	"unsafe"
)

// A record is where one task's outcome appears. Each free slot of a ring holds
// one, so that a submitter gets its Future for nothing: it reads the pointer
// from the slot it has just claimed. Whoever takes the task out puts a fresh
// record into the slot before releasing it.
//
// state is key<<2 | phase. The key names one use of the record: ring and
// position for a task, a generation for a batch. Nobody but the owner of the
// use writes state, so a Future whose key is no longer there knows that its
// task ended well and that the record has moved on. A record whose task ended
// any other way is never used again; it stays with the futures that point to it.
type record struct {
	state atomic.Uint64
	info  atomic.Pointer[outcome]
}

const (
	phasePending = 0 // queued or running
	phaseDone    = 1 // returned normally
	phaseFailed  = 2 // info.err says how it ended
	phaseMask    = 3
	phaseBits    = 2

	// groupState marks the record embedded in a Group, which counts tasks
	// instead of naming one.
	groupState = ^uint64(0)
)

// outcome is what a record points to: shared by all records in the slots of a
// ring while nothing went wrong, private to the record once something did.
type outcome struct {
	pool  *Pool
	ring  *ring  // whose slot the record is in, or was in when its task was taken
	batch *batch // the batch that embeds the record, or nil for a single task
	err   error  // set before state becomes phaseFailed, never changed after
}

// A key holds the ring's index in its upper bits and the position, modulo
// 2^posBits, in the lower ones.
const (
	posBits    = 50
	posMask    = 1<<posBits - 1
	maxWorkers = 1 << (64 - phaseBits - posBits)
)

func taskKey(ring uint32, pos uint64) uint64 {
	return uint64(ring)<<posBits | pos&posMask
}

// Both words of a task that hold functions point to a function value as the
// compiler lays it out: its first word is the code.
type funcval struct{ code uintptr }

// task is what a ring stores: a func(*T) without its type, its argument, and
// the record (or Group) that learns of its end. fn is nil for a request to
// join the batch that params points to.
type task struct {
	fn     *funcval
	params unsafe.Pointer
	done   *record
}

// run calls the function. A func(*T) takes its one pointer argument in the
// same place whatever T is, so calling it through func(unsafe.Pointer) is
// calling it.
func (t *task) run() {
	fn := t.fn
	(*(*func(unsafe.Pointer))(unsafe.Pointer(&fn)))(t.params)
}

const (
	wordSize = unsafe.Sizeof(uintptr(0))
	// The queued task is three words: 24 bytes where pointers have 8.
	_ = uint(unsafe.Sizeof(task{}) - 3*wordSize)
	_ = uint(3*wordSize - unsafe.Sizeof(task{}))
)
