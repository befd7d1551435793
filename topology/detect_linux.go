package topology

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	scanTime   = 15 * time.Millisecond // after which no further CPU is asked for a second opinion
	maxThreads = 256                   // threads whose affinity masks are looked at, the oldest first
)

// startMask is the affinity mask that the process was started with: package
// variables are initialized on its first thread.
var startMask, _ = affinityOf(0)

func detect() (*Topology, error) {
	running := runningSystem()
	online := onlineText(running)
	t, r, l, err := readMachine(running)
	if err != nil {
		return nil, err
	}
	byCPUID := t.consultCPUID(r)
	t.describe()
	t.warnHiddenSMT(r)
	now := newLive(running, online, l.cgroups, r.flush())
	now.fromCPUID = byCPUID
	t.live, t.start = now, startMask
	t.Warnings = slices.Concat(now.warnings, l.mountWarnings, l.flush())
	return t, nil
}

// readMachine reads the tree of the running system. The warnings of the limits
// are apart from those of the rest.
func readMachine(from system) (*Topology, *reader, *limits, error) {
	r := newReader(from.source)
	affinity := from.affinity()
	c := readCgroups(r.twin())
	t, err := readTree(r, c, evidence{running: setOf(affinity)})
	if err != nil || len(t.CPUs) == 0 {
		reason := err
		if len(affinity) == 0 {
			for cpu := range runtime.NumCPU() {
				affinity = append(affinity, cpu)
			}
		}
		if t == nil {
			t = &Topology{}
		}
		t.Source = "affinity mask"
		for i, cpu := range affinity {
			c := unknownCPU(cpu, true)
			c.Core = i
			t.CPUs = append(t.CPUs, c)
		}
		if reason != nil {
			r.warn("W-NO-TOPOLOGY", "%s; every CPU is treated as a core", strings.TrimPrefix(reason.Error(), "topology: "))
		}
	}
	l := readLimits(c, affinity, from.cpuset)
	l.apply(t)
	return t, r, l, nil
}

// affinityList returns the CPUs of the process's affinity mask, or nil when the
// kernel does not tell.
//
// There are only masks of threads. That of the first thread is what taskset and
// proc/self/status show, and counts. But if it is a single CPU, somebody may have
// pinned that thread, and the others are asked.
func affinityList() []int {
	first, err := affinityOf(os.Getpid())
	if err != nil {
		// Some sandboxes only let a thread ask about itself.
		if affinity := newReader(rootSource{}).affinityFromStatus(); affinity != nil {
			return affinity
		}
		if first, err = affinityOf(0); err != nil {
			return nil
		}
	}
	if len(first) > 1 {
		return first
	}
	var masks [][]int
	_ = rootSource{}.list("proc/self/task", func(name string) bool {
		if tid, err := strconv.Atoi(name); err == nil && tid != os.Getpid() {
			if cpus, err := affinityOf(tid); err == nil {
				masks = append(masks, cpus)
			}
		}
		return len(masks) < maxThreads
	})
	return processMask(first, masks)
}

// processMask finds the mask of a process whose first thread has a single CPU,
// from the masks of its other threads.
//
// Threads with more CPUs show that the first is pinned if they are more than
// those with its mask: a few may have been forgotten when the process was
// confined. Threads with another single CPU are pinned themselves, perhaps by a
// pool outside the mask, and count only if nobody shares the mask of the first.
func processMask(first []int, others [][]int) []int {
	var wide cpuSet
	wider, alike := 0, 1
	pinned := map[int]int{}
	best := first
	for _, cpus := range others {
		switch {
		case slices.Equal(cpus, first):
			alike++
		case len(cpus) == 1:
			pinned[cpus[0]]++
			if pinned[cpus[0]] > pinned[best[0]] {
				best = cpus
			}
		default:
			wider++
			for _, cpu := range cpus {
				wide.add(cpu)
			}
		}
	}
	switch {
	case wider > alike || wider > 0 && alike == 1:
		return wide.slice()
	case alike > 1:
		return first
	default:
		return best
	}
}

// kernelCpuset returns the CPUs that the kernel lets this process ask for, or
// nil: it asks for all CPUs on a thread of its own, which the kernel cuts to the
// cpuset.
func kernelCpuset() (cpus []int) {
	onOwnThread(func() {
		all := unix.NewCPUSet(maxCPUs)
		all.Fill()
		if unix.SchedSetaffinityDynamic(0, all) == nil {
			cpus, _ = affinityOf(0)
		}
	})
	return cpus
}

// affinityOf reads the affinity mask of a thread, 0 being the calling one.
func affinityOf(tid int) ([]int, error) {
	set, err := maskOf(tid)
	if err != nil {
		return nil, err
	}
	var cpus []int
	for cpu := range min(len(set)*64, maxCPUs) {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// maskOf reads an affinity mask of any size: the kernel refuses a buffer smaller
// than its own mask.
func maskOf(tid int) (unix.CPUSetDynamic, error) {
	for n := 1024; ; n *= 2 {
		set := unix.NewCPUSet(n)
		err := unix.SchedGetaffinityDynamic(tid, set)
		if err == nil {
			return set, nil
		}
		if !errors.Is(err, unix.EINVAL) || n >= maxCPUs {
			return nil, fmt.Errorf("topology: sched_getaffinity: %w", err)
		}
	}
}

// onOwnThread runs f on a thread that ends with it: a mask that was set, even
// to what it had been, no longer follows later changes of the cpuset. The
// process's first thread cannot end, so it is only kept busy meanwhile.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			onOwnThread(f)
			runtime.UnlockOSThread()
			return
		}
		f()
	}()
	<-done
}

// consultCPUID executes CPUID on some CPUs for a second opinion. It reports whether
// that was taken over.
func (t *Topology) consultCPUID(r *reader) bool {
	limit := scanTime
	if t.masked() {
		limit = 20 * scanTime
	}
	cpus, err := scanCPUID(t.cpuidCPUs(), limit)
	return err == nil && t.secondOpinion(cpus, r)
}

// rootSource reads the running system with plain system calls: package os would
// try to register each of the hundreds of files with the network poller.
type rootSource struct{}

func (rootSource) open(name string) (io.ReadCloser, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open("/"+name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	})
	if err != nil {
		return nil, err
	}
	return openFile(fd), nil
}

// openFile is a file descriptor.
type openFile int

func (f openFile) Read(buf []byte) (int, error) {
	n, err := retry(func() (int, error) { return unix.Read(int(f), buf) })
	switch {
	case err != nil:
		return 0, err
	case n <= 0:
		return 0, io.EOF
	}
	return n, nil
}

func (f openFile) Close() error { return unix.Close(int(f)) }

func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}

func (rootSource) list(name string, f func(string) bool) error {
	d, err := os.Open("/" + name)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(listBatch)
		for _, n := range names {
			if !f(n) {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (rootSource) isDir(name string) bool {
	info, err := os.Stat("/" + name)
	return err == nil && info.IsDir()
}
