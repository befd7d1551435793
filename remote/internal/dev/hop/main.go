// Command hop measures what a task costs that goes through package remote, beside a
// bare pull consumer on the same server in the same run, and from what length of
// task the hop pays.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/remote"
)

// raw is a codec that leaves bytes as they are: the hop is to be measured, not JSON.
type raw struct{}

func (raw) Name() string                       { return "raw" }
func (raw) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }

var (
	// echo returns its params, which have the size that is measured.
	echo = remote.Define("echo@v1", func(_ context.Context, b *[]byte) ([]byte, error) { return *b, nil }, remote.WithCodec(raw{}))
	// spin computes for so long.
	spin = remote.Define("spin@v1", func(_ context.Context, d *time.Duration) (int, error) {
		for at := time.Now(); time.Since(at) < *d; {
		}
		return 0, nil
	})
)

const slots = 64

func main() {
	each := flag.Duration("each", 2*time.Second, "how long each figure is measured")
	flag.Parse()
	if err := run(*each); err != nil {
		fmt.Fprintln(os.Stderr, "hop:", err)
		os.Exit(1)
	}
}

func run(each time.Duration) error {
	fmt.Printf("%s, %s/%s, %d CPUs, %v a figure, %d slots\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), each, slots)
	for _, synced := range []bool{true, false} {
		for _, loopback := range []bool{false, true} {
			if err := place(each, synced, loopback); err != nil {
				return err
			}
		}
	}
	return nil
}

// place measures one kind of server: its writes synced or not, reached in process
// or over loopback TCP.
func place(each time.Duration, synced, loopback bool) error {
	dir, err := os.MkdirTemp("", "hop")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	opts := []remote.EngineOption{remote.Listen("127.0.0.1:0"), remote.MaxBytes(4<<30, 4<<30)}
	if !synced {
		opts = append(opts, remote.SyncEvery(2*time.Minute))
	}
	eng, err := remote.Embedded(dir, opts...)
	if err != nil {
		return err
	}
	defer eng.Close()
	nc, err := nats.Connect(eng.URL())
	if err != nil {
		return err
	}
	defer nc.Close()
	name := "embedded"
	if loopback {
		name = "over loopback"
		if eng, err = remote.Connect(nc); err != nil {
			return err
		}
	}
	pool, err := zeropool.New()
	if err != nil {
		return err
	}
	defer pool.Close()
	srv, err := remote.Serve(eng, pool, remote.Slots(slots), echo, spin)
	if err != nil {
		return err
	}
	defer srv.Shutdown(context.Background())

	if synced {
		name += ", synced"
	}
	fmt.Printf("\n%s\n", name)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "params\t1 at a time p50\tp99\t64 at a time\tbatches of 64\tbare pull consumer\t")
	for _, size := range []int{1 << 10, 64 << 10} {
		if err := sized(w, eng, nc, size, each); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return pays(eng, each)
}

// sized measures one size of params.
func sized(w *tabwriter.Writer, eng *remote.Engine, nc *nats.Conn, size int, each time.Duration) error {
	ctx := context.Background()
	params := make([]byte, size)
	var took []time.Duration
	_, err := rate(each, 1, func() (int, error) {
		at := time.Now()
		f, err := echo.Submit(ctx, eng, &params)
		if err == nil {
			_, err = f.Wait(ctx)
		}
		took = append(took, time.Since(at))
		return 1, err
	})
	if err != nil {
		return err
	}
	slices.Sort(took)
	many, err := rate(each, 64, func() (int, error) {
		f, err := echo.Submit(ctx, eng, &params)
		if err == nil {
			_, err = f.Wait(ctx)
		}
		return 1, err
	})
	if err != nil {
		return err
	}
	batch := make([][]byte, 64)
	for i := range batch {
		batch[i] = params
	}
	batched, err := rate(each, 4, func() (int, error) {
		fs, err := echo.SubmitBatch(ctx, eng, batch)
		if err == nil {
			_, err = fs.Wait(ctx)
		}
		return len(batch), err
	})
	if err != nil {
		return err
	}
	bare, err := bareRate(nc, params, each)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%d KiB\t%v\t%v\t%.0f/s\t%.0f/s\t%.0f/s\t\n", size>>10, at(took, 50), at(took, 99), many, batched, bare)
	return err
}

func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)-1)*percent/100].Round(time.Microsecond)
}

