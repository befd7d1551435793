package topology

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	scanTime   = 15 * time.Millisecond // after which no further CPU is asked for a second opinion
	maxThreads = 256                   // threads whose affinity masks are looked at
)

func detect() (*Topology, error) {
	t, r, err := readMachine(rootSource{}, affinityList())
	if err != nil {
		return nil, err
	}
	t.consultCPUID(r)
	t.describe()
	t.warnHiddenSMT(r)
	t.Warnings = r.flush()
	return t, nil
}

// readMachine reads the tree of the running system for a process with the given
// affinity mask; nil = not known.
func readMachine(src source, affinity []int) (*Topology, *reader, error) {
	t, r, err := readTree(src, setOf(affinity))
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
	t.Affinity = affinity
	t.settleAllowed(r)
	return t, r, nil
}

// affinityList returns the CPUs that the process may run on, or nil when the
// kernel does not tell. It joins the masks of all threads: any one of them, the
// first included, may be pinned by somebody.
func affinityList() []int {
	var union cpuSet
	tids := []int{0}
	_ = rootSource{}.list("proc/self/task", func(name string) bool {
		if tid, err := strconv.Atoi(name); err == nil {
			tids = append(tids, tid)
		}
		return len(tids) <= maxThreads
	})
	for _, tid := range tids {
		set, err := affinityOf(tid)
		if err != nil {
			continue
		}
		for _, cpu := range affinitySlice(set) {
			union.add(cpu)
		}
	}
	if union.empty() {
		return nil
	}
	return union.slice()
}

func affinitySlice(set unix.CPUSetDynamic) []int {
	var out []int
	for cpu := range min(len(set)*64, maxCPUs) {
		if set.IsSet(cpu) {
			out = append(out, cpu)
		}
	}
	return out
}

// affinityOf reads an affinity mask of any size: the kernel refuses a buffer
// smaller than its own mask.
func affinityOf(tid int) (unix.CPUSetDynamic, error) {
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

// consultCPUID executes CPUID on some CPUs for a second opinion.
func (t *Topology) consultCPUID(r *reader) {
	limit := scanTime
	if t.masked() {
		limit = 20 * scanTime
	}
	if cpus, err := scanCPUID(t.cpuidCPUs(), limit); err == nil {
		t.secondOpinion(cpus, r)
	}
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
