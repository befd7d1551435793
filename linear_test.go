package zeropool

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// interval is when an operation was called and when it returned, in logical time.
type interval struct{ call, end int64 }

// hasLegalOrder searches for an order of the at most 64 operations that respects
// real time and that a sequential object allows: apply performs operation i on a
// state if it could have had the result it had (Wing and Gong 1993, with the memo
// of Lowe 2017).
func hasLegalOrder[S comparable](ops []interval, first S, apply func(s S, i int) (S, bool)) bool {
	if len(ops) > 64 {
		panic("history too long")
	}
	type node struct {
		done  uint64
		state S
	}
	failed := map[node]bool{}
	var search func(n node) bool
	search = func(n node) bool {
		if n.done+1 == 1<<len(ops) {
			return true
		}
		if failed[n] {
			return false
		}
		// An operation may come next if none of the others ended before its call.
		soonest := int64(math.MaxInt64)
		for i := range ops {
			if n.done&(1<<i) == 0 {
				soonest = min(soonest, ops[i].end)
			}
		}
		for i := range ops {
			if n.done&(1<<i) != 0 || ops[i].call > soonest {
				continue
			}
			if next, ok := apply(n.state, i); ok && search(node{n.done | 1<<i, next}) {
				return true
			}
		}
		failed[n] = true
		return false
	}
	return search(node{state: first})
}

// Linearizability of what a program sees of single tasks: Submit, TrySubmit,
// Cancel, Done, Wait, WaitTimeout and Close, called by several goroutines, and
// the tasks' own beginnings and ends.
//
// A task goes through five states, each once. Its taking and the release of its
// slot are not calls that anybody makes: they lie between the call of Submit and
// the first statement of the function, or inside the Cancel that withdrew it. Its
// end lies after the function's last statement.

type poolOpKind uint8

const (
	poolSubmit  poolOpKind = iota
	poolFull               // a submission that was refused for want of room
	poolRefused            // a submission that was refused with ErrClosed
	poolTake
	poolRelease
	poolEnd
	poolIsDone  // Done said true, or Wait returned
	poolNotDone // Done said false, or WaitTimeout that the time is over
	poolBegun   // Cancel said that there was nothing to withdraw
	poolClose
	poolClosed // Close returned
)

var poolOpNames = [...]string{"submit", "full", "refused", "take", "release", "end", "done", "not done", "nothing to cancel", "close", "closed"}

type poolOp struct {
	interval
	kind poolOpKind
	task int
}

func (o poolOp) String() string {
	end := fmt.Sprint(o.end)
	if o.end == math.MaxInt64 {
		end = "..."
	}
	return fmt.Sprintf("[%3d %3s] task %d: %s", o.call, end, o.task, poolOpNames[o.kind])
}

// States of a task, in their order.
const (
	taskAbsent = iota
	taskQueued
	taskTaken
	taskReleased
	taskEnded
)

// poolState is the sequential pool: the state of each task, and the tasks in the
// order of their submission.
type poolState struct {
	tasks, order string
	closed       bool
}

func (s poolState) move(task int, from, to byte) (poolState, bool) {
	if s.tasks[task] != from {
		return s, false
	}
	s.tasks = s.tasks[:task] + string([]byte{to}) + s.tasks[task+1:]
	return s, true
}

// room reports whether the next slot of the only queue is free; capacity 0
// stands for not known.
func (s poolState) room(capacity int) bool {
	n := len(s.order)
	return capacity == 0 || n < capacity || s.tasks[s.order[n-capacity]] >= taskReleased
}

func (s poolState) apply(o *poolOp, capacity int) (poolState, bool) {
	switch o.kind {
	case poolSubmit:
		ok := !s.closed && s.room(capacity)
		s.order += string([]byte{byte(o.task)})
		s, moved := s.move(o.task, taskAbsent, taskQueued)
		return s, ok && moved
	case poolFull:
		return s, !s.closed && (capacity == 0 || !s.room(capacity))
	case poolRefused:
		return s, s.closed
	case poolTake:
		return s.move(o.task, taskQueued, taskTaken)
	case poolRelease:
		return s.move(o.task, taskTaken, taskReleased)
	case poolEnd:
		return s.move(o.task, taskReleased, taskEnded)
	case poolIsDone:
		return s, s.tasks[o.task] == taskEnded
	case poolNotDone:
		return s, s.tasks[o.task] != taskEnded
	case poolBegun:
		return s, s.tasks[o.task] != taskQueued
	case poolClose:
		s.closed = true
		return s, true
	case poolClosed:
		ok := s.closed
		for _, t := range []byte(s.tasks) {
			ok = ok && (t == taskAbsent || t == taskEnded)
		}
		return s, ok
	}
	panic("unknown operation")
}

// poolLinearizable searches for a legal order of what happened to a pool.
func poolLinearizable(ops []poolOp, tasks, capacity int) bool {
	intervals := make([]interval, len(ops))
	for i, o := range ops {
		intervals[i] = o.interval
	}
	first := poolState{tasks: strings.Repeat(string([]byte{taskAbsent}), tasks)}
	return hasLegalOrder(intervals, first, func(s poolState, i int) (poolState, bool) {
		return s.apply(&ops[i], capacity)
	})
}

