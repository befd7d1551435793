// Package bench is the benchmark set: what a pool is used for, done by a
// zeropool and by the plain Go it competes with, measured side by side. The
// Go benchmarks of the root package and the command "zeropool bench" run the
// same code.
package bench

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/zeropool-go/zeropool"
)

// Kind says what is measured about a workload.
type Kind uint8

const (
	PerTask  Kind = iota // wall time divided by tasks
	Latency              // one duration per sample, of which percentiles are taken
	CPUTime              // CPU time used while there is nothing to do
	Memory               // held while there is nothing to do
	Share                // most divided by least that one of several submitters got done
	Requests             // wall time divided by requests, and the latency of each
	Once                 // a time that a process sees only once
	CPUsLost             // CPUs that a process started in a task may not use
)

// Unit is what values of the kind are counted in.
func (k Kind) Unit() string {
	switch k {
	case PerTask, Requests:
		return "ns/task"
	case Latency, Once:
		return "ns"
	case CPUTime:
		return "% of a CPU"
	case Share:
		return "most/least"
	case CPUsLost:
		return "CPUs lost"
	}
	return "bytes"
}

// AtRest reports whether the kind is about variants that have nothing to do, or
// only once in a process. Such a variant is started for each turn, in a process
// of its own where that is possible, and there are no ratios: another variant
// has no part in its turn.
func (k Kind) AtRest() bool { return k == CPUTime || k == Memory || k == Once }

// compared reports whether there are ratios.
func (k Kind) compared() bool { return !k.AtRest() && k != CPUsLost }

// counted reports whether allocations are counted: those of a server are not in
// this process.
func (k Kind) counted() bool { return k.compared() && k != Requests }

// A Workload is one piece of work, done in several ways.
type Workload struct {
	Name    string // short, without spaces
	Title   string // one line for people
	Kind    Kind
	Tasks   int    // in one Op
	Heavy   bool   // long enough for parallel efficiency to mean something; needs a variant Serial or Calls
	Samples int    // in each round: of a Latency, of Requests, and of a PerTask that something comes Before
	Rounds  int    // at most; 0: as many as are asked for
	Least   int    // rounds that it needs, whatever they take, unless fewer are asked for; 0: as others do
	Missing string // why it cannot be measured here; "": it can
	Further bool   // measured only if asked for

	// Variants returns the ways to do it, ours first. Variants of one call
	// share their data, so only one of them may be at work at a time.
	Variants func(e *Env) []Variant
}

// A Variant is one way to do a workload.
type Variant struct {
	Name  string
	Start func() (Instance, error)
}

// An Instance is a variant that has been started.
type Instance struct {
	Op     func()               // does the workload once and waits for its end
	Sample func() time.Duration // Latency and Once: does it once, preceded by what the workload asks for
	Value  func() float64       // Share and CPUsLost: does it once and returns the value
	Verify func() error         // does it once and checks the result; nil: Op panics when it is wrong
	Stop   func()

	// Requests makes as many requests as there are Samples and returns their
	// latencies in ns.
	Requests func() []float64

	Wake, Rest func() // surround each turn; nil: there is no need

	// Before and After surround each Op of a PerTask and each Sample of a
	// Latency, and are not in their time; nil: there is no need. With a Before,
	// each Op is timed by itself.
	Before, After func()

	// Timed does it n times, in another process, and returns how long that took
	// there; nil: Op is timed. Allocations of another process are not counted.
	Timed func(n int) time.Duration

	Scale float64 // what times are multiplied by, of a PerTask; 0: they are not
}

// The names of variants.
const (
	Ours       = "zeropool"
	Serial     = "serial"     // a loop that calls through a function value
	Channel    = "channel"    // 24-byte tasks on one buffered channel, one goroutine for each worker
	Goroutines = "goroutines" // one goroutine for each task
	Chunks     = "chunks"     // one goroutine for each CPU, an equal part each
	Nothing    = "nothing"    // no workers at all
	Calls      = "calls"      // plain calls in the place of forks
	Handlers   = "handlers"   // HTTP handlers that compute themselves
	OneWorker  = "zeropool-1" // ours with one worker
	Library    = "slices.Sort"
	Ideal      = "ideal" // what no schedule could do better: computed from a plain loop
)

// Env is what workloads need to know about the machine and the pools to use.
type Env struct {
	Options []zeropool.Option // for the pools
	Workers int               // of such a pool; as many goroutines serve the channel
	CPUs    int               // that Go code of this process can use at a time
	mask    cpuMask           // CPUs that this process may use

	firstNew time.Duration // that the pool of NewEnv took to start
	Peers    Peers         // to be measured as well
}

// NewEnv prepares an environment by starting a pool with the options once.
func NewEnv(options ...zeropool.Option) (*Env, error) {
	mask := ownMask() // before a pool changes it
	t := time.Now()
	p, err := zeropool.New(options...)
	took := time.Since(t)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	calibrate()
	return &Env{
		mask:     mask,
		firstNew: took,
		Options:  options,
		Workers:  p.Workers(),
		CPUs:     min(runtime.GOMAXPROCS(0), runtime.NumCPU()),
	}, nil
}

// SetWorkers has the pools, and the peers, use n workers, from 1 to 4096.
func (e *Env) SetWorkers(n int) {
	e.Options = append(slices.Clip(e.Options), zeropool.WithWorkers(n))
	e.Workers = n
}

// Pool starts a pool and makes the instance that works on it.
func (e *Env) Pool(instance func(p *zeropool.Pool) Instance) func() (Instance, error) {
	return func() (Instance, error) {
		p, err := zeropool.New(e.Options...)
		if err != nil {
			return Instance{}, err
		}
		i := instance(p)
		i.Stop = func() { p.Close() }
		return i, nil
	}
}

// Workloads returns the set, those that are Further last.
func Workloads() []Workload {
	return slices.Concat(basic(), forking(), inLife(), schedules(), tails())
}

func basic() []Workload {
	return []Workload{
		single(1000),
		loopOfOne(1000),
		loopOfContexts(1000),
		firstBurst(1000),
		burstAfterRest(1000),
		submitters(8, 10_000),
		group(1000),
		batch(1000),
		batch(100_000),
		forEach(1000),
		forEach(100_000),
		loop(100_000),
		heavy("heavy", "equal tasks of 16 µs in one batch", evenly),
		heavy("skewed", "tasks of 28 µs, then as many of 4 µs, in one batch", firstHalf),
		heavyOneByOne("heavy-single", 1000, 16),
		heavyOneByOne("long-single", 50, 1000),
		pipeline(2000, 1, 64),
		rounds(1000, 10),
		heavyRounds(128, 8, 125),
		toldRounds(2, 128, 8, 50),
		requests(64, 3, 4, 1),
		allocating(64),
		hot(),
		afterIdle(),
		goOn(),
		idleCPU(),
		idleMemory(),
	}
}

// Find returns the workload with that name.
func Find(name string) (Workload, error) {
	for _, w := range Workloads() {
		if w.Name == name {
			return w, nil
		}
	}
	return Workload{}, fmt.Errorf("no workload is named %q", name)
}
