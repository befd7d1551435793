package zeropool

import (
	"context"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync/atomic"
	"time"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/membarrier"
)

// Which goroutine owns which lane.
//
// A goroutine that submits again and again gets a lane; until then, and where
// there are no identities, its tasks go to the inbox of a worker. It keeps the
// lane until another goroutine needs one and this one has been quiet for a while
// (takeOver). A goroutine that ends leaves its lane to whichever goroutine the
// runtime starts next on the same g.

const (
	laneTableBits = 8
	hashFactor    = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio

	// pushesForLane is how many pushes to an inbox earn a lane.
	pushesForLane = 4
	// pushesWhenDenied is how many more it takes after one got no lane.
	pushesWhenDenied = 1024
	maxLanes         = 64 // lanes of goroutines that are not workers, at a time
	// maxTakeOver is how many of them are taken over at a time: where goroutines come
	// and go, most lanes have owners that have ended.
	maxTakeOver = maxLanes / 2
	// takeOverPause is how long a lane must have been quiet, and the least time
	// between two attempts.
	takeOverPause = 10 * time.Millisecond
)

// A laneTable finds the lane of a goroutine by the hash of its identity, in one
// of two neighbouring entries. An entry may name a lane that has another owner now:
// lane.owner decides.
type laneTable [1 << laneTableBits]atomic.Pointer[lane]

// candidates counts the pushes to inboxes of goroutines without a lane.
type candidates [64]struct {
	who    atomic.Uint64
	pushes atomic.Int32 // below 0: how many more until it may earn one
}

// deserves counts a push to an inbox by that goroutine and reports whether it has
// earned a lane.
func (c *candidates) deserves(me uint64) bool {
	e := &c[me*hashFactor>>58]
	if e.who.Load() != me {
		e.who.Store(me)
		e.pushes.Store(1)
		return false
	}
	return e.pushes.Add(1) >= pushesForLane
}

// deny makes a goroutine that got no lane wait for its next chance.
func (c *candidates) deny(me uint64) {
	c[me*hashFactor>>58].pushes.Store(-pushesWhenDenied)
}

// acquire makes a lane for the calling goroutine, which has none. It returns nil
// if there is none to be had. The caller holds p.mu.
func (p *Pool) acquire(me uint64) *lane {
	entry := p.entryFor(me)
	if entry == nil {
		return nil
	}
	var l *lane
	if r := p.runners[me]; r != nil && r.worker != nil { // by identity: see runnerID
		l = p.addLane(min(p.capacity, maxLaneCapacity), r.worker)
		r.worker.lane.Store(l)
	} else if l = p.freeLane(); l == nil {
		return nil
	}
	l.owner.Store(me)
	entry.Store(l)
	return l
}

// ownLane returns the lane that the calling goroutine owns, or nil. It may be taken over
// as soon as it is not busy any more.
func (p *Pool) ownLane() *lane {
	l := enter(&p.table)
	if l != nil {
		l.leave()
	}
	return l
}

// entryFor returns an entry of the table for that goroutine, or nil. The caller
// holds p.mu.
func (p *Pool) entryFor(me uint64) *atomic.Pointer[lane] {
	h := me * hashFactor >> (64 - laneTableBits)
	for _, i := range [...]uint64{h, h ^ 1} {
		l := p.table[i].Load()
		if l == nil {
			return &p.table[i]
		}
		if o := l.owner.Load(); o == 0 || o == me || (o*hashFactor>>(64-laneTableBits))&^1 != i&^1 {
			return &p.table[i]
		}
	}
	return nil
}

// freeLane returns a new lane for a goroutine that is not a worker, or nil. The
// caller holds p.mu.
func (p *Pool) freeLane() *lane {
	n := 0
	for _, l := range *p.lanes.Load() {
		if !l.inbox && l.worker == nil && !l.retired.Load() {
			n++
		}
	}
	if n >= maxLanes && !p.takeOver() {
		return nil
	}
	return p.addLane(min(p.capacity, maxLaneCapacity), nil)
}

