package zeropool_test

import (
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

func ExampleSubmitTo() {
	p := zeropool.Default()
	g := p.NewGroup()
	var results [3]int
	tasks := [3]sumTask{{10, &results[0]}, {100, &results[1]}, {1000, &results[2]}}
	for i := range tasks {
		zeropool.SubmitTo(g, &tasks[i], sum)
	}
	if err := g.Wait(); err != nil {
		fmt.Println(err)
	}
	fmt.Println(results)
	// Output: [45 4950 499500]
}

func ExampleGroup_Wait() {
	g := zeropool.Default().NewGroup()
	g.Go(func() {
		g.Go(func() {})              // a task may add tasks to its own group,
		fmt.Println(g.Wait() != nil) // and must not wait for it: it would wait for itself
	})
	fmt.Println(g.Wait())
	// Output:
	// true
	// <nil>
}

// Done only looks: it is for a loop that has something else to do.
func ExampleFuture_Done() {
	f := zeropool.Default().Go(func() {})
	turns := 0
	for !f.Done() {
		turns++ // something else
		runtime.Gosched()
	}
	fmt.Println(f.Done(), f.Wait())
	// Output: true <nil>
}

// Close runs what has been accepted, and refuses what comes later.
func ExamplePool_Close() {
	p, err := zeropool.New(zeropool.WithWorkers(1), zeropool.WithPlacement(topology.Unpinned))
	if err != nil {
		fmt.Println(err)
		return
	}
	var ran atomic.Int32
	for range 100 {
		p.Go(func() { ran.Add(1) })
	}
	fmt.Println(p.Close(), ran.Load())
	fmt.Println(p.Go(func() { ran.Add(1) }).Wait(), ran.Load())
	// Output:
	// <nil> 100
	// zeropool: pool is closed 100
}

// Reject makes a submission fail where it would wait for room otherwise.
func ExampleWithWhenFull() {
	p, err := zeropool.New(zeropool.WithWorkers(1), zeropool.WithPlacement(topology.Unpinned),
		zeropool.WithQueueCapacity(2), zeropool.WithWhenFull(zeropool.Reject))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	free, begun := make(chan struct{}), make(chan struct{})
	p.Go(func() { close(begun); <-free })
	<-begun // the only worker is busy
	p.Go(func() {})
	p.Go(func() {})
	fmt.Println(p.Go(func() {}).Wait())
	close(free)
	// Output: zeropool: every queue is full
}

// The handler hears of each panic at once; Wait returns it as well.
func ExampleWithPanicHandler() {
	p, err := zeropool.New(zeropool.WithWorkers(1), zeropool.WithPlacement(topology.Unpinned),
		zeropool.WithPanicHandler(func(e *zeropool.PanicError) { fmt.Println("handler:", e.Value) }))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	fmt.Println("Wait:", p.Go(func() { panic("no such thing") }).Wait())
	// Output:
	// handler: no such thing
	// Wait: zeropool: task panicked: no such thing
}
