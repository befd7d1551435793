package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeropool-go/zeropool"
)

// A submission is one call that submitted tasks, and how it came out.
type submission struct {
	form     string
	jobs     []*job
	loop     *loop // of a For, instead of jobs
	future   zeropool.Future
	err      error
	canceled atomic.Int64
}

// loop is what is known of a For.
type loop struct {
	arena *arena
	runs  []atomic.Int32
	bad   int // the index that does not return, -1 if there is none
	exits bool
}

// body counts the range's indices. Its caller is a closure for each behavior.
func (l *loop) body(lo, hi int) (bad bool) {
	for i := lo; i < hi; i++ {
		l.runs[i].Add(1)
	}
	led := &l.arena.ledger
	if lo <= l.bad && l.bad < hi {
		led.panicked.Add(uint64(hi - lo))
		if !l.exits {
			led.panics.Add(1)
		}
		return true
	}
	led.returned.Add(uint64(hi - lo))
	return false
}

// run starts the loop and waits for it. The closures are two, because one that
// exits is not trusted by the pool.
func (l *loop) run() error {
	if l.exits {
		return l.arena.pool.For(len(l.runs), func(lo, hi int) {
			if l.body(lo, hi) {
				runtime.Goexit()
			}
		})
	}
	return l.arena.pool.For(len(l.runs), func(lo, hi int) {
		if l.body(lo, hi) {
			panic(l)
		}
	})
}

func (a *arena) newJobs(r *rand.Rand, n, depth int) []*job {
	jobs := make([]*job, n)
	for i := range jobs {
		seed := r.Uint64()
		j := &job{arena: a, depth: depth, seed: seed, cargo: newCargo(seed)}
		switch k := r.IntN(64); {
		case k == 0:
			j.does = panics
		case k == 1:
			j.does = exits
		case k == 2:
			j.does = sleeps
		case k < 6:
			j.does = computes
		case k < 12 && depth > 0:
			j.does = nests
		}
		jobs[i] = j
	}
	return jobs
}

// nested runs a program inside a task, on the task's own pool or another.
func (a *arena) nested(seed uint64, depth int) {
	r := rand.New(rand.NewPCG(seed, 0))
	if r.IntN(3) == 0 {
		if b := a.world.pick(r); b.enter() {
			defer b.leave()
			b.program(r, depth, 3)
			return
		}
	}
	a.program(r, depth, 3) // whoever submitted the task is inside and waits for it
}

