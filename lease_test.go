//go:build linux

package zeropool

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zeropool-go/zeropool/internal/cpu"
	"github.com/zeropool-go/zeropool/internal/dev/testenv"
	"github.com/zeropool-go/zeropool/internal/place"
	"github.com/zeropool-go/zeropool/topology"
)

// steadyWork is a task that takes about 100 µs.
func steadyWork() {
	for end := cpu.Ticks() + cpu.TicksOf(100_000); cpu.Ticks() < end; {
		cpu.SpinTurn()
	}
}

// pinnedSeat keeps the only worker of p at work until a task finds that it is pinned,
// and returns where that task was.
func pinnedSeat(t *testing.T, p *Pool) (s seat) {
	t.Helper()
	eventually(t, func() bool {
		var fs [64]Future
		for i := range fs {
			fs[i] = p.Go(func() {
				steadyWork()
				if now := findSeat(); len(now.mask) == 1 {
					s = now
				}
			})
		}
		for _, f := range fs {
			for !f.Done() { // not Wait, so that the worker runs it
				runtime.Gosched()
			}
		}
		return len(s.mask) == 1
	}, func() string { return "no task is run by a pinned worker" })
	return s
}

// Work longer than the lease rule is really on the planned CPU, as the kernel tells,
// and at rest the lease is given back.
func TestLeasedWorkIsOnItsCPU(t *testing.T) {
	cpus := allowedCPUs(t)
	if len(cpus) < 2 {
		t.Skip("one CPU")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // collections end leases
	for _, cpu := range cpus[:2] {
		p := newTestPool(t, WithCPUs(cpu), WithName("mill"))
		s := pinnedSeat(t, p)
		if s.cpu != cpu || !slices.Equal(s.mask, []int{cpu}) || s.name != "zp/mill/0" {
			t.Errorf("planned on CPU %d: %+v", cpu, s)
		}
		eventually(t, func() bool { return p.Stats().Total.Pinned == 0 }, func() string { return "an idle worker stays pinned" })
		if st := p.Stats().Total; st.PinsTaken == 0 || st.PinsRefused != 0 || st.PinnedFor <= 0 {
			t.Errorf("%+v", st)
		}
	}
}

// A worker gives its lease back when another thread runs on its CPU: the system may then
// move it to one that is free.
func TestLeaseOfCrowdedCPU(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // collections end leases
	p := newTestPool(t, WithWorkers(1))
	if p.Plan().Workers[0].CPU == topology.Unknown {
		t.Skip("no CPU in the plan")
	}
	var stop, crowded, free atomic.Bool
	var others sync.WaitGroup
	defer others.Wait()
	defer stop.Store(true)
	held := &p.workers[0].lease.held
	var again func()
	again = func() { // the worker never pauses; between two tasks it may renew its lease
		if steadyWork(); crowded.Load() && !held.Load() {
			free.Store(true)
		}
		if !stop.Load() {
			p.Go(again)
		}
	}
	p.Go(again)
	eventually(t, held.Load, func() string { return "no lease" })
	others.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var crowd thread
		cpu := int(p.workers[0].lease.cpu.Load())
		if err := crowd.pin(cpu, false, "crowd"); err != nil {
			t.Error(err)
			return
		}
		defer crowd.unpin(cpu)
		for crowded.Store(true); !stop.Load(); {
		}
	})
	eventually(t, free.Load, func() string { return "a worker stays on a crowded CPU" })
}

// A lease is tried again after a pause that grows as long as the CPU is crowded, and is
// short again once a lease has lasted.
func TestPausesOfCrowdedCPU(t *testing.T) {
	times := newTimes()
	e := lease{times: &times}
	now := cpu.Ticks()
	pauseAfter := func(lasted int64) (pause int64) {
		e.since = now
		now += lasted
		e.leaveCrowded(now)
		pause = e.next - now
		now = e.next
		return pause
	}
	last := int64(0)
	for range 20 {
		pause := pauseAfter(times.crowd)
		if pause < times.refusedPause || pause < last || pause > times.crowdedPause {
			t.Fatalf("%v after %v", cpu.DurationOf(pause), cpu.DurationOf(last))
		}
		last = pause
	}
	if last != times.crowdedPause {
		t.Errorf("crowded for a long time: a pause of %v", cpu.DurationOf(last))
	}
	if pause := pauseAfter(2 * times.crowdedPause); pause != times.refusedPause {
		t.Errorf("crowded after a long lease: a pause of %v", cpu.DurationOf(pause))
	}
}

