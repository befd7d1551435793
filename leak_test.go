//go:build linux

package zeropool

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// processState is what a closed pool must leave as it was.
type processState struct {
	goroutines, threads, files int
	mask                       unix.CPUSet // of every thread
	odd                        string      // a thread with another mask, or a pool's name
}

func observeProcess(t testing.TB) processState {
	t.Helper()
	s := processState{goroutines: runtime.NumGoroutine()}
	if err := unix.SchedGetaffinity(os.Getpid(), &s.mask); err != nil {
		t.Fatal(err)
	}
	for _, tid := range threadIDs(t) {
		var mask unix.CPUSet
		if unix.SchedGetaffinity(tid, &mask) != nil {
			continue // it has just ended
		}
		s.threads++
		if name := threadNameOf(tid); mask != s.mask || len(name) > 3 && name[:3] == "zp/" {
			s.odd = fmt.Sprintf("thread %d %q has mask %v", tid, name, mask.Count())
		}
	}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	s.files = len(files)
	return s
}

// checkMasks asserts that every thread of the process has the process's mask: no
// pool is open, and a lease narrows a mask only as long as it is held.
func checkMasks(t testing.TB) {
	t.Helper()
	var process unix.CPUSet
	if err := unix.SchedGetaffinity(os.Getpid(), &process); err != nil {
		return
	}
	for _, tid := range threadIDs(t) {
		var mask unix.CPUSet
		if unix.SchedGetaffinity(tid, &mask) == nil && mask != process {
			t.Errorf("thread %d %q may use %d CPUs, the process %d", tid, threadNameOf(tid), mask.Count(), process.Count())
		}
	}
}

func threadIDs(t testing.TB) (ids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Skip(err)
	}
	for _, e := range entries {
		if id, err := strconv.Atoi(e.Name()); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// threadName returns the name of a thread of this process, without the newline
// that follows it.
func threadNameOf(tid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/comm", tid))
	if err != nil || len(b) == 0 {
		return ""
	}
	return string(b[:len(b)-1])
}

// checkLeftovers asserts that nothing of what f did to the process remains. The
// runtime keeps threads that were busy at the same time for later, so f runs
// once before anything is counted, and a few more threads are no leak; those of
// pinned workers end shortly after Close.
func checkLeftovers(t *testing.T, f func()) {
	t.Helper()
	watch(t)
	f()
	const spareThreads = 8
	var before processState
	eventually(t, func() bool { before = observeProcess(t); return before.odd == "" }, func() string { return before.odd })
	f()
	var after processState
	eventually(t, func() bool {
		after = observeProcess(t)
		return after.goroutines <= before.goroutines && after.threads <= before.threads+spareThreads &&
			after.files <= before.files && after.mask == before.mask && after.odd == ""
	}, func() string { return fmt.Sprintf("before: %+v\nafter: %+v", before, after) })
}

func useAndClose(t testing.TB, p *Pool) {
	var c count
	for range 3 {
		if err := Submit(p, &c, (*count).run).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// Pools that were used and closed, one after another, leave no goroutine,
// thread, memory or narrowed mask.
func TestHundredPoolsLeaveNothing(t *testing.T) {
	pools := 100
	if brief() {
		pools = 20
	}
	for name, opts := range map[string][]Option{"pinned": nil, "unpinned": unpinned(2), "more workers than CPUs": {WithWorkers(5)}} {
		t.Run(name, func(t *testing.T) {
			checkLeftovers(t, func() {
				for range pools {
					useAndClose(t, mustNew(t, opts...))
				}
			})
		})
	}
}

// Worker threads that a task has ended by runtime.Goexit, helpers, and panics
// leave nothing either.
func TestUsedPoolsLeaveNothing(t *testing.T) {
	checkLeftovers(t, func() {
		for range 20 {
			p := mustNew(t, quiet)
			for range 10 {
				done := make(chan struct{})
				p.Go(func() { defer close(done); runtime.Goexit() })
				<-done
				p.Go(func() { panic("x") }).Wait()
				p.Go(func() { p.Go(func() {}).Wait() }).WaitContext(t.Context())
				ForEach(p, make([]int, 1000), func(*int) {})
				p.Go(func() {}).WaitTimeout(time.Nanosecond)
			}
			useAndClose(t, p)
		}
	})
}

// The same for pools that are opened, used and closed at the same time.
func TestPoolsTogetherLeaveNothing(t *testing.T) {
	checkLeftovers(t, func() {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 25 {
					useAndClose(t, mustNew(t))
				}
			})
		}
		wg.Wait()
	})
}

// The main thread stands for the process: its mask and name stay.
func TestNewOnAnyThread(t *testing.T) {
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p := newTestPool(t)
	useAndClose(t, p)
	var after unix.CPUSet
	if err := unix.SchedGetaffinity(0, &after); err != nil || after != before {
		t.Errorf("New changed its caller's mask: %v", err)
	}
}

// Lost wake-ups at the end show only in many pools: 100,000 when stressed.
func TestCreateAndCloseManyTimes(t *testing.T) {
	cycles := 2000
	if stressFactor() > 1 {
		cycles = 100_000
	}
	if raceEnabled || testing.Short() {
		cycles = 300
	}
	for name, opts := range map[string][]Option{"unpinned": unpinned(2), "pinned": nil} {
		t.Run(name, func(t *testing.T) {
			watch(t)
			n := cycles
			if name == "pinned" {
				n /= 4
			}
			begin := time.Now()
			for i := range n {
				p := mustNew(t, opts...)
				var c count
				for range i % 4 {
					Submit(p, &c, (*count).run)
				}
				if err := p.Close(); err != nil {
					t.Fatal(err)
				}
				if c.runs.Load() != int32(i%4) {
					t.Fatalf("cycle %d: %d of %d tasks ran", i, c.runs.Load(), i%4)
				}
			}
			t.Logf("%d pools, %v each", n, time.Since(begin)/time.Duration(n))
		})
	}
}
