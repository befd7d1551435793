package zeropool

import (
	"testing"
	"unsafe"
)

// A fibNode is the params of one call of fib(n). All of a tree lie in one array: the
// first child follows its parent, the second one the first one's tree.
type fibNode struct{ n, out int }

var fibSizes = func() (sizes [32]int) {
	for n := range sizes {
		if sizes[n] = 1; n >= 2 {
			sizes[n] += sizes[n-1] + sizes[n-2]
		}
	}
	return sizes
}()

func (f *fibNode) children() (a, b *fibNode) {
	a = (*fibNode)(unsafe.Add(unsafe.Pointer(f), unsafe.Sizeof(*f)))
	b = (*fibNode)(unsafe.Add(unsafe.Pointer(a), uintptr(fibSizes[f.n-1])*unsafe.Sizeof(*f)))
	a.n, b.n = f.n-1, f.n-2
	return a, b
}

func nodesByJoin(f *fibNode) {
	if f.n < 2 {
		f.out = f.n
		return
	}
	a, b := f.children()
	Join(joinPool, a, nodesByJoin, b, nodesByJoin)
	f.out = a.out + b.out
}

func nodesByHand(f *fibNode) {
	if f.n < 2 {
		f.out = f.n
		return
	}
	a, b := f.children()
	g := Submit(joinPool, b, nodesByHand)
	nodesByHand(a)
	g.Wait()
	f.out = a.out + b.out
}

// BenchmarkJoin compares fib(22) by Join to fib(22) by Submit, a call, and Wait.
func BenchmarkJoin(b *testing.B) {
	joinPool = newTestPool(b, unpinned(1)...)
	nodes := make([]fibNode, fibSizes[22])
	for name, fib := range map[string]func(*fibNode){"join": nodesByJoin, "hand": nodesByHand} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				nodes[0].n = 22
				fib(&nodes[0])
			}
		})
	}
}