// A worker whose CPU is taken away works unpinned, and Plan says so; when it may have
// it again, it takes it again.
func TestLeaseRefusedAndTakenAgain(t *testing.T) {
	if !asChild(t) {
		return
	}
	cpus := allowedCPUs(t)
	if len(cpus) < 2 {
		t.Skip("one CPU")
	}
	debug.SetGCPercent(-1)
	p := newTestPool(t, WithWorkers(1))
	cpu := p.Plan().Workers[0].CPU
	pinnedSeat(t, p)
	eventually(t, func() bool { return p.Stats().Total.Pinned == 0 }, func() string { return "an idle worker stays pinned" })
	other := cpus[0]
	if other == cpu {
		other = cpus[1]
	}
	confine(t, other)
	eventually(t, func() bool {
		for range 64 {
			f := p.Go(steadyWork)
			for !f.Done() {
				runtime.Gosched()
			}
			if err := f.Wait(); err != nil {
				t.Fatal(err)
			}
		}
		var fs [64]Future
		for i := range fs {
			fs[i] = p.Go(steadyWork)
		}
		for _, f := range fs {
			for !f.Done() {
				runtime.Gosched()
			}
		}
		return p.Stats().Total.PinsRefused > 0
	}, func() string { return "a CPU that was taken away is not refused" })
	refusedThenPinned(t, p, cpu, cpus)
}

// refusedThenPinned shows that Plan tells of the only worker of p that its CPU is refused,
// and that the worker is pinned to it once it may be, which Plan tells too.
func refusedThenPinned(t *testing.T, p *Pool, cpu int, cpus []int) {
	t.Helper()
	now := p.Plan()
	if a := now.Workers[0]; a.CPU != topology.Unknown || !strings.Contains(strings.Join(now.Warnings, "\n"), "W-PIN-FAILED worker 0") {
		t.Errorf("a worker without its CPU is shown as %+v; warnings %q", a, now.Warnings)
	}
	confine(t, cpus...)
	if s := pinnedSeat(t, p); s.cpu != cpu {
		t.Errorf("the CPU is granted: %+v", s)
	}
	if now = p.Plan(); now.Workers[0].CPU != cpu || strings.Contains(strings.Join(now.Warnings, "\n"), "W-PIN-FAILED") {
		t.Errorf("pinned, and shown as %+v; warnings %q", now.Workers[0], now.Warnings)
	}
}

// A worker whose CPU is refused while the pool starts is pinned as soon as it is granted,
// and Plan shows it as it is, before and after.
func TestLeaseRefusedAtStart(t *testing.T) {
	if !asChild(t) {
		return
	}
	cpus := allowedCPUs(t)
	if len(cpus) < 2 {
		t.Skip("one CPU")
	}
	debug.SetGCPercent(-1)
	c, err := newConfig([]Option{WithWorkers(1)})
	if err != nil {
		t.Fatal(err)
	}
	plan, machine, err := place.Workers(c.at)
	if err != nil {
		t.Fatal(err)
	}
	cpu := plan.Workers[0].CPU
	confine(t, cpus[(slices.Index(cpus, cpu)+1)%len(cpus)])
	p := start(c, plan, machine)
	defer p.Close()
	refusedThenPinned(t, p, cpu, cpus)
}

// Tasks that unlock their goroutine from its thread once too often, under a lease,
// leave no thread with a narrow mask behind, however many there are of them:
// checkMasks looks at the end.
func TestStrayUnlockOSThread(t *testing.T) {
	p := heldPool(t, WithWorkers(2))
	for range 200 {
		if err := byWorker(t, p, func() {
			runtime.UnlockOSThread()
			runtime.Gosched()
		}); err != nil {
			t.Error(err)
		}
	}
	if err := byWorker(t, p, func() { // no more than a lease is prepared for
		for range lockDepth - 1 {
			runtime.UnlockOSThread()
		}
	}); err != nil {
		t.Error(err)
	}
}

// The mirror: tasks that lock their goroutine to its thread and return without
// unlocking it, under either pinning. The pool goes on, later tasks run, and no thread
// with a narrow mask, and no goroutine, is left: checkMasks and Close look at the end.
func TestLockOSThreadIsLeftLocked(t *testing.T) {
	for _, pinning := range []Pinning{Lease, Hold} {
		p := newTestPool(t, WithWorkers(2), WithPinning(pinning))
		for range 200 {
			if err := byWorker(t, p, runtime.LockOSThread); err != nil {
				t.Error(err)
			}
			if err := p.Go(runtime.LockOSThread).Wait(); err != nil {
				t.Error(err)
			}
			for range lockDepth {
				runtime.UnlockOSThread() // this goroutine may have run the task itself
			}
		}
		for range 20 { // long enough for leases, on threads that are locked already
			if err := byWorker(t, p, steadyWork); err != nil {
				t.Error(err)
			}
		}
	}
}

// A worker that happens to run on the process's first thread, which is never pinned,
// moves to another one for its lease.
func TestLeaseLeavesMainThread(t *testing.T) {
	if !asChild(t) {
		return
	}
	runtime.GOMAXPROCS(1) // so that nobody else gets hold of the goroutine
	rounds := 0
	for range 1000 {
		runtime.LockOSThread()
		first := onMainThread()
		runtime.UnlockOSThread()
		if !first {
			runtime.Gosched()
			continue
		}
		rounds++
		var e lease
		if !e.lockOffMain() || onMainThread() {
			t.Errorf("round %d: still on the first thread", rounds)
		}
		e.unlock()
	}
	if rounds == 0 {
		t.Skip("never on the first thread")
	}
}

