package zeropool

import (
	"math"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/fifo"
)

// A groupLimit bounds how many tasks of a Group are queued or running at a time. The
// others wait in its list.
//
// How many are queued or running is what the Group has counted as added, less those
// that have ended and those in the list. A task is added before it is put into the
// list, so one that is between the two counts as queued: whoever puts it there looks
// again.
type groupLimit struct {
	mu      sync.Mutex
	n       int
	list    fifo.Queue[groupTask]
	feeding bool // a goroutine queues tasks as soon as there is room
	feed    func()
	stopped atomic.Int32 // calls of Cancel that do not want the list to lose more tasks
	moving  atomic.Int32 // tasks that have left the list and are not queued: counted down after the push, so who loads 0 sees all of them
}

type groupTask struct {
	fn     *funcval
	params unsafe.Pointer
	flags  uint64
}

// next takes the first task off the list, if it may begin, and counts it as moving. The
// feeder stops when there is none, and while it is at work nobody else needs to look.
func (m *groupLimit) next(g *Group, feeder bool) (t groupTask, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.feeding && !feeder {
		return t, false
	}
	if !m.mayBegin(g) {
		m.feeding = false
		return t, false
	}
	m.moving.Add(1)
	return m.list.Pop(), true
}

// mayBegin reports whether the first task of the list may begin. The caller holds mu.
func (m *groupLimit) mayBegin(g *Group) bool {
	waiting := m.list.Len()
	done := g.finished.Load() // before added: rather too many are at work than too few
	return waiting > 0 && m.stopped.Load() == 0 && g.added.Load()-done-int64(waiting) < int64(m.n)
}

// needsRoom reports whether a task of the list waits for nothing but room.
func (m *groupLimit) needsRoom(g *Group) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mayBegin(g)
}

// stop empties the list and returns how many tasks were in it. When it returns, those
// that have left the list before are queued, and no more leave it until stopped is
// counted down.
func (m *groupLimit) stop() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped.Add(1)
	for {
		n += m.list.Clear()
		if m.moving.Load() == 0 {
			return n
		}
		m.mu.Unlock()
		yield() // nobody blocks while a task is moving; it may be put back
		m.mu.Lock()
	}
}

// putBack makes a task that next has returned the first in the list again. With feed it
// makes the caller the one to start the feeder, which it reports, unless there is one.
func (m *groupLimit) putBack(t groupTask, feed bool) (start bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.moving.Add(-1)
	m.list.PutBack(t)
	start = feed && !m.feeding
	m.feeding = m.feeding || feed
	return start
}

// begin queues the tasks that wait and may begin. One who has just ended a task must
// not wait for room, nor one who submits to a pool with the policy Reject: it leaves that
// to the feeder, a goroutine that does the same. Who does wait puts the task back first,
// so that Cancel finds it, and runs no task meanwhile, which might end its goroutine.
func (g *Group) begin(m *groupLimit, wait, feeder bool) {
	wait = wait && (feeder || g.pool.whenFull != Reject)
	waited := false
	for t, ok := m.next(g, feeder); ok; t, ok = m.next(g, feeder) {
		f, queued := g.pool.submit(t.fn, t.params, t.flags|grouped, g, false)
		switch {
		case queued:
			m.moving.Add(-1)
			if err := f.refusal(); err != nil {
				g.fail(err)
				g.endUnbegun(1)
			}
			waited = false
		case wait:
			m.putBack(t, false)
			// Others may queue the task meanwhile, or withdraw it.
			g.pool.makeRoom(false, func() bool { return g.pool.hasRoom() || !m.needsRoom(g) })
			waited = true
		default:
			if m.putBack(t, true) {
				go m.feed()
			}
			return
		}
	}
	if waited { // it has no use for the room that it was told of
		g.pool.wake(unsafe.Pointer(&g.pool.blocked), 1)
	}
}

// SetLimit lets at most n tasks of g run at a time, from now on; n <= 0 takes the
// limit away, which is the state of a new Group. Tasks beyond it wait inside the
// group, in the order in which they were added, take no room in queues, and begin as
// others end. With n == 1 they run one after the other, each after the end of the one
// before, so that they may share state without a lock.
//
// SetLimit may be called at any time, from any goroutine. When it lowers the limit,
// tasks that are queued or run already are not called back.
//
// Adding a task never waits for another one to end because of the limit, and a limit
// counts the tasks of one group only. So a task may make a group with a limit of its
// own and wait for it, to any depth, and may add tasks to its own group. A task that
// waits for another group counts as running.
//
// A semaphore of one's own does not do the same. A task that takes a permit of it before
// it submits a sub-task that gives it back stands still when the permits are used up: it
// blocks its worker, the pool does not see that it waits, so nobody takes its place, and
// with every worker blocked like that nobody runs the sub-tasks. A permit that a sub-task
// takes itself is no better: those that wait for one keep the workers from those that
// have one and have submitted more. SetLimit blocks nobody: a task beyond the limit is
// not begun, and Group.Wait runs what has not begun or lends its place.
//
// The pool has not accepted a task that waits inside the group: Stats does not count
// it, and when the pool is closed it ends with ErrClosed. A limit costs each task a
// lock. It allocates nothing in the long run.
//
// From the first SetLimit on, also one that takes the limit away, a task of the group that
// finds the queues full waits inside the group if the pool has the policy Reject: none ends
// with ErrFull.
func (g *Group) SetLimit(n int) {
	checkGroup(g, false, "Group.SetLimit")
	if n <= 0 {
		n = math.MaxInt
	}
	m := g.limit.Load()
	if m == nil {
		m = new(groupLimit)                        // with n == 0, so that nothing begins before n is set
		m.feed = func() { g.begin(m, true, true) } // once, not for each start of the feeder
		if !g.limit.CompareAndSwap(nil, m) {
			m = g.limit.Load()
		}
	}
	m.mu.Lock()
	m.n = n
	m.mu.Unlock()
	g.begin(m, true, false)
}
