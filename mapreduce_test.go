package zeropool

import (
	"context"
	"math/big"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Map fills out with what fn returns, for each element, also in place; the rest of out
// stays. A panic ends its element only.
func TestMap(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		for _, n := range []int{0, 1, 10, 5000} {
			in, out := make([]int, n), make([]string, n+2)
			for i := range in {
				in[i] = i
			}
			out[n], out[n+1] = "x", "y"
			if err := Map(p, in, out, func(i *int) string { spinFor(20); return strconv.Itoa(*i) }); err != nil {
				t.Fatal(err)
			}
			for i := range in {
				if out[i] != strconv.Itoa(i) {
					t.Fatalf("out[%d] = %q", i, out[i])
				}
			}
			if out[n] != "x" || out[n+1] != "y" {
				t.Error("Map wrote beyond the length of in")
			}
			if err := Map(p, in, in, func(i *int) int { return *i + 1 }); err != nil {
				t.Fatal(err)
			}
			for i := range in {
				if in[i] != i+1 {
					t.Fatalf("in place: in[%d] = %d", i, in[i])
				}
			}
			if n < 5 {
				continue
			}
			err := Map(p, in, in, func(i *int) int {
				if *i == 3 {
					panic(failedAt(3))
				}
				return -*i
			})
			if pe, ok := err.(*PanicError); !ok || pe.Value != failedAt(3) {
				t.Errorf("%v", err)
			}
			for i := range in {
				if want := -(i + 1); in[i] != want && i != 2 || i == 2 && in[i] != 3 {
					t.Fatalf("after a panic: in[%d] = %d", i, in[i])
				}
			}
		}
	})
}

// MapErr leaves the place of an element that failed as it was, and has the results of
// those below.
func TestMapErrKeepsResults(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		in, out := make([]int, 2000), make([]int, 2000)
		for i := range in {
			in[i], out[i] = i, -1
		}
		err := MapErr(t.Context(), p, in, out, func(i *int) (int, error) {
			spinFor(50)
			if *i == 1000 {
				return 7, failedAt(1000)
			}
			return *i, nil
		})
		if err != failedAt(1000) || out[1000] != -1 {
			t.Errorf("%v, out %d", err, out[1000])
		}
		for i, x := range out {
			if x != i && (i < 1000 || x != -1) {
				t.Fatalf("out[%d] = %d", i, x)
			}
		}
	})
}

// An associative merge is enough: the result is that of the plain loop, for the
// concatenation of strings and for the product of matrices of big integers, neither of
// which is commutative.
func TestReduceInOrder(t *testing.T) {
	type matrix [4]big.Int
	times := func(a, b *matrix) *matrix {
		c := new(matrix)
		for i := range 2 {
			for j := range 2 {
				var x, y big.Int
				c[2*i+j].Add(x.Mul(&a[2*i], &b[j]), y.Mul(&a[2*i+1], &b[2+j]))
			}
		}
		return c
	}
	eachPool(t, func(t *testing.T, p *Pool) {
		for _, n := range []int{0, 1, 2, 63, 64, 65, 1000, 3000} {
			in := make([]int, n)
			var want strings.Builder
			product := new(matrix)
			product[0].SetInt64(1)
			product[3].SetInt64(1)
			one := product
			asMatrix := func(i *int) *matrix {
				m := new(matrix)
				m[0].SetInt64(int64(*i))
				m[1].SetInt64(1)
				m[2].SetInt64(1)
				return m
			}
			for i := range in {
				in[i] = i * 7 % 11
				want.WriteString(strconv.Itoa(in[i]) + ",")
				product = times(product, asMatrix(&in[i]))
			}
			got, err := Reduce(p, in, nil, func(b []byte, i *int) []byte {
				spinFor(100)
				return append(strconv.AppendInt(b, int64(*i), 10), ',')
			}, func(a, b []byte) []byte { return append(a, b...) })
			if err != nil || string(got) != want.String() {
				t.Fatalf("%d strings: %v, %.50q, want %.50q", n, err, got, want.String())
			}
			m, err := Reduce(p, in, one, func(m *matrix, i *int) *matrix { return times(m, asMatrix(i)) }, times)
			if err != nil {
				t.Fatal(err)
			}
			for i := range m {
				if m[i].Cmp(&product[i]) != 0 {
					t.Fatalf("%d matrices: another product", n)
				}
			}
		}
	})
}

// A panic in fold or in merge comes back as an error, and the next Reduce of the same
// types knows nothing of it.
func TestReduceFails(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		in := make([]int, 1000)
		for i := range in {
			in[i] = 1
		}
		add := func(r int, i *int) int { spinFor(50); return r + *i }
		for range 20 {
			got, err := Reduce(p, in, 5, func(r int, i *int) int {
				if i == &in[500] {
					panic(failedAt(500))
				}
				return r + *i
			}, func(a, b int) int { return a + b })
			if pe, ok := err.(*PanicError); !ok || pe.Value != failedAt(500) || got != 5 {
				t.Fatalf("fold: %v, %d", err, got)
			}
			got, err = Reduce(p, in, 0, add, func(a, b int) int { panic(failedAt(0)) })
			if pe, ok := err.(*PanicError); err != nil && (!ok || pe.Value != failedAt(0) || got != 0) || err == nil && got != 1000 {
				t.Fatalf("merge: %v, %d", err, got)
			}
			got, err = Reduce(p, in, 0, add, func(a, b int) int { return a + b })
			if err != nil || got != 1000 {
				t.Fatalf("afterwards: %v, %d", err, got)
			}
		}
	})
}

// Blocks cover everything once, in order.
func TestBlockStart(t *testing.T) {
	for n := 1; n < 200; n++ {
		for blocks := 1; blocks <= n; blocks++ {
			var starts []int
			for i := range blocks + 1 {
				starts = append(starts, blockStart(n, blocks, i))
			}
			if starts[0] != 0 || starts[blocks] != n || !slices.IsSorted(starts) || len(slices.Compact(starts)) != blocks+1 {
				t.Fatalf("%d in %d blocks: %v", n, blocks, starts)
			}
		}
	}
}

// A Reduce that began before Close ends as if there were none.
func TestReduceWhileClosing(t *testing.T) {
	p := mustNew(t, unpinned(2)...)
	in := make([]int, 1000)
	var begun sync.Once
	var closing sync.WaitGroup
	sum, err := Reduce(p, in, 0, func(s int, _ *int) int {
		begun.Do(func() {
			closing.Go(func() { _ = p.Close() })
			for p.gate.Load()&gateEnding == 0 {
				runtime.Gosched()
			}
		})
		return s + 1
	}, func(a, b int) int { return a + b })
	if err != nil || sum != len(in) {
		t.Errorf("%d, %v", sum, err)
	}
	closing.Wait()
	checkAtRest(t, p)
}

// Shutdown does not wait for the end of a Reduce, of which no block begins any more.
func TestShutdownDuringReduce(t *testing.T) {
	p := mustNew(t, unpinned(2)...)
	goesOn, begun := make(chan struct{}), make(chan struct{})
	var once sync.Once
	result := make(chan error)
	go func() {
		_, err := Reduce(p, make([]int, 1000), 0, func(s int, _ *int) int {
			once.Do(func() { close(begun) })
			<-goesOn
			return s + 1
		}, func(a, b int) int { return a + b })
		result <- err
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Shutdown(ctx); err != context.Canceled {
		t.Error(err)
	}
	close(goesOn)
	if err := <-result; err != ErrClosed {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	checkAtRest(t, p)
}
