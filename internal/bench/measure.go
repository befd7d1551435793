package bench

import (
	"fmt"
	"runtime"
	"time"
)

// Settings say how thoroughly to measure.
type Settings struct {
	Rounds int           // in each round every variant has its turn
	Budget time.Duration // of one workload: beyond it there are leastRounds rounds
	Slice  time.Duration // about how long one turn takes, where the workload leaves a choice
	Window time.Duration // how long to watch an idle process; at most idleRounds times
}

// Full and Brief are the settings of the benchmark and of the demonstration.
var (
	Full  = Settings{Rounds: 31, Budget: 3 * time.Second, Slice: 8 * time.Millisecond, Window: time.Second}
	Brief = Settings{Rounds: 9, Budget: time.Second, Slice: 3 * time.Millisecond, Window: 300 * time.Millisecond}
)

const leastRounds = 7

// idleRounds bounds the rounds of CPUTime workloads, which take long and vary
// little.
const idleRounds = 3

// warmUps is the least number of tasks a variant runs before it is measured: a
// zeropool's waiters run a function themselves only when it has returned a
// thousand times.
const warmUps = 3000

// A Session measures one workload.
type Session struct {
	Workload Workload
	variants []Variant
	running  []Instance // but for CPUTime
	ops      []int      // that fill a slice
	values   [][]float64
	samples  [][]float64
	allocs   []allocation
	env      *Env
	round    int
}

type allocation struct{ objects, bytes float64 }

// Open starts all variants of a workload and checks that they do it right. The
// caller must Close the session.
func Open(w Workload, e *Env) (*Session, error) {
	s := &Session{Workload: w, variants: w.Variants(e), env: e}
	n := len(s.variants)
	s.ops = make([]int, n)
	s.values = make([][]float64, n)
	s.samples = make([][]float64, n)
	s.allocs = make([]allocation, n)
	if w.Kind == CPUTime {
		return s, nil
	}
	for i, v := range s.variants {
		in, err := v.Start()
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("%s, %s: %w", w.Name, v.Name, err)
		}
		s.running = append(s.running, in)
		s.warmUp(i)
	}
	if err := s.verify(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Session) warmUp(i int) {
	op := s.running[i].Op
	if s.Workload.Name == goOnName {
		op()
		return
	}
	for done := 0; done < warmUps; done += s.Workload.Tasks {
		op()
	}
}

func (s *Session) verify() error {
	for i, in := range s.running {
		if err := in.Verify(); err != nil {
			return fmt.Errorf("%s, %s: %w", s.Workload.Name, s.variants[i].Name, err)
		}
	}
	return nil
}

// Close stops all variants.
func (s *Session) Close() {
	for _, in := range s.running {
		in.Stop()
	}
	s.running = nil
}

// Variants returns the names of the variants, ours first.
func (s *Session) Variants() []string {
	var names []string
	for _, v := range s.variants {
		names = append(names, v.Name)
	}
	return names
}

// Op does the workload once by the variant with that index.
func (s *Session) Op(variant int) { s.running[variant].Op() }

// Sample takes one latency.
func (s *Session) Sample(variant int) time.Duration { return s.running[variant].Sample() }

// Round gives every variant its turn, beginning with another one each time.
func (s *Session) Round(set Settings) error {
	if s.Workload.Kind == CPUTime && s.round >= idleRounds {
		return nil
	}
	for k := range s.variants {
		i := (s.round + k) % len(s.variants)
		v, err := s.turn(i, set)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", s.Workload.Name, s.variants[i].Name, err)
		}
		s.values[i] = append(s.values[i], v)
	}
	s.round++
	return nil
}

// turn measures one variant once.
func (s *Session) turn(i int, set Settings) (float64, error) {
	switch s.Workload.Kind {
	case PerTask:
		return s.perTask(i, set.Slice), nil
	case Latency:
		n := s.Workload.Samples
		latencies := make([]float64, n)
		for k := range latencies {
			latencies[k] = float64(s.running[i].Sample())
		}
		s.samples[i] = append(s.samples[i], latencies...)
		return quantile(sorted(latencies), 0.5), nil
	}
	return s.idle(i, set.Window)
}

func (s *Session) perTask(i int, slice time.Duration) float64 {
	op := s.running[i].Op
	if s.ops[i] == 0 {
		op()
		t := time.Now()
		op()
		s.ops[i] = max(int(slice/max(time.Since(t), 1)), 1)
	} else if s.ops[i] > 1 {
		op() // the caches are the other variant's
	}
	t := time.Now()
	for range s.ops[i] {
		op()
	}
	return float64(time.Since(t)) / float64(s.ops[i]*s.Workload.Tasks)
}

// idle starts the variant, gives it something to do once, and measures the CPU
// time that the process uses afterwards, in percent of one CPU.
func (s *Session) idle(i int, window time.Duration) (float64, error) {
	in, err := s.variants[i].Start()
	if err != nil {
		return 0, err
	}
	defer in.Stop()
	if err := in.Verify(); err != nil {
		return 0, err
	}
	runtime.GC() // or it might fall into the window
	time.Sleep(20 * time.Millisecond)
	t := time.Now()
	c0, _ := cpuTime()
	time.Sleep(window)
	c1, _ := cpuTime()
	return 100 * float64(c1-c0) / float64(time.Since(t)), nil
}

// countAllocations measures what the variants allocate per task, in a turn of
// its own because looking stops the world.
func (s *Session) countAllocations() {
	if s.Workload.Kind == CPUTime {
		return
	}
	var before, after runtime.MemStats
	for i, in := range s.running {
		n := max(s.ops[i], 1)
		op := in.Op
		if s.Workload.Kind == Latency {
			n = s.Workload.Samples
			op = func() { in.Sample() }
		}
		runtime.GC()
		op()
		runtime.ReadMemStats(&before)
		for range n {
			op()
		}
		runtime.ReadMemStats(&after)
		tasks := float64(n * s.Workload.Tasks)
		s.allocs[i] = allocation{float64(after.Mallocs-before.Mallocs) / tasks, float64(after.TotalAlloc-before.TotalAlloc) / tasks}
	}
}

// Measure runs a workload from beginning to end.
func Measure(w Workload, e *Env, set Settings, progress func(round, rounds int)) (Result, error) {
	if w.Kind == CPUTime {
		if _, known := cpuTime(); !known {
			return Result{Name: w.Name, Title: w.Title, Unit: w.Kind.Unit(), Missing: "this system does not tell"}, nil
		}
	}
	s, err := Open(w, e)
	if err != nil {
		return Result{}, err
	}
	defer s.Close()
	runtime.GC()
	began := time.Now()
	for i := range set.Rounds {
		if i >= leastRounds && time.Since(began) > set.Budget {
			break
		}
		if progress != nil {
			progress(i, set.Rounds)
		}
		if err := s.Round(set); err != nil {
			return Result{}, err
		}
	}
	s.countAllocations()
	if err := s.verify(); err != nil {
		return Result{}, err
	}
	return s.Result(), nil
}
