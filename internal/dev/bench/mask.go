package bench

import (
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/zeropool-go/zeropool"
)

// statusFile tells on Linux what the calling thread may use.
const statusFile = "/proc/thread-self/status"

// A cpuMask is the CPUs that a thread may use, as bits; nil: not known.
type cpuMask = *big.Int

// maskIn reads the mask from a status file.
func maskIn(status []byte) (cpuMask, error) {
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "Cpus_allowed:"); ok {
			digits := strings.ReplaceAll(strings.TrimSpace(value), ",", "")
			if mask, ok := new(big.Int).SetString(digits, 16); ok && mask.Sign() > 0 {
				return mask, nil
			}
			return nil, fmt.Errorf("not a mask of CPUs: %q", strings.TrimSpace(value))
		}
	}
	return nil, fmt.Errorf("the status of a process does not tell its CPUs")
}

// ownMask returns the mask of the calling thread, nil where the system does not
// tell.
func ownMask() cpuMask {
	status, err := os.ReadFile(statusFile)
	if err != nil {
		return nil
	}
	mask, _ := maskIn(status) // nil: not known
	return mask
}

// maskOfChild starts a process and returns its mask.
func maskOfChild() (cpuMask, error) {
	status, err := exec.Command("cat", statusFile).Output()
	if err != nil {
		return nil, err
	}
	return maskIn(status)
}

// lost returns how many CPUs are in one mask and not in the other.
func lost(from, in cpuMask) float64 {
	n := 0
	for i := range from.BitLen() {
		if from.Bit(i) == 1 && in.Bit(i) == 0 {
			n++
		}
	}
	return float64(n)
}

// childMask checks that a process which a task starts may use what this one may:
// it inherits the mask of the thread that the task runs on.
func childMask() Workload {
	w := Workload{
		Name:    "child-mask",
		Title:   "CPUs that this process may use, and a process started in the first task after 10 ms of rest may not",
		Kind:    CPUsLost,
		Tasks:   1,
		Rounds:  idleRounds,
		Further: true,
		Variants: func(e *Env) []Variant {
			by := func(do func(task func())) Instance {
				value := func() float64 {
					time.Sleep(restTime)
					var mask cpuMask
					var err error
					do(func() { mask, err = maskOfChild() })
					must(err)
					return lost(e.mask, mask)
				}
				return Instance{Op: func() { value() }, Value: value}
			}
			return []Variant{
				{Ours, e.Pool(func(p *zeropool.Pool) Instance {
					return by(func(task func()) {
						ended := make(chan struct{}) // a wait for the Future might run the task
						p.Go(func() {
							defer close(ended)
							task()
						})
						<-ended
					})
				})},
				{Nothing, plain(by(func(task func()) { task() }))},
			}
		},
	}
	if _, err := exec.LookPath("cat"); err != nil || ownMask() == nil {
		w.Missing = "this system does not tell what a process may use"
	}
	return w
}
