//go:build linux

package zeropool

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/dev/testenv"
	"github.com/zeropool-go/zeropool/internal/place"
	"github.com/zeropool-go/zeropool/topology"
	"golang.org/x/sys/unix"
)

// seat is where a task finds itself.
type seat struct {
	cpu, tid int
	name     string
	mask     []int
}

func findSeat() (s seat) {
	var cpu, node uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), uintptr(unsafe.Pointer(&node)), 0); errno != 0 {
		panic(errno)
	}
	s.cpu = int(cpu)
	s.tid = unix.Gettid()
	s.name = threadNameOf(s.tid)
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		panic(err)
	}
	for cpu := range 1024 {
		if set.IsSet(cpu) {
			s.mask = append(s.mask, cpu)
		}
	}
	return s
}

// heldPool is newTestPool for workers that are pinned all the time.
func heldPool(t *testing.T, opts ...Option) *Pool {
	t.Helper()
	return newTestPool(t, append(opts, WithPinning(Hold))...)
}

// seats returns where each worker of p runs its tasks.
func seats(t *testing.T, p *Pool) []seat {
	t.Helper()
	m := newMeeting(p.Workers())
	all := make([]seat, p.Workers())
	var wg sync.WaitGroup
	for i := range all {
		wg.Add(1)
		p.Go(func() { defer wg.Done(); m.meet(); all[i] = findSeat() })
	}
	wg.Wait()
	return all
}

// checkSeats asserts that each worker sits where the plan says.
func checkSeats(t *testing.T, p *Pool, name string) {
	t.Helper()
	plan := p.Plan()
	if len(plan.Workers) != p.Workers() {
		t.Fatalf("%d workers, %d in the plan", p.Workers(), len(plan.Workers))
	}
	byName := map[string]seat{}
	for _, s := range seats(t, p) {
		byName[s.name] = s
	}
	for i, a := range plan.Workers {
		if a.Worker != i || a.Why == "" {
			t.Errorf("worker %d: %+v", i, a)
		}
		if a.CPU == topology.Unknown {
			t.Logf("worker %d is not pinned: %s", i, a.Why)
			continue
		}
		want := fmt.Sprintf("zp/%s/%d", name, i)
		s, ok := byName[want]
		if !ok {
			t.Errorf("no thread is named %q: %+v", want, byName)
			continue
		}
		if s.cpu != a.CPU || !slices.Equal(s.mask, []int{a.CPU}) {
			t.Errorf("worker %d is planned on CPU %d, runs on CPU %d, and may run on %v", i, a.CPU, s.cpu, s.mask)
		}
	}
}

func allowedCPUs(t *testing.T) []int {
	t.Helper()
	machine, err := place.Detect()
	if err != nil {
		t.Skip(err)
	}
	var ids []int
	for _, cpu := range machine.CPUs {
		if cpu.Allowed {
			ids = append(ids, cpu.ID)
		}
	}
	return ids
}

// While workers hold their CPUs, each runs its tasks on the CPU that the plan
// gives it, under its name, also after a task has ended its thread.
func TestWorkersSitWherePlanned(t *testing.T) {
	cpus := allowedCPUs(t)
	for name, opts := range map[string][]Option{
		"default":    nil,
		"PerThread":  {WithPlacement(topology.PerThread)},
		"Compact":    {WithPlacement(topology.Compact)},
		"Scatter":    {WithPlacement(topology.Scatter)},
		"one":        {WithWorkers(1)},
		"too many":   {WithWorkers(len(cpus) + 3)},
		"last CPU":   {WithCPUs(cpus[len(cpus)-1])},
		"all CPUs":   {WithCPUs(cpus...)},
		"three on 1": {WithCPUs(cpus[0]), WithWorkers(3)},
	} {
		t.Run(name, func(t *testing.T) {
			p := heldPool(t, append(opts, WithName("mill"))...)
			checkSeats(t, p, "mill")
			// A worker whose thread a task has ended sits there again.
			for range 5 * p.Workers() {
				done := make(chan struct{})
				p.Go(func() { defer close(done); runtime.Goexit() })
				<-done
			}
			atRest(t, p)
			checkSeats(t, p, "mill")
			for _, w := range p.Plan().Warnings {
				if strings.Contains(w, "W-PIN-FAILED") {
					t.Error(w)
				}
			}
		})
	}
}