// A worker that is to be pinned and runs on the CPU of another one, which does not hold
// it and shares its cache, exchanges CPUs with it: each CPU of the plan keeps one worker.
func TestLeaseExchange(t *testing.T) {
	p := newTestPool(t, WithPlacement(topology.PerThread))
	if p.Workers() < 2 {
		t.Skip("one worker")
	}
	w, v := p.workers[0], p.workers[1]
	defer hold(t, p)() // a worker that goes to sleep gives its lease back
	p.mu.Lock()
	defer p.mu.Unlock()
	mine, theirs := &p.plan.Workers[0], &p.plan.Workers[1]
	a, b := mine.CPU, theirs.CPU
	if mine.L3 != theirs.L3 || mine.Node != theirs.Node {
		t.Skip("the first workers share no cache")
	}
	check := func(what string, want, other int) {
		if mine.CPU != want || theirs.CPU != other || w.lease.cpu.Load() != int64(want) || v.lease.cpu.Load() != int64(other) {
			t.Errorf("%s: CPUs %d and %d, leases %d and %d", what, mine.CPU, theirs.CPU, w.lease.cpu.Load(), v.lease.cpu.Load())
		}
	}
	v.lease.held.Store(true)
	w.exchange(b)
	check("the other holds it", a, b)
	v.lease.held.Store(false)
	l3 := theirs.L3
	theirs.L3++
	w.exchange(b)
	check("another cache", a, b)
	theirs.L3 = l3
	mine.CPU = topology.Unknown
	if w.exchange(b); theirs.CPU != b {
		t.Errorf("a worker without a CPU took that of another, which has %d now", theirs.CPU)
	}
	mine.CPU = a
	w.exchange(b)
	check("free", b, a)
	w.exchange(b)
	check("on its own CPU", b, a)
}

// allowedIn returns the CPUs that a status file of /proc says may be used.
func allowedIn(t *testing.T, status []byte) string {
	t.Helper()
	_, rest, ok := strings.Cut(string(status), "Cpus_allowed_list:")
	if !ok {
		t.Skip("no Cpus_allowed_list")
	}
	list, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(list)
}

func processCPUs(t *testing.T) string {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	return allowedIn(t, status)
}

// childCPUs starts a process and returns the CPUs that it may use.
func childCPUs(t *testing.T) string {
	out, err := exec.Command("cat", "/proc/self/status").Output()
	if err != nil {
		t.Error(err)
		return ""
	}
	return allowedIn(t, out)
}

// byWorker has a worker run a task: nobody waits for it, so neither a waiter nor a
// stand-in does.
func byWorker(t *testing.T, p *Pool, fn func()) error {
	t.Helper()
	f := p.Go(fn)
	eventually(t, f.Done, func() string { return "no worker runs the task" })
	return f.Wait()
}

// A process that a task starts may use every CPU that this one may use: in the
// first task after rest, because the worker has no lease yet, and in Unpinned
// always, even when pins are held for ever.
func TestChildProcesses(t *testing.T) {
	testenv.NeedsProcesses(t)
	want := processCPUs(t)
	for name, c := range map[string]struct {
		pinning  Pinning
		unpinned bool
	}{
		"lease": {Lease, false}, "lease, Unpinned": {Lease, true}, "hold, Unpinned": {Hold, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTestPool(t, WithPinning(c.pinning))
			for range 2 * p.Workers() {
				got := ""
				err := byWorker(t, p, func() {
					if c.unpinned {
						p.Unpinned(func() { got = childCPUs(t) })
					} else {
						got = childCPUs(t)
					}
				})
				if err != nil || got != want {
					t.Errorf("a child may use CPUs %q, this process %q; %v", got, want, err)
				}
			}
			if c.pinning == Hold {
				var s seat
				if err := byWorker(t, p, func() { s = findSeat() }); err != nil || len(s.mask) != 1 {
					t.Errorf("after Unpinned the worker is not pinned again: %+v, %v", s, err)
				}
			}
		})
	}
}

// Unpinned gives the lease back and takes it again also if the function panics, and
// just runs it elsewhere.
func TestUnpinnedPanics(t *testing.T) {
	p := newTestPool(t, WithWorkers(1), WithPinning(Hold), quiet)
	var inside, after seat
	err := byWorker(t, p, func() {
		defer func() { after = findSeat() }()
		p.Unpinned(func() { inside = findSeat(); panic("x") })
	})
	if err == nil {
		t.Error("the panic is lost")
	}
	if p.Plan().Workers[0].CPU >= 0 && len(after.mask) != 1 {
		t.Errorf("inside %+v, after %+v", inside, after)
	}
	ran := false
	p.Unpinned(func() { ran = true })
	if !ran {
		t.Error("Unpinned outside of tasks does not run the function")
	}
}
