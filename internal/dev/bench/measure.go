package bench

import (
	"fmt"
	"math/rand/v2"
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

// fewRounds bounds the rounds of workloads that take long and are not the only
// ones of their kind, so that a run takes about half a minute.
const fewRounds = 13

// idleRounds bounds the rounds of workloads at rest, which take long and vary
// little. It is also how many rounds there are at least of any workload, when
// leastRounds would take more than slowBudget times the budget.
const (
	idleRounds = 3
	slowBudget = 5
)

// slowOp is how long an Op takes that is neither run more than once in a turn
// nor repeated for the count of its allocations.
const slowOp = 100 * time.Millisecond

// warmUps is how many tasks a variant runs before it is measured, unless that
// takes longer than slowOp: a zeropool's waiters run a function themselves only
// when it is proven, and other things take their time too to find their pace.
const warmUps = 3000

// A Session measures one workload.
type Session struct {
	Workload Workload
	variants []Variant
	running  []Instance // none of a workload at rest
	slow     []bool     // an Op takes longer than slowOp
	ops      []int      // that fill a slice
	values   [][]float64
	samples  [][]float64
	allocs   []allocation
	memory   [][]MemoryUse
	env      *Env
	round    int
	turns    *rand.Rand // the same for every run
}

type allocation struct{ objects, bytes float64 }

// allocated returns what f allocates, per task. Looking stops the world.
func allocated(tasks int, f func()) allocation {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return allocation{float64(after.Mallocs-before.Mallocs) / float64(tasks), float64(after.TotalAlloc-before.TotalAlloc) / float64(tasks)}
}

// wake and rest surround the instance's turn.
func (in *Instance) wake() {
	if in.Wake != nil {
		in.Wake()
	}
}

func (in *Instance) rest() {
	if in.Rest != nil {
		in.Rest()
	}
}

// before and after surround each Op.
func (in *Instance) before() {
	if in.Before != nil {
		in.Before()
	}
}

func (in *Instance) after() {
	if in.After != nil {
		in.After()
	}
}

// do does the work once.
func (in *Instance) do() {
	in.before()
	defer in.after()
	in.Op()
}

// check does the work once and checks the result.
func (in *Instance) check() error {
	in.before()
	defer in.after()
	if in.Verify == nil {
		in.Op()
		return nil
	}
	return in.Verify()
}

// Open starts all variants of a workload and checks that they do it right. The
// caller must Close the session.
func Open(w Workload, e *Env) (*Session, error) {
	s := &Session{Workload: w, variants: w.Variants(e), env: e, turns: rand.New(rand.NewPCG(1, 2))}
	n := len(s.variants)
	s.slow = make([]bool, n)
	s.ops = make([]int, n)
	s.values = make([][]float64, n)
	s.samples = make([][]float64, n)
	s.allocs = make([]allocation, n)
	s.memory = make([][]MemoryUse, n)
	if w.Kind.AtRest() {
		return s, nil
	}
	for i, v := range s.variants {
		in, err := v.Start()
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("%s, %s: %w", w.Name, v.Name, err)
		}
		s.running = append(s.running, in)
		t := time.Now()
		if err := s.verify(i); err != nil {
			s.Close()
			return nil, err
		}
		if s.slow[i] = time.Since(t) > slowOp; !s.slow[i] {
			s.warmUp(i)
		}
	}
	return s, nil
}

func (s *Session) warmUp(i int) {
	in := &s.running[i]
	in.wake()
	defer in.rest()
	began := time.Now()
	for done := 0; done < warmUps && time.Since(began) < slowOp; done += s.Workload.Tasks {
		in.do()
	}
}

