package zeropoolotel

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

func newPool(t *testing.T, opts ...zeropool.Option) *zeropool.Pool {
	t.Helper()
	p, err := zeropool.New(append(opts, zeropool.WithPanicHandler(func(*zeropool.PanicError) {}))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// collect returns the points by "instrument unit attributes", and whether each one
// only grows.
func collect(t *testing.T, r *metric.ManualReader) (values map[string]int64, grows map[string]bool) {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := r.Collect(context.Background(), &data); err != nil {
		t.Fatal(err)
	}
	values, grows = map[string]int64{}, map[string]bool{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			sum, ok := m.Data.(metricdata.Sum[int64])
			if !ok {
				t.Fatalf("%s is a %T", m.Name, m.Data)
			}
			for _, p := range sum.DataPoints {
				key := m.Name + " " + m.Unit
				for _, a := range p.Attributes.ToSlice() {
					key += " " + string(a.Key) + "=" + a.Value.AsString()
				}
				values[key], grows[key] = p.Value, sum.IsMonotonic
			}
		}
	}
	return values, grows
}

// Every instrument has its name, unit, attributes and value, and none is left after
// Unregister.
func TestValues(t *testing.T) {
	a := newPool(t, zeropool.WithName("a"), zeropool.WithWorkers(2), zeropool.WithPlacement(topology.Unpinned))
	b := newPool(t, zeropool.WithName("a"), zeropool.WithWorkers(1), zeropool.WithPlacement(topology.Unpinned))
	reader := metric.NewManualReader()
	registration, err := Register(metric.NewMeterProvider(metric.WithReader(reader)).Meter("test"), a, b, a)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		a.Go(func() {}).Wait()
	}
	a.Go(func() { panic("x") }).Wait()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{
		"zeropool.task.submitted {task} zeropool.pool.name=a":               4,
		"zeropool.task.count {task} outcome=completed zeropool.pool.name=a": 3,
		"zeropool.task.count {task} outcome=panicked zeropool.pool.name=a":  1,
		"zeropool.task.count {task} outcome=canceled zeropool.pool.name=a":  0,
		"zeropool.queue.length {task} zeropool.pool.name=a":                 0,
		"zeropool.worker.count {worker} zeropool.pool.name=a":               2,
		"zeropool.worker.count {worker} zeropool.pool.name=a#2":             1,
	}
	values, grows := collect(t, reader)
	for key, n := range want {
		if got, ok := values[key]; !ok || got != n {
			t.Errorf("%s is %d (there: %v), want %d", key, got, ok, n)
		}
		if grows[key] != strings.HasPrefix(key, "zeropool.task.") {
			t.Errorf("%s: monotonic is %v", key, grows[key])
		}
	}
	if len(values) != 12 {
		t.Errorf("%d points: %v", len(values), values)
	}
	if err := registration.Unregister(); err != nil {
		t.Fatal(err)
	}
	if values, _ := collect(t, reader); len(values) != 0 {
		t.Errorf("after Unregister: %v", values)
	}
}

// A nil pool is an error that says which one.
func TestNilPool(t *testing.T) {
	p := newPool(t, zeropool.WithWorkers(1), zeropool.WithPlacement(topology.Unpinned))
	r, err := Register(metric.NewMeterProvider().Meter("test"), p, nil)
	if r != nil || err == nil || !strings.Contains(err.Error(), "pool 1 is nil") {
		t.Errorf("%v, %v", r, err)
	}
}

// A counter never falls while workers are replaced because tasks call
// runtime.Goexit, pins come and go, and the pools close.
func TestCountersNeverFall(t *testing.T) {
	pools := []*zeropool.Pool{newPool(t, zeropool.WithName("lease")), newPool(t, zeropool.WithName("hold"), zeropool.WithPinning(zeropool.Hold), zeropool.WithQueueCapacity(2))}
	reader := metric.NewManualReader()
	if _, err := Register(metric.NewMeterProvider(metric.WithReader(reader)).Meter("test"), pools...); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var load, collector sync.WaitGroup
	collector.Go(func() {
		before := map[string]int64{}
		for {
			now, grows := collect(t, reader)
			for key, n := range before {
				if grows[key] && now[key] < n {
					t.Errorf("%s fell from %d to %d", key, n, now[key])
				}
			}
			before = now
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	rounds := 100
	if testing.Short() {
		rounds = 30
	}
	for _, p := range pools {
		load.Go(func() {
			xs := make([]int, 300)
			for round := range rounds {
				p.Go(runtime.Goexit).Wait()
				p.Go(func() {
					for range 20 {
						p.Go(func() { panic("x") })
					}
				})
				zeropool.SubmitBatch(p, xs, func(x *int) {
					for range 10_000 {
						*x++
					}
				}).Wait()
				p.Go(func() {}).Cancel()
				if round == rounds*3/4 {
					p.Close()
				}
			}
		})
	}
	load.Wait()
	close(stop)
	collector.Wait()
	values, _ := collect(t, reader)
	for _, p := range pools {
		s := p.Stats().Total
		if n := values["zeropool.task.submitted {task} zeropool.pool.name="+p.Name()]; n != int64(s.Submitted) || n == 0 {
			t.Errorf("%s: collected %d, %+v", p.Name(), n, s)
		}
	}
}