// addLane makes a lane that thieves know. The caller holds p.mu.
func (p *Pool) addLane(capacity int, w *worker) *lane {
	l := newLane(p, capacity, 0)
	l.worker = w
	if !p.asymmetric() {
		l.ghost = true
		l.shared.Store(1)
	}
	p.publishLane(l)
	return l
}

// addInbox makes an inbox for w that takes so many tasks. The caller holds p.mu.
func (p *Pool) addInbox(w *worker, bound int) {
	l := newLane(p, max(bound, minSlots), 0)
	l.bound = bound
	l.worker, l.inbox = w, true
	l.shared.Store(1)
	p.publishLane(l)
	w.inbox.Store(l)
}

// publishLane puts l on the list of lanes. The caller holds p.mu.
func (p *Pool) publishLane(l *lane) {
	if n := len(p.freeIDs); n > 0 {
		l.id = p.freeIDs[n-1]
		p.freeIDs = p.freeIDs[:n-1]
	} else {
		l.id = p.laneIDs
		p.laneIDs++
	}
	list := append(slices.Clone(*p.lanes.Load()), l)
	p.lanes.Store(&list)
}

// takeOver retires lanes whose owners have not used them for a while: most likely they
// have ended. It reports whether there were any. The lanes get no new owners, because
// the old ones may be just about to mark them busy, or not busy any more. The caller
// holds p.mu.
//
// B2: the owner stores busy and loads owner; this stores owner, and after the
// barrier loads busy. So either the owner sees that it has lost the lane, and
// turns to an inbox, or this sees that it is busy, and gives the lane back. One barrier
// serves all.
func (p *Pool) takeOver() bool {
	now := cpu.Ticks()
	if now-p.takeOverAt < p.times.takeOver || !p.asymmetric() {
		return false
	}
	p.takeOverAt = now
	var quiet []*lane
	var owners []uint64
	for _, l := range *p.lanes.Load() {
		if l.inbox || l.worker != nil || l.retired.Load() {
			continue
		}
		ops := l.pushed.load() + l.begun.load()
		if l.quietAt == ops && l.queued() == 0 && l.busy.Load() == 0 && len(quiet) < maxTakeOver {
			l.mu.Lock()
			l.shared.Add(1)
			quiet, owners = append(quiet, l), append(owners, l.owner.Swap(0))
		}
		l.quietAt = ops
	}
	if quiet == nil {
		return false
	}
	membarrier.Heavy(true) // B2
	taken := false
	for i, l := range quiet {
		if l.busy.Load() == 0 {
			taken = true
			l.retired.Store(true)
		} else {
			l.owner.Store(owners[i])
			l.detach()
		}
		l.mu.Unlock()
	}
	p.sweep()
	return taken
}

// mayReplace reports whether l has no free slot and is full of tasks that run or have
// failed, not of tasks that wait: then a new lane takes its place. The queue's capacity
// counts tasks that nobody has taken. A caller that has found no room may find some now:
// somebody has taken a task meanwhile.
//
// If it is failed tasks more than running ones that fill l, what is queued in replaced
// lanes must be less than it holds itself: where tasks fail sooner than they are waited
// for, the queues would have no bound otherwise, and nor would the failures kept in them.
// Running tasks are no reason to wait: they may need what is to be queued.
func (p *Pool) mayReplace(l *lane) bool {
	queued, slots := l.queued(), int(l.mask)+1
	if queued >= l.bound || 4*(slots-queued) < slots {
		return false
	}
	n := l.census()
	switch {
	case n[free] > 0:
		return false
	case 2*n[failed] <= slots-queued:
		return true
	}
	left := 0
	for _, old := range *p.lanes.Load() {
		if old.retired.Load() {
			left += max(old.queued(), 0)
		}
	}
	return left < l.bound
}

// renew gives the owner of l, the calling goroutine, a lane with free slots in
// the place of l, if that may be replaced.
func (p *Pool) renew(l *lane) bool {
	if !p.mayReplace(l) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.owner.Load() != identity() { // it has been taken over
		return false
	}
	p.disown(l)
	return p.acquire(identity()) != nil
}

