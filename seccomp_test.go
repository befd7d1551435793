//go:build linux

package zeropool

import (
	"encoding/binary"
	"fmt"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"

	"github.com/zeropool-go/zeropool/internal/membarrier"
	"golang.org/x/sys/unix"
)

// forbid makes the kernel refuse calls of this process, for good, as a container's
// seccomp profile does: those that the filter does not let pass. It begins with the
// number of the call loaded.
func forbid(t *testing.T, filter ...unix.SockFilter) {
	t.Helper()
	filter = append([]unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}}, filter...)
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Skip(err)
	}
	const setModeFilter, allThreads = 1, 1
	if _, _, errno := syscall.Syscall(unix.SYS_SECCOMP, setModeFilter, allThreads, uintptr(unsafe.Pointer(&prog))); errno != 0 {
		t.Skip(errno)
	}
}

// Steps of a filter.
var (
	pass   = unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0x7fff0000}
	refuse = unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0x00050000 | uint32(unix.EPERM)}
)

// unless skips the next n steps unless what is loaded is k.
func unless(k uint32, n uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: n, K: k}
}

// everyForm runs tasks of each form on p, with thieves, nested waits and failures.
func everyForm(t *testing.T, p *Pool) {
	t.Helper()
	var cs [3000]count
	var fs []Future
	g := p.NewGroup()
	for i := range 1000 {
		fs = append(fs, Submit(p, &cs[i], func(c *count) {
			spinFor(50)
			if err := Submit(p, c, (*count).run).Wait(); err != nil {
				panic(err)
			}
		}))
		SubmitTo(g, &cs[1000+i], (*count).run)
	}
	fs = append(fs, SubmitBatch(p, cs[2000:], (*count).run))
	for _, f := range fs {
		if err := f.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for i := range cs {
		cs[i].once(t, fmt.Sprint("task ", i))
	}
}

// Where membarrier is refused from the beginning, everything works, with fences of the
// owners: their lanes are shared for ever.
func TestMembarrierRefused(t *testing.T) {
	if !asChild(t) {
		return
	}
	forbid(t, unless(unix.SYS_MEMBARRIER, 1), refuse, pass)
	p := newTestPool(t, unpinned(2)...)
	if membarrier.Register() {
		t.Fatal("there is a barrier")
	}
	everyForm(t, p)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range *p.lanes.Load() {
		if !l.inbox && l.shared.Load() == 0 {
			t.Error("a lane is private")
		}
	}
}

// Where membarrier is refused after it was granted, a stop of the world takes its place.
func TestMembarrierRefusedLater(t *testing.T) {
	if !asChild(t) {
		return
	}
	p := newTestPool(t, unpinned(2)...)
	if !membarrier.Register() {
		t.Skip("there is no barrier")
	}
	everyForm(t, p)
	forbid(t, unless(unix.SYS_MEMBARRIER, 1), refuse, pass)
	everyForm(t, p)
}

// Where the mask may be read of the calling thread only, a pin that holds counts as one.
func TestAffinityOfOthersRefused(t *testing.T) {
	if !asChild(t) {
		return
	}
	debug.SetGCPercent(-1) // collections end leases
	firstArg := uint32(16) // the lower half of it
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		firstArg += 4
	}
	forbid(t,
		unless(unix.SYS_SCHED_GETAFFINITY, 4),
		unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: firstArg},
		unless(0, 1), pass, refuse, pass)
	if err := getAffinity(unix.Gettid(), new(unix.CPUSetDynamic)); err != unix.EPERM {
		t.Skipf("the filter has no effect: %v", err)
	}
	p := newTestPool(t, WithWorkers(1))
	s := pinnedSeat(t, p)
	if st := p.Stats().Total; st.PinsTaken == 0 || st.PinsRefused != 0 || st.PinsLost != 0 {
		t.Errorf("%+v, seat %+v", st, s)
	}
	if plan := p.Plan(); len(s.mask) != 1 || plan.Workers[0].CPU != s.mask[0] {
		t.Errorf("the task was on %+v, the plan is %+v", s, plan)
	}
}
