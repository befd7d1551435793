package zeropool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool/internal/proven"
)

// Random programs against a sequential model: whatever a program of API calls
// does, every task runs exactly once, or the error of its submission says why
// not; errors are those of the tasks that ran; counters add up.

// behavior is what a random task does.
type behavior uint8

const (
	returns behavior = iota
	panics
	exits
	nests // submits a program of its own and waits for it
	grows // adds another task to its group
)

// randomTask is the params of every task of a random program.
type randomTask struct {
	run   *randomRun
	does  behavior
	seed  uint64
	depth int
	group *Group      // of one that grows
	next  *randomTask // what it adds
	runs  atomic.Int32
}

// These are several functions, so that the harmless ones can become proven: one that is, and
// exits then, ends whoever waits for it.
func (r *randomTask) doReturn() { r.runs.Add(1) }
func (r *randomTask) doPanic()  { r.runs.Add(1); panic(r) }
func (r *randomTask) doExit()   { r.runs.Add(1); runtime.Goexit() }
func (r *randomTask) doNest() {
	r.runs.Add(1)
	r.run.program(newChoices(r.seed, nil), r.depth-1, 4)
}
func (r *randomTask) doGrow() { r.runs.Add(1); SubmitTo(r.group, r.next, r.next.fn()) }

func (r *randomTask) fn() func(*randomTask) {
	switch r.does {
	case panics:
		return (*randomTask).doPanic
	case exits:
		return (*randomTask).doExit
	case nests:
		return (*randomTask).doNest
	case grows:
		return (*randomTask).doGrow
	}
	return (*randomTask).doReturn
}

// fns returns the tasks' function for a batch or a loop.
func fns(ts []*randomTask) func(**randomTask) {
	if slices.ContainsFunc(ts, func(t *randomTask) bool { return t.does == exits }) {
		return someExit
	}
	return noneExits
}

func noneExits(t **randomTask) { (*t).fn()(*t) }
func someExit(t **randomTask)  { (*t).fn()(*t) }

func init() { proven.Exited(codeOf(funcOf(someExit), nil)) }

// closure returns the task's function for Go.
func (r *randomTask) closure() func() {
	if r.does == exits {
		return func() { r.doExit() }
	}
	fn := r.fn()
	return func() { fn(r) }
}

// submission is one call that submitted tasks, and how it came out.
type submission struct {
	form     string
	tasks    []*randomTask
	err      error
	canceled atomic.Int64
}

// choices are what a random program decides by: the bytes of a fuzz input as
// long as they last, then random numbers.
type choices struct {
	data []byte
	rng  *rand.Rand
}

func newChoices(seed uint64, data []byte) *choices {
	return &choices{data, rand.New(rand.NewPCG(seed, 0))}
}

func (c *choices) IntN(n int) int {
	if len(c.data) == 0 {
		return c.rng.IntN(n)
	}
	b := c.data[0]
	c.data = c.data[1:]
	return int(b) % n
}

type randomRun struct {
	p          *Pool
	policy     WhenFull
	closing    bool // the pool is closed meanwhile
	cutting    bool // and Shutdown's context ends
	mu         sync.Mutex
	all        []*submission
	stragglers sync.WaitGroup
}

func (run *randomRun) newTasks(r *choices, n, depth int) []*randomTask {
	ts := make([]*randomTask, n)
	for i := range ts {
		ts[i] = &randomTask{run: run, seed: r.rng.Uint64(), depth: depth}
		switch k := r.IntN(20); {
		case k == 0:
			ts[i].does = panics
		case k == 1:
			ts[i].does = exits
		case k < 5 && depth > 0:
			ts[i].does = nests
		}
	}
	return ts
}

// programDepth is how deep programs nest.
const programDepth = 2

