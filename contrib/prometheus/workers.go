package zeropoolprom

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

var (
	workerTasks    = desc("worker_tasks_total", "Tasks that the worker has run.", "worker")
	workerStolen   = desc("worker_stolen_total", "Tasks that the worker has taken from other queues.", "worker")
	workerParks    = desc("worker_parks_total", "Times that the worker went to sleep.", "worker")
	workerWakes    = desc("worker_wakes_total", "Times that the worker was woken.", "worker")
	workerQueue    = desc("worker_queue_length", "Tasks in the worker's own queues that have not begun.", "worker")
	workerInfo     = desc("worker_info", "1; the label cpu is the CPU that the worker is meant for, or none.", "worker", "cpu")
	workerCPU      = desc("worker_cpu_seconds_total", "CPU time of the worker's thread, counted between scrapes that find the same pin.", "worker")
	workerWait     = desc("worker_runqueue_wait_seconds_total", "Time that the worker's thread was runnable and another one had the CPU, counted between scrapes that find the same pin.", "worker")
	workerSwitches = desc("worker_involuntary_switches_total", "Times that the kernel took the CPU from the worker's thread, counted between scrapes that find the same pin.", "worker")

	workerDescs = []*prometheus.Desc{workerTasks, workerStolen, workerParks, workerWakes, workerQueue, workerInfo, workerCPU, workerWait, workerSwitches}
)

type workerCollector struct {
	mu    sync.Mutex
	pools []named
	usage map[workerKey]*usage
}

type workerKey struct {
	pool   *zeropool.Pool
	worker int
}

// NewWorkerCollector returns a collector of the metrics of each worker of these
// pools, for use beside NewCollector; the label pool is the same if both get the
// same pools in the same order. It may be scraped at any time.
//
// What the kernel tells of a worker's thread (CPU time, time in the run queue,
// involuntary switches; on Linux) counts for the worker only while it is pinned,
// since the thread serves other goroutines otherwise: what happened between two
// scrapes counts if both find the worker under the same pin. With
// zeropool.WithPinning(zeropool.Hold) that is everything since the first scrape.
//
// It panics if a pool is nil.
func NewWorkerCollector(pools ...*zeropool.Pool) prometheus.Collector {
	return &workerCollector{pools: names("NewWorkerCollector", pools), usage: map[workerKey]*usage{}}
}

func (c *workerCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range workerDescs {
		ch <- d
	}
}

func (c *workerCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.pools {
		plan := p.pool.Plan()
		for i, w := range p.pool.Stats().Workers {
			v := values{ch, []string{p.name, strconv.Itoa(i)}}
			v.counter(workerTasks, float64(w.Completed+w.Panicked))
			v.counter(workerStolen, float64(w.Stolen))
			v.counter(workerParks, float64(w.Parked))
			v.counter(workerWakes, float64(w.Woken))
			v.gauge(workerQueue, float64(w.Queued))
			cpu := "none"
			if id := plan.Workers[i].CPU; id != topology.Unknown {
				cpu = strconv.Itoa(id)
			}
			v.gauge(workerInfo, 1, cpu)
			key := workerKey{p.pool, i}
			u := c.usage[key]
			if u == nil {
				u = &usage{}
				c.usage[key] = u
			}
			u.update(pin{w.Thread, w.PinsTaken}, readThread)
			v.counter(workerCPU, u.total.cpu)
			v.counter(workerWait, u.total.wait)
			v.counter(workerSwitches, u.total.switches)
		}
	}
}
