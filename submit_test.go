package zeropool

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/park"
	"github.com/zeropool-go/zeropool/internal/proven"
)

// Results need no atomics: Wait makes them visible.
type square struct{ in, out int }

func (s *square) run() { s.out += s.in * s.in }

var zeroSizedRuns atomic.Int64

// Params of no size, and nil ones of such a type, are run like any others, in
// every form.
func TestZeroSizedParams(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		zeroSizedRuns.Store(0)
		run := func(*struct{}) { zeroSizedRuns.Add(1) }
		const n = 1000
		var x struct{}
		for _, f := range []Future{
			Submit(p, &x, run), Submit(p, nil, run), SubmitBatch(p, make([]struct{}, n), run),
			p.SubmitMixed([]Task{Bind(&x, run), Bind(nil, run)}),
		} {
			if err := f.Wait(); err != nil {
				t.Fatal(err)
			}
		}
		if err := ForEach(p, make([]struct{}, n), run); err != nil {
			t.Fatal(err)
		}
		g := p.NewGroup()
		SubmitTo(g, &x, run)
		SubmitTo(g, nil, run)
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if got := zeroSizedRuns.Load(); got != 2*n+6 {
			t.Errorf("%d runs, want %d", got, 2*n+6)
		}
	})
}

// A task gets nil if its params were nil, in every form that takes a pointer.
func TestNilParams(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		var nils atomic.Int32
		fn := func(x *square) {
			if x == nil {
				nils.Add(1)
			}
		}
		errs := []error{Submit(p, nil, fn).Wait(), p.SubmitMixed([]Task{Bind(nil, fn)}).Wait()}
		f, _ := TrySubmit(p, nil, fn)
		errs = append(errs, f.Wait())
		g := p.NewGroup()
		SubmitTo(g, nil, fn)
		if err := errors.Join(append(errs, g.Wait())...); err != nil || nils.Load() != 4 {
			t.Errorf("%v; %d of 4 tasks saw nil", err, nils.Load())
		}
	})
}

// Params of any size stay where they are and are not copied.
func TestHugeParams(t *testing.T) {
	type huge struct {
		a   [1 << 16]byte
		ref *int
		b   [1 << 16]byte
	}
	eachPool(t, func(t *testing.T, p *Pool) {
		xs := make([]huge, 20)
		fill := func(h *huge) { h.a[0]++; h.b[len(h.b)-1]++; h.ref = new(int) }
		if err := SubmitBatch(p, xs, fill).Wait(); err != nil {
			t.Fatal(err)
		}
		for i := range xs {
			if err := Submit(p, &xs[i], fill).Wait(); err != nil {
				t.Fatal(err)
			}
			if xs[i].a[0] != 2 || xs[i].b[len(xs[i].b)-1] != 2 || xs[i].ref == nil {
				t.Fatalf("element %d", i)
			}
		}
	})
}

// nest submits a task from inside a task and waits for it, to a depth.
type nest struct {
	p     *Pool
	depth int
	sum   int
}

func (n *nest) run() {
	if n.depth == 0 {
		n.sum = 1
		return
	}
	child := nest{p: n.p, depth: n.depth - 1}
	if err := Submit(n.p, &child, (*nest).run).Wait(); err != nil {
		panic(err)
	}
	n.sum = child.sum + 1
}

// A task may submit a task and wait for it, to any depth, on any number of
// workers.
func TestNestedWait(t *testing.T) {
	depth := 10_000
	if raceEnabled {
		depth = 1000 // the detector has room for 8128 goroutines
	}
	eachPool(t, func(t *testing.T, p *Pool) {
		for _, d := range []int{1, 2, 10, depth} {
			root := nest{p: p, depth: d}
			if err := Submit(p, &root, (*nest).run).Wait(); err != nil || root.sum != d+1 {
				t.Fatalf("depth %d: %v, sum %d", d, err, root.sum)
			}
		}
	})
}

// A tree of tasks whose inner nodes wait for their children, twice as many at
// each level, mixes waiting for the oldest and for the youngest task.
type tree struct {
	p      *Pool
	depth  int
	leaves int
}

func (n *tree) run() {
	if n.depth == 0 {
		n.leaves = 1
		return
	}
	kids := [2]tree{{p: n.p, depth: n.depth - 1}, {p: n.p, depth: n.depth - 1}}
	a := Submit(n.p, &kids[0], (*tree).run)
	b := Submit(n.p, &kids[1], (*tree).run)
	if n.depth%2 == 0 {
		a, b = b, a
	}
	if errors.Join(a.Wait(), b.Wait()) == nil {
		n.leaves = kids[0].leaves + kids[1].leaves
	}
}

