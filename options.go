package zeropool

import (
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/zeropool-go/zeropool/internal/place"
	"github.com/zeropool-go/zeropool/topology"
)

// An Option configures a pool made by New. Options are applied in order; of two
// that set the same thing the later one counts. A nil Option is ignored.
type Option func(*config) error

// WhenFull says what a submission does when every queue of the pool is full.
type WhenFull uint8

const (
	// Help makes a submitter that is not a task itself run the oldest tasks that
	// it has submitted from its own lane, as long as it has any and their
	// functions are known to return: as soon as that lane is full, if it holds as
	// much as WithQueueCapacity says. Otherwise it waits until there is room, and
	// a stand-in may run queued tasks in its place. It is the default: nothing is
	// lost, and the submitter is slowed to the pace of the pool. It runs no task of
	// another lane, but one of its own may hold it up for as long as that takes,
	// and for ever if it waits for what the submitter is to do next, or for a lock that
	// it holds. A goroutine may have got the lane of one that has ended, with tasks
	// that are queued still.
	Help WhenFull = iota
	// Block makes the submitter wait until there is room. A stand-in may run
	// queued tasks in the place of a task that waits so: were every worker to wait
	// for room, none would make any. That is no help if the task that the stand-in
	// takes waits for the submitter itself, for a lock that it holds or on a channel.
	Block
	// Reject makes the submission fail: its Future ends with ErrFull.
	Reject
)

// String returns the policy's name.
func (w WhenFull) String() string { return nameOf("WhenFull", uint8(w), "Help", "Block", "Reject") }

func nameOf(kind string, v uint8, names ...string) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", kind, v)
}

// Pinning says how long a worker stays pinned to its CPU.
type Pinning uint8

const (
	// Lease pins a worker while it is at work: after a millisecond of tasks
	// without a pause, until it naps or parks, the garbage collector runs
	// often, or other threads run on the CPU. It is the default.
	Lease Pinning = iota
	// Hold pins a worker from its start to its end, and parks it in a futex. It
	// is for machines with isolated CPUs. It costs: a parked worker keeps a P of
	// the runtime for up to 10 ms, and each collection costs several hand-overs
	// between threads, as does each wait of a task for a channel, a timer or a
	// lock. A process started by a task may use the worker's CPU only; see
	// Pool.Unpinned.
	Hold
)

// String returns the name of the pinning.
func (p Pinning) String() string { return nameOf("Pinning", uint8(p), "Lease", "Hold") }

type config struct {
	at       place.Request // what the workers are to be
	capacity int           // of an inbox
	whenFull WhenFull
	onPanic  func(*PanicError)
	name     string
	spin     time.Duration
	pinning  Pinning
}

const (
	maxWorkers  = 4096
	defaultSpin = 5 * time.Microsecond
	maxSpin     = time.Millisecond
)

func newConfig(opts []Option) (*config, error) {
	c := &config{capacity: defaultCapacity, name: "zeropool", spin: defaultSpin}
	for _, o := range opts {
		if o == nil {
			continue
		}
		if err := o(c); err != nil {
			return nil, fmt.Errorf("zeropool: %w", err)
		}
	}
	if c.onPanic == nil {
		name := c.name
		c.onPanic = func(e *PanicError) { logPanic(name, e, "zeropool: task panicked") }
	}
	return c, nil
}

// option returns an Option that calls set if ok, and fails otherwise.
func option(ok bool, set func(*config), refusal string, args ...any) Option {
	return func(c *config) error {
		if !ok {
			return fmt.Errorf(refusal, args...)
		}
		set(c)
		return nil
	}
}

// WithWorkers sets the number of workers, from 1 to 4096; 0 lets the placement
// choose, which is the default. It does not bound how many tasks run at a time:
// waiters run tasks too, and stand-ins in the place of waiters that are blocked.
// So one worker does not make tasks exclude each other; see Group.SetLimit.
func WithWorkers(n int) Option {
	return option(n >= 0 && n <= maxWorkers, func(c *config) { c.at.Workers = n },
		"WithWorkers(%d): the number of workers must be between 0 (choose) and %d", n, maxWorkers)
}

