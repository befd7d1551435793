package topology

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/klauspost/cpuid/v2"
	"github.com/zeropool-go/zeropool/internal/dev/testenv"
	"golang.org/x/sys/unix"
)

// TestDetectNarrowed runs Detect in a process that may use one CPU only.
func TestDetectNarrowed(t *testing.T) {
	const variable = "TOPOLOGY_TEST_CHILD"
	if os.Getenv(variable) != "" {
		top, err := Detect()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewEncoder(os.Stderr).Encode(top); err != nil {
			t.Fatal(err)
		}
		return
	}
	cpus := affinityList()
	if len(cpus) < 2 {
		t.Skip("needs two CPUs")
	}
	testenv.NeedsProcesses(t)
	for _, cpu := range []int{cpus[0], cpus[len(cpus)-1]} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDetectNarrowed$")
		cmd.Env = append(os.Environ(), variable+"=1")
		var out strings.Builder
		cmd.Stderr = &out
		started := make(chan error)
		go func() {
			// The child inherits the mask of the thread that starts it. The
			// goroutine ends locked, so the thread ends with it.
			runtime.LockOSThread()
			saved, err := maskOf(0)
			if err == nil {
				mask := unix.NewCPUSet(cpus[len(cpus)-1] + 1)
				mask.Set(cpu)
				err = unix.SchedSetaffinityDynamic(0, mask)
			}
			if err == nil {
				err = errors.Join(cmd.Start(), unix.SchedSetaffinityDynamic(0, saved))
			}
			started <- err
		}()
		if err := <-started; err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		var top Topology
		if err := json.NewDecoder(strings.NewReader(out.String())).Decode(&top); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		if got := allowedList(&top); got != formatList([]int{cpu}) {
			t.Errorf("pinned to CPU %d: allowed %s", cpu, got)
		}
		if !slices.Equal(top.Affinity, []int{cpu}) || !warned(&top, "W-AFFINITY-NARROW", "") {
			t.Errorf("affinity %v, warnings %q", top.Affinity, top.Warnings)
		}
		if len(top.CPUs) < len(cpus) {
			t.Errorf("%d CPUs of %d are listed", len(top.CPUs), len(cpus))
		}
	}
}

// threadMasks returns the affinity of every thread of this process.
func threadMasks(t *testing.T) map[string]int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	masks := map[string]int{}
	for _, task := range tasks {
		status, err := os.ReadFile("/proc/self/task/" + task.Name() + "/status")
		if err != nil {
			continue // the thread has ended
		}
		_, rest, _ := strings.Cut(string(status), "Cpus_allowed_list:")
		line, _, _ := strings.Cut(rest, "\n")
		masks[strings.TrimSpace(line)]++
	}
	return masks
}

// Asking each CPU by CPUID leaves the calling thread's mask as it was.
func TestScanLeavesThreadsAlone(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cpus := affinityList()
	before, err := maskOf(0)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		scanned, err := scanCPUID(cpus, time.Minute)
		if runtime.GOARCH == "amd64" && (err != nil || len(scanned) == 0) {
			t.Skipf("CPUID could not be read: %v", err)
		}
		for i, c := range scanned {
			if c.id != cpus[i] {
				t.Fatalf("CPU %d where CPU %d was asked", c.id, cpus[i])
			}
		}
	}
	after, err := maskOf(0)
	if err != nil || !slices.Equal(before, after) {
		t.Errorf("the caller's mask is %v, was %v (%v)", after, before, err)
	}
	if masks := threadMasks(t); len(masks) != 1 {
		t.Errorf("threads with different masks: %v", masks)
	}
}

// What CPUID tells us agrees with what an independent library reads from it.
func TestScanAgreesWithLibrary(t *testing.T) {
	cpus := affinityList()
	scanned, err := scanCPUID(cpus, time.Minute)
	if err != nil {
		t.Skip(err)
	}
	if len(scanned) != len(cpus) {
		t.Skipf("%d of %d CPUs could be pinned to", len(scanned), len(cpus))
	}
	top := fromCPUID(scanned, newReader(fsSource{fstest.MapFS{}}))
	if scanned[0].vendor != cpuid.CPU.VendorString {
		t.Errorf("vendor %q, the library says %q", scanned[0].vendor, cpuid.CPU.VendorString)
	}
	if top.CacheLine != cpuid.CPU.CacheLine {
		t.Errorf("cache line %d, the library says %d", top.CacheLine, cpuid.CPU.CacheLine)
	}
	if library, err := cpuid.ScanTopology(); err == nil && len(library.Cores()) != 0 {
		cores := map[int]bool{}
		for _, c := range top.CPUs {
			cores[c.Core] = true
		}
		if len(cores) != len(library.Cores()) {
			t.Errorf("%d cores, the library counts %d", len(cores), len(library.Cores()))
		}
	}
}

