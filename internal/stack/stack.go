// Package stack looks at the stack of the calling goroutine: Go has no storage by
// goroutine, so there it must be read who has called, and which goroutine it is.
package stack

import (
	"reflect"
	"runtime"
	"sync"
)

// Code is the part of the program that holds one function.
type Code struct{ from, to uintptr }

// CodeOf finds out how far the code of a function reaches: as long as the
// runtime names the same function.
func CodeOf(function any) Code {
	const step, limit = 4, 1 << 16
	entry := runtime.FuncForPC(reflect.ValueOf(function).Pointer()).Entry()
	end := entry + step
	for end < entry+limit {
		if f := runtime.FuncForPC(end); f == nil || f.Entry() != entry {
			break
		}
		end += step
	}
	return Code{entry, end}
}

// Nearest returns which of the functions is the last one that was called of those which
// the caller's caller was called by, however deep; or -1. It allocates nothing.
func Nearest(functions []Code) int {
	var pcs [64]uintptr
	for skip := 3; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			for i, f := range functions {
				if f.from < pc && pc <= f.to { // pc is where the call returns to
					return i
				}
			}
		}
		if n < len(pcs) {
			return -1
		}
	}
}

// GoroutineID reads the number of the calling goroutine from its stack trace,
// the only place where Go shows it.
func GoroutineID() uint64 {
	buf := traces.Get().(*[40]byte)
	defer traces.Put(buf)
	b := buf[:runtime.Stack(buf[:], false)]
	var id uint64
	for _, c := range b[min(len("goroutine "), len(b)):] {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}

// traces keeps buffers for GoroutineID, which would allocate otherwise.
var traces = sync.Pool{New: func() any { return new([40]byte) }}