// A task may submit several tasks and wait for all of them, recursively, on any
// number of workers.
func TestNestedTree(t *testing.T) {
	eachPool(t, func(t *testing.T, p *Pool) {
		root := tree{p: p, depth: 11}
		if err := Submit(p, &root, (*tree).run).Wait(); err != nil || root.leaves != 1<<11 {
			t.Errorf("%v, %d leaves", err, root.leaves)
		}
	})
}

// A worker that sleeps is woken for a task queued at another, busy worker.
func TestIdleWorkersTakeFromBusyOnes(t *testing.T) {
	p := newTestPool(t, unpinned(2)...)
	for range 300 * stressFactor() {
		started, free := make(chan struct{}), make(chan struct{})
		blocker := p.Go(func() { close(started); <-free })
		<-started
		// Whichever inbox these are in, only one worker is there for them.
		done := make(chan struct{}, 20)
		for range cap(done) {
			p.Go(func() { done <- struct{}{} })
		}
		for range cap(done) {
			<-done
		}
		close(free)
		blocker.Wait()
	}
}

// With Reject a full pool answers ErrFull at once and never runs what it
// refused; loops run on their caller; and when there is room again tasks are
// taken.
func TestReject(t *testing.T) {
	for _, workers := range []int{1, 3} {
		p := newTestPool(t, unpinned(workers, WithQueueCapacity(2), WithWhenFull(Reject))...)
		release := hold(t, p)
		defer release()
		queued := fill(p)
		var c count
		full := []Future{
			Submit(p, &c, (*count).run),
			p.Go(c.run),
		}
		for i, f := range full {
			if !f.Done() || f.Wait() != ErrFull || f.Cancel() != 0 {
				t.Errorf("form %d on full queues: done %v, %v", i, f.Done(), f.Wait())
			}
		}
		g := p.NewGroup()
		SubmitTo(g, &c, (*count).run)
		if err := g.Wait(); err != ErrFull {
			t.Errorf("group on full queues: %v", err)
		}
		if _, ok := TrySubmit(p, &c, (*count).run); ok {
			t.Error("TrySubmit on full queues")
		}
		if s := p.Stats().Total; s.Queued != uint64(len(queued)) || s.Running != uint64(workers) {
			t.Errorf("%d workers held, queues full with %d: %+v", workers, len(queued), s)
		}
		// The caller of a loop is there to do it.
		if err := ForEach(p, make([]int, 10), func(*int) {}); err != nil {
			t.Errorf("ForEach on full queues: %v", err)
		}
		release()
		for _, f := range queued {
			if err := f.Wait(); err != nil {
				t.Error(err)
			}
		}
		if c.runs.Load() != 0 {
			t.Error("a rejected task was run")
		}
		if err := Submit(p, &c, (*count).run).Wait(); err != nil {
			t.Errorf("after room was made: %v", err)
		}
	}
}

// With Help, the submitter makes room itself: no worker is there to.
func TestHelpMakesRoom(t *testing.T) {
	p := newTestPool(t, unpinned(2, WithQueueCapacity(2))...)
	release := hold(t, p)
	defer release()
	cs := make([]count, 1000)
	for i := range cs {
		switch i % 3 {
		case 0:
			Submit(p, &cs[i], (*count).run)
		case 1:
			p.Go(cs[i].run)
		case 2:
			SubmitTo(p.NewGroup(), &cs[i], (*count).run)
		}
	}
	// A stand-in may still be between taking a task, which makes room, and counting its
	// begin, which the total goes by.
	s := p.Stats()
	if s.Workers[0].Queued > 2 || s.Workers[1].Queued > 2 || s.Total.Helped < 980 {
		t.Errorf("%+v", s)
	}
	release()
	p.Close()
	for i := range cs {
		cs[i].once(t, fmt.Sprint("task ", i))
	}
}