// program makes calls chosen by r, waits for all that it submitted, and checks
// how each came out.
func (a *arena) program(r *rand.Rand, depth, calls int) {
	w, p := a.world, a.pool
	var open, all []*submission
	var strays sync.WaitGroup
	begin := func(form string, jobs []*job) *submission {
		s := &submission{form: form, jobs: jobs}
		all = append(all, s)
		return s
	}
	opened := func(s *submission, f zeropool.Future) {
		s.future = f
		open = append(open, s)
	}
	for range calls {
		switch r.IntN(13) {
		case 0:
			jobs := a.newJobs(r, 1, depth)
			opened(begin("Submit", jobs), zeropool.Submit(p, jobs[0], jobs[0].fn()))
		case 1:
			jobs := a.newJobs(r, 1, depth)
			j, s := jobs[0], begin("Go", jobs)
			if j.does == exits {
				opened(s, p.Go(func() { j.doExit() }))
			} else {
				opened(s, p.Go(func() { j.fn()(j) }))
			}
		case 2:
			jobs := a.newJobs(r, 1, depth)
			s := begin("TrySubmit", jobs)
			if f, ok := zeropool.TrySubmit(p, jobs[0], jobs[0].fn()); ok {
				opened(s, f)
			} else {
				s.err = zeropool.ErrFull
			}
		case 3:
			jobs := a.newJobs(r, r.IntN(60), depth)
			opened(begin("SubmitBatch", jobs), zeropool.SubmitBatch(p, jobs, elements(jobs)))
		case 4:
			jobs := a.newJobs(r, r.IntN(20), depth)
			tasks := make([]zeropool.Task, len(jobs))
			for i, j := range jobs {
				tasks[i] = zeropool.Bind(j, j.fn())
			}
			opened(begin("SubmitMixed", jobs), p.SubmitMixed(tasks))
			clear(tasks) // the slice may be reused at once
		case 5:
			g := p.NewGroup()
			for range 1 + r.IntN(2) { // a Group may be used again
				s := begin("Group", a.newJobs(r, 1+r.IntN(20), depth))
				s.err = a.group(g, r, s)
			}
		case 6:
			jobs := a.newJobs(r, r.IntN(100), depth)
			begin("ForEach", jobs).err = zeropool.ForEach(p, jobs, elements(jobs))
		case 7:
			s := begin("For", nil)
			s.loop = &loop{arena: a, runs: make([]atomic.Int32, r.IntN([]int{100, 1_000, 30_000}[r.IntN(3)])), bad: -1}
			if n := len(s.loop.runs); n > 0 && r.IntN(4) == 0 {
				s.loop.bad, s.loop.exits = r.IntN(n), r.IntN(2) == 0
			}
			s.err = s.loop.run()
		case 8:
			a.fire(r.Uint64())
		case 9:
			p.Stats()
			p.Plan()
		default: // something that was opened before is looked at
			if len(open) == 0 {
				break
			}
			s := open[r.IntN(len(open))]
			switch r.IntN(5) {
			case 0:
				s.canceled.Add(int64(s.future.Cancel()))
			case 1:
				strays.Go(func() { s.canceled.Add(int64(s.future.Cancel())) })
			case 2:
				d := time.Duration(r.IntN(100)) * time.Microsecond
				strays.Go(func() { s.future.WaitTimeout(d) })
			case 3:
				strays.Go(func() {
					if err := s.future.Wait(); err != s.future.Wait() {
						w.fail("%v: %s: Wait returned %v and then something else", a, s.form, err)
					}
				})
			case 4:
				s.future.Done()
				if done, total := s.future.Progress(); done < 0 || done > total {
					w.fail("%v: %s: progress %d of %d", a, s.form, done, total)
				}
			}
		}
	}
	r.Shuffle(len(open), func(i, k int) { open[i], open[k] = open[k], open[i] })
	for _, s := range open {
		s.err = wait(s.future, r, depth == maxDepth)
		if done, total := s.future.Progress(); done != total || !s.future.Done() {
			w.fail("%v: %s: Wait has returned %v, progress %d of %d", a, s.form, s.err, done, total)
		}
	}
	strays.Wait()
	for _, s := range all {
		if err := a.check(s); err != nil {
			w.fail("%v: %s of %d tasks ended with %v, but %v", a, s.form, s.total(), s.err, err)
		}
	}
	w.count.programs.Add(1)
	w.mayRetire(a, r.Uint64())
}

// group adds the submission's jobs to g, some with a child that they add
// themselves, and waits.
func (a *arena) group(g *zeropool.Group, r *rand.Rand, s *submission) error {
	for _, j := range s.jobs { // the children are appended meanwhile
		if j.does == returns && r.IntN(4) == 0 {
			seed := r.Uint64()
			j.group, j.child = g, &job{arena: a, seed: seed, cargo: newCargo(seed)}
			s.jobs = append(s.jobs, j.child)
		}
		if j.does == returns && r.IntN(2) == 0 {
			g.Go(func() { j.doReturn() })
		} else {
			zeropool.SubmitTo(g, j, j.fn())
		}
	}
	for {
		switch r.IntN(3) {
		case 0:
			return g.Wait()
		case 1:
			return g.WaitContext(context.Background())
		default:
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(100))*time.Microsecond)
			err := g.WaitContext(ctx)
			cancel()
			if err != context.DeadlineExceeded {
				return err
			}
		}
	}
}

// wait waits for f in one of the ways there are. The caller may poll if it is no
// task: a pool promises to run what is queued even if nobody helps.
func wait(f zeropool.Future, r *rand.Rand, mayPoll bool) error {
	for {
		switch k := r.IntN(7); {
		case k == 0:
			if err := f.WaitTimeout(time.Duration(r.IntN(100)) * time.Microsecond); err != context.DeadlineExceeded {
				return err
			}
		case k == 1:
			ctx, cancel := context.WithCancel(context.Background())
			go cancel()
			if err := f.WaitContext(ctx); err != context.Canceled {
				return err
			}
		case k == 2:
			return f.WaitContext(context.Background())
		case k == 3:
			return f.WaitTimeout(time.Hour)
		case k == 4 && mayPoll:
			poll(f)
			return f.Wait()
		default:
			return f.Wait()
		}
	}
}

