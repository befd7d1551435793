//go:build linux

package guest

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The memory that the emulator's plugin counts in, as counter/counter.c lays it out.
const (
	counterEpoch  = 0
	counterReady  = 1
	counterMissed = 2
	counterFirst  = 64
	counterCPUs   = 512
	counterEach   = 32
	counterWords  = counterFirst + counterCPUs*counterEach
	counterMagic  = 0x7a65726f706f6f6c
)

// done is what part of this program did. Lines are cache lines of 64 bytes.
type done struct {
	instructions uint64
	locked       uint64 // instructions with a LOCK prefix, or XCHG with memory
	stored       uint64
	moved        uint64 // stores to a line that another CPU had written last
	lines        uint64 // written
	shared       uint64 // of these, by more than one CPU
	_            [2]uint64
}

// counted is what the emulator counts while it is asked to.
type counted struct {
	pool, rest done // functions of the pool; the runtime and this test
	syscalls   uint64
	barriers   uint64 // calls of the pool's membarrier
	wakes      uint64 // of its parker.wake: workers and waiters
	threads    uint64 // of the runtime's futexwakeup
	_          [counterEach - 20]uint64
}

// counter is the plugin's memory; nil without the plugin.
type counter struct {
	words []uint64
	epoch uint64
}

// theCounter finds the plugin's memory, which is a PCI device's.
func theCounter(t *testing.T) *counter {
	t.Helper()
	vendors, _ := filepath.Glob("/sys/bus/pci/devices/*/vendor")
	for _, vendor := range vendors {
		dir := filepath.Dir(vendor)
		v, _ := os.ReadFile(vendor)
		d, _ := os.ReadFile(dir + "/device")
		if strings.TrimSpace(string(v)) != "0x1af4" || strings.TrimSpace(string(d)) != "0x1110" {
			continue
		}
		if err := os.WriteFile(dir+"/enable", []byte("1"), 0); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Open(dir+"/resource2", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		memory, err := unix.Mmap(fd, 0, counterWords*8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Munmap(memory) })
		c := &counter{words: unsafe.Slice((*uint64)(unsafe.Pointer(&memory[0])), counterWords)}
		if c.words[counterReady] != counterMagic {
			t.Fatalf("the counting device holds %#x: the plugin is not there", c.words[counterReady])
		}
		return c
	}
	t.Skip("the emulator does not count: it has no plugin")
	return nil
}

// start sets all counts to zero and begins to count; the lines that are written
// from now on count as new.
func (c *counter) start() {
	clear(c.words[counterFirst:])
	c.resume(true)
}

// resume counts on after stop, with the same lines unless fresh.
func (c *counter) resume(fresh bool) {
	if fresh {
		c.epoch++
	}
	c.words[counterEpoch] = c.epoch
}

func (c *counter) stop() { c.words[counterEpoch] = 0 }

// sum returns the counts of all CPUs. It fails if the plugin could not count all.
func (c *counter) sum(t *testing.T) (s counted) {
	t.Helper()
	if n := c.words[counterMissed]; n != 0 {
		t.Fatalf("the plugin had no place for the lines of %d stores", n)
	}
	sums := unsafe.Slice((*uint64)(unsafe.Pointer(&s)), counterEach)
	for cpu := range slices.Chunk(c.words[counterFirst:], counterEach) {
		for i, n := range cpu {
			sums[i] += n
		}
	}
	return s
}

// onCPU runs f on that CPU.
func onCPU(t *testing.T, cpu int, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // until the goroutine ends, and the thread with it
		var set unix.CPUSet
		set.Set(cpu)
		err := unix.SchedSetaffinity(0, &set)
		f()
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// The plugin counts what is known: stores, the lines that they go to, which of
// these another CPU has written, locked instructions; and no loads. The runtime
// does something besides.
func TestCounter(t *testing.T) {
	m, c := theMachine(t), theCounter(t)
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the collector stores much
	runtime.GC()                                     // and none is at work
	const n, besides = 40_000, 20_000
	lines := make([][8]uint64, n)
	store := func() {
		for i := range lines {
			lines[i][0]++
		}
	}
	var sum uint64
	load := func() {
		n := uint64(0)
		for i := range lines {
			n += lines[i][0]
		}
		sum = n
	}
	var word atomic.Uint64
	lock := func() {
		for range n {
			word.Add(1)
		}
	}
	for _, do := range []struct {
		name                          string
		f                             func()
		cpu                           int
		fresh                         bool
		stored, written, moved, locks uint64
	}{
		{"stores", store, m.allowed[0], true, n, n, 0, 0},
		{"stores of another CPU", store, m.allowed[1], false, n, 0, n, 0},
		{"loads of the first CPU", load, m.allowed[0], false, 0, 0, 0, 0},
		{"locked additions", lock, m.allowed[0], true, n, 0, 0, n},
	} {
		clear(c.words[counterFirst:])
		onCPU(t, do.cpu, func() {
			c.resume(do.fresh)
			do.f()
			c.stop()
		})
		s := c.sum(t).rest
		for _, v := range []struct {
			what      string
			got, want uint64
		}{
			{"stores", s.stored, do.stored}, {"lines", s.lines, do.written}, {"lines moved", s.moved, do.moved},
			{"lines shared", s.shared, do.moved}, {"locked instructions", s.locked, do.locks},
		} {
			if v.got < v.want || v.got > v.want+besides {
				t.Errorf("%s: %d %s instead of %d", do.name, v.got, v.what, v.want)
			}
		}
	}
	if sum != 2*n || word.Load() != n {
		t.Errorf("loaded %d, added %d", sum, word.Load())
	}
}
