package topology

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/zeropool-go/zeropool/internal/dev/testenv"
	"golang.org/x/sys/unix"
)

// fakeSystem is a running system with a given tree and affinity mask, whose
// kernel does not tell the cpuset.
func fakeSystem(src source, affinity ...int) system {
	return system{
		source:   src,
		affinity: func() []int { return affinity },
		cpuset:   func() []int { return nil },
		detect:   func() (*Topology, error) { return nil, errors.New("detect was called") },
	}
}

// detectFake does what detect does, without CPUID.
func detectFake(t *testing.T, from system) *Topology {
	t.Helper()
	online := onlineText(from)
	top, r, l, err := readMachine(from)
	if err != nil {
		t.Fatal(err)
	}
	now := newLive(from, online, l.cgroups, r.flush())
	top.live = now
	top.Warnings = slices.Concat(now.warnings, l.mountWarnings, l.flush())
	return top
}

// Refresh sees each limit that can change while a process runs, and says by the
// pointer that nothing has. Its result is what a whole new reading would give,
// and the old Topology stays as it was.
func TestRefresh(t *testing.T) {
	const dir = "sys/fs/cgroup/a/b/"
	for _, c := range []struct {
		name   string
		mask   []int
		change func(*memFS)
		check  func(*Topology) bool
	}{
		{"nothing", []int{0, 1, 2, 3, 4, 5, 6}, func(f *memFS) {}, nil},
		{"mask narrowed", []int{2, 3}, func(f *memFS) {}, func(n *Topology) bool { return allowedList(n) == "2-3" }},
		{"mask moved", []int{7}, func(f *memFS) { f.set(dir+"cpuset.cpus.effective", "0-7\n") }, func(n *Topology) bool { return allowedList(n) == "7" }},
		{"cpuset narrowed", []int{0, 1}, func(f *memFS) { f.set(dir+"cpuset.cpus.effective", "0-1\n") }, func(n *Topology) bool { return allowedList(n) == "0-1" && !n.Grants(2) }},
		{"cpuset widened, mask not", []int{0, 1, 2, 3, 4, 5, 6}, func(f *memFS) { f.set(dir+"cpuset.cpus.effective", "0-7\n") }, func(n *Topology) bool { return n.Grants(7) && !n.CPUs[7].Allowed }},
		{"cpuset file gone", []int{0, 1, 2, 3, 4, 5, 6}, func(f *memFS) { f.remove(dir + "cpuset.cpus.effective") }, func(n *Topology) bool { return n.Cpuset == nil }},
		{"quota set", []int{0, 1, 2, 3, 4, 5, 6}, func(f *memFS) { f.set(dir+"cpu.max", "150000 100000\n") }, func(n *Topology) bool { return n.Quota == 1.5 && !n.QuotaParent }},
		{"quota of a parent", []int{0, 1, 2, 3, 4, 5, 6}, func(f *memFS) { f.set("sys/fs/cgroup/a/cpu.max", "150000 100000\n") }, func(n *Topology) bool { return n.Quota == 1.5 && n.QuotaParent && warned(n, "W-QUOTA-PARENT", "") }},
		{"quota lifted", []int{0, 1, 2, 3, 4, 5, 6}, func(f *memFS) { f.set(dir+"cpu.max", "max 100000\n") }, func(n *Topology) bool { return n.Quota == 0 && n.QuotaPath == "" }},
		{"quota garbled", []int{0, 1, 2, 3, 4, 5, 6}, func(f *memFS) { f.set(dir+"cpu.max", "x\n") }, func(n *Topology) bool { return n.Quota == 0 && warned(n, "W-CGROUP", "cpu.max") }},
		{"isolated partition", []int{0, 1, 2, 3, 4, 5, 6}, func(f *memFS) { f.set(cpuDir+"/isolated", "5-6\n") }, func(n *Topology) bool { return slices.Equal(n.Isolated, []int{5, 6}) && warned(n, "W-ISOLATED", "5-6") }},
		{"another cgroup", []int{0, 1, 2, 3, 4, 5, 6}, func(f *memFS) {
			f.set("proc/self/cgroup", "0::/c\n")
			f.set("sys/fs/cgroup/c/cpu.max", "50000 100000\n")
			f.set("sys/fs/cgroup/c/cpuset.cpus.effective", "0-6\n")
		}, func(n *Topology) bool { return n.Quota == 0.5 && n.QuotaPath == "sys/fs/cgroup/c/cpu.max" }},
		{"another cgroup, and a mount for it", []int{0, 1, 2, 3, 4, 5, 6}, func(f *memFS) {
			f.set("proc/self/cgroup", "4:cpu:/c\n0::/a/b\n")
			f.set("proc/self/mountinfo", "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n31 20 0:27 / /cg rw - cgroup cgroup rw,cpu\n")
			f.set("cg/c/cpu.cfs_quota_us", "50000\n")
			f.set("cg/c/cpu.cfs_period_us", "100000\n")
		}, func(n *Topology) bool { return n.Quota == 0.5 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := smallMachine.write()
			fsys.cgroup2("/a/b")
			fsys.set("proc/self/mountinfo", "broken\n"+cgroup2Line)
			fsys.set(dir+"cpu.max", "250000 100000\n")
			fsys.set(dir+"cpuset.cpus.effective", "0-6\n")
			from := fakeSystem(fsSource{fsys}, 0, 1, 2, 3, 4, 5, 6)
			mask := from.affinity()
			from.affinity = func() []int { return mask }
			top := detectFake(t, from)
			before := *top
			before.CPUs = slices.Clone(top.CPUs)
			if again, err := top.Refresh(); again != top || err != nil {
				t.Fatalf("before any change: %+v, %v", again, err)
			}
			mask = c.mask
			c.change(fsys)
			now, err := top.Refresh()
			if err != nil {
				t.Fatal(err)
			}
			checkInvariants(t, now)
			if c.check == nil {
				if now != top {
					t.Errorf("a new topology though nothing has changed: %+v", now)
				}
			} else if now == top || !c.check(now) {
				t.Errorf("got %+v", now)
			}
			if !reflect.DeepEqual(*top, before) {
				t.Errorf("the old topology became %+v", top)
			}
			if again, err := now.Refresh(); again != now || err != nil {
				t.Errorf("a second time: %+v, %v", again, err)
			}
			whole := detectFake(t, from)
			whole.live = now.live
			if !reflect.DeepEqual(now, whole) {
				t.Errorf("got %+v\na whole reading gives %+v", now, whole)
			}
		})
	}
}