// With Block, the submitter waits until a worker makes room.
func TestBlockWaitsForRoom(t *testing.T) {
	for _, form := range []func(p *Pool, c *count){
		func(p *Pool, c *count) { Submit(p, c, (*count).run) },
		func(p *Pool, c *count) { p.Go(c.run) },
		func(p *Pool, c *count) { SubmitTo(p.NewGroup(), c, (*count).run) },
	} {
		p := newTestPool(t, unpinned(2, WithQueueCapacity(2), WithWhenFull(Block))...)
		release := hold(t, p)
		fill(p)
		var cs [8]count
		var wg sync.WaitGroup
		returned := atomic.Int32{}
		for i := range cs {
			wg.Go(func() { form(p, &cs[i]); returned.Add(1) })
		}
		eventually(t, func() bool { return p.blocked.Load() == uint32(len(cs)) }, func() string { return "submitters do not block" })
		if returned.Load() != 0 || p.Stats().Total.Helped != 0 {
			t.Errorf("%d submitters returned from full queues, %+v", returned.Load(), p.Stats().Total)
		}
		release()
		wg.Wait()
		p.Close()
		for i := range cs {
			cs[i].once(t, "a blocked task")
		}
	}
}

// Tasks that submit to full queues of their own pool do not wait for room: all
// workers could.
func TestFullQueuesFromTasks(t *testing.T) {
	for _, policy := range []WhenFull{Help, Block} {
		for _, workers := range []int{1, 2, 4} {
			t.Run(fmt.Sprintf("%v/workers=%d", policy, workers), func(t *testing.T) {
				p := newTestPool(t, unpinned(workers, WithQueueCapacity(2), WithWhenFull(policy))...)
				const fan = 50
				var leaves atomic.Int32
				m := newMeeting(workers)
				fs := make([]Future, workers)
				for i := range fs {
					fs[i] = p.Go(func() {
						m.meet() // every worker is inside a task now
						var kids [fan]Future
						for k := range kids {
							kids[k] = p.Go(func() { leaves.Add(1) })
						}
						for k := range kids {
							kids[k].Wait()
						}
						SubmitBatch(p, make([]int, fan), func(*int) { leaves.Add(1) }).Wait()
						g := p.NewGroup()
						for range fan {
							g.Go(func() { leaves.Add(1) })
						}
						g.Wait()
					})
				}
				<-m.all
				for _, f := range fs {
					if err := f.Wait(); err != nil {
						t.Fatal(err)
					}
				}
				if n := leaves.Load(); n != int32(3*fan*workers) {
					t.Errorf("%d of %d leaves ran", n, 3*fan*workers)
				}
			})
		}
	}
}

// However many goroutines submit to queues however small, each task runs once,
// or was refused with ErrFull where the policy is Reject.
func TestManySubmittersSmallQueues(t *testing.T) {
	for _, policy := range []WhenFull{Help, Block, Reject} {
		for _, capacity := range []int{2, 4} {
			t.Run(fmt.Sprintf("%v/capacity=%d", policy, capacity), func(t *testing.T) {
				eachProcs(t, func(t *testing.T) {
					p := newTestPool(t, unpinned(2, WithQueueCapacity(capacity), WithWhenFull(policy))...)
					const submitters = 8
					each := 1000 * stressFactor()
					var wg sync.WaitGroup
					for range submitters {
						wg.Go(func() {
							cs := make([]count, each)
							fs := make([]Future, each)
							g := p.NewGroup()
							for i := range cs {
								switch {
								case i%5 == 1:
									fs[i] = p.SubmitMixed([]Task{Bind(&cs[i], (*count).run)})
								case i%5 == 2 && policy != Reject:
									SubmitTo(g, &cs[i], (*count).run)
								default:
									fs[i] = Submit(p, &cs[i], (*count).run)
								}
							}
							if err := g.Wait(); err != nil {
								t.Error(err)
							}
							for i := range cs {
								err, n := fs[i].Wait(), cs[i].runs.Load()
								if !(err == nil && n == 1) && !(policy == Reject && err == ErrFull && n == 0) {
									t.Errorf("task %d: %v, ran %d times", i, err, n)
									return
								}
							}
						})
					}
					wg.Wait()
				})
			})
		}
	}
}

