package zeropool_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// sumTask is the params of a task: its input, and where the result goes.
type sumTask struct {
	upTo   int
	result *int
}

// sum is a task: an ordinary function of a pointer to its params.
func sum(t *sumTask) {
	total := 0
	for i := range t.upTo {
		total += i
	}
	*t.result = total
}

// productTask is the params of another kind of task.
type productTask struct {
	x, y   float64
	result *float64
}

func product(t *productTask) { *t.result = t.x * t.y }

// A single task: the result is written through a pointer in its params.
func ExampleSubmit() {
	pool, err := zeropool.New()
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	var result int
	future := zeropool.Submit(pool, &sumTask{upTo: 1000, result: &result}, sum)
	if err := future.Wait(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(result)
	// Output: 499500
}

// A uniform batch: many tasks of one kind, and one wait.
func ExampleSubmitBatch() {
	pool, err := zeropool.New()
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	results := make([]int, 4)
	tasks := make([]sumTask, len(results))
	for i := range tasks {
		tasks[i] = sumTask{upTo: 10 * (i + 1), result: &results[i]}
	}
	if err := zeropool.SubmitBatch(pool, tasks, sum).Wait(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(results)
	// Output: [45 190 435 780]
}

// A mixed batch: tasks of different kinds, and one wait.
func ExamplePool_SubmitMixed() {
	pool, err := zeropool.New()
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	var total int
	var area float64
	future := pool.SubmitMixed([]zeropool.Task{
		zeropool.Bind(&sumTask{upTo: 100, result: &total}, sum),
		zeropool.Bind(&productTask{x: 2.5, y: 4, result: &area}, product),
	})
	if err := future.Wait(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(total, area)
	// Output: 4950 10
}

func ExampleBind() {
	var area float64
	task := zeropool.Bind(&productTask{x: 3, y: 4, result: &area}, product)

	if err := zeropool.Default().SubmitMixed([]zeropool.Task{task}).Wait(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(area)
	// Output: 12
}

func ExampleNew() {
	pool, err := zeropool.New(
		zeropool.WithWorkers(2),
		zeropool.WithPlacement(topology.Unpinned),
		zeropool.WithQueueCapacity(256),
		zeropool.WithWhenFull(zeropool.Block),
		zeropool.WithName("example"),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	fmt.Println(pool.Workers())

	_, err = zeropool.New(zeropool.WithWorkers(-1))
	fmt.Println(err != nil)
	// Output:
	// 2
	// true
}

func ExampleDefault() {
	var result int
	if err := zeropool.Submit(zeropool.Default(), &sumTask{upTo: 5, result: &result}, sum).Wait(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(result)
	// Output: 10
}

// TrySubmit leaves it to the caller what to do when there is no room.
func ExampleTrySubmit() {
	var result int
	task := &sumTask{upTo: 5, result: &result}
	if future, ok := zeropool.TrySubmit(zeropool.Default(), task, sum); !ok {
		sum(task) // every queue is full: do it here
	} else if err := future.Wait(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(result)
	// Output: 10
}

func ExamplePool_Go() {
	answer := 0
	future := zeropool.Default().Go(func() { answer = 42 })
	if err := future.Wait(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
	// Output: 42
}

func ExampleForEach() {
	type point struct{ x, y, squares int }
	points := []point{{x: 3, y: 4}, {x: 5, y: 12}, {x: 8, y: 15}}
	err := zeropool.ForEach(zeropool.Default(), points, func(p *point) {
		p.squares = p.x*p.x + p.y*p.y
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range points {
		fmt.Println(p.squares)
	}
	// Output:
	// 25
	// 169
	// 289
}

// What went wrong in a task goes where its results go: into the params. The
// error of ForEach is about panics and closed pools.
func ExampleForEach_errors() {
	type parse struct {
		text  string
		value int
		err   error
	}
	texts := []parse{{text: "7"}, {text: "seven"}}
	err := zeropool.ForEach(zeropool.Default(), texts, func(p *parse) {
		p.value, p.err = strconv.Atoi(p.text)
	})
	for _, p := range texts {
		err = errors.Join(err, p.err)
	}
	fmt.Println(texts[0].value, err)
	// Output: 7 strconv.Atoi: parsing "seven": invalid syntax
}

// The body is given ranges, so that its inner loop is as fast as any.
func ExamplePool_For() {
	squares := make([]int, 10)
	err := zeropool.Default().For(len(squares), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			squares[i] = i * i
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(squares)
	// Output: [0 1 4 9 16 25 36 49 64 81]
}

// tree is a task that adds further tasks to its own group.
type tree struct {
	group  *zeropool.Group
	depth  int
	leaves *atomic.Int64
}

func visit(t *tree) {
	if t.depth == 0 {
		t.leaves.Add(1)
		return
	}
	for range 2 {
		zeropool.SubmitTo(t.group, &tree{t.group, t.depth - 1, t.leaves}, visit)
	}
}

func ExampleGroup() {
	var leaves atomic.Int64
	group := zeropool.Default().NewGroup()
	zeropool.SubmitTo(group, &tree{group, 5, &leaves}, visit)
	if err := group.Wait(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(leaves.Load())
	// Output: 32
}

func ExampleGroup_Go() {
	var n atomic.Int64
	group := zeropool.Default().NewGroup()
	for range 10 {
		group.Go(func() { n.Add(1) })
	}
	if err := group.Wait(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(n.Load())
	// Output: 10
}

func ExampleGroup_WaitContext() {
	group := zeropool.Default().NewGroup()
	release := make(chan struct{})
	group.Go(func() { <-release })

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(group.WaitContext(ctx)) // the task goes on

	close(release)
	fmt.Println(group.Wait())
	// Output:
	// context canceled
	// <nil>
}

// Wait may be called by anybody, at any time, any number of times.
func ExampleFuture_Wait() {
	var result int
	future := zeropool.Submit(zeropool.Default(), &sumTask{upTo: 5, result: &result}, sum)
	fmt.Println(future.Wait(), future.Wait(), future.Done(), result)
	// Output: <nil> <nil> true 10
}

func ExampleFuture_WaitContext() {
	release := make(chan struct{})
	future := zeropool.Default().Go(func() { <-release })

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(future.WaitContext(ctx)) // the task goes on

	close(release)
	fmt.Println(future.WaitContext(context.Background()))
	// Output:
	// context canceled
	// <nil>
}

func ExampleFuture_WaitTimeout() {
	release := make(chan struct{})
	future := zeropool.Default().Go(func() { <-release })

	err := future.WaitTimeout(time.Millisecond)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))

	close(release)
	fmt.Println(future.Wait())
	// Output:
	// true
	// <nil>
}

// Cancel withdraws what has not begun.
func ExampleFuture_Cancel() {
	pool, err := zeropool.New(zeropool.WithWorkers(1), zeropool.WithPlacement(topology.Unpinned))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	begun, release := make(chan struct{}), make(chan struct{})
	first := pool.Go(func() { close(begun); <-release })
	<-begun // the only worker is busy
	second := pool.Go(func() { fmt.Println("never") })

	fmt.Println(first.Cancel(), second.Cancel())
	close(release)
	fmt.Println(first.Wait())
	fmt.Println(second.Wait())
	// Output:
	// 0 1
	// <nil>
	// zeropool: task was canceled
}

func ExampleFuture_Progress() {
	tasks := make([]sumTask, 500)
	results := make([]int, len(tasks))
	for i := range tasks {
		tasks[i] = sumTask{upTo: i, result: &results[i]}
	}
	future := zeropool.SubmitBatch(zeropool.Default(), tasks, sum)
	if err := future.Wait(); err != nil {
		log.Fatal(err)
	}
	done, total := future.Progress()
	fmt.Printf("%d of %d\n", done, total)
	// Output: 500 of 500
}

// A panic reaches whoever waits, and the worker lives on.
func ExamplePanicError() {
	pool, err := zeropool.New(zeropool.WithPanicHandler(func(e *zeropool.PanicError) {
		fmt.Println("handler:", e.Value)
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	err = pool.Go(func() { panic("no luck") }).Wait()
	var panicked *zeropool.PanicError
	if errors.As(err, &panicked) {
		fmt.Println("waiter:", panicked.Value, len(panicked.Stack) > 0)
	}
	// Output:
	// handler: no luck
	// waiter: no luck true
}

func ExamplePool_Stats() {
	pool, err := zeropool.New(zeropool.WithWorkers(2))
	if err != nil {
		log.Fatal(err)
	}
	tasks := make([]sumTask, 100)
	results := make([]int, len(tasks))
	for i := range tasks {
		tasks[i].result = &results[i]
	}
	zeropool.SubmitBatch(pool, tasks, sum).Wait()
	pool.Go(func() {}).Wait()
	pool.Close()

	total := pool.Stats().Total
	fmt.Println(total.Submitted, total.Completed, total.Queued, total.Running)
	// Output: 101 101 0 0
}

// The plan says where each worker sits, and why.
func ExamplePool_Plan() {
	pool, err := zeropool.New(zeropool.WithWorkers(2), zeropool.WithPlacement(topology.Unpinned))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	for _, w := range pool.Plan().Workers {
		fmt.Println(w.Worker, w.CPU == topology.Unknown)
	}
	// Output:
	// 0 true
	// 1 true
}

// Shutdown runs what was accepted until its context ends.
func ExamplePool_Shutdown() {
	pool, err := zeropool.New()
	if err != nil {
		log.Fatal(err)
	}
	var result int
	future := zeropool.Submit(pool, &sumTask{upTo: 5, result: &result}, sum)

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println(pool.Shutdown(ctx), future.Wait(), result)

	fmt.Println(pool.Go(func() {}).Wait())
	// Output:
	// <nil> <nil> 10
	// zeropool: pool is closed
}
