package zeropool

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zeropool-go/zeropool/internal/membarrier"
)

// onceTask counts its runs. times needs no atomics: what waits for a task sees all
// that the task did, which the race detector checks.
type onceTask struct {
	runs  atomic.Int32
	times int
}

func (o *onceTask) run() {
	o.runs.Add(1)
	o.times++
}

func (o *onceTask) runErr() error {
	o.run()
	return nil
}

func (o *onceTask) get() int {
	o.run()
	return 1
}

// onceForm is a way to have each of the tasks run; when run returns they have ended.
type onceForm struct {
	name string
	long bool // made for slices of any length
	run  func(t testing.TB, p *Pool, tasks []onceTask) error
}

// each is a form that submits one task at a time and waits for each by wait.
func each(name string, wait func(Future) error, submit func(p *Pool, o *onceTask) Future) onceForm {
	return onceForm{name, false, func(_ testing.TB, p *Pool, tasks []onceTask) error {
		fs := make([]Future, len(tasks))
		for i := range tasks {
			fs[i] = submit(p, &tasks[i])
		}
		var err error
		for _, f := range fs {
			err = errors.Join(err, wait(f))
		}
		return err
	}}
}

// inGroup is a form that adds tasks to a Group, which is used twice.
func inGroup(name string, limit int, add func(g *Group, o *onceTask)) onceForm {
	return onceForm{name, false, func(t testing.TB, p *Pool, tasks []onceTask) error {
		g := p.NewGroup()
		g.SetLimit(limit)
		half := len(tasks) / 2
		for _, part := range [][]onceTask{tasks[:half], tasks[half:]} {
			for i := range part {
				add(g, &part[i])
			}
			if err := g.Wait(); err != nil {
				return err
			}
		}
		return g.Wait()
	}}
}

// joined splits its tasks in two until one is left.
type joined struct {
	p     *Pool
	tasks []onceTask
	err   error
}

func (j *joined) run() {
	switch n := len(j.tasks); n {
	case 0:
	case 1:
		j.tasks[0].run()
	default:
		a, b := joined{p: j.p, tasks: j.tasks[:n/2]}, joined{p: j.p, tasks: j.tasks[n/2:]}
		j.err = errors.Join(Join(j.p, &a, (*joined).run, &b, (*joined).run), a.err, b.err)
	}
}

// onceRange checks a range of a loop before its elements are run.
func onceRange(tasks []onceTask, lo, hi int) []onceTask {
	if lo < 0 || lo >= hi || hi > len(tasks) {
		panic(fmt.Sprintf("range [%d,%d) of %d", lo, hi, len(tasks)))
	}
	return tasks[lo:hi]
}

