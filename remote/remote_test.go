package remote

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

type words struct {
	Text  string
	Times int
}

var repeat = Define("repeat@v1", func(ctx context.Context, w *words) (string, error) {
	if w.Times < 0 {
		return "", errors.New("negative times")
	}
	return strings.Repeat(w.Text, w.Times), nil
})

func testPool(t testing.TB, opts ...zeropool.Option) *zeropool.Pool {
	t.Helper()
	p, err := zeropool.New(append([]zeropool.Option{zeropool.WithWorkers(2), zeropool.WithPlacement(topology.Unpinned)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func testEngine(t testing.TB, opts ...EngineOption) *Engine {
	t.Helper()
	e, err := Embedded(t.TempDir(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func testServe(t testing.TB, e *Engine, opts ...ServeOption) *Server {
	t.Helper()
	s, err := Serve(e, testPool(t), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestHello(t *testing.T) {
	e := testEngine(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	testServe(t, e, repeat, Backoff(time.Millisecond, 4*time.Millisecond))
	f, err := repeat.Submit(ctx, e, &words{"ab", 3})
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Wait(ctx)
	if r != "ababab" || err != nil {
		t.Fatal(r, err)
	}
	f, err = repeat.Submit(ctx, e, &words{"ab", -1})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	r, err = f.Wait(ctx)
	t.Log(r, err, time.Since(at))
	at = time.Now()
	fs, err := repeat.SubmitBatch(ctx, e, []words{{"a", 1}, {"b", 2}, {"c", -1}, {"d", 4}}, PerMessage(3))
	if err != nil {
		t.Fatal(err)
	}
	rs, err := fs.Wait(ctx)
	t.Log(rs, err, time.Since(at))
}