// poll returns when f is done, without helping.
func poll(f zeropool.Future) {
	for n := 0; !f.Done(); n++ {
		if n < 100 {
			runtime.Gosched()
		} else {
			time.Sleep(20 * time.Microsecond)
		}
	}
}

// lonely submits a few tasks to a pool that nobody else uses, some as the workers
// fall asleep, and leaves them to the workers: nobody makes up for a lost wake-up.
func (a *arena) lonely(r *rand.Rand) {
	var all []*submission
	jobs := a.newJobs(r, 1+r.IntN(3), 0)
	tiny := r.IntN(8) != 0
	for _, j := range jobs {
		if tiny {
			j.does = returns
		}
		s := &submission{form: "Submit, alone", jobs: []*job{j}}
		s.future = zeropool.Submit(a.pool, j, j.fn())
		all = append(all, s)
		for end := r.IntN(4_000); end > 0; end-- {
			runtime.KeepAlive(end)
		}
	}
	for _, s := range all {
		poll(s.future)
		s.err = s.future.Wait()
		if err := a.check(s); err != nil {
			a.world.fail("%v: %s: ended with %v, but %v", a, s.form, s.err, err)
		}
	}
}

func (s *submission) total() int {
	if s.loop != nil {
		return len(s.loop.runs)
	}
	return len(s.jobs)
}

// check compares how a submission came out with what may come of it.
func (a *arena) check(s *submission) error {
	ran := 0
	count := func(i int, n int32) error {
		if n > 1 {
			return fmt.Errorf("task %d ran %d times", i, n)
		}
		ran += int(n)
		return nil
	}
	fails := func(b behavior) bool { // whether a task that does b ran
		for _, j := range s.jobs {
			if j.does == b && j.runs.Load() == 1 {
				return true
			}
		}
		return s.loop != nil && s.loop.bad >= 0 && s.loop.exits == (b == exits) && s.loop.runs[s.loop.bad].Load() == 1
	}
	for i, j := range s.jobs {
		if err := count(i, j.runs.Load()); err != nil {
			return err
		}
	}
	if s.loop != nil {
		for i := range s.loop.runs {
			if err := count(i, s.loop.runs[i].Load()); err != nil {
				return err
			}
		}
	}
	canceled := int(s.canceled.Load())
	missing := s.total() - ran
	a.ledger.canceled.Add(uint64(canceled))
	a.ledger.notRun.Add(uint64(max(missing-canceled, 0)))
	a.world.count.outcome(s.err)

	closing, rejects := a.closing.Load(), a.policy == zeropool.Reject
	var pe *zeropool.PanicError
	switch {
	case s.err == nil:
		if fails(panics) || fails(exits) {
			return fmt.Errorf("a task did not return")
		}
		if missing > 0 {
			return fmt.Errorf("%d tasks did not run", missing)
		}
	case errors.As(s.err, &pe):
		if !fails(panics) || !s.owns(pe.Value) {
			return fmt.Errorf("the panic is another's")
		}
	case s.err == zeropool.ErrGoexit:
		if !fails(exits) {
			return fmt.Errorf("nobody called Goexit")
		}
	case s.err == zeropool.ErrCanceled:
		if canceled == 0 {
			return fmt.Errorf("nobody canceled")
		}
	case s.err == zeropool.ErrClosed:
		if !closing {
			return fmt.Errorf("nobody closed the pool")
		}
	case s.err == zeropool.ErrFull:
		if s.form != "TrySubmit" && !rejects {
			return fmt.Errorf("the policy is %v", a.policy)
		}
	default:
		return fmt.Errorf("that is no error of a task")
	}
	refusable := closing || rejects || s.form == "TrySubmit"
	if missing != canceled && !refusable {
		return fmt.Errorf("%d tasks did not run, %d were canceled", missing, canceled)
	}
	if missing > canceled && missing < s.total() && s.form != "Group" && !a.cutting.Load() {
		return fmt.Errorf("%d tasks did not run, %d were canceled", missing, canceled)
	}
	return nil
}

// owns reports whether v is what one of the submission's tasks panics with.
func (s *submission) owns(v any) bool {
	switch v := v.(type) {
	case *job:
		for _, j := range s.jobs {
			if j == v {
				return j.does == panics
			}
		}
	case *loop:
		return v == s.loop
	}
	return false
}
