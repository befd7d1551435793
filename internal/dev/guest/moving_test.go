//go:build linux

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
	"golang.org/x/sys/unix"
)

// until returns when the condition holds. The only limit is the test's own.
func until(t *testing.T, condition func() bool, what func() string) {
	t.Helper()
	deadline, limited := t.Deadline()
	for !condition() {
		if limited && time.Until(deadline) < 5*time.Second {
			t.Fatal("in vain: " + what())
		}
		runtime.Gosched()
	}
}

// masks returns the affinity masks of this process's threads, the first one's
// first.
func masks(t *testing.T) (all []unix.CPUSet) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		t.Fatal(err)
	}
	ids := []int{os.Getpid()}
	for _, task := range tasks {
		id, err := strconv.Atoi(filepath.Base(task))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		var mask unix.CPUSet
		if unix.SchedGetaffinity(id, &mask) == nil { // else it has just ended
			all = append(all, mask)
		}
	}
	return all
}

// write sets a file of the kernel's. Not os.WriteFile, which creates what is not there.
func write(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
}

// ownGroup moves the process to a cgroup of its own, until the test ends, and
// returns the file that holds its cpuset.
func ownGroup(t *testing.T) (cpuset string) {
	t.Helper()
	now, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	if string(now) != "0::/\n" {
		t.Skipf("this machine's programs are in a cgroup already: %s", now)
	}
	const root, group = "/sys/fs/cgroup", "/sys/fs/cgroup/moving"
	write(t, root+"/cgroup.subtree_control", "+cpuset")
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	self := strconv.Itoa(os.Getpid())
	write(t, group+"/cgroup.procs", self)
	t.Cleanup(func() {
		write(t, root+"/cgroup.procs", self)
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
	})
	return group + "/cpuset.cpus"
}

// A load keeps a pool's workers at work, so that they take leases: there are always
// more tasks queued than workers, and a task is many times longer than its Submit.
type load struct {
	pool    *zeropool.Pool
	stopped atomic.Bool
	feeders sync.WaitGroup
	tasks   atomic.Int64 // submitted
	twice   atomic.Int64 // that did not run exactly once
}

// A portion is a task of the load's: a grain that takes a thousand times as long.
type portion struct{ grain }

func (o *portion) run() {
	o.sum = spinOff(500_000)
	o.runs++
}

// start lets goroutines submit until stop. They wait without helping, so that
// only workers run the tasks.
func (l *load) start(t *testing.T, feeders int) {
	for range feeders {
		l.feeders.Go(func() {
			var portions [64]portion
			var fs [64]zeropool.Future
			ended := func(i int) {
				<-fs[i].DoneChan()
				if err := fs[i].Wait(); err != nil {
					t.Error(err)
				}
				if portions[i].runs != 1 {
					l.twice.Add(1)
				}
			}
			n := 0
			for ; n < len(fs) || !l.stopped.Load(); n++ {
				i := n % len(fs)
				if n >= len(fs) {
					ended(i)
				}
				portions[i] = portion{}
				fs[i] = zeropool.Submit(l.pool, &portions[i], (*portion).run)
			}
			for i := range fs {
				ended(i)
			}
			l.tasks.Add(int64(n))
		})
	}
}

// stop waits until all submitted tasks have ended.
func (l *load) stop() {
	l.stopped.Store(true)
	l.feeders.Wait()
}

// failed returns the warning that a worker cannot have that CPU, and the worker,
// or -1.
func failed(p topology.Plan, cpu int) (int, string) {
	for i := range p.Workers {
		said := fmt.Sprintf("W-PIN-FAILED worker %d could not be pinned to CPU %d:", i, cpu)
		for _, w := range p.Warnings {
			if strings.HasPrefix(w, said) {
				return i, w
			}
		}
	}
	return -1, ""
}

