package zeropool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zeropool-go/zeropool"
)

// The error is that of the lowest element that fails, as in a plain loop.
func ExampleForEachErr() {
	type field struct {
		text  string
		value int
	}
	fields := []field{{text: "7"}, {text: "12"}, {text: "x"}, {text: "y"}}
	err := zeropool.ForEachErr(context.Background(), zeropool.Default(), fields, func(f *field) (err error) {
		f.value, err = strconv.Atoi(f.text)
		return err
	})
	fmt.Println(fields[0].value, fields[1].value)
	fmt.Println(err)
	// Output:
	// 7 12
	// strconv.Atoi: parsing "x": invalid syntax
}

func ExamplePool_ForErr() {
	rows := [][]byte{[]byte("good"), []byte("good"), []byte("bad"), []byte("good")}
	err := zeropool.Default().ForErr(context.Background(), len(rows), func(lo, hi int) error {
		for i := lo; i < hi; i++ {
			if string(rows[i]) == "bad" {
				return fmt.Errorf("row %d is bad", i)
			}
		}
		return nil
	})
	fmt.Println(err)
	// Output: row 2 is bad
}

// Divide and conquer: each half sorts itself in the same way.
func ExampleJoin() {
	var quicksort func(x *[]int)
	quicksort = func(x *[]int) {
		s := *x
		if len(s) < 16 {
			slices.Sort(s)
			return
		}
		pivot, i := s[len(s)-1], 0
		for j := range s {
			if s[j] < pivot {
				s[i], s[j] = s[j], s[i]
				i++
			}
		}
		s[i], s[len(s)-1] = s[len(s)-1], s[i]
		low, high := s[:i], s[i+1:]
		if err := zeropool.Join(zeropool.Default(), &low, quicksort, &high, quicksort); err != nil {
			panic(err)
		}
	}
	x := make([]int, 1000)
	for i := range x {
		x[i] = i * 7919 % 1000
	}
	quicksort(&x)
	fmt.Println(slices.IsSorted(x), x[:5])
	// Output: true [0 1 2 3 4]
}

func ExampleMap() {
	words := []string{"pool", "lane", "task"}
	upper := make([]string, len(words))
	err := zeropool.Map(zeropool.Default(), words, upper, func(w *string) string { return strings.ToUpper(*w) })
	fmt.Println(upper, err)
	// Output: [POOL LANE TASK] <nil>
}

func ExampleMapErr() {
	words := []string{"1", "2", "three", "4"}
	numbers := make([]int, len(words))
	err := zeropool.MapErr(context.Background(), zeropool.Default(), words, numbers, func(w *string) (int, error) {
		return strconv.Atoi(*w)
	})
	fmt.Println(numbers[:2], err)
	// Output: [1 2] strconv.Atoi: parsing "three": invalid syntax
}

// The merge need not be commutative: the order of the elements is kept.
func ExampleReduce() {
	words := []string{"to", "be", "or", "not", "to", "be"}
	text, err := zeropool.Reduce(zeropool.Default(), words, "",
		func(s string, w *string) string { return s + *w + " " },
		func(left, right string) string { return left + right })
	fmt.Println(text, err)

	// A map is made by the fold, because zero is shared.
	counts, err := zeropool.Reduce(zeropool.Default(), words, nil,
		func(m map[string]int, w *string) map[string]int {
			if m == nil {
				m = make(map[string]int)
			}
			m[*w]++
			return m
		},
		func(left, right map[string]int) map[string]int {
			for w, n := range right {
				left[w] += n
			}
			return left
		})
	fmt.Println(counts, err)
	// Output:
	// to be or not to be  <nil>
	// map[be:2 not:1 or:1 to:2] <nil>
}

// The first failure ends the context of the others.
func ExamplePool_NewGroupContext() {
	group, ctx := zeropool.Default().NewGroupContext(context.Background())
	group.GoErr(func() error {
		<-ctx.Done()
		return ctx.Err()
	})
	group.GoErr(func() error { return errors.New("no such file") })
	fmt.Println(group.Wait())
	fmt.Println(context.Cause(ctx))
	// Output:
	// no such file
	// no such file
}

func ExampleGroup_Cancel() {
	group := zeropool.Default().NewGroup()
	group.SetLimit(1)
	begun, done := make(chan struct{}), make(chan struct{})
	group.Go(func() { close(begun); <-done })
	for range 10 {
		group.Go(func() { fmt.Println("not printed") })
	}
	<-begun
	fmt.Println(group.Cancel(), "withdrawn")
	close(done)
	fmt.Println(group.Wait())
	// Output:
	// 10 withdrawn
	// zeropool: task was canceled
}

// With a limit of 1 tasks run one after the other, and need no lock.
func ExampleGroup_SetLimit() {
	group := zeropool.Default().NewGroup()
	group.SetLimit(1)
	total := 0
	for i := range 100 {
		group.Go(func() { total += i })
	}
	err := group.Wait()
	fmt.Println(total, err)
	// Output: 4950 <nil>
}

func ExampleSubmitErr() {
	path := "missing"
	future := zeropool.SubmitErr(zeropool.Default(), &path, func(p *string) error {
		return fmt.Errorf("%s: no such file", *p)
	})
	fmt.Println(future.Wait())
	// Output: missing: no such file
}

func ExamplePool_GoErr() {
	future := zeropool.Default().GoErr(func() error { return errors.New("no such file") })
	fmt.Println(future.Wait())
	// Output: no such file
}

func ExampleSubmitErrTo() {
	group := zeropool.Default().NewGroup()
	divisors := []int{1, 2, 0, 4}
	for i := range divisors {
		zeropool.SubmitErrTo(group, &divisors[i], func(d *int) error {
			if *d == 0 {
				return errors.New("division by zero")
			}
			*d = 100 / *d
			return nil
		})
	}
	fmt.Println(group.Wait(), divisors)
	// Output: division by zero [100 50 0 25]
}

func ExampleGroup_GoErr() {
	group := zeropool.Default().NewGroup()
	group.GoErr(func() error { return nil })
	group.GoErr(func() error { return errors.New("no such file") })
	fmt.Println(group.Wait())
	// Output: no such file
}

func ExampleFuture_DoneChan() {
	future := zeropool.Default().Go(func() {})
	tick := make(chan struct{}) // of a timer, say
	select {
	case <-future.DoneChan():
		fmt.Println("done")
	case <-tick:
	}
	// Output: done
}

// A server that is to refuse work when it has too much looks at the load.
func ExamplePool_Load() {
	pool := zeropool.Default()
	queued, _ := pool.Load()
	fmt.Println(queued > 10*pool.Workers())
	// Output: false
}

// A process inherits the CPU mask of the thread that starts it.
func ExamplePool_Unpinned() {
	pool := zeropool.Default()
	err := pool.Go(func() {
		pool.Unpinned(func() { fmt.Println("start a process here") })
	}).Wait()
	fmt.Println(err)
	// Output:
	// start a process here
	// <nil>
}
