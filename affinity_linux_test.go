package zeropool

import (
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func threadNameNow() string {
	var b [16]byte
	_ = unix.Prctl(unix.PR_GET_NAME, uintptr(unsafe.Pointer(&b[0])), 0, 0, 0)
	return unix.ByteSliceToString(b[:])
}

// TestLeaseLeavesThreadAsItWas protects the promise that a thread which a worker
// gives back to the Go runtime has the mask and the name that it had before; and
// if somebody else has changed the mask meanwhile, that mask, and its name again.
func TestLeaseLeavesThreadAsItWas(t *testing.T) {
	for _, moved := range []bool{false, true} {
		skip := make(chan string, 1)
		go func() {
			why := ""
			defer func() { skip <- why }()
			runtime.LockOSThread() // not unlocked: the thread ends with the goroutine
			var before, after unix.CPUSetDynamic
			err := getAffinity(0, &before)
			if err != nil || before.Count() < 2 {
				why = "needs two CPUs"
				return
			}
			name := threadNameNow()
			cpu := 0
			for !before.IsSet(cpu) {
				cpu++
			}
			var th thread
			if err := th.pin(cpu, false, "zp/test/0"); err != nil {
				why = err.Error()
				return
			}
			if got := threadNameNow(); got != "zp/test/0" {
				t.Errorf("the pinned thread is called %q", got)
			}
			if moved {
				_ = unix.SchedSetaffinityDynamic(0, before)
			}
			if th.unpin(cpu) == moved {
				t.Errorf("moved %v: unpin says that the thread was bound: %v", moved, !moved)
			}
			if got := threadNameNow(); got != name {
				t.Errorf("moved %v: the thread is called %q, was %q", moved, got, name)
			}
			if getAffinity(0, &after); !slices.Equal(after, before) {
				t.Errorf("moved %v: the mask is %v, was %v", moved, after, before)
			}
		}()
		if why := <-skip; why != "" {
			t.Skip(why)
		}
	}
}

// TestLeaseAllocatesOnce protects the promise that a pool at work allocates nothing: a
// worker takes its lease and gives it back again and again.
func TestLeaseAllocatesOnce(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	p := newTestPool(t, WithWorkers(1))
	e := &lease{times: &p.times, name: "zp/test/0"}
	e.cpu.Store(int64(p.workers[0].cpu))
	pinned, allocs := true, make(chan float64, 1)
	go func() {
		allocs <- testing.AllocsPerRun(100, func() {
			pinned = e.take() && pinned
			e.giveUp()
		})
	}()
	if n := <-allocs; n != 0 {
		t.Errorf("a lease allocates %v objects", n)
	}
	if !pinned {
		t.Skip("threads cannot be pinned here")
	}
}