// While a pool works a worker's CPU goes offline and comes back, and the cpuset
// becomes narrower and wide again. No task is lost. A worker whose CPU is gone
// works unpinned, and Plan and Stats say so; when it is back the worker is pinned
// to it again, as the kernel tells. Afterwards every thread of the process has the
// process's mask.
func TestCPUsComeAndGo(t *testing.T) {
	m := theMachine(t)
	cpuset := ownGroup(t)
	// Collections that follow each other soon end leases. One in a while, when much memory
	// has been used, does not.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(256 << 20))
	before := masks(t)[0]
	all := fmt.Sprintf("0-%d", slices.Max(m.present)) // the kernel leaves out what is not there
	write(t, cpuset, all)

	p, err := zeropool.New(zeropool.WithPlacement(topology.PerThread), zeropool.WithWorkers(min(len(m.allowed), 4)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	l := &load{pool: p}
	l.start(t, 2)
	defer l.stop()
	state := func() string { return fmt.Sprintf("%+v\n%+v", p.Plan(), p.Stats().Workers) }

	// pinnedAgain waits until each of the workers is seen pinned where the plan says. One
	// whose CPU was crowded tries again after up to 10 s.
	pinnedAgain := func(why string, workers ...int) {
		t.Helper()
		for _, i := range workers {
			until(t, func() bool {
				cpu, thread := p.Plan().Workers[i].CPU, p.Stats().Workers[i].Thread
				var mask unix.CPUSet
				return cpu != topology.Unknown && thread != 0 && unix.SchedGetaffinity(thread, &mask) == nil && mask.Count() == 1 && mask.IsSet(cpu)
			}, func() string { return fmt.Sprintf("%s: worker %d is not pinned: %s", why, i, state()) })
		}
	}
	// worksUnpinned waits until the worker has ended tasks that it began after now.
	worksUnpinned := func(why string, i int) {
		t.Helper()
		ended := p.Stats().Workers[i].Completed
		until(t, func() bool { return p.Stats().Workers[i].Completed > ended+1 },
			func() string { return fmt.Sprintf("%s: worker %d does nothing: %s", why, i, state()) })
	}
	workers := make([]int, p.Workers())
	for i := range workers {
		workers[i] = i
	}
	pinnedAgain("at first", workers...)

	// CPU 0 of most machines cannot be taken offline.
	var cpu int
	for _, a := range p.Plan().Workers {
		cpu = max(cpu, a.CPU)
	}
	online := fmt.Sprintf("/sys/devices/system/cpu/cpu%d/online", cpu)
	write(t, online, "0")
	defer func() { _ = os.WriteFile(online, []byte("1"), 0) }()
	loser := -1
	var warning string
	until(t, func() bool { loser, warning = failed(p.Plan(), cpu); return loser >= 0 },
		func() string { return fmt.Sprintf("CPU %d is offline, and nobody says so: %s", cpu, state()) })
	t.Log(warning)
	if s := p.Stats().Workers[loser]; s.PinsRefused == 0 || s.Pinned != 0 {
		t.Errorf("worker %d, whose CPU %d is offline: %+v", loser, cpu, s)
	}
	if a := p.Plan().Workers[loser]; a.CPU != topology.Unknown {
		t.Errorf("worker %d, whose CPU %d is offline, is shown as %+v", loser, cpu, a)
	}
	worksUnpinned("offline", loser)
	write(t, online, "1")
	pinnedAgain("online again", workers...)
	if a := p.Plan().Workers; !slices.ContainsFunc(a, func(a topology.Assignment) bool { return a.CPU == cpu }) {
		t.Errorf("CPU %d is back, and no worker has it: %+v", cpu, a)
	}

	narrow := m.allowed[:2]
	write(t, cpuset, fmt.Sprintf("%d,%d", narrow[0], narrow[1]))
	for _, cpu := range keep(m.allowed, func(cpu int) bool { return !slices.Contains(narrow, cpu) }) {
		if !slices.ContainsFunc(p.Plan().Workers, func(a topology.Assignment) bool { return a.CPU == cpu }) {
			continue // of no worker, or refused already
		}
		until(t, func() bool {
			i, _ := failed(p.Plan(), cpu)
			return i >= 0 || !slices.ContainsFunc(p.Plan().Workers, func(a topology.Assignment) bool { return a.CPU == cpu })
		}, func() string {
			return fmt.Sprintf("CPU %d is outside the cpuset, and nobody says so: %s", cpu, state())
		})
	}
	for _, i := range workers {
		worksUnpinned("a narrow cpuset", i)
	}
	for _, mask := range masks(t) {
		for _, cpu := range m.allowed {
			if mask.IsSet(cpu) && !slices.Contains(narrow, cpu) {
				t.Errorf("a thread may use CPU %d, outside the cpuset", cpu)
			}
		}
	}
	write(t, cpuset, all)
	pinnedAgain("a wide cpuset again", workers...)

	l.stop()
	if n := l.twice.Load(); n != 0 {
		t.Errorf("%d of %d tasks did not run exactly once", n, l.tasks.Load())
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	s := p.Stats().Total
	if n := uint64(l.tasks.Load()); s.Submitted != n || s.Completed != n || s.Queued != 0 || s.Running != 0 || s.Pinned != 0 {
		t.Errorf("%d tasks, counted are %+v", n, s)
	}
	for i, mask := range masks(t) {
		if mask != before {
			t.Errorf("thread %d may use %d CPUs, the process %d", i, mask.Count(), before.Count())
		}
	}
	t.Logf("%d tasks; pins taken %d, refused %d, lost %d", s.Completed, s.PinsTaken, s.PinsRefused, s.PinsLost)
}
