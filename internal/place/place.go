// Package place decides on which CPUs the workers of a pool sit. It knows the machine,
// and the CPUs that the pools of this process have.
package place

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/zeropool-go/zeropool/topology"
)

// Variable names the environment variable that overrides the default placement.
const Variable = "ZEROPOOL_PLACEMENT"

// A Request says what a pool asks for.
type Request struct {
	Workers   int // 0 lets the placement choose
	Placement topology.Placement
	Placed    bool               // Placement was asked for, so that the environment does not count
	CPUs      []int              // asked for by name, or nil
	Machine   *topology.Topology // nil: this one, as it is now
}

// Workers returns where the workers sit, and the machine, if it is known. The CPUs of the
// plan are in use until Release. An error names what was asked for and is not to be had.
func Workers(r Request) (topology.Plan, *topology.Topology, error) {
	if !r.Placed && r.CPUs == nil {
		switch env := os.Getenv(Variable); env {
		case "":
		case "unpinned":
			r.Placement = topology.Unpinned
		default:
			return topology.Plan{}, nil, fmt.Errorf("environment variable %s=%q: only \"unpinned\" is allowed", Variable, env)
		}
	}
	machine := r.Machine
	if machine == nil {
		var err error
		if machine, err = Detect(); err != nil {
			if r.CPUs != nil {
				return topology.Plan{}, nil, fmt.Errorf("WithCPUs(%v): the machine's CPUs are not known: %w", r.CPUs, err)
			}
			return Unpinned(r.Workers, "not pinned: "+err.Error()), nil, nil
		}
	}
	for _, cpu := range r.CPUs {
		if why := refusal(machine, cpu); why != "" {
			return topology.Plan{}, nil, fmt.Errorf("WithCPUs(%d): %s", cpu, why)
		}
	}
	inUse.Lock()
	defer inUse.Unlock()
	plan := machine.PlanFor(topology.Request{
		Placement:  r.Placement,
		Workers:    r.Workers,
		CPUs:       r.CPUs,
		Taken:      slices.Collect(maps.Keys(inUse.cpus)),
		GOMAXPROCS: runtime.GOMAXPROCS(0),
	})
	for _, cpu := range CPUs(plan) {
		inUse.cpus[cpu]++
	}
	if len(plan.Workers) == 0 {
		return Unpinned(r.Workers, "not pinned: the machine's CPUs are not known"), machine, nil
	}
	return plan, machine, nil
}

// Unpinned returns the plan of n workers without CPUs, or of GOMAXPROCS if n is 0.
func Unpinned(n int, why string) topology.Plan {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	plan := topology.Plan{Workers: make([]topology.Assignment, n)}
	for i := range plan.Workers {
		plan.Workers[i] = topology.Assignment{Worker: i, CPU: topology.Unknown, Core: topology.Unknown, L3: topology.Unknown, Node: topology.Unknown, Why: why}
	}
	return plan
}

// seen is the machine as the last pool of the process found it.
var seen struct {
	sync.Mutex
	machine *topology.Topology
}

// Detect returns the machine as it is now. The first call reads all of it, later
// ones only what can change.
func Detect() (*topology.Topology, error) {
	seen.Lock()
	defer seen.Unlock()
	read := topology.Detect
	if seen.machine != nil {
		read = seen.machine.Refresh
	}
	machine, err := read()
	if err == nil {
		seen.machine = machine
	}
	return machine, err
}

// refusal says why no worker can be pinned to a CPU, or "".
func refusal(t *topology.Topology, cpu int) string {
	i := slices.IndexFunc(t.CPUs, func(c topology.CPU) bool { return c.ID == cpu })
	why := ""
	switch {
	case t.Grants(cpu):
		return ""
	case i < 0:
		why = "there is no such CPU"
	case !t.CPUs[i].Online:
		why = "that CPU is offline"
	case t.Cpuset == nil:
		why = "that CPU is outside the affinity mask, and the cpuset is not known"
	case slices.Contains(t.Cpuset, cpu):
		why = "that CPU has been taken from the affinity mask since the process started"
	default:
		why = "that CPU is outside the cpuset"
	}
	return why + "; this process may use only " + granted(t)
}

// granted lists the CPUs that workers can be pinned to.
func granted(t *topology.Topology) string {
	var ids []string
	for _, cpu := range t.CPUs {
		if t.Grants(cpu.ID) {
			ids = append(ids, fmt.Sprint(cpu.ID))
		}
	}
	return strings.Join(ids, ",")
}

// inUse counts the workers of this process's pools on each CPU, so that two
// pools take different cores while there are any.
var inUse = struct {
	sync.Mutex
	cpus map[int]int
}{cpus: map[int]int{}}

// CPUs returns the CPUs of a plan, by worker.
func CPUs(plan topology.Plan) []int {
	var cpus []int
	for _, a := range plan.Workers {
		if a.CPU != topology.Unknown {
			cpus = append(cpus, a.CPU)
		}
	}
	return cpus
}

// InUse returns how many workers of this process sit on each CPU that has any.
func InUse() map[int]int {
	inUse.Lock()
	defer inUse.Unlock()
	return maps.Clone(inUse.cpus)
}

// Release ends the use of CPUs, once for each time that Workers has returned them.
func Release(cpus []int) {
	inUse.Lock()
	defer inUse.Unlock()
	for _, cpu := range cpus {
		if inUse.cpus[cpu]--; inUse.cpus[cpu] <= 0 {
			delete(inUse.cpus, cpu)
		}
	}
}