// WithPlacement sets which CPUs the workers are pinned to. The default is
// topology.PerCore, or topology.Unpinned when the environment variable
// ZEROPOOL_PLACEMENT is "unpinned"; the option overrides the environment.
func WithPlacement(placement topology.Placement) Option {
	return option(placement <= topology.Unpinned, func(c *config) { c.at.Placement, c.at.Placed = placement, true },
		"WithPlacement(%d): the placement must be PerCore, PerThread, Compact, Scatter or Unpinned", placement)
}

// WithCPUs pins the workers to these CPUs, by the operating system's numbers,
// one worker each unless WithWorkers says otherwise. A CPU that this process
// may not use, or that is named twice, is an error.
func WithCPUs(cpus ...int) Option {
	cpus = slices.Clone(cpus)
	return func(c *config) error {
		if len(cpus) == 0 {
			return fmt.Errorf("WithCPUs(): at least one CPU must be named")
		}
		for i, cpu := range cpus {
			if cpu < 0 {
				return fmt.Errorf("WithCPUs(%d): a CPU number must not be negative", cpu)
			}
			if slices.Contains(cpus[:i], cpu) {
				return fmt.Errorf("WithCPUs(%d): the CPU is named twice", cpu)
			}
		}
		c.at.CPUs = cpus
		return nil
	}
}

// WithTopology makes the pool place its workers on this machine description
// instead of detecting one; it must describe the machine the process runs on.
func WithTopology(t *topology.Topology) Option {
	return option(t != nil, func(c *config) { c.at.Machine = t }, "WithTopology(nil): a topology is needed")
}

// WithQueueCapacity sets how many tasks each worker's inbox holds, from 2 to
// 16,777,216, rounded up to a power of two. The default is 1024. An inbox begins with
// room for 64 at most, and is replaced by one for all of them when that is not enough. The lane of a
// goroutine that submits holds as many, 1024 at most; below 64 there are no lanes.
// Tasks that run keep their room, unless they fill a quarter of the queue or more: then
// one that is full is replaced, and what still waits in it does not count any more.
// Several goroutines that submit at the same moment may each put one task more into an
// inbox of less than 64. A batch or loop takes no room, whatever its length.
func WithQueueCapacity(n int) Option {
	return option(n >= minCapacity && n <= maxCapacity, func(c *config) { c.capacity = 1 << bits.Len(uint(n-1)) },
		"WithQueueCapacity(%d): the capacity must be between %d and %d (it is rounded up to a power of two)", n, minCapacity, maxCapacity)
}

// WithWhenFull sets what a submission does when every queue is full.
func WithWhenFull(w WhenFull) Option {
	return option(w <= Reject, func(c *config) { c.whenFull = w },
		"WithWhenFull(%d): the policy must be Help, Block or Reject", uint8(w))
}

// WithPanicHandler sets the function that is called for each task that panics,
// once, at once, on the goroutine that recovered it, before the task's Future
// is done. The default writes a log/slog record at level Error. Wait returns
// the *PanicError as well.
func WithPanicHandler(handler func(*PanicError)) Option {
	return option(handler != nil, func(c *config) { c.onPanic = handler },
		"WithPanicHandler(nil): a handler is needed; a panic is never dropped silently")
}

// WithPinning sets how long a worker stays pinned to its CPU. The default is Lease.
// It means nothing for workers that have no CPU, see WithPlacement.
func WithPinning(p Pinning) Option {
	return option(p <= Hold, func(c *config) { c.pinning = p },
		"WithPinning(%d): the pinning must be Lease or Hold", uint8(p))
}

// WithName names the pool in the names of its pinned threads ("zp/NAME/3", of
// which Linux shows 15 bytes) and in its log records. The default is
// "zeropool".
func WithName(name string) Option {
	return option(name != "", func(c *config) { c.name = name }, `WithName(""): the name must not be empty`)
}

// WithSpin sets about how long the one worker that looks for work does so in a
// spin, before it goes on between short naps, from 0 (nap at once) to 1 ms. The
// default is 5 µs. After 2 ms without work it parks, whatever the spin.
func WithSpin(d time.Duration) Option {
	return option(d >= 0 && d <= maxSpin, func(c *config) { c.spin = d },
		"WithSpin(%v): the duration must be between 0 and %v", d, maxSpin)
}
