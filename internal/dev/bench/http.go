package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zeropool-go/zeropool"
)

// httpWork is how long a request computes.
const httpWork = 100 * time.Microsecond

// newHandler returns what answers the request /TURNS with what compute makes of
// so many turns, by the named variant.
func newHandler(e *Env, variant string) (h http.Handler, stop func(), err error) {
	do, stop := func(s *spin) error { compute(s); return nil }, func() {}
	if variant == Ours {
		p, err := zeropool.New(e.Options...)
		if err != nil {
			return nil, nil, err
		}
		do = func(s *spin) error { return zeropool.Submit(p, s, compute).Wait() }
		stop = func() { p.Close() }
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		turns, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		s := spin{turns: turns}
		if err == nil {
			err = do(&s)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, s.x)
	}), stop, nil
}

// startServer serves on a port of the loopback interface that was free.
func startServer(e *Env, variant string) (address string, stop func(), err error) {
	handler, stopHandler, err := newHandler(e, variant)
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		stopHandler()
		return "", nil, err
	}
	s := &http.Server{Handler: handler}
	var ended sync.WaitGroup
	ended.Go(func() { s.Serve(listener) })
	return listener.Addr().String(), func() {
		s.Close()
		ended.Wait()
		stopHandler()
	}, nil
}

// A client is one connection, on which one request follows the other.
type client struct {
	conn    net.Conn
	answers *bufio.Reader
	request []byte
	want    string
}

func dial(address string, turns int) (*client, error) {
	conn, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		return nil, err
	}
	s := spin{turns: turns}
	compute(&s)
	return &client{conn, bufio.NewReader(conn), fmt.Appendf(nil, "GET /%d HTTP/1.1\r\nHost: bench\r\n\r\n", turns), fmt.Sprint(s.x)}, nil
}

// ask sends a request and checks the answer.
func (c *client) ask() error {
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode != http.StatusOK || string(body) != c.want:
		return fmt.Errorf("the server answered %s, %q", answer.Status, body)
	}
	return nil
}

// httpInstance starts a server, in a process of its own if the program can start
// one, and connects to it.
func httpInstance(e *Env, w *Workload, variant string, connections int) (in Instance, err error) {
	var address string
	var stop func()
	if haveChildren {
		address, stop, err = startChild(order{Workload: w.Name, Variant: variant, Workers: e.Workers})
	} else {
		address, stop, err = startServer(e, variant)
	}
	if err != nil {
		return Instance{}, err
	}
	clients := make([]*client, connections)
	for i := range clients {
		if clients[i], err = dial(address, TurnsIn(httpWork)); err != nil {
			stop()
			return Instance{}, err
		}
	}
	requests := func() []float64 {
		latencies := make([]float64, w.Samples)
		errs := make([]error, connections)
		var all sync.WaitGroup
		for i, c := range clients {
			all.Go(func() {
				for k := i; k < len(latencies) && errs[i] == nil; k += connections {
					t := now()
					errs[i] = c.ask()
					latencies[k] = float64(now() - t)
				}
			})
		}
		all.Wait()
		must(errors.Join(errs...))
		return latencies
	}
	return Instance{
		Op:       func() { requests() },
		Requests: requests,
		Stop: func() {
			for _, c := range clients {
				c.conn.Close()
			}
			stop()
		},
	}, nil
}

// overHTTP is an HTTP server whose handlers have something to compute.
func overHTTP(connections, requests int) Workload {
	noun := "connections"
	if connections == 1 {
		noun = "connection"
	}
	w := Workload{
		Name:    fmt.Sprintf("http-%d", connections),
		Title:   fmt.Sprintf("an HTTP server whose handlers have a pool compute for 100 µs and wait, %d %s: time per request, and its latency", connections, noun),
		Kind:    Requests,
		Tasks:   1,
		Samples: requests,
		Further: true,
	}
	of := w
	w.Variants = func(e *Env) []Variant {
		var variants []Variant
		for _, name := range []string{Ours, Handlers} {
			variants = append(variants, Variant{name, func() (Instance, error) { return httpInstance(e, &of, name, connections) }})
		}
		return variants
	}
	return w
}