// Every task that a pool has a worker for runs, whatever the others do: N tasks
// that wait for each other end on N workers, in whatever way they came.
func TestWorkConserving(t *testing.T) {
	forms := []struct {
		name   string
		submit func(p *Pool, m *meeting, n int)
	}{
		{"singly", func(p *Pool, m *meeting, n int) {
			for range n {
				Submit(p, m, (*meeting).meet)
			}
		}},
		{"tried", func(p *Pool, m *meeting, n int) {
			for range n {
				for ok := false; !ok; _, ok = TrySubmit(p, m, (*meeting).meet) {
				}
			}
		}},
		{"by goroutines", func(p *Pool, m *meeting, n int) {
			for range n {
				go Submit(p, m, (*meeting).meet)
			}
		}},
		{"from a task", func(p *Pool, m *meeting, n int) {
			p.Go(func() {
				for range n - 1 {
					Submit(p, m, (*meeting).meet)
				}
				m.meet()
			})
		}},
		{"from a chain of tasks", func(p *Pool, m *meeting, n int) {
			var next func()
			left := atomic.Int32{}
			left.Store(int32(n))
			next = func() {
				if left.Add(-1) > 0 {
					p.Go(next)
				}
				m.meet()
			}
			p.Go(next)
		}},
		{"batch", func(p *Pool, m *meeting, n int) {
			ms := make([]*meeting, n)
			for i := range ms {
				ms[i] = m
			}
			SubmitBatch(p, ms, func(m **meeting) { (*m).meet() })
		}},
		{"batch from a task", func(p *Pool, m *meeting, n int) {
			p.Go(func() {
				ms := make([]*meeting, n-1)
				for i := range ms {
					ms[i] = m
				}
				SubmitBatch(p, ms, func(m **meeting) { (*m).meet() })
				m.meet()
			})
		}},
		{"mixed", func(p *Pool, m *meeting, n int) {
			tasks := make([]Task, n)
			for i := range tasks {
				tasks[i] = Bind(m, (*meeting).meet)
			}
			p.SubmitMixed(tasks)
		}},
		{"group", func(p *Pool, m *meeting, n int) {
			g := p.NewGroup()
			for range n {
				SubmitTo(g, m, (*meeting).meet)
			}
		}},
		{"two batches", func(p *Pool, m *meeting, n int) {
			for _, k := range []int{n / 2, n - n/2} {
				tasks := make([]Task, k)
				for i := range tasks {
					tasks[i] = Bind(m, (*meeting).meet)
				}
				p.SubmitMixed(tasks)
			}
		}},
		{"batch and single", func(p *Pool, m *meeting, n int) {
			p.SubmitMixed([]Task{Bind(m, (*meeting).meet)})
			for range n - 1 {
				Submit(p, m, (*meeting).meet)
			}
		}},
	}
	rounds := 16 * stressFactor()
	for _, form := range forms {
		for _, workers := range []int{1, 2, 3, 4, 8} {
			if workers == 1 && form.name == "batch from a task" {
				continue
			}
			for _, capacity := range []int{2, 4, 1024} {
				for _, pinned := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/workers=%d/capacity=%d/pinned=%v", form.name, workers, capacity, pinned), func(t *testing.T) {
						opts := []Option{WithWorkers(workers), WithQueueCapacity(capacity)}
						if !pinned {
							opts = unpinned(workers, WithQueueCapacity(capacity))
						}
						p := newTestPool(t, opts...)
						n := rounds
						if pinned {
							n = rounds / 8
						}
						for range n {
							m := newMeeting(workers)
							form.submit(p, m, workers)
							<-m.all
						}
					})
				}
			}
		}
	}
}

// A goroutine that has long waited at once for each of its tasks, so that workers look
// seldom, goes on without waiting for one: a worker runs it all the same.
func TestTaskLeftAfterManyWaits(t *testing.T) {
	p := newTestPool(t, unpinned(1)...)
	for range 10 {
		var c count
		for range 3000 {
			if err := Submit(p, &c, (*count).run).Wait(); err != nil {
				t.Fatal(err)
			}
		}
		f := Submit(p, &c, (*count).run)
		eventually(t, f.Done, func() string { return "no worker runs the task" })
	}
}

// As many tasks as there are workers run at the same time, whatever GOMAXPROCS
// is, and though nobody waits for them.
func TestWorkConservingProcs(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		p := newTestPool(t, unpinned(4, WithQueueCapacity(2))...)
		for range 50 * stressFactor() {
			m := newMeeting(4)
			for range 4 {
				Submit(p, m, (*meeting).meet)
			}
			<-m.all
		}
	})
}

// Pools of more workers than one word of bits has run as many tasks at the same
// time, single ones and those of a batch.
func TestManyWorkers(t *testing.T) {
	for _, n := range []int{63, 64, 65, 130} {
		p := newTestPool(t, unpinned(n, WithQueueCapacity(2))...)
		if p.Workers() != n || len(p.Plan().Workers) != n || len(p.Stats().Workers) != n {
			t.Fatalf("%d workers asked for, %d given, %d planned, %d counted", n, p.Workers(), len(p.Plan().Workers), len(p.Stats().Workers))
		}
		m := newMeeting(n)
		for range n {
			Submit(p, m, (*meeting).meet)
		}
		<-m.all
		m = newMeeting(n)
		ms := make([]*meeting, n)
		for i := range ms {
			ms[i] = m
		}
		SubmitBatch(p, ms, func(m **meeting) { (*m).meet() })
		<-m.all
	}
}

