package zeropool

import (
	"context"

	"github.com/zeropool-go/zeropool/internal/bubble"
)

// NewGroupContext returns an empty group whose tasks run on p, and a context derived
// from ctx which ends when the first task of the group fails, in whatever way, with
// its error as the cause, and when Wait returns. The tasks must heed it themselves:
// its end withdraws none; see Group.Cancel. Once it has ended it stays so, even if the
// group is used again.
//
// In a bubble of testing/synctest, on a pool outside of it, tasks may use the context,
// because its channel belongs to no bubble. One derived from it in the bubble must not
// be in use when a task fails.
//
// It panics if p is nil.
func (p *Pool) NewGroupContext(ctx context.Context) (*Group, context.Context) {
	check(p, false, "NewGroupContext")
	ctx, cancel := context.WithCancelCause(ctx)
	if !p.bubbled && bubble.In() {
		bubble.Outside(func() { ctx.Done() }) // makes its channel there
	}
	return &Group{pool: p, cancel: cancel}, ctx
}

// Cancel withdraws the tasks of g that have not begun and returns how many. If there
// are any, Wait returns ErrCanceled, unless another task had failed before. Tasks that
// run go on, and tasks added later run as if nothing had been canceled; of those added
// at the same time some may be withdrawn. It may be called at any time, from any
// goroutine, from tasks of g too.
//
// It looks at every queued task of the pool.
func (g *Group) Cancel() int {
	checkGroup(g, false, "Group.Cancel")
	n := 0
	if m := g.limit.Load(); m != nil {
		// First, so that the ends of the others let none of these begin.
		if n = m.stop(); n > 0 {
			g.fail(ErrCanceled)
			g.endUnbegun(int64(n))
		}
		defer func() {
			m.stopped.Add(-1)
			g.begin(m, false, false) // tasks that were added meanwhile
		}()
	}
	for _, l := range *g.pool.lanes.Load() {
		n += g.cancelIn(l)
	}
	return n
}

// cancelIn withdraws the tasks of g in l. It stays attached to the lane of another
// goroutine, so that it attaches once and not for each task.
func (g *Group) cancelIn(l *lane) int {
	if l.groups.Load() == nil || l.queued() <= 0 {
		return 0
	}
	if !l.inbox && (!hasIdentity || l.owner.Load() != identity()) && l.attach(true) {
		defer l.detach()
	}
	n := 0
	for i := range l.mask + 1 {
		s := l.at(i)
		state := s.state.Load()
		if !l.holds(state, g) {
			continue
		}
		// If the slot still holds that task when it is taken, its Group was g.
		if v, h := g.pool.takeBack(l, s, state&^kindMask); v != 0 {
			g.pool.fail(l, s, v, h, &h.canceled, ErrCanceled)
			n++
		}
	}
	return n
}
