package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool"
)

// TestLoad sends the same requests to both handlers and logs the percentiles of their
// latencies (see them with -v). Every answer must be right, or a refusal.
func TestLoad(t *testing.T) {
	pool, err := zeropool.New()
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	requests := 2000
	if testing.Short() {
		requests = 200
	}
	for _, clients := range []int{1, 8, 64} {
		for _, h := range []struct {
			name    string
			handler http.Handler
		}{{"direct", http.HandlerFunc(direct)}, {"pooled", pooled(pool, most)}} {
			load(t, h.name, h.handler, clients, requests)
		}
	}
}

func load(t *testing.T, name string, h http.Handler, clients, requests int) {
	server := httptest.NewServer(h)
	defer server.Close()
	client := server.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = clients
	want := httptest.NewRecorder()
	direct(want, httptest.NewRequest("GET", "/text", nil))

	latencies := make([][]time.Duration, clients)
	refused := make([]int, clients)
	var wg sync.WaitGroup
	start := time.Now()
	for c := range clients {
		wg.Go(func() {
			for range requests / clients {
				begin := time.Now()
				r, err := client.Get(server.URL + "/text")
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(r.Body)
				r.Body.Close()
				switch {
				case err != nil:
					t.Error(err)
				case r.StatusCode == http.StatusServiceUnavailable:
					refused[c]++
				case r.StatusCode != http.StatusOK || string(body) != want.Body.String():
					t.Errorf("%s: status %d, body %q", name, r.StatusCode, body)
				}
				latencies[c] = append(latencies[c], time.Since(begin))
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	all := slices.Concat(latencies...)
	slices.Sort(all)
	if len(all) == 0 {
		t.Fatal("no request was answered")
	}
	at := func(percent float64) time.Duration {
		return all[min(int(percent/100*float64(len(all))), len(all)-1)].Round(time.Microsecond)
	}
	n := 0
	for _, r := range refused {
		n += r
	}
	t.Logf("%-6s %2d clients: %6.0f a second, p50 %v, p90 %v, p99 %v, %d refused",
		name, clients, float64(len(all))/took.Seconds(), at(50), at(90), at(99), n)
}

// A request is refused while the pool has as much to do as is allowed.
func TestRefusal(t *testing.T) {
	pool, err := zeropool.New()
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	begun, done := make(chan struct{}), make(chan struct{})
	busy := pool.Go(func() { close(begun); <-done })
	<-begun
	status := func() int {
		w := httptest.NewRecorder()
		pooled(pool, 1)(w, httptest.NewRequest("GET", "/text", nil))
		return w.Code
	}
	if code := status(); code != http.StatusServiceUnavailable {
		t.Errorf("busy: status %d", code)
	}
	close(done)
	if err := busy.Wait(); err != nil {
		t.Fatal(err)
	}
	if code := status(); code != http.StatusOK {
		t.Errorf("idle: status %d", code)
	}
}