func onceForms() []onceForm {
	forms := []onceForm{
		each("Submit", Future.Wait, func(p *Pool, o *onceTask) Future { return Submit(p, o, (*onceTask).run) }),
		each("SubmitErr", Future.Wait, func(p *Pool, o *onceTask) Future { return SubmitErr(p, o, (*onceTask).runErr) }),
		each("Go", Future.Wait, func(p *Pool, o *onceTask) Future { return p.Go(o.run) }),
		each("GoErr", Future.Wait, func(p *Pool, o *onceTask) Future { return p.GoErr(o.runErr) }),
		each("Submit, WaitTimeout", func(f Future) error { return f.WaitTimeout(hangLimit) },
			func(p *Pool, o *onceTask) Future { return Submit(p, o, (*onceTask).run) }),
		{"Submit, Wait at once", false, func(_ testing.TB, p *Pool, tasks []onceTask) error {
			var err error
			for i := range tasks {
				err = errors.Join(err, Submit(p, &tasks[i], (*onceTask).run).Wait())
			}
			return err
		}},
		{"TrySubmit", false, func(t testing.TB, p *Pool, tasks []onceTask) error {
			fs := make([]Future, len(tasks))
			for i := range tasks {
				for {
					f, ok := TrySubmit(p, &tasks[i], (*onceTask).run)
					if fs[i] = f; ok {
						break
					}
					if f != (Future{}) || tasks[i].runs.Load() != 0 {
						t.Error("a refused task has a Future or was run")
					}
					if i == 0 {
						runtime.Gosched() // others have filled the queues
					} else if err := fs[i-1].Wait(); err != nil {
						return err
					}
				}
			}
			var err error
			for _, f := range fs {
				err = errors.Join(err, f.Wait())
			}
			return err
		}},
		{"SubmitBatch", true, func(t testing.TB, p *Pool, tasks []onceTask) error {
			f := SubmitBatch(p, tasks, (*onceTask).run)
			err := f.Wait()
			if done, total := f.Progress(); done != len(tasks) || total != len(tasks) {
				t.Errorf("progress %d of %d after the end of %d tasks", done, total, len(tasks))
			}
			return err
		}},
		{"SubmitMixed", false, func(_ testing.TB, p *Pool, tasks []onceTask) error {
			mixed := make([]Task, len(tasks))
			for i := range tasks {
				if mixed[i] = Bind(&tasks[i], (*onceTask).run); i%2 == 1 {
					mixed[i] = Bind(&tasks[i], func(o *onceTask) { o.run() })
				}
			}
			f := p.SubmitMixed(mixed)
			clear(mixed) // the slice is the caller's again
			return f.Wait()
		}},
		{"ForEach", true, func(_ testing.TB, p *Pool, tasks []onceTask) error {
			return ForEach(p, tasks, (*onceTask).run)
		}},
		{"ForEachErr", true, func(t testing.TB, p *Pool, tasks []onceTask) error {
			return ForEachErr(t.Context(), p, tasks, (*onceTask).runErr)
		}},
		{"For", true, func(_ testing.TB, p *Pool, tasks []onceTask) error {
			return p.For(len(tasks), func(lo, hi int) {
				part := onceRange(tasks, lo, hi)
				for i := range part {
					part[i].run()
				}
			})
		}},
		{"ForErr", true, func(t testing.TB, p *Pool, tasks []onceTask) error {
			return p.ForErr(t.Context(), len(tasks), func(lo, hi int) error {
				part := onceRange(tasks, lo, hi)
				for i := range part {
					part[i].run()
				}
				return nil
			})
		}},
		{"Map", true, func(_ testing.TB, p *Pool, tasks []onceTask) error {
			out := make([]int, len(tasks))
			return errors.Join(Map(p, tasks, out, (*onceTask).get), allOne(out))
		}},
		{"MapErr", true, func(t testing.TB, p *Pool, tasks []onceTask) error {
			out := make([]int, len(tasks))
			return errors.Join(MapErr(t.Context(), p, tasks, out, func(o *onceTask) (int, error) { return o.get(), nil }), allOne(out))
		}},
		{"Reduce", true, func(_ testing.TB, p *Pool, tasks []onceTask) error {
			sum, err := Reduce(p, tasks, 0, func(sum int, o *onceTask) int { return sum + o.get() }, func(a, b int) int { return a + b })
			if err == nil && sum != len(tasks) {
				err = fmt.Errorf("%d results of %d were merged", sum, len(tasks))
			}
			return err
		}},
		{"Join", false, func(_ testing.TB, p *Pool, tasks []onceTask) error {
			j := joined{p: p, tasks: tasks}
			j.run()
			return j.err
		}},
	}
	for _, limit := range []int{0, 1, 3} {
		name := func(call string) string { return fmt.Sprintf("%s, limit %d", call, limit) }
		forms = append(forms,
			inGroup(name("SubmitTo"), limit, func(g *Group, o *onceTask) { SubmitTo(g, o, (*onceTask).run) }),
			inGroup(name("SubmitErrTo"), limit, func(g *Group, o *onceTask) { SubmitErrTo(g, o, (*onceTask).runErr) }),
			inGroup(name("Group.Go"), limit, func(g *Group, o *onceTask) { g.Go(o.run) }),
			inGroup(name("Group.GoErr"), limit, func(g *Group, o *onceTask) { g.GoErr(o.runErr) }))
	}
	return forms
}

