package collections

import (
	"runtime"
	"testing"
)

// Each collection is seen in the end: the cleanup that counts one attaches the next.
func TestCount(t *testing.T) {
	Start()
	for range 5 {
		for before := Count(); Count() == before; runtime.Gosched() {
			runtime.GC()
		}
	}
}