func (s *Session) verify(i int) error {
	in := &s.running[i]
	in.wake()
	defer in.rest()
	if err := in.check(); err != nil {
		return fmt.Errorf("%s, %s: %w", s.Workload.Name, s.variants[i].Name, err)
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

// Op does the workload once by the variant with that index, which must not be a
// Peer that polls.
func (s *Session) Op(variant int) { s.running[variant].do() }

// Sample takes one latency, likewise.
func (s *Session) Sample(variant int) time.Duration { return s.running[variant].Sample() }

// Round gives every variant its turn, in an order of its own: what the variant before
// leaves behind, such as a CPU that has been idle, is not always left to the same one.
func (s *Session) Round(set Settings) error {
	most := s.Workload.Rounds
	if most == 0 && s.Workload.Kind.AtRest() {
		most = idleRounds
	}
	if most > 0 && s.round >= most {
		return nil
	}
	for _, i := range s.turns.Perm(len(s.variants)) {
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
	if s.Workload.Kind.AtRest() {
		return s.atRest(i, set.Window)
	}
	in := &s.running[i]
	in.wake()
	defer in.rest()
	switch {
	case s.Workload.Kind == Latency:
		n := s.Workload.Samples
		latencies := make([]float64, n)
		for k := range latencies {
			in.before()
			latencies[k] = float64(in.Sample())
			in.after()
		}
		s.samples[i] = append(s.samples[i], latencies...)
		return quantile(sorted(latencies), 0.5), nil
	case s.Workload.Kind == Requests:
		t := time.Now()
		latencies := in.Requests()
		took := time.Since(t)
		s.samples[i] = append(s.samples[i], latencies...)
		return float64(took) / float64(len(latencies)), nil
	case s.Workload.Kind == Share || s.Workload.Kind == CPUsLost:
		return in.Value(), nil
	case in.Timed != nil:
		return s.elsewhere(i, set.Slice), nil
	case s.slow[i]:
		return s.scaled(i, s.once(i)), nil
	case in.Before != nil:
		return s.scaled(i, s.oneByOne(i)), nil
	}
	return s.scaled(i, s.perTask(i, set.Slice)), nil
}

func (s *Session) scaled(i int, value float64) float64 {
	if scale := s.running[i].Scale; scale != 0 {
		return value * scale
	}
	return value
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

// elsewhere is perTask where another process does the work and looks at the clock.
func (s *Session) elsewhere(i int, slice time.Duration) float64 {
	timed := s.running[i].Timed
	if s.ops[i] == 0 {
		timed(1)
		s.ops[i] = max(int(slice/max(timed(1), 1)), 1)
	} else if s.ops[i] > 1 {
		timed(1)
	}
	return float64(timed(s.ops[i])) / float64(s.ops[i]*s.Workload.Tasks)
}

// oneByOne returns the median of Ops that are timed each by itself.
func (s *Session) oneByOne(i int) float64 {
	in := &s.running[i]
	times := make([]float64, s.Workload.Samples)
	for k := range times {
		in.before()
		t := time.Now()
		in.Op()
		times[k] = float64(time.Since(t)) / float64(s.Workload.Tasks)
		in.after()
	}
	return quantile(sorted(times), 0.5)
}

// once measures an Op that takes long, and counts what it allocates. It begins
// with an empty heap: what other variants left behind is not its to collect.
func (s *Session) once(i int) float64 {
	in := &s.running[i]
	runtime.GC()
	in.before()
	defer in.after()
	var took time.Duration
	s.allocs[i] = allocated(s.Workload.Tasks, func() {
		t := time.Now()
		in.Op()
		took = time.Since(t)
	})
	return float64(took) / float64(s.Workload.Tasks)
}

// atRest watches the variant while it has nothing to do, in a process of its own
// if the program can start one.
func (s *Session) atRest(i int, window time.Duration) (float64, error) {
	kind := s.Workload.Kind
	var r rest
	var err error
	if haveChildren {
		r, err = watchChild(order{s.Workload.Name, s.variants[i].Name, window, s.env.Workers})
	} else {
		r, err = watch(kind, s.variants[i], window)
	}
	switch kind {
	case CPUTime:
		return r.CPU, err
	case Once:
		return r.Once, err
	}
	s.memory[i] = append(s.memory[i], r.Memory)
	return r.Memory.held(), err
}

// countAllocations measures what the variants allocate per task, in a turn of
// its own because looking stops the world.
func (s *Session) countAllocations() {
	for i := range s.running {
		if s.slow[i] || !s.Workload.Kind.counted() || s.running[i].Timed != nil {
			continue // already, or never
		}
		in := &s.running[i]
		n := max(s.ops[i], 1)
		op := in.Op
		if s.Workload.Kind == Latency {
			n = s.Workload.Samples
			op = func() { in.Sample() }
		}
		in.wake()
		runtime.GC()
		if in.Before != nil {
			in.Before()
			s.allocs[i] = allocated(s.Workload.Tasks, op)
			in.after()
			in.rest()
			continue
		}
		op()
		s.allocs[i] = allocated(n*s.Workload.Tasks, func() {
			for range n {
				op()
			}
		})
		in.rest()
	}
}

// Measure runs a workload from beginning to end.
func Measure(w Workload, e *Env, set Settings, progress func(round, rounds int)) (Result, error) {
	if w.Kind == CPUTime {
		if _, known := cpuTime(); !known {
			w.Missing = "this system does not tell"
		}
	}
	if w.Kind == Once && !haveChildren {
		w.Missing = "this program cannot start a process for it"
	}
	if w.Missing != "" {
		return Result{Name: w.Name, Title: w.Title, Unit: w.Kind.Unit(), Missing: w.Missing}, nil
	}
	s, err := Open(w, e)
	if err != nil {
		return Result{}, err
	}
	defer s.Close()
	runtime.GC()
	began := time.Now()
	for i := range set.Rounds {
		took := time.Since(began)
		if i >= max(leastRounds, w.Least) && took > set.Budget || i >= max(idleRounds, w.Least) && took > slowBudget*set.Budget {
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
	for i, in := range s.running {
		if in.Verify == nil {
			continue
		}
		if err := s.verify(i); err != nil {
			return Result{}, err
		}
	}
	return s.Result(), nil
}