// TestPoolLinearizable shows that the model accepts and refuses what it should.
func TestPoolLinearizable(t *testing.T) {
	op := func(kind poolOpKind, task int, call, end int64) poolOp {
		return poolOp{interval{call, end}, kind, task}
	}
	life := func(task int, at int64) []poolOp {
		return []poolOp{
			op(poolSubmit, task, at, at+2), op(poolTake, task, at, at+3), op(poolRelease, task, at, at+3),
			op(poolEnd, task, at+4, math.MaxInt64),
		}
	}
	for _, c := range []struct {
		name string
		ops  []poolOp
		want bool
	}{
		{"waited for", append(life(0, 1), op(poolIsDone, 0, 6, 9)), true},
		{"done before it has ended", append(life(0, 1), op(poolIsDone, 0, 2, 3)), false},
		{"not done although Wait has returned", append(life(0, 1), op(poolIsDone, 0, 6, 9), op(poolNotDone, 0, 10, 11)), false},
		{"not done for long", append(life(0, 1), op(poolNotDone, 0, 10, 11)), true},
		{"withdrawn while it runs", append(life(0, 1), op(poolTake, 0, 4, 5), op(poolRelease, 0, 4, 5), op(poolEnd, 0, 4, 5)), false},
		{"nothing to withdraw though queued", []poolOp{op(poolSubmit, 0, 1, 2), op(poolBegun, 0, 3, 4), op(poolTake, 0, 5, 6), op(poolRelease, 0, 5, 6), op(poolEnd, 0, 5, 6)}, false},
		{"full though empty", append(life(0, 1), op(poolFull, 1, 10, 11)), false},
		{"full", []poolOp{op(poolSubmit, 0, 1, 2), op(poolSubmit, 1, 3, 4), op(poolFull, 2, 5, 6)}, true},
		{"more than there is room for", []poolOp{op(poolSubmit, 0, 1, 2), op(poolSubmit, 1, 3, 4), op(poolSubmit, 2, 5, 6)}, false},
		{"refused before Close", append(life(0, 1), op(poolRefused, 1, 3, 4), op(poolClose, 0, 5, 6)), false},
		{"accepted after Close", append(life(0, 4), op(poolClose, 0, 1, 2)), false},
		{"closed before the end", append(life(0, 1), op(poolClose, 0, 2, 3), op(poolClosed, 0, 2, 3)), false},
		{"closed after the end", append(life(0, 1), op(poolClose, 0, 2, 9), op(poolClosed, 0, 2, 9)), true},
	} {
		if got := poolLinearizable(c.ops, 3, 2); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// linearTask is the params of a task of a history.
type linearTask struct {
	h      *poolHistory
	number int
	does   behavior
	f      Future
	called int64        // Submit
	shared atomic.Bool  // f may be read by others
	begun  atomic.Int64 // time of the function's first statement
	ended  atomic.Int64 // and of its last
	runs   atomic.Int32
}

// These are three functions, so that two of them become proven.
func (l *linearTask) doReturn() { l.body() }
func (l *linearTask) doPanic()  { l.body(); panic(l) }
func (l *linearTask) doExit()   { l.body(); runtime.Goexit() }

func (l *linearTask) body() {
	l.begun.Store(l.h.clock.Add(1))
	l.runs.Add(1)
	for range l.number % 3 {
		runtime.Gosched()
	}
	l.ended.Store(l.h.clock.Add(1))
}

func (l *linearTask) fn() func(*linearTask) {
	switch l.does {
	case panics:
		return (*linearTask).doPanic
	case exits:
		return (*linearTask).doExit
	}
	return (*linearTask).doReturn
}

// poolHistory records what the goroutines of one run see.
type poolHistory struct {
	t     *testing.T
	p     *Pool
	clock atomic.Int64
	mu    sync.Mutex
	ops   []poolOp
	tasks [6]linearTask
}

// during makes a call and notes what it turns out to have been.
func (h *poolHistory) during(task int, call func() []poolOpKind) {
	from := h.clock.Add(1)
	kinds := call()
	to := h.clock.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range kinds {
		h.ops = append(h.ops, poolOp{interval{from, to}, k, task})
	}
}

var (
	isDone  = []poolOpKind{poolIsDone}
	notDone = []poolOpKind{poolNotDone}
)

// submit submits task l and reports whether it was accepted.
func (h *poolHistory) submit(l *linearTask, try bool) (accepted bool) {
	l.called = h.clock.Add(1)
	h.during(l.number, func() []poolOpKind {
		f, ok := Future{}, true
		if try {
			f, ok = TrySubmit(h.p, l, l.fn())
		} else {
			f = Submit(h.p, l, l.fn())
		}
		err, done := f.poll()
		switch {
		case !ok, done && err == ErrFull:
			return []poolOpKind{poolFull}
		case done && err == ErrClosed:
			return []poolOpKind{poolRefused}
		}
		l.f, accepted = f, true
		l.shared.Store(true)
		return []poolOpKind{poolSubmit}
	})
	return accepted
}

// outcome checks how Wait says that l ended.
func (l *linearTask) outcome(err error) {
	var pe *PanicError
	ok := err == nil && l.does == returns || err == ErrGoexit && l.does == exits ||
		errors.As(err, &pe) && pe.Value == l && l.does == panics
	if ran := l.runs.Load(); err == ErrCanceled && ran != 0 || err != ErrCanceled && (ran != 1 || !ok) {
		l.h.t.Errorf("task %d, which does %d, ran %d times; Wait says %v", l.number, l.does, ran, err)
	}
}

// use makes a call that concerns a task which has been submitted.
func (h *poolHistory) use(l *linearTask, what int) {
	h.during(l.number, func() []poolOpKind {
		switch what {
		case 0:
			if l.f.Done() {
				return isDone
			}
			return notDone
		case 1:
			if l.f.Cancel() == 1 {
				return []poolOpKind{poolTake, poolRelease, poolEnd}
			}
			return []poolOpKind{poolBegun}
		case 2:
			err := l.f.WaitTimeout(0)
			if err == context.DeadlineExceeded {
				return notDone
			}
			l.outcome(err)
		case 3:
			l.outcome(l.f.WaitContext(context.Background()))
		default:
			l.outcome(l.f.Wait())
		}
		return isDone
	})
}

// run lets goroutines use a pool, and returns what happened.
func (h *poolHistory) run(seed uint64, closing bool) []poolOp {
	const goroutines, steps = 3, 4
	var next atomic.Int32
	var meeting linearRecorder
	meeting.missing.Store(goroutines)
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(g)))
			var mine []*linearTask
			meeting.meet()
			for step := range steps {
				for range rng.IntN(3) {
					runtime.Gosched()
				}
				if closing && g == 0 && step == steps-1 {
					h.during(0, func() []poolOpKind {
						if err := h.p.Close(); err != nil {
							h.t.Error(err)
						}
						return []poolOpKind{poolClose, poolClosed}
					})
					continue
				}
				if n := int(next.Load()); rng.IntN(2) == 0 && n < len(h.tasks) {
					if n = int(next.Add(1)) - 1; n < len(h.tasks) {
						l := &h.tasks[n]
						l.h, l.number, l.does = h, n, []behavior{returns, returns, returns, panics, exits}[rng.IntN(5)]
						if h.submit(l, rng.IntN(2) == 0) {
							mine = append(mine, l)
						}
						continue
					}
				}
				if l := &h.tasks[rng.IntN(len(h.tasks))]; l.shared.Load() {
					h.use(l, rng.IntN(5))
				}
			}
			for _, l := range mine {
				h.use(l, 4)
			}
		})
	}
	wg.Wait()
	for i := range h.tasks {
		l := &h.tasks[i]
		if l.runs.Load() != 0 {
			begun := interval{l.called, l.begun.Load()}
			h.ops = append(h.ops, poolOp{begun, poolTake, i}, poolOp{begun, poolRelease, i},
				poolOp{interval{l.ended.Load(), math.MaxInt64}, poolEnd, i})
		}
	}
	return h.ops
}

