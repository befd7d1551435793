// Httpserver answers each request with a hash that takes about 100 µs of CPU time. Its
// handlers hand this work to a pool, refuse requests while it has too much, and begin
// none for a client whose time is over.
//
//	go run ./examples/httpserver [address]
package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/zeropool-go/zeropool"
)

const (
	deadline = 500 * time.Millisecond // for each request, from its arrival on
	most     = 256                    // tasks queued or running when a request is refused
	rounds   = 1000                   // of the hash
)

// A digest is the params of a task. It belongs to the request until the task has ended,
// which may be later than the end of the request.
type digest struct{ sum [sha256.Size]byte }

func newDigest(text string) *digest { return &digest{sha256.Sum256([]byte(text))} }

func (d *digest) compute() {
	for range rounds {
		d.sum = sha256.Sum256(d.sum[:])
	}
}

// pooled returns a handler that hands its work to the pool, unless that has most tasks
// already. It looks before it submits, so requests that come at the same time may make
// a few more.
func pooled(pool *zeropool.Pool, most int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if queued, running := pool.Load(); queued+running >= most {
			http.Error(w, "too much to do", http.StatusServiceUnavailable)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), deadline)
		defer cancel()
		d := newDigest(r.URL.Path)
		future := zeropool.Submit(pool, d, (*digest).compute)
		if err := future.WaitContext(ctx); err != nil {
			future.Cancel() // if it has not begun, nobody needs it any more
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "%x\n", d.sum)
	}
}

// direct is the handler that computes itself, to compare with.
func direct(w http.ResponseWriter, r *http.Request) {
	d := newDigest(r.URL.Path)
	d.compute()
	fmt.Fprintf(w, "%x\n", d.sum)
}

func main() {
	address := "localhost:8080"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if err := run(address); err != nil {
		log.Fatal(err)
	}
}

func run(address string) error {
	pool, err := zeropool.New()
	if err != nil {
		return err
	}
	defer pool.Close() // after the server: its requests wait for the pool
	mux := http.NewServeMux()
	mux.HandleFunc("/pooled/", pooled(pool, most))
	mux.HandleFunc("/direct/", direct)
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	log.Printf("http://%s/pooled/any-text", address)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*deadline)
	defer cancel()
	return server.Shutdown(ctx)
}