// TestDetectFromPinnedThread asks from a thread that is pinned to one CPU.
func TestDetectFromPinnedThread(t *testing.T) {
	want := affinityList()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	saved, err := maskOf(0)
	if err != nil {
		t.Fatal(err)
	}
	mask := unix.NewCPUSet(want[0] + 1)
	mask.Set(want[0])
	if err := unix.SchedSetaffinityDynamic(0, mask); err != nil {
		t.Skip(err)
	}
	top, err := Detect()
	if restoreErr := unix.SchedSetaffinityDynamic(0, saved); restoreErr != nil {
		t.Fatal(restoreErr)
	}
	if err != nil || allowedList(top) != formatList(want) {
		t.Errorf("allowed %s, want %s (%v)", allowedList(top), formatList(want), err)
	}
}

// Without sysfs the CPUs that the process may use are still found, and a
// warning says that nothing more is known.
func TestReadMachineWithoutSysfs(t *testing.T) {
	top, r, _, err := readMachine(fakeSystem(fsSource{fstest.MapFS{}}, 3, 70))
	if err != nil {
		t.Fatal(err)
	}
	top.Warnings = r.flush()
	checkInvariants(t, top)
	if allowedList(top) != "3,70" || top.CPUs[0].Core == top.CPUs[1].Core || !warned(top, "W-NO-TOPOLOGY", "") {
		t.Errorf("%+v", top)
	}
}

// Which CPUs are allowed is what the kernel's affinity call says, even if sysfs
// takes them for offline.
func TestReadMachineBelievesAffinity(t *testing.T) {
	fsys := smallMachine.write()
	fsys.set(cpuDir+"/online", "0-3\n")
	for _, cpu := range []string{"4", "5", "6", "7"} {
		fsys.remove(cpuDir + "/cpu" + cpu + "/online")
	}
	top, _, _, err := readMachine(fakeSystem(fsSource{fsys}, 2, 6))
	if err != nil {
		t.Fatal(err)
	}
	if allowedList(top) != "2,6" {
		t.Errorf("allowed %s of %+v", allowedList(top), top.CPUs)
	}
}

// Where sysfs and CPUID contradict each other a warning says so, and where they
// agree the source says so.
func TestCrossCheck(t *testing.T) {
	ours := mustRead(t, smallMachine.write())
	theirs := mustRead(t, smallMachine.write())
	r := newReader(fsSource{newMemFS()})
	ours.crossCheck(theirs, r)
	if ours.Source != "sysfs; CPUID agrees" || len(r.warnings) > 0 {
		t.Errorf("%q %q", ours.Source, r.warnings)
	}
	for i := range theirs.CPUs {
		theirs.CPUs[i].Core = i
	}
	theirs.CPUs = theirs.CPUs[1:]
	ours.Source = "sysfs"
	ours.crossCheck(theirs, r)
	if ours.Source != "sysfs; CPUID differs on cores (4 against 7)" || len(r.warnings) != 1 || warningID(r.warnings[0]) != "W-SYSFS-CONFLICT" {
		t.Errorf("%q %q", ours.Source, r.warnings)
	}
}

// Where sysfs does not tell kinds of cores apart, as in a virtual machine without
// PMU and frequencies, CPUID may; where it does, CPUID does not overrule it.
func TestAdoptKinds(t *testing.T) {
	ours, theirs := mustRead(t, smallMachine.write()), mustRead(t, smallMachine.write())
	if ours.adoptKinds(theirs) || ours.CPUs[0].Efficiency != Unknown {
		t.Errorf("kinds from a reading without kinds: %+v", ours.CPUs)
	}
	for i := range theirs.CPUs {
		theirs.CPUs[i].Efficiency = i % 4
	}
	theirs.CPUs = theirs.CPUs[1:]
	want := []int{-1, 1, 2, 3, 0, 1, 2, 3}
	efficiency := func(c *CPU) int { return c.Efficiency }
	if got := column(ours, efficiency); !ours.adoptKinds(theirs) || !slices.Equal(column(ours, efficiency), want) {
		t.Errorf("kinds %v, then %v, want %v", got, column(ours, efficiency), want)
	}
	theirs.CPUs[0].Efficiency = 3
	if ours.adoptKinds(theirs) || !slices.Equal(column(ours, efficiency), want) {
		t.Errorf("kinds that were known became %v", column(ours, efficiency))
	}
}

// A machine whose sysfs is hidden takes over what CPUID tells, for the CPUs
// that CPUID saw.
func TestAdopt(t *testing.T) {
	fsys := newMemFS()
	fsys.set(cpuDir+"/online", "0-7\n")
	masked := mustRead(t, fsys)
	if !masked.masked() {
		t.Fatal("a bare list of CPUs is not taken as masked")
	}
	other := mustRead(t, smallMachine.write())
	if other.masked() {
		t.Fatal("a whole tree is taken as masked")
	}
	other.CPUs = other.CPUs[:6]
	masked.adopt(other)
	checkInvariants(t, masked)
	if got := column(masked, func(c *CPU) int { return c.Core }); !slices.Equal(got, []int{0, 1, 2, 3, 0, 1, 4, 5}) {
		t.Errorf("cores %v", got)
	}
	if len(masked.Nodes) != 2 || len(masked.Caches) == 0 {
		t.Errorf("%+v", masked)
	}
}
