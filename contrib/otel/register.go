// Package zeropoolotel reports the counters of zeropool pools to OpenTelemetry.
//
//	registration, err := zeropoolotel.Register(otel.Meter("example"), pool)
//
// Nothing runs between two collections: a collection reads Stats of each pool
// once, which costs the workers nothing.
package zeropoolotel

import (
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/zeropool-go/zeropool"
)

// poolName is the attribute that names the pool.
const poolName = attribute.Key("zeropool.pool.name")

// observed is a pool with its attributes.
type observed struct {
	pool                                *zeropool.Pool
	name, completed, panicked, canceled metric.ObserveOption
}

func (o *observed) describe(name string) {
	of := func(more ...attribute.KeyValue) metric.ObserveOption {
		return metric.WithAttributeSet(attribute.NewSet(append(more, poolName.String(name))...))
	}
	o.name = of()
	o.completed = of(attribute.String("outcome", "completed"))
	o.panicked = of(attribute.String("outcome", "panicked"))
	o.canceled = of(attribute.String("outcome", "canceled"))
}

// Register makes meter observe these pools at each collection:
//
//   - zeropool.task.submitted ({task}, counter): tasks that the pool has accepted
//   - zeropool.task.count ({task}, counter): tasks that have ended, by outcome:
//     completed, panicked or canceled
//   - zeropool.queue.length ({task}): tasks that have not begun
//   - zeropool.worker.count ({worker}): workers of the pool
//
// The attribute zeropool.pool.name is the pool's name; of several pools with the
// same name the later ones get "#2", "#3" and so on behind it, and a pool that is
// listed twice counts once. Pools may close meanwhile; Unregister of the result
// ends the observation. The error names the pool that is nil, or the instrument
// that meter refused; nothing is observed then.
func Register(meter metric.Meter, pools ...*zeropool.Pool) (metric.Registration, error) {
	list, err := observe(pools)
	if err != nil {
		return nil, err
	}
	submitted, err := meter.Int64ObservableCounter("zeropool.task.submitted",
		metric.WithUnit("{task}"), metric.WithDescription("Tasks that the pool has accepted; each element of a batch or loop is one."))
	if err != nil {
		return nil, fmt.Errorf("zeropoolotel: zeropool.task.submitted: %w", err)
	}
	count, err := meter.Int64ObservableCounter("zeropool.task.count",
		metric.WithUnit("{task}"), metric.WithDescription("Tasks that have ended, by outcome."))
	if err != nil {
		return nil, fmt.Errorf("zeropoolotel: zeropool.task.count: %w", err)
	}
	queue, err := meter.Int64ObservableUpDownCounter("zeropool.queue.length",
		metric.WithUnit("{task}"), metric.WithDescription("Tasks that have been accepted and have not begun."))
	if err != nil {
		return nil, fmt.Errorf("zeropoolotel: zeropool.queue.length: %w", err)
	}
	workers, err := meter.Int64ObservableUpDownCounter("zeropool.worker.count",
		metric.WithUnit("{worker}"), metric.WithDescription("Workers of the pool."))
	if err != nil {
		return nil, fmt.Errorf("zeropoolotel: zeropool.worker.count: %w", err)
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, p := range list {
			s := p.pool.Stats().Total
			o.ObserveInt64(submitted, int64(s.Submitted), p.name)
			o.ObserveInt64(count, int64(s.Completed), p.completed)
			o.ObserveInt64(count, int64(s.Panicked), p.panicked)
			o.ObserveInt64(count, int64(s.Canceled), p.canceled)
			o.ObserveInt64(queue, int64(s.Queued), p.name)
			o.ObserveInt64(workers, int64(p.pool.Workers()), p.name)
		}
		return nil
	}, submitted, count, queue, workers)
	if err != nil {
		return nil, fmt.Errorf("zeropoolotel: %w", err)
	}
	return registration, nil
}

func observe(pools []*zeropool.Pool) ([]observed, error) {
	var list []observed
	seen := map[*zeropool.Pool]bool{}
	taken := map[string]bool{}
	for i, p := range pools {
		if p == nil {
			return nil, fmt.Errorf("zeropoolotel: Register: pool %d is nil", i)
		}
		if seen[p] {
			continue
		}
		seen[p] = true
		base := strings.ToValidUTF8(p.Name(), "\uFFFD")
		name := base
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s#%d", base, n)
		}
		taken[name] = true
		o := observed{pool: p}
		o.describe(name)
		list = append(list, o)
	}
	return list, nil
}
