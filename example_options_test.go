package zeropool_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"sync/atomic"
	"time"

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

// One worker does not make tasks exclude each other; see Group.SetLimit.
func ExampleWithWorkers() {
	p, err := zeropool.New(zeropool.WithWorkers(3))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	fmt.Println(p.Workers())
	_, err = zeropool.New(zeropool.WithWorkers(-1))
	fmt.Println(err)
	// Output:
	// 3
	// zeropool: WithWorkers(-1): the number of workers must be between 0 (choose) and 4096
}

// A worker for each hardware thread, where the default is one for each core.
func ExampleWithPlacement() {
	p, err := zeropool.New(zeropool.WithPlacement(topology.PerThread))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	fmt.Println(p.Placement(), p.Workers() == len(p.Plan().Workers))
	// Output: perthread true
}

// The CPUs that the default placement has chosen, named one by one.
func ExampleWithCPUs() {
	machine, err := topology.Detect()
	if err != nil {
		fmt.Println(err)
		return
	}
	var cpus []int
	for _, w := range machine.Plan(topology.PerCore, 0).Workers {
		if w.CPU != topology.Unknown {
			cpus = append(cpus, w.CPU)
		}
	}
	if len(cpus) == 0 {
		return // on a system where nothing can be pinned
	}
	p, err := zeropool.New(zeropool.WithCPUs(cpus...))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	for i, w := range p.Plan().Workers {
		if w.CPU != cpus[i] {
			fmt.Println("worker", i, "is on CPU", w.CPU)
		}
	}
	// Output:
}

// Two pools that look at the machine once.
func ExampleWithTopology() {
	machine, err := topology.Detect()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"requests", "reports"} {
		p, err := zeropool.New(zeropool.WithTopology(machine), zeropool.WithWorkers(1), zeropool.WithName(name))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p.Name(), p.Workers())
		p.Close()
	}
	// Output:
	// requests 1
	// reports 1
}

// The capacity is rounded up to a power of two.
func ExampleWithQueueCapacity() {
	p, err := zeropool.New(zeropool.WithQueueCapacity(3000))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	fmt.Println(p.QueueCapacity())
	// Output: 4096
}

// On a machine with isolated CPUs a worker may keep its CPU for as long as it lives.
func ExampleWithPinning() {
	p, err := zeropool.New(zeropool.WithWorkers(1), zeropool.WithPinning(zeropool.Hold))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	fmt.Println(zeropool.Hold, p.Go(func() {}).Wait())
	// Output: Hold <nil>
}

// The name is in log records, profiles, and the names of pinned threads.
func ExampleWithName() {
	p, err := zeropool.New(zeropool.WithName("thumbnails"), zeropool.WithWorkers(1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	fmt.Println(p.Name())
	// Output: thumbnails
}

// Without a spin an idle worker naps at once: the next task begins later, and less CPU
// time is used where tasks come one by one.
func ExampleWithSpin() {
	p, err := zeropool.New(zeropool.WithSpin(0))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	fmt.Println(p.Go(func() {}).Wait())
	_, err = zeropool.New(zeropool.WithSpin(time.Second))
	fmt.Println(err)
	// Output:
	// <nil>
	// zeropool: WithSpin(1s): the duration must be between 0 and 1ms
}

func ExamplePool_NewGroup() {
	g := zeropool.Default().NewGroup()
	var sum atomic.Int64
	for i := range 10 {
		g.Go(func() { sum.Add(int64(i)) })
	}
	fmt.Println(g.Wait(), sum.Load())
	// Output: <nil> 45
}

func ExamplePool_Workers() {
	p := zeropool.Default()
	fmt.Println(p.Workers() == len(p.Plan().Workers), p.Workers() == len(p.Stats().Workers))
	// Output: true true
}

func ExamplePool_Name() {
	fmt.Println(zeropool.Default().Name())
	// Output: default
}

func ExamplePool_Placement() {
	p, err := zeropool.New(zeropool.WithPlacement(topology.Scatter))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	fmt.Println(p.Placement())
	// Output: scatter
}

func ExamplePool_QueueCapacity() {
	fmt.Println(zeropool.Default().QueueCapacity())
	// Output: 1024
}

func ExampleVersion() {
	fmt.Println(zeropool.Version() != "")
	// Output: true
}

// A panic with an error is found by errors.Is and errors.As, as if it had been returned.
func ExamplePanicError_Unwrap() {
	p, err := zeropool.New(zeropool.WithPanicHandler(func(*zeropool.PanicError) {}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	err = p.Go(func() { panic(fs.ErrNotExist) }).Wait()
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output: true
}

// What a pool has done, as a group of a log record.
func ExampleStats_LogValue() {
	p, err := zeropool.New(zeropool.WithWorkers(1))
	if err != nil {
		fmt.Println(err)
		return
	}
	p.Go(func() {}).Wait()
	p.Close()
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { // three of many
			switch a.Key {
			case slog.MessageKey, "submitted", "completed":
				return a
			}
			return slog.Attr{}
		},
	}))
	log.Info("done", "pool", p.Stats())
	// Output: msg=done pool.submitted=1 pool.completed=1
}