func allOne(xs []int) error {
	for i, x := range xs {
		if x != 1 {
			return fmt.Errorf("result %d of %d is missing", i, len(xs))
		}
	}
	return nil
}

// onceCallers are who may call a form: work calls it, on its own tasks each time.
var onceCallers = []struct {
	name  string
	thief bool // thieves attach to every lane and leave it, all the time
	call  func(p *Pool, work func()) error
}{
	{"from outside", false, func(_ *Pool, work func()) error { work(); return nil }},
	{"from outside, with a thief", true, func(_ *Pool, work func()) error { work(); return nil }},
	{"from a task", false, func(p *Pool, work func()) error { return p.Go(work).Wait() }},
	{"from a task, with a thief", true, func(p *Pool, work func()) error { return p.Go(work).Wait() }},
	{"from goroutines and tasks", false, func(p *Pool, work func()) error {
		var wg sync.WaitGroup
		var errs [4]error
		for i := range errs {
			wg.Go(func() {
				if i%2 == 0 {
					work()
				} else {
					errs[i] = p.Go(work).Wait()
				}
			})
		}
		wg.Wait()
		return errors.Join(errs[:]...)
	}},
}

// thieve attaches to the lanes of p that have owners, and leaves them, until stop is
// closed: so their owners change again and again between plain and locked takes.
func thieve(p *Pool, stop <-chan struct{}) {
	for {
		for _, l := range *p.lanes.Load() {
			if !l.inbox && l.attach(true) {
				runtime.Gosched()
				l.detach()
			}
		}
		select {
		case <-stop:
			return
		default:
			runtime.Gosched()
		}
	}
}

// TestEachTaskRunsOnce protects the first promise of the library: each task that was
// accepted runs exactly once, on its own params, and what it did can be seen when its
// wait has returned. It does so for every form of submission, whoever calls it, on
// pools of every shape, tiny queues among them, and for any number of tasks.
func TestEachTaskRunsOnce(t *testing.T) {
	forms := onceForms()
	for _, procs := range []int{1, 4} {
		t.Run(fmt.Sprintf("procs=%d", procs), func(t *testing.T) {
			setProcs(t, procs)
			eachPool(t, func(t *testing.T, p *Pool) {
				for _, caller := range onceCallers {
					if caller.thief && (procs == 1 || !hasIdentity || !membarrier.Register()) {
						continue // a thief meets no owner of a lane
					}
					t.Run(caller.name, func(t *testing.T) {
						if caller.thief {
							stop := make(chan struct{})
							var thief sync.WaitGroup
							thief.Go(func() { thieve(p, stop) })
							defer thief.Wait()
							defer close(stop)
						}
						for _, form := range forms {
							for _, n := range onceLengths(form.long) {
								err := caller.call(p, func() { runOnce(t, p, form, n) })
								if err != nil {
									t.Errorf("%s of %d tasks: the caller: %v", form.name, n, err)
								}
								if t.Failed() {
									return
								}
							}
						}
					})
				}
				if s := atRest(t, p).Total; s.Completed != s.Submitted {
					t.Errorf("tasks that returned are counted otherwise: %+v", s)
				}
			})
		})
	}
}

// onceLengths are how many tasks a form is tried with.
func onceLengths(long bool) []int {
	if testing.Short() {
		return []int{0, 1, 2, 9, 65}
	}
	lengths := []int{0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 1000}
	if long && !raceEnabled {
		lengths = append(lengths, 4097, 100_000)
	}
	return lengths
}

func runOnce(t *testing.T, p *Pool, form onceForm, n int) {
	tasks := make([]onceTask, n)
	if err := form.run(t, p, tasks); err != nil {
		t.Errorf("%s of %d tasks: %v", form.name, n, err)
	}
	for i := range tasks {
		if runs := tasks[i].runs.Load(); runs != 1 || tasks[i].times != 1 {
			t.Errorf("%s: task %d of %d ran %d times when it was waited for", form.name, i, n, runs)
			return
		}
	}
}