// WithCPUs plans one worker for each of the CPUs and no other.
func TestWithCPUs(t *testing.T) {
	cpus := allowedCPUs(t)
	slices.Reverse(cpus)
	p := heldPool(t, WithCPUs(cpus...))
	var planned []int
	for _, a := range p.Plan().Workers {
		planned = append(planned, a.CPU)
	}
	slices.Sort(planned)
	slices.Sort(cpus)
	if !slices.Equal(planned, cpus) {
		t.Errorf("WithCPUs(%v) plans %v", cpus, planned)
	}
}

// asChild runs the calling test again in a process of its own, started by the
// given command, in which it returns true; here it returns false once that has
// ended.
func asChild(t *testing.T, command ...string) bool {
	t.Helper()
	watch(t)
	const variable = "ZEROPOOL_TEST_CHILD"
	if os.Getenv(variable) == t.Name() {
		return true
	}
	testenv.NeedsProcesses(t)
	args := append(command, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), variable+"="+t.Name())
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		t.Skip(err)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	}
	return false
}

// confine does what "taskset -a -p" does to this process.
func confine(t *testing.T, cpus ...int) {
	t.Helper()
	var want unix.CPUSet
	for _, cpu := range cpus {
		want.Set(cpu)
	}
	for pass, changed := 0, true; changed; pass++ { // threads come and go, and a new one has the mask of its parent
		if pass == 1000 {
			t.Skip("the system does not grant the mask")
		}
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Skip(err)
		}
		changed = false
		for _, task := range tasks {
			tid, _ := strconv.Atoi(task.Name())
			var has unix.CPUSet
			if unix.SchedGetaffinity(tid, &has) != nil || has == want {
				continue
			}
			if err := unix.SchedSetaffinity(tid, &want); err != nil && err != unix.ESRCH {
				t.Skip(err)
			}
			changed = true
		}
	}
}

// New follows the operator: a pool that is made after the mask was changed stays
// inside it, and WithCPUs takes the CPUs that are allowed now, and no others that
// the process has had.
func TestNewFollowsTheMask(t *testing.T) {
	if !asChild(t) {
		return
	}
	cpus := allowedCPUs(t)
	if len(cpus) < 2 {
		t.Skip("one CPU")
	}
	first, last := cpus[0], cpus[len(cpus)-1]
	for _, step := range []struct{ use, lack int }{{first, last}, {last, first}} {
		confine(t, step.use)
		for name, opts := range map[string][]Option{
			"default": nil, "PerThread": {WithPlacement(topology.PerThread)}, "WithCPUs": {WithCPUs(step.use)},
		} {
			p := heldPool(t, append(opts, WithName("n"))...)
			for _, a := range p.Plan().Workers {
				if a.CPU != step.use {
					t.Errorf("%s: confined to CPU %d, %+v", name, step.use, a)
				}
			}
			checkSeats(t, p, "n")
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			confine(t, step.use)
		}
		p, err := New(WithCPUs(step.lack))
		if err == nil {
			p.Close()
			t.Errorf("WithCPUs(%d) is accepted though that CPU was taken away", step.lack)
		} else if msg := err.Error(); !strings.Contains(msg, fmt.Sprintf("WithCPUs(%d)", step.lack)) || !strings.Contains(msg, "taken") || !strings.HasSuffix(msg, fmt.Sprintf("only %d", step.use)) {
			t.Errorf("error %q", msg)
		}
	}
	confine(t, cpus...)
	if p := heldPool(t, WithPlacement(topology.PerThread)); len(p.Plan().Workers) < 2 {
		t.Errorf("the mask is wide again, the plan is %+v", p.Plan())
	}
}