// A submitter that always waited for its tasks at once, and then does not, or
// needs more than one worker.
func TestChangeOfHabit(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		for _, workers := range []int{1, 2, 4} {
			for _, opts := range [][]Option{unpinned(workers), {WithWorkers(workers)}} {
				p := newTestPool(t, opts...)
				var c count
				for range 10 * stressFactor() {
					for range 20 {
						if err := Submit(p, &c, (*count).run).Wait(); err != nil {
							t.Fatal(err)
						}
					}
					done := make(chan struct{})
					p.Go(func() { close(done) })
					<-done
					for range 20 {
						Submit(p, &c, (*count).run).Wait()
					}
					m := newMeeting(workers)
					for range workers {
						Submit(p, m, (*meeting).meet)
					}
					<-m.all
				}
			}
		}
	})
}

// blockedSubmitters puts n waiters in the list of those who wait for room in an inbox, and
// returns them and what says whether the i-th of them is listed still.
func blockedSubmitters(p *Pool, n int) (ws []*park.Waiter, listed func(i int) bool) {
	for range n {
		ws = append(ws, p.newWaiter(p.helper()))
		p.waits.Enter(ws[len(ws)-1], unsafe.Pointer(&p.blocked))
	}
	return ws, func(i int) bool { return p.waits.Holds(ws[i], unsafe.Pointer(&p.blocked)) }
}

// Room for one task wakes one of the submitters that wait for it, and the one that has
// waited longest: n of them cost n wake-ups, not n for each task.
func TestRoomWakesOne(t *testing.T) {
	p := newTestPool(t, unpinned(1, WithQueueCapacity(2), WithWhenFull(Block))...)
	inbox := p.workers[0].inbox.Load()
	ws, listed := blockedSubmitters(p, 3)
	p.blocked.Add(3)
	woken := func() (n int) {
		for i := range ws {
			if !listed(i) {
				n++
			}
		}
		return n
	}
	for i := range ws {
		if p.tellBlocked(inbox); woken() != i+1 || listed(i) {
			t.Fatalf("room for %d: %d woken, the one that has waited longest is listed: %t", i+1, woken(), listed(i))
		}
	}
	p.tellBlocked(inbox)
	for _, w := range ws {
		w.Sleep(nil, 0) // returns, because w was woken
	}
	p.blocked.Add(^uint32(2))
}

// An inbox whose slots belong to tasks that wait is replaced at once: a submitter that
// waited for one of them would hold up all behind it. A new inbox wakes as many submitters
// as it has room for: all of thousands, each time, did nothing else.
func TestInboxFullOfWaitingTasks(t *testing.T) {
	p := newTestPool(t, unpinned(1, WithQueueCapacity(64), WithWhenFull(Block))...)
	release := hold(t, p)
	defer release()
	old := p.workers[0].inbox.Load()
	free := make(chan struct{})
	var waiters sync.WaitGroup
	for range 20 {
		begun := make(chan struct{})
		waiters.Go(func() {
			fn := func() { close(begun); <-free }
			f, _ := p.submitInbox(callFunc, unsafe.Pointer(*(**funcval)(unsafe.Pointer(&fn))), 0, nil, true)
			f.Wait()
		})
		<-begun
	}
	for old.hasFree() {
		p.submitInbox(funcOf(nothing), nil, 0, nil, true)
	}
	if !p.hasRoom() {
		t.Error("20 tasks wait in an inbox without a free slot, and a submitter waits for them")
	}
	blocked, listed := blockedSubmitters(p, 70)
	p.submitInbox(funcOf(nothing), nil, 0, nil, true)
	if p.workers[0].inbox.Load() == old {
		t.Error("the inbox is not replaced")
	}
	for i, w := range blocked {
		waits := listed(i)
		if waits != (i >= 64) {
			t.Errorf("submitter %d of %d, with room for 64: woken %t", i+1, len(blocked), !waits)
		}
		if waits {
			p.waits.Leave(w, unsafe.Pointer(&p.blocked), true)
		}
	}
	close(free)
	waiters.Wait()
}