// disown retires a lane of the calling goroutine, which owns it no more. The caller holds
// p.mu.
func (p *Pool) disown(l *lane) {
	l.owner.Store(0)
	if l.worker != nil {
		l.worker.lane.Store(nil)
	}
	p.retire(l)
}

// staysFull reports whether l has no free slot and will have none soon: a quarter of its
// tasks have failed, or more run than there are workers, so that some of them wait. In a
// bubble nobody looks at it once more after a while, so there it says yes at once. It
// is a guess, as slots change meanwhile, and needs no order: a lane that is renewed too
// early costs its memory.
func (p *Pool) staysFull(l *lane) bool {
	n := l.census()
	return n[free] == 0 && (p.untimed() || n[owned]+n[taken] > len(p.workers) || 4*n[failed] > int(l.mask))
}

// renewInbox gives w a new inbox in the place of l, if l is the small one that w began
// with or may be replaced, and reports whether w's inbox may have room now. If l may have
// a free slot soon, it is replaced only for callers that will not wait for that.
func (p *Pool) renewInbox(w *worker, l *lane, impatient bool) bool {
	if w.inbox.Load() != l || l.hasFree() { // there is room after all
		return true
	}
	if !l.small() && (!p.mayReplace(l) || !impatient && !p.staysFull(l)) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.inbox.Load() == l {
		p.addInbox(w, p.capacity)
		p.retire(l)
		p.wakeBlocked(p.capacity)
	}
	return true
}

// small reports whether l is an inbox that a worker began with, and is to be replaced by
// one of the pool's capacity when it is full: many workers never need one.
func (l *lane) small() bool { return l.bound < l.pool.capacity && l.inbox }

// retire takes l out of use. Thieves know it until nothing is left in it that
// somebody may take: one that pushes to an inbox may still have the old one in
// hand. Its Futures still know it. The caller holds p.mu.
func (p *Pool) retire(l *lane) {
	l.retired.Store(true)
	p.sweep()
}

// sweep forgets the retired lanes in which nothing is left. The last runner that goes to
// sleep sweeps too. The caller holds p.mu.
func (p *Pool) sweep() {
	list := *p.lanes.Load()
	if !slices.ContainsFunc(list, func(l *lane) bool { return l.retired.Load() }) {
		return
	}
	left := slices.DeleteFunc(slices.Clone(list), func(l *lane) bool {
		if !l.retired.Load() || !l.allFailed() {
			return false
		}
		if w := l.worker; w != nil {
			w.pastPushed += l.pushed.load()
			w.pastTally.add(&l.tally)
		} else {
			p.pastPushed += l.pushed.load()
			p.past.add(&l.tally)
		}
		p.freeIDs = append(p.freeIDs, l.id)
		for i := range p.table {
			p.table[i].CompareAndSwap(l, nil) // which would keep it until somebody wants the entry
		}
		return true
	})
	if len(left) != len(list) {
		p.lanes.Store(&left)
	}
}

// asymmetric reports whether the owners of this pool's lanes may leave their
// fences to a heavy barrier of others.
func (p *Pool) asymmetric() bool { return hasIdentity && !p.bubbled && membarrier.Ready.Load() }

// exorcise takes the ghosts away, as there is the heavy barrier now.
func (p *Pool) exorcise() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range *p.lanes.Load() {
		if l.ghost {
			l.ghost = false
			l.detach()
		}
	}
}

// prepareBarrier registers the process for the heavy barrier, once, which takes
// the kernel milliseconds; until then lanes have ghosts. Its goroutine must not outlive a
// bubble of testing/synctest, so pools in one do without.
func (p *Pool) prepareBarrier() {
	if !hasIdentity || p.bubbled || membarrier.Ready.Load() {
		return
	}
	go func() {
		pprof.SetGoroutineLabels(context.Background())
		if membarrier.Register() {
			p.exorcise()
		}
		runtime.KeepAlive(p)
	}()
}