// program makes calls as it chooses, waits for all it submitted, and notes how
// each came out.
func (run *randomRun) program(r *choices, depth, calls int) {
	p := run.p
	type open struct {
		*submission
		f Future
	}
	var opened []open
	// Noted at once, so that a task that exits in the midst leaves no gap.
	begin := func(form string, ts []*randomTask) *submission {
		s := &submission{form: form, tasks: ts}
		run.mu.Lock()
		run.all = append(run.all, s)
		run.mu.Unlock()
		return s
	}
	for range calls {
		switch r.IntN(11) {
		case 0:
			ts := run.newTasks(r, 1, depth)
			s := begin("Submit", ts)
			opened = append(opened, open{s, Submit(p, ts[0], ts[0].fn())})
		case 1:
			ts := run.newTasks(r, 1, depth)
			s := begin("Go", ts)
			opened = append(opened, open{s, p.Go(ts[0].closure())})
		case 2:
			ts := run.newTasks(r, 1, depth)
			s := begin("TrySubmit", ts)
			if f, ok := TrySubmit(p, ts[0], ts[0].fn()); ok {
				opened = append(opened, open{s, f})
			} else {
				s.err = ErrFull
			}
		case 3:
			ts := run.newTasks(r, r.IntN(40), depth)
			s := begin("SubmitBatch", ts)
			opened = append(opened, open{s, SubmitBatch(p, ts, fns(ts))})
		case 4:
			ts := run.newTasks(r, r.IntN(12), depth)
			s := begin("SubmitMixed", ts)
			var tasks []Task
			for _, t := range ts {
				tasks = append(tasks, Bind(t, t.fn()))
			}
			opened = append(opened, open{s, p.SubmitMixed(tasks)})
		case 5:
			ts := run.newTasks(r, r.IntN(12), depth)
			s := begin("Group", ts)
			g := p.NewGroup()
			for _, t := range ts {
				if r.IntN(4) == 0 {
					t.does, t.group, t.next = grows, g, run.newTasks(r, 1, depth)[0]
					s.tasks = append(s.tasks, t.next)
				}
			}
			for _, t := range ts {
				if r.IntN(2) == 0 {
					SubmitTo(g, t, t.fn())
				} else {
					g.Go(t.closure())
				}
			}
			if r.IntN(2) == 0 {
				s.err = g.Wait()
			} else {
				s.err = g.WaitContext(context.Background())
			}
		case 6:
			ts := run.newTasks(r, r.IntN(60), depth)
			s := begin("ForEach", ts)
			s.err = ForEach(p, ts, fns(ts))
		case 7:
			// Something that was opened before is looked at, or canceled.
			if len(opened) > 0 {
				o := opened[r.IntN(len(opened))]
				o.f.Done()
				if done, total := o.f.Progress(); done < 0 || done > total {
					panic(fmt.Sprintf("progress %d of %d", done, total))
				}
				o.canceled.Add(int64(o.f.Cancel()))
			}
		case 8:
			if len(opened) > 0 {
				o := opened[r.IntN(len(opened))]
				run.stragglers.Go(func() { o.f.WaitTimeout(time.Microsecond) })
			}
		case 9:
			if len(opened) > 0 {
				o := opened[r.IntN(len(opened))]
				run.stragglers.Go(func() { o.canceled.Add(int64(o.f.Cancel())) })
			}
		case 10:
			ts := run.newTasks(r, r.IntN(60), depth)
			for _, t := range ts {
				if t.does != nests {
					t.does = returns // the rest of its range would not run
				}
			}
			s := begin("For", ts)
			s.err = p.For(len(ts), func(lo, hi int) {
				for _, t := range ts[lo:hi] {
					t.fn()(t)
				}
			})
		}
	}
	r.rng.Shuffle(len(opened), func(i, k int) { opened[i], opened[k] = opened[k], opened[i] })
	for _, o := range opened {
		switch r.IntN(4) {
		case 0:
			o.err = o.f.Wait()
		case 1:
			o.err = o.f.WaitContext(context.Background())
		case 2:
			o.err = o.f.WaitTimeout(time.Hour)
		case 3:
			// Not inside a task, where it would keep the worker from the others.
			for depth == programDepth && !o.f.Done() {
				runtime.Gosched()
			}
			o.err = o.f.Wait()
		}
		if !o.f.Done() || o.f.Wait() != o.err {
			panic(fmt.Sprintf("%s: Wait returns %v and then %v", o.form, o.err, o.f.Wait()))
		}
	}
}