// WithCPUs reaches CPUs outside the mask that the process was started with, as
// isolated ones are, if the cpuset has them; nobody else is sent there, even
// while a worker sits there.
func TestWithCPUsOutsideTheMask(t *testing.T) {
	cpus := allowedCPUs(t)
	if os.Getenv("ZEROPOOL_TEST_CHILD") == "" && len(cpus) < 2 {
		t.Skip("one CPU")
	}
	if !asChild(t, "taskset", "-c", fmt.Sprint(cpus[len(cpus)-1])) {
		return
	}
	machine, err := place.Detect()
	if err != nil {
		t.Fatal(err)
	}
	outside := slices.DeleteFunc(slices.Clone(machine.Cpuset), func(cpu int) bool { return slices.Contains(cpus, cpu) })
	if len(outside) == 0 {
		t.Skip("the cpuset is not known")
	}
	p := heldPool(t, WithCPUs(outside[0]), WithName("out"))
	checkSeats(t, p, "out")
	if a := p.Plan().Workers[0]; a.CPU != outside[0] || !strings.Contains(a.Why, "outside") {
		t.Errorf("%+v", a)
	}
	if w := p.Plan().Warnings; len(w) != 1 || !strings.HasPrefix(w[0], "W-OUTSIDE-AFFINITY ") {
		t.Errorf("warnings %q", w)
	}
	for _, a := range heldPool(t, WithWorkers(2)).Plan().Workers {
		if !slices.Contains(cpus, a.CPU) {
			t.Errorf("a worker of a default pool outside the mask %v: %+v", cpus, a)
		}
	}
}

// The error of WithCPUs says why a CPU is not to be had, and which are.
func TestWithCPUsRefusals(t *testing.T) {
	machine := func(change func(m *topology.Topology)) *topology.Topology {
		m := &topology.Topology{Affinity: []int{0, 1}, Cpuset: []int{0, 1, 2}}
		for id := range 4 {
			m.CPUs = append(m.CPUs, topology.CPU{ID: id, Core: id, Online: true, Allowed: id < 2})
		}
		change(m)
		return m
	}
	for _, c := range []struct {
		cpu    int
		change func(m *topology.Topology)
		want   string
	}{
		{9, func(*topology.Topology) {}, "WithCPUs(9): there is no such CPU; this process may use only 0,1,2"},
		{3, func(*topology.Topology) {}, "WithCPUs(3): that CPU is outside the cpuset; this process may use only 0,1,2"},
		{2, func(m *topology.Topology) { m.CPUs[2].Online = false }, "WithCPUs(2): that CPU is offline; this process may use only 0,1"},
		{2, func(m *topology.Topology) { m.Cpuset = nil }, "WithCPUs(2): that CPU is outside the affinity mask, and the cpuset is not known; this process may use only 0,1"},
	} {
		p, err := New(WithTopology(machine(c.change)), WithCPUs(c.cpu))
		if err == nil {
			p.Close()
			t.Errorf("CPU %d is accepted, want %q", c.cpu, c.want)
		} else if err.Error() != "zeropool: "+c.want {
			t.Errorf("error %q, want %q", err, c.want)
		}
	}
}