// When the CPUs themselves have changed, Refresh detects the machine anew: where
// a CPU sits is told only while it is online.
func TestRefreshDetectsNewCPUs(t *testing.T) {
	m := smallMachine
	m.offline = []int{7}
	for name, change := range map[string]func(f *memFS, mask *[]int){
		"CPU online":                    func(f *memFS, _ *[]int) { f.set(cpuDir+"/online", "0-7\n") },
		"CPU offline":                   func(f *memFS, _ *[]int) { f.set(cpuDir+"/online", "0-5\n") },
		"CPU of the mask was offline":   func(_ *memFS, mask *[]int) { *mask = []int{0, 7} },
		"CPU of the mask was not there": func(_ *memFS, mask *[]int) { *mask = []int{0, 99} },
	} {
		t.Run(name, func(t *testing.T) {
			fsys := m.write()
			mask := []int{0, 1}
			from := fakeSystem(fsSource{fsys})
			from.affinity = func() []int { return mask }
			fresh := &Topology{}
			from.detect = func() (*Topology, error) { return fresh, nil }
			top := detectFake(t, from)
			change(fsys, &mask)
			if now, err := top.Refresh(); now != fresh || err != nil {
				t.Errorf("%+v, %v", now, err)
			}
			from.detect = func() (*Topology, error) { return nil, errors.New("no machine") }
			top.live.(*live).system = from
			if now, err := top.Refresh(); now != nil || err == nil {
				t.Errorf("%+v, %v", now, err)
			}
		})
	}
	// CPUID looked at the allowed CPUs alone, so a further one needs a look.
	mask := []int{0, 1}
	from := fakeSystem(fsSource{smallMachine.write()})
	from.affinity = func() []int { return mask }
	top := detectFake(t, from)
	top.live.(*live).fromCPUID = true
	mask = []int{0}
	if now, err := top.Refresh(); err != nil || allowedList(now) != "0" {
		t.Errorf("a CPU less: %+v, %v", now, err)
	}
	mask = []int{0, 1, 2}
	if _, err := top.Refresh(); err == nil {
		t.Error("a CPU more, of which CPUID has not spoken, was taken without a look")
	}
}