// A submitter that helps, and whose lane a task that it runs has had replaced, goes on
// with the new one.
func TestHelperGetsNewLane(t *testing.T) {
	watch(t)
	p := newTestPool(t, unpinned(1, WithQueueCapacity(minSlots))...)
	call := func(f *func()) { (*f)() }
	fail := func(*struct{}) error { return failedAt(0) }
	none := func() {}
	for range 3 * proven.Runs {
		_ = Submit(p, &none, call).Wait()
		_ = SubmitErr(p, nil, fail).Wait()
	}
	defer hold(t, p)()
	var replaced atomic.Bool
	var n atomic.Int32
	task := func() {
		if n.Add(1) == 24 {
			for range 3 * minSlots {
				_ = SubmitErr(p, nil, fail).Wait()
			}
			replaced.Store(true)
		}
	}
	for !replaced.Load() {
		Submit(p, &task, call)
	}
}

// Who queues the tasks of a Group as there is room runs none of them itself: one that
// blocks would keep the others from beginning.
func TestFeederRunsNoTasks(t *testing.T) {
	p := newTestPool(t, unpinned(1, WithQueueCapacity(minSlots))...)
	me, here := runnerID(), 0
	run := func(*struct{}) {
		if runnerID() == me {
			here++
		}
	}
	for range 3 * proven.Runs {
		_ = Submit(p, nil, run).Wait()
	}
	defer hold(t, p)()
	for _, help := range []bool{false, true} {
		for ok := true; ok; {
			_, ok = TrySubmit(p, nil, run)
		}
		here = 0
		p.makeRoom(help, p.hasRoom)
		if help && hasIdentity != (here > 0) || !help && here != 0 {
			t.Errorf("%d tasks ran here, of a submitter that helps: %v", here, help)
		}
	}
}

// Whoever tries to take a lane over, and gives it back, keeps the owner from none of its
// tasks.
func TestTakeBackDuringTakeOver(t *testing.T) {
	needBarrier(t)
	p := newTestPool(t, unpinned(1)...)
	defer hold(t, p)()
	for range 2 * pushesForLane {
		_ = Submit(p, nil, nothing).Wait()
	}
	l := enter(&p.table)
	l.leave()
	me := l.owner.Load()
	stop := make(chan struct{})
	var other sync.WaitGroup
	other.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				l.owner.Store(0)
				l.owner.Store(me)
			}
		}
	})
	for i := range stressRounds(100_000) {
		f := Submit(p, nil, nothing)
		if n := f.Cancel(); n != 1 {
			t.Errorf("round %d: a queued task is not withdrawn", i)
			break
		}
	}
	close(stop)
	other.Wait()
}

// A function that has been found to exit is not run by waiters any more, whatever their
// lanes remember: the second time nobody's goroutine ends.
func TestExitIsRemembered(t *testing.T) {
	needBarrier(t) // or no task is taken without asking what its function has done
	p := newTestPool(t, unpinned(1)...)
	run := func(exits *bool) {
		if *exits {
			runtime.Goexit()
		}
	}
	proven.Forget(funcOf(run).code)
	never, always := false, true
	known, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(ended) // also if the goroutine ends in Wait
		for range 8 * proven.Runs {
			_ = Submit(p, &never, run).Wait()
		}
		known <- struct{}{}
		<-known
		ended <- Submit(p, &always, run).Wait()
	}()
	<-known
	f := Submit(p, &always, run)
	for !f.Done() { // a worker runs it
		runtime.Gosched()
	}
	known <- struct{}{}
	if err, goesOn := <-ended; !goesOn || err != ErrGoexit {
		t.Errorf("%v; the waiter goes on: %v", err, goesOn)
	}
}

// A submitter that finds the queues full runs queued tasks, but not underneath a
// task that they may wait for.
func TestHelpInsideTaskCannotDeadlock(t *testing.T) {
	p := newTestPool(t, WithWorkers(1), WithQueueCapacity(64))
	type node struct {
		submit bool
		self   chan Future // the submitting task's own Future
	}
	var run func(*node)
	run = func(n *node) {
		self := <-n.self
		n.self <- self
		if !n.submit {
			if err := self.Wait(); err != nil { // until the submitter has ended
				t.Error(err)
			}
			return
		}
		child := node{self: n.self}
		for range 200 { // more than the queues hold
			Submit(p, &child, run)
		}
	}
	for range 100 { // long enough for run to be taken for a function that returns
		root := node{submit: true, self: make(chan Future, 1)}
		f := Submit(p, &root, run)
		root.self <- f
		if err := f.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}