// Unpinned workers keep the whole mask and their threads' names; what the
// program says overrides the environment; and an unknown placement there is an
// error that names it.
func TestUnpinned(t *testing.T) {
	check := func(t *testing.T, p *Pool) {
		t.Helper()
		var all unix.CPUSet
		if err := unix.SchedGetaffinity(os.Getpid(), &all); err != nil {
			t.Fatal(err)
		}
		for _, s := range seats(t, p) {
			if len(s.mask) != all.Count() || strings.HasPrefix(s.name, "zp/") {
				t.Errorf("an unpinned worker runs on %+v", s)
			}
		}
		for _, a := range p.Plan().Workers {
			if a.CPU != topology.Unknown {
				t.Errorf("the plan of an unpinned pool: %+v", a)
			}
		}
	}
	check(t, heldPool(t, WithPlacement(topology.Unpinned), WithWorkers(3)))
	t.Setenv(place.Variable, "unpinned")
	check(t, heldPool(t))
	check(t, heldPool(t, WithWorkers(2)))
	// What the program says overrides the environment.
	checkSeats(t, heldPool(t, WithPlacement(topology.PerThread), WithName("p")), "p")
	checkSeats(t, heldPool(t, WithCPUs(allowedCPUs(t)[0]), WithName("p")), "p")
	t.Setenv(place.Variable, "sideways")
	if p, err := New(); err == nil {
		p.Close()
		t.Error("an unknown placement in the environment was accepted")
	} else if msg := err.Error(); !strings.Contains(msg, place.Variable) || !strings.Contains(msg, "sideways") || !strings.Contains(msg, "unpinned") {
		t.Errorf("error %q does not name the variable, its value and what is allowed", msg)
	}
}

// Two pools take different cores while there are any, and the second is told.
func TestTwoPools(t *testing.T) {
	if !asChild(t) { // in this process, the pool of Default may hold all CPUs
		return
	}
	cpus := allowedCPUs(t)
	if len(cpus) < 2 {
		t.Skip("one CPU")
	}
	a := heldPool(t, WithWorkers(1), WithName("a"))
	b := heldPool(t, WithWorkers(1), WithName("b"))
	checkSeats(t, a, "a")
	checkSeats(t, b, "b")
	if x, y := a.Plan().Workers[0].CPU, b.Plan().Workers[0].CPU; x == y {
		t.Errorf("two pools of one worker share CPU %d of %v", x, cpus)
	}
	// What a closed pool held is free again.
	first := a.Plan().Workers[0].CPU
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	c := heldPool(t, WithWorkers(1), WithName("c"))
	if got := c.Plan().Workers[0].CPU; got != first {
		t.Errorf("CPU %d was given up, CPU %d taken", first, got)
	}
	// Two full pools at once: both work, on the same cores.
	d, e := heldPool(t, WithName("d")), heldPool(t, WithName("e"))
	checkSeats(t, d, "d")
	checkSeats(t, e, "e")
}

// The thread of a pinned worker is named after the pool, cut to what the kernel
// takes, and its number.
func TestPinnedThreadNames(t *testing.T) {
	for name, want := range map[string]string{"": "zp/zeropool/0", "an extremely long name": "zp/an extreme/0", "x": "zp/x/0"} {
		opts := []Option{WithWorkers(1)}
		if name != "" {
			opts = append(opts, WithName(name))
		}
		p := heldPool(t, opts...)
		if p.Plan().Workers[0].CPU == topology.Unknown {
			t.Skip("workers are not pinned here")
		}
		if got := seats(t, p)[0].name; got != want {
			t.Errorf("name %q: the thread is named %q, want %q", name, got, want)
		}
	}
}

// The plan belongs to the caller.
func TestPlanIsACopy(t *testing.T) {
	p := heldPool(t, WithWorkers(1))
	p.Plan().Workers[0].CPU = -77
	p.Plan().Workers[0].Why = "x"
	if a := p.Plan().Workers[0]; a.CPU == -77 || a.Why == "x" {
		t.Errorf("%+v", a)
	}
}

// A worker whose thread somebody else has bound elsewhere is shown as it is.
func TestPlanTellsOfMovedWorkers(t *testing.T) {
	cpus := allowedCPUs(t)
	if len(cpus) < 2 {
		t.Skip("one CPU")
	}
	p := heldPool(t, WithWorkers(1))
	s := seats(t, p)[0]
	var all unix.CPUSet
	for _, cpu := range cpus {
		all.Set(cpu)
	}
	if err := unix.SchedSetaffinity(s.tid, &all); err != nil {
		t.Skip(err)
	}
	if a := p.Plan().Workers[0]; a.CPU != topology.Unknown {
		t.Errorf("a worker that may run anywhere is shown on CPU %d", a.CPU)
	}
}