// rate runs op on so many goroutines and returns how much it did in a second.
func rate(each time.Duration, goroutines int, op func() (int, error)) (float64, error) {
	start := time.Now()
	type sum struct {
		n   int
		err error
	}
	sums := make(chan sum)
	for range goroutines {
		go func() {
			var s sum
			for s.err == nil && time.Since(start) < each {
				n, err := op()
				s.n, s.err = s.n+n, err
			}
			sums <- s
		}()
	}
	total, errs := 0, []error(nil)
	for range goroutines {
		s := <-sums
		total, errs = total+s.n, append(errs, s.err)
	}
	return float64(total) / time.Since(start).Seconds(), errors.Join(errs...)
}

// bareRate is what the same server does with the least that gives a result: a
// publish to a work queue by each of 64 goroutines, fetches of up to 64, the result
// published to another stream, and a confirmed acknowledgement for each message.
func bareRate(nc *nats.Conn, params []byte, each time.Duration) (float64, error) {
	ctx := context.Background()
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	name := fmt.Sprintf("bare-%d", len(params))
	in, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".in.*"}, Retention: jetstream.WorkQueuePolicy})
	if err != nil {
		return 0, err
	}
	defer js.DeleteStream(ctx, name)
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name + "-out", Subjects: []string{name + ".out.*"}, MaxMsgsPerSubject: 1}); err != nil {
		return 0, err
	}
	defer js.DeleteStream(ctx, name+"-out")
	c, err := in.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "bare", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		return 0, err
	}
	done, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		free := make(chan bool, slots)
		for {
			select {
			case <-stop:
				return
			default:
			}
			b, err := c.Fetch(slots, jetstream.FetchMaxWait(100*time.Millisecond))
			if err != nil {
				return
			}
			for m := range b.Messages() {
				free <- true
				go func() {
					defer func() { <-free }()
					out := strings.Replace(m.Subject(), ".in.", ".out.", 1)
					if _, err := js.Publish(ctx, out, m.Data()); err == nil {
						m.DoubleAck(ctx)
					}
				}()
			}
		}
	}()
	n := make(chan int, 1)
	n <- 0
	r, err := rate(each, 64, func() (int, error) {
		i := <-n
		n <- i + 1
		// The waiter is told by core NATS.
		out, err := nc.SubscribeSync(fmt.Sprintf("%s.out.%d", name, i))
		if err != nil {
			return 0, err
		}
		defer out.Unsubscribe()
		if _, err := js.Publish(ctx, fmt.Sprintf("%s.in.%d", name, i), params); err != nil {
			return 0, err
		}
		_, err = out.NextMsg(10 * time.Second)
		return 1, err
	})
	close(stop)
	<-done
	return r, err
}

// pays shows how much of the pool's time tasks of several lengths get through the
// hop, one by one with 64 outstanding: 1 would be what the pool does without it.
func pays(eng *remote.Engine, each time.Duration) error {
	ctx := context.Background()
	for _, d := range []time.Duration{100 * time.Microsecond, time.Millisecond, 10 * time.Millisecond} {
		single, err := rate(each, 64, func() (int, error) {
			f, err := spin.Submit(ctx, eng, &d)
			if err == nil {
				_, err = f.Wait(ctx)
			}
			return 1, err
		})
		if err != nil {
			return err
		}
		batch := make([]time.Duration, 64)
		for i := range batch {
			batch[i] = d
		}
		batched, err := rate(each, 4, func() (int, error) {
			fs, err := spin.SubmitBatch(ctx, eng, batch)
			if err == nil {
				_, err = fs.Wait(ctx)
			}
			return len(batch), err
		})
		if err != nil {
			return err
		}
		cpus := float64(runtime.NumCPU())
		fmt.Printf("tasks of %v: the CPUs compute for %.0f %% of the time one by one, %.0f %% in batches of 64\n",
			d, 100*single*d.Seconds()/cpus, 100*batched*d.Seconds()/cpus)
	}
	return nil
}