// check compares how a submission came out with what may come of it.
func (run *randomRun) check(s *submission) error {
	ran := 0
	for i, t := range s.tasks {
		switch n := t.runs.Load(); n {
		case 0:
		case 1:
			ran++
		default:
			return fmt.Errorf("task %d ran %d times", i, n)
		}
	}
	missing := len(s.tasks) - ran
	canceled := int(s.canceled.Load())
	var pe *PanicError
	switch {
	case s.err == nil:
		for i, t := range s.tasks {
			if t.does == panics || t.does == exits {
				return fmt.Errorf("task %d did not return, the error is nil", i)
			}
		}
		if missing > 0 {
			return fmt.Errorf("%d tasks did not run, the error is nil", missing)
		}
	case errors.As(s.err, &pe):
		t, ok := pe.Value.(*randomTask)
		if !ok {
			return fmt.Errorf("panic of the test: %v", pe.Value)
		}
		mine := false
		for _, u := range s.tasks {
			mine = mine || u == t
		}
		if !mine || t.does != panics || t.runs.Load() != 1 {
			return fmt.Errorf("another's panic")
		}
	case s.err == ErrGoexit:
		found := false
		for _, t := range s.tasks {
			found = found || t.does == exits && t.runs.Load() == 1
		}
		if !found {
			return fmt.Errorf("nobody called Goexit")
		}
	case s.err == ErrCanceled:
		if canceled == 0 {
			return fmt.Errorf("nobody canceled")
		}
	case s.err == ErrClosed:
		if !run.closing {
			return fmt.Errorf("nobody closed")
		}
	case s.err == ErrFull:
		if s.form != "TrySubmit" && run.policy != Reject {
			return fmt.Errorf("the policy is %v", run.policy)
		}
	default:
		return fmt.Errorf("unknown error")
	}
	// What did not run was canceled, cut, or refused whole.
	refusable := run.closing || run.policy == Reject || s.form == "TrySubmit"
	if missing != canceled && !refusable {
		return fmt.Errorf("%d tasks did not run, %d were canceled", missing, canceled)
	}
	if missing > canceled && missing < len(s.tasks) && s.form != "Group" && !run.cutting {
		return fmt.Errorf("%d of %d tasks did not run, %d were canceled", missing, len(s.tasks), canceled)
	}
	return nil
}

func randomProgram(t *testing.T, seed uint64, data []byte) {
	r := newChoices(^seed, data)
	policy := WhenFull(r.IntN(3))
	opts := []Option{
		WithWorkers(1 + r.IntN(4)), WithQueueCapacity([]int{2, 2, 4, 8, 1024}[r.IntN(5)]),
		WithWhenFull(policy), WithSpin(time.Duration(r.IntN(2)) * 5 * time.Microsecond), quiet,
	}
	if r.IntN(4) != 0 {
		opts = append(unpinned(1), opts...)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS([]int{1, 2, 4, 16}[r.IntN(4)]))
	p := mustNew(t, opts...)
	run := &randomRun{p: p, policy: policy}
	end := r.IntN(3) // 0: Close after everything, 1: in the midst, 2: Shutdown in the midst
	run.closing, run.cutting = end > 0, end == 2
	var wg sync.WaitGroup
	goroutines, yields := 1+r.IntN(4), r.IntN(300)
	for g := range goroutines {
		n := len(r.data)
		own := newChoices(r.rng.Uint64(), r.data[n*g/goroutines:n*(g+1)/goroutines])
		wg.Go(func() { run.program(own, programDepth, 12) })
	}
	var err error
	if end == 0 {
		wg.Wait()
		err = p.Close()
	} else {
		for range yields {
			runtime.Gosched()
		}
		ctx, cancel := context.WithCancel(context.Background())
		if end == 2 {
			go cancel()
		}
		err = p.Shutdown(ctx)
		if err == context.Canceled && end == 2 {
			err = p.Close() // what had begun
		}
		cancel()
		wg.Wait()
	}
	run.stragglers.Wait()
	if err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	for _, s := range run.all {
		if err := run.check(s); err != nil {
			t.Errorf("seed %d: %s of %d tasks: %v, but %v", seed, s.form, len(s.tasks), s.err, err)
		}
	}
	checkAtRest(t, p)
	if t.Failed() {
		t.Fatalf("seed %d", seed)
	}
}

// TestRandomPrograms runs programs 0, 1, ... and, when stressed, ones that
// nobody has seen.
func TestRandomPrograms(t *testing.T) {
	watch(t)
	programs := uint64(300)
	if raceEnabled || testing.Short() {
		programs = 100
	}
	if brief() {
		programs = 30
	}
	for seed := range programs {
		randomProgram(t, seed, nil)
	}
	if stressFactor() > 1 {
		for range programs * uint64(stressFactor()) {
			randomProgram(t, rand.Uint64(), nil)
		}
	}
}

// FuzzPrograms runs programs whose choices the input spells, one byte each: of
// the pool first, then those of its goroutines.
func FuzzPrograms(f *testing.F) {
	for seed := range uint64(10) {
		f.Add(seed, []byte{})
	}
	f.Fuzz(func(t *testing.T, seed uint64, data []byte) {
		watch(t)
		randomProgram(t, seed, data[:min(len(data), 1<<10)])
	})
}
