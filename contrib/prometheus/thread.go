package zeropoolprom

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// A sample is what the kernel has counted for one thread: seconds of CPU time,
// seconds in the run queue, and involuntary switches.
type sample struct{ cpu, wait, switches float64 }

// A pin is the thread of one lease of a worker, or thread 0.
type pin struct {
	thread int
	lease  uint64
}

// usage adds up what happened to the threads of one worker under its pins.
type usage struct {
	at    pin
	last  sample
	total sample
}

// update counts what has happened since the last call, if the worker is still
// under the same pin. A thread that cannot be read, or whose number another one
// has by now, adds nothing.
func (u *usage) update(now pin, read func(thread int) (sample, bool)) {
	same := now == u.at
	u.at = pin{}
	if now.thread == 0 {
		return
	}
	s, ok := read(now.thread)
	if !ok {
		return
	}
	if same && s.cpu >= u.last.cpu && s.wait >= u.last.wait && s.switches >= u.last.switches {
		u.total.cpu += s.cpu - u.last.cpu
		u.total.wait += s.wait - u.last.wait
		u.total.switches += s.switches - u.last.switches
	}
	u.at, u.last = now, s
}

// readThread reads the counters of a thread of this process.
func readThread(id int) (sample, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/schedstat", id))
	if err != nil {
		return sample{}, false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/status", id))
	if err != nil {
		return sample{}, false
	}
	return parseThread(stat, status)
}

// parseThread reads "CPU-ns wait-ns slices" and the line of involuntary switches.
func parseThread(stat, status []byte) (s sample, ok bool) {
	fields := bytes.Fields(stat)
	_, rest, found := bytes.Cut(status, []byte("\nnonvoluntary_ctxt_switches:"))
	if len(fields) < 2 || !found {
		return sample{}, false
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	var n [3]uint64
	for i, text := range [][]byte{fields[0], fields[1], bytes.TrimSpace(line)} {
		var err error
		if n[i], err = strconv.ParseUint(string(text), 10, 64); err != nil {
			return sample{}, false
		}
	}
	return sample{float64(n[0]) / 1e9, float64(n[1]) / 1e9, float64(n[2])}, true
}
