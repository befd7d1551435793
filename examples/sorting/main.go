// Sorting sorts random numbers by quicksort and by mergesort, both by Join, and checks
// them against slices.Sort.
//
//	go run ./examples/sorting [numbers]
package main

import (
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/zeropool-go/zeropool"
)

// cut is the length below which a fork costs more than it gains.
const cut = 256

type quick struct {
	pool *zeropool.Pool
	x    []int
}

func (q *quick) sort() {
	x := q.x
	if len(x) <= cut {
		slices.Sort(x)
		return
	}
	// The middle one of three, and a partition that splits equal numbers evenly.
	m := len(x) / 2
	pivot := max(min(x[0], x[m]), min(max(x[0], x[m]), x[len(x)-1]))
	i, j := 0, len(x)-1
	for i <= j {
		for x[i] < pivot {
			i++
		}
		for x[j] > pivot {
			j--
		}
		if i <= j {
			x[i], x[j] = x[j], x[i]
			i++
			j--
		}
	}
	low, high := quick{q.pool, x[:j+1]}, quick{q.pool, x[i:]}
	if err := zeropool.Join(q.pool, &low, (*quick).sort, &high, (*quick).sort); err != nil {
		panic(err)
	}
}

type merge struct {
	pool   *zeropool.Pool
	x, tmp []int
}

func (m *merge) sort() {
	if len(m.x) <= cut {
		slices.Sort(m.x)
		return
	}
	h := len(m.x) / 2
	left := merge{m.pool, m.x[:h], m.tmp[:h]}
	right := merge{m.pool, m.x[h:], m.tmp[h:]}
	if err := zeropool.Join(m.pool, &left, (*merge).sort, &right, (*merge).sort); err != nil {
		panic(err)
	}
	a, b, out := left.x, right.x, m.tmp[:0]
	for len(a) > 0 && len(b) > 0 {
		if b[0] < a[0] {
			out, b = append(out, b[0]), b[1:]
		} else {
			out, a = append(out, a[0]), a[1:]
		}
	}
	out = append(append(out, a...), b...)
	copy(m.x, out)
}

func main() {
	n := 2_000_000
	if len(os.Args) > 1 {
		var err error
		if n, err = strconv.Atoi(os.Args[1]); err != nil || n < 0 {
			log.Fatalf("%q is not a number of numbers", os.Args[1])
		}
	}
	pool, err := zeropool.New()
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	random := make([]int, n)
	for i := range random {
		random[i] = rand.IntN(n)
	}
	sorted := slices.Clone(random)
	timed("slices.Sort", sorted, sorted, slices.Sort)
	timed("quicksort", slices.Clone(random), sorted, func(x []int) { (&quick{pool, x}).sort() })
	timed("mergesort", slices.Clone(random), sorted, func(x []int) { (&merge{pool, x, make([]int, n)}).sort() })
}

func timed(name string, x, want []int, sort func([]int)) {
	start := time.Now()
	sort(x)
	fmt.Fprintf(os.Stderr, "%-12s %v\n", name, time.Since(start).Round(time.Microsecond))
	fmt.Println(name, slices.Equal(x, want))
}