// A process whose mask names CPUs that no file knows is not detected anew each
// time.
func TestRefreshWithUnknownCPUsInMask(t *testing.T) {
	fsys := newMemFS()
	fsys.set(cpuDir+"/online", "0-1\n")
	top := detectFake(t, fakeSystem(fsSource{fsys}, 1, 6))
	if now, err := top.Refresh(); now != top || err != nil {
		t.Errorf("%+v, %v", now, err)
	}
}

// What is not the running system does not change.
func TestRefreshOfCaptures(t *testing.T) {
	captured := mustRead(t, smallMachine.write())
	dumped := readDumps(t, []*dump{newDump("GenuineIntel", 6, 0x55, 0, 1, false)})
	for _, top := range []*Topology{nil, {}, captured, dumped} {
		if now, err := top.Refresh(); now != top || err != nil {
			t.Errorf("%+v, %v", now, err)
		}
	}
}

// inChild runs the calling test again in a process of its own, in which it
// returns true; in this one it returns false once that has passed.
func inChild(t *testing.T, arrange func(cmd *exec.Cmd)) bool {
	t.Helper()
	const variable = "TOPOLOGY_TEST_CHILD"
	if os.Getenv(variable) == t.Name() {
		return true
	}
	testenv.NeedsProcesses(t)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), variable+"="+t.Name())
	if arrange != nil {
		arrange(cmd)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	} else if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("%s", out)
	}
	return false
}

// setAllThreads does what "taskset -a -p" does, until no thread is left that was
// made meanwhile by one with the old mask.
func setAllThreads(t *testing.T, cpus ...int) {
	t.Helper()
	mask := unix.NewCPUSet(slices.Max(cpus) + 1)
	for _, cpu := range cpus {
		mask.Set(cpu)
	}
	for left := true; left; {
		left = false
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil {
				t.Fatal(err)
			}
			has, err := affinityOf(tid)
			if err != nil || slices.Equal(has, cpus) {
				continue // or the thread has ended
			}
			left = true
			if err := unix.SchedSetaffinityDynamic(tid, mask); err != nil && !errors.Is(err, unix.ESRCH) {
				t.Skip(err)
			}
		}
	}
}

// pinThread keeps a thread on a CPU until the test ends, as a pool does.
func pinThread(t *testing.T, cpu int) {
	t.Helper()
	pinned, end := make(chan error), make(chan struct{})
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		runtime.LockOSThread()
		mask := unix.NewCPUSet(cpu + 1)
		mask.Set(cpu)
		pinned <- unix.SchedSetaffinityDynamic(0, mask)
		<-end
	}()
	t.Cleanup(func() { close(end); done.Wait() })
	if err := <-pinned; err != nil {
		t.Skip(err)
	}
}

// The mask of the process is followed, narrower and wider again; a thread that
// somebody has pinned, inside the mask or outside it, does not count, whoever
// asks. A CPU that was taken away is no longer granted.
func TestRefreshFollowsTheMask(t *testing.T) {
	if !inChild(t, nil) {
		return
	}
	cpus, err := affinityOf(0)
	if err != nil || len(cpus) < 2 {
		t.Skip("needs two CPUs")
	}
	first, last := cpus[0], cpus[len(cpus)-1]
	top, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	expect := func(when string, want ...int) {
		t.Helper()
		now, err := top.Refresh()
		if err != nil {
			t.Fatal(err)
		}
		if allowedList(now) != formatList(want) || !slices.Equal(now.Affinity, want) {
			t.Errorf("%s: allowed %s, affinity %v, want %v", when, allowedList(now), now.Affinity, want)
		}
		if same := slices.Equal(top.Affinity, want); same != (now == top) {
			t.Errorf("%s: the same topology: %v", when, now == top)
		}
		for _, cpu := range []int{first, last} {
			if now.Grants(cpu) != slices.Contains(want, cpu) {
				t.Errorf("%s: CPU %d is granted: %v", when, cpu, now.Grants(cpu))
			}
		}
		top = now
	}
	expect("at the start", cpus...)
	setAllThreads(t, first)
	expect("narrowed", first)
	setAllThreads(t, last)
	expect("moved", last)
	pinThread(t, first)
	expect("with a thread outside the mask", last)
	setAllThreads(t, cpus...)
	expect("wide again", cpus...)
	pinThread(t, last)
	expect("with a thread inside the mask", cpus...)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	one := unix.NewCPUSet(first + 1)
	one.Set(first)
	if err := unix.SchedSetaffinityDynamic(0, one); err != nil {
		t.Skip(err)
	}
	expect("asked by a pinned thread", cpus...)
}

