// Package zeropoolprom exports the counters of zeropool pools to Prometheus.
//
//	prometheus.MustRegister(zeropoolprom.NewCollector(pool))
//
// Nothing runs between two scrapes: a scrape reads Stats and Plan of each pool
// once, which costs the workers nothing.
package zeropoolprom

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/zeropool-go/zeropool"
)

// named are pools with the values of the label pool, which differ.
type named struct {
	pool *zeropool.Pool
	name string
}

// names gives each pool its label. A pool that is listed twice counts once; of
// different pools with the same name the later ones get "#2", "#3" and so on.
func names(caller string, pools []*zeropool.Pool) []named {
	var list []named
	seen := map[*zeropool.Pool]bool{}
	taken := map[string]bool{}
	for i, p := range pools {
		if p == nil {
			panic(fmt.Sprintf("zeropoolprom: %s: pool %d is nil", caller, i))
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
		list = append(list, named{p, name})
	}
	return list
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("zeropool_"+name, help, append([]string{"pool"}, labels...), nil)
}

// values sends the metrics of one pool, or of one worker.
type values struct {
	ch     chan<- prometheus.Metric
	labels []string
}

func (v values) counter(d *prometheus.Desc, n float64, labels ...string) {
	v.send(d, prometheus.CounterValue, n, labels)
}

func (v values) gauge(d *prometheus.Desc, n float64, labels ...string) {
	v.send(d, prometheus.GaugeValue, n, labels)
}

func (v values) send(d *prometheus.Desc, t prometheus.ValueType, n float64, labels []string) {
	v.ch <- prometheus.MustNewConstMetric(d, t, n, append(v.labels[:len(v.labels):len(v.labels)], labels...)...)
}

var (
	submitted = desc("tasks_submitted_total", "Tasks that the pool has accepted; each element of a batch or loop is one.")
	ended     = desc("tasks_total", "Tasks that have ended: returned, panicked (or returned an error, or called runtime.Goexit), or were withdrawn before they began.", "outcome")
	helped    = desc("tasks_helped_total", "Tasks that waiters or submitters have run, or stand-ins in their place.")
	stolen    = desc("tasks_stolen_total", "Tasks that were taken from the queue of another worker or submitter.")
	queued    = desc("tasks_queued", "Tasks that have been accepted and have not begun.")
	running   = desc("tasks_running", "Tasks that have begun and have not ended.")
	capacity  = desc("queue_capacity", "Tasks that the queues of the pool's workers hold together.")
	workers   = desc("workers", "Workers of the pool.")
	pinned    = desc("workers_pinned", "Workers that are pinned to their CPU now.")
	leases    = desc("pin_leases_total", "Attempts to pin a worker that succeeded (taken) or failed (refused), and pins that somebody else has changed (lost).", "result")
	warnings  = desc("plan_warnings", "Warnings of the pool's plan now, by their id.", "id")
	info      = desc("pool_info", "1; the labels say how the pool places its workers, and the version of zeropool.", "placement", "version")

	poolDescs = []*prometheus.Desc{submitted, ended, helped, stolen, queued, running, capacity, workers, pinned, leases, warnings, info}
)

type collector struct{ pools []named }

// NewCollector returns a collector of the metrics of these pools. It may be
// registered with several registries and scraped at any time, also while a pool
// closes and afterwards. The label pool is the pool's name; if several pools have
// the same name, the later ones get "#2", "#3" and so on behind it. A registry takes one
// collector of pools: it must get all of them.
//
// It panics if a pool is nil.
func NewCollector(pools ...*zeropool.Pool) prometheus.Collector {
	return &collector{names("NewCollector", pools)}
}

func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range poolDescs {
		ch <- d
	}
}

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, p := range c.pools {
		s := p.pool.Stats().Total
		v := values{ch, []string{p.name}}
		v.counter(submitted, float64(s.Submitted))
		v.counter(ended, float64(s.Completed), "completed")
		v.counter(ended, float64(s.Panicked), "panicked")
		v.counter(ended, float64(s.Canceled), "canceled")
		v.counter(helped, float64(s.Helped))
		v.counter(stolen, float64(s.Stolen))
		v.gauge(queued, float64(s.Queued))
		v.gauge(running, float64(s.Running))
		v.gauge(capacity, float64(p.pool.QueueCapacity()*p.pool.Workers()))
		v.gauge(workers, float64(p.pool.Workers()))
		v.gauge(pinned, float64(s.Pinned))
		v.counter(leases, float64(s.PinsTaken), "taken")
		v.counter(leases, float64(s.PinsRefused), "refused")
		v.counter(leases, float64(s.PinsLost), "lost")
		found := map[string]int{}
		for _, w := range p.pool.Plan().Warnings {
			id, _, _ := strings.Cut(w, " ")
			found[id]++
		}
		for id, n := range found {
			v.gauge(warnings, float64(n), id)
		}
		v.gauge(info, 1, p.pool.Placement(), zeropool.Version())
	}
}
