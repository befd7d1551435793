package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// threads returns the numbers of the process's threads.
func threads() []int {
	entries, _ := os.ReadDir("/proc/self/task")
	var ids []int
	for _, e := range entries {
		if id, err := strconv.Atoi(e.Name()); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// threadCount returns how many threads the process has, 0 if that is not known.
func threadCount() int { return int(statusField("Threads:")) }

// residentBytes returns how much of the process is in memory, 0 if that is not
// known.
func residentBytes() uint64 { return statusField("VmRSS:") << 10 }

func statusField(name string) uint64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == name {
			n, _ := strconv.ParseUint(fields[1], 10, 64)
			return n
		}
	}
	return 0
}

// workerThreads returns the threads that bear the name of a pool's worker.
func workerThreads() map[int]bool {
	ids := map[int]bool{}
	for _, id := range threads() {
		name, err := os.ReadFile(filepath.Join("/proc/self/task", strconv.Itoa(id), "comm"))
		if err == nil && bytes.HasPrefix(name, []byte("zp/")) {
			ids[id] = true
		}
	}
	return ids
}

// affinity is the set of CPUs that the process had at its start.
type affinity struct {
	all  unix.CPUSetDynamic
	cpus []int
}

func startAffinity() (*affinity, error) {
	for n := 1024; ; n *= 2 {
		set := unix.NewCPUSet(n)
		err := unix.SchedGetaffinityDynamic(os.Getpid(), set)
		if err == unix.EINVAL && n < 1<<20 {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("sched_getaffinity: %w", err)
		}
		a := &affinity{all: set}
		for cpu := range n {
			if set.IsSet(cpu) {
				a.cpus = append(a.cpus, cpu)
			}
		}
		return a, nil
	}
}

// narrow allows a thread only those CPUs for which keep says yes, all if that
// would be none. It reports whether it has changed the thread's mask; the thread
// may have ended.
func (a *affinity) narrow(thread int, keep func() bool) bool {
	set := unix.NewCPUSet(8 * 8 * len(a.all))
	for _, cpu := range a.cpus {
		if keep() {
			set.Set(cpu)
		}
	}
	if set.Count() == 0 {
		set = a.all
	}
	return unix.SchedSetaffinityDynamic(thread, set) == nil
}

// restore allows every thread, but those of pools' workers, all CPUs again.
func (a *affinity) restore() {
	workers := workerThreads()
	for _, id := range threads() {
		if !workers[id] {
			_ = unix.SchedSetaffinityDynamic(id, a.all)
		}
	}
}

// odd describes a thread whose mask is not the one at the start, "" if there is
// none.
func (a *affinity) odd() string {
	for _, id := range threads() {
		set := unix.NewCPUSet(8 * 8 * len(a.all))
		if unix.SchedGetaffinityDynamic(id, set) != nil {
			continue // it has just ended
		}
		if set.Count() != len(a.cpus) {
			return fmt.Sprintf("thread %d may use %d CPUs of %d", id, set.Count(), len(a.cpus))
		}
	}
	return ""
}