// The process's mask is told from the masks of its threads, though some are
// pinned and some were forgotten by whoever confined the process.
func TestProcessMask(t *testing.T) {
	repeat := func(n int, cpus ...int) [][]int { return slices.Repeat([][]int{cpus}, n) }
	for _, c := range []struct {
		name   string
		first  int
		others [][]int
		want   []int
	}{
		{"one thread", 3, nil, []int{3}},
		{"confined to one CPU", 3, repeat(5, 3), []int{3}},
		{"first thread pinned", 3, repeat(5, 0, 1, 2, 3), []int{0, 1, 2, 3}},
		{"first thread pinned, and a pool on each CPU", 3, slices.Concat(repeat(3, 0, 1, 2, 3), repeat(1, 0), repeat(1, 1), repeat(1, 2), repeat(1, 3)), []int{0, 1, 2, 3}},
		{"confined, with a larger pool outside", 3, slices.Concat(repeat(2, 3), repeat(8, 12)), []int{3}},
		{"confined, with a forgotten thread", 3, slices.Concat(repeat(4, 3), repeat(1, 0, 1, 2, 3)), []int{3}},
		{"confined, with the first thread pinned outside", 12, slices.Concat(repeat(4, 3), repeat(1, 5)), []int{3}},
		{"first thread pinned, another with it", 3, repeat(1, 2, 3), []int{2, 3}},
	} {
		if got := processMask([]int{c.first}, c.others); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// A CPU outside the mask that the process started with is granted if the cpuset
// has it, and not allowed.
func TestGrantsBeyondTheMask(t *testing.T) {
	cpus, err := affinityOf(0)
	if err != nil {
		t.Skip(err)
	}
	if os.Getenv("TOPOLOGY_TEST_CHILD") == "" && len(cpus) < 2 {
		t.Skip("needs two CPUs")
	}
	if !inChild(t, func(cmd *exec.Cmd) {
		taskset, err := exec.LookPath("taskset")
		if err != nil {
			t.Skip(err)
		}
		cmd.Path, cmd.Args = taskset, append([]string{"taskset", "-c", strconv.Itoa(cpus[1]), cmd.Path}, cmd.Args[1:]...)
		cmd.Env = append(cmd.Env, fmt.Sprint("TOPOLOGY_TEST_CPU=", cpus[0]))
	}) {
		return
	}
	other, err := strconv.Atoi(os.Getenv("TOPOLOGY_TEST_CPU"))
	if err != nil {
		t.Fatal(err)
	}
	top, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	if top.Cpuset == nil {
		t.Skip("the cpuset is not known")
	}
	if !top.Grants(other) || top.lookup(other).Allowed || !top.Grants(cpus[0]) || top.Grants(1<<20) || top.Grants(-1) {
		t.Errorf("CPU %d beside the mask %v: granted %v, allowed %v", other, cpus, top.Grants(other), top.lookup(other).Allowed)
	}
	asked := kernelCpuset()
	if !slices.Contains(asked, other) || !slices.Equal(asked, top.Cpuset) {
		t.Errorf("the kernel grants %v, the files say %v", asked, top.Cpuset)
	}
}

// The limits of real cgroups are followed: a process that is moved into one, and
// whose quota and cpuset then change.
func TestRefreshFollowsCgroups(t *testing.T) {
	if os.Getenv("TOPOLOGY_TEST_CHILD") == "" {
		dirs := testCgroups(t)
		inChild(t, func(cmd *exec.Cmd) {
			data, err := json.Marshal(dirs)
			if err != nil {
				t.Fatal(err)
			}
			cmd.Env = append(cmd.Env, "TOPOLOGY_TEST_CGROUPS="+string(data))
		})
		return
	}
	var dirs map[string]string
	if err := json.Unmarshal([]byte(os.Getenv("TOPOLOGY_TEST_CGROUPS")), &dirs); err != nil {
		t.Fatal(err)
	}
	cpus, err := affinityOf(0)
	if err != nil || len(cpus) < 2 {
		t.Skip("needs two CPUs")
	}
	top, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	next := func(what string, ok func(*Topology) bool) {
		t.Helper()
		now, err := top.Refresh()
		if err != nil {
			t.Fatal(err)
		}
		if now == top || !ok(now) {
			t.Errorf("%s: quota %v of %s, cpuset %v, allowed %s", what, now.Quota, now.QuotaPath, now.Cpuset, allowedList(now))
		}
		top = now
	}
	quota := func(us string) {
		if f := dirs["cpu"] + "/cpu.cfs_quota_us"; writable(f) {
			write(t, f, us)
		} else {
			write(t, dirs["cpu"]+"/cpu.max", us+" 100000")
		}
	}
	write(t, dirs["cpu"]+"/cgroup.procs", "0")
	quota("70000")
	next("a quota", func(n *Topology) bool { return n.Quota == 0.7 && strings.Contains(n.QuotaPath, path.Base(dirs["cpu"])) })
	quota("150000")
	next("a larger quota", func(n *Topology) bool { return n.Quota == 1.5 })
	if dirs["cpuset"] != dirs["cpu"] {
		write(t, dirs["cpuset"]+"/cgroup.procs", "0")
	}
	one := []int{cpus[1]}
	write(t, dirs["cpuset"]+"/cpuset.cpus", formatList(one))
	next("a cpuset", func(n *Topology) bool {
		return slices.Equal(n.Cpuset, one) && allowedList(n) == formatList(one) && !n.Grants(cpus[0])
	})
	write(t, dirs["cpuset"]+"/cpuset.cpus", formatList(cpus))
	next("a wider cpuset", func(n *Topology) bool { return slices.Equal(n.Cpuset, cpus) && allowedList(n) == formatList(cpus) })
}

// testCgroups makes a cgroup with a CPU controller and one with a cpuset, which
// may be the same, or skips the test.
func testCgroups(t *testing.T) map[string]string {
	t.Helper()
	c := readCgroups(newReader(rootSource{}))
	dirs := map[string]string{}
	for _, controller := range []string{"cpu", "cpuset"} {
		m, p, ok := c.find(controller)
		if !ok {
			t.Skipf("no cgroup with the controller %s", controller)
		}
		parents, fault := c.dirs(m, p)
		if fault != "" {
			t.Skip(fault)
		}
		dir := "/" + parents[0] + fmt.Sprintf("/zeropool-test-%d", os.Getpid())
		if m.v2 {
			_ = os.WriteFile("/"+parents[0]+"/cgroup.subtree_control", []byte("+"+controller), 0)
		}
		if err := os.Mkdir(dir, 0o755); err == nil {
			t.Cleanup(func() {
				if err := os.Remove(dir); err != nil {
					t.Error(err)
				}
			})
		} else if !os.IsExist(err) {
			t.Skip(err)
		}
		dirs[controller] = dir
	}
	// A cpuset of version 1 takes no process before it has CPUs and memory.
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		above, err := os.ReadFile(filepath.Dir(dirs["cpuset"]) + "/" + file)
		if err == nil && len(above) > 1 {
			if err := os.WriteFile(dirs["cpuset"]+"/"+file, above, 0); err != nil {
				t.Skip(err)
			}
		}
	}
	for _, file := range []string{dirs["cpu"] + "/cgroup.procs", dirs["cpuset"] + "/cpuset.cpus"} {
		if !writable(file) {
			t.Skipf("%s cannot be written", file)
		}
	}
	return dirs
}

func writable(file string) bool { return unix.Access(file, unix.W_OK) == nil }

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0); err != nil {
		t.Skip(err)
	}
}

func BenchmarkRefresh(b *testing.B) {
	top, err := Detect()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if now, err := top.Refresh(); now != top || err != nil {
			b.Fatal(now, err)
		}
	}
}