// Whatever several goroutines call at a time, the answers are those of some
// order in which the calls could have come one after another.
func TestPoolHistories(t *testing.T) {
	for _, procs := range []int{2, 4} {
		for _, c := range []struct {
			name              string
			workers, capacity int
			closing           bool
		}{
			{"one queue of 2", 1, 2, false},
			{"one queue of 4", 1, 4, false},
			{"two queues of 2", 2, 2, false},
			{"closing, one worker", 1, 8, true},
			{"closing, two workers", 2, 8, true},
		} {
			t.Run(fmt.Sprintf("procs=%d/%s", procs, c.name), func(t *testing.T) {
				setProcs(t, procs)
				var p *Pool
				for seed := range uint64(stressRounds(2000)) {
					if p == nil || c.closing {
						p = mustNew(t, unpinned(c.workers, quiet, WithQueueCapacity(c.capacity), WithWhenFull(Reject))...)
					}
					h := &poolHistory{t: t, p: p}
					ops := h.run(seed, c.closing)
					if !poolLinearizable(ops, len(h.tasks), 0) { // how many lanes there are is not known
						slices.SortFunc(ops, func(a, b poolOp) int { return int(a.call - b.call) })
						for _, o := range ops {
							t.Log(o)
						}
						t.Fatalf("history %d has no legal order", seed)
					}
					if t.Failed() {
						t.Fatalf("history %d", seed)
					}
				}
				p.Close()
			})
		}
	}
}

// linearRecorder gives operations their times.
type linearRecorder struct {
	missing atomic.Int32 // goroutines that have not arrived
}

// meet lets the goroutines begin at the same time, as far as they run at all.
func (r *linearRecorder) meet() {
	r.missing.Add(-1)
	for r.missing.Load() != 0 {
		runtime.Gosched()
	}
}
