package collections

import (
	"runtime"
	"testing"
)

// Each collection is seen in the end, and starting twice does not count twice.
func TestCount(t *testing.T) {
	Start()
	Start()
	for range 5 {
		for before := Count(); Count() == before; runtime.Gosched() {
			runtime.GC()
		}
	}
}
