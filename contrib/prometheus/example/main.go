// Command example keeps a pool busy and serves its metrics at
// http://ADDRESS/metrics until its standard input ends. It prints the address.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/zeropool-go/zeropool"
	zeropoolprom "github.com/zeropool-go/zeropool/contrib/prometheus"
)

func main() {
	address := flag.String("listen", "127.0.0.1:0", "`address` to serve metrics at")
	flag.Parse()
	pool, err := zeropool.New(zeropool.WithName("example"), zeropool.WithPanicHandler(func(*zeropool.PanicError) {}))
	if err != nil {
		log.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(zeropoolprom.NewCollector(pool), zeropoolprom.NewWorkerCollector(pool))

	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Fatal(err)
		}
	}()
	fmt.Println(listener.Addr())

	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	work(ctx, pool)
	_ = pool.Close()
	_ = server.Close()
}

// work submits tasks of every outcome, a burst every 20 ms.
func work(ctx context.Context, pool *zeropool.Pool) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	params := make([]int, 200)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_ = zeropool.SubmitBatch(pool, params, func(n *int) {
			for range 1000 {
				*n++
			}
		}).Wait()
		_ = pool.Go(func() { panic("one of the example's panics") }).Wait()
		pool.Go(runtime.Goexit)
		pool.Go(func() {}).Cancel()
	}
}
