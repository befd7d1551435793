package zeropool

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

// placementEnv overrides the default placement.
const placementEnv = "ZEROPOOL_PLACEMENT"

func unpinnedPlan(n int, why string) topology.Plan {
	plan := topology.Plan{Workers: make([]topology.Assignment, n)}
	for i := range plan.Workers {
		plan.Workers[i] = topology.Assignment{Worker: i, CPU: topology.Unknown, Core: topology.Unknown, L3: topology.Unknown, Node: topology.Unknown, Why: why}
	}
	return plan
}

// place decides where the workers go.
func (c *config) place() (topology.Plan, *topology.Topology, error) {
	if !c.placed && c.cpus == nil {
		switch env := os.Getenv(placementEnv); env {
		case "":
		case "unpinned":
			c.placement = topology.Unpinned
		default:
			return topology.Plan{}, nil, fmt.Errorf("environment variable %s=%q: only \"unpinned\" is allowed", placementEnv, env)
		}
	}
	machine := c.machine
	if machine == nil {
		var err error
		if machine, err = detect(); err != nil {
			if c.cpus != nil {
				return topology.Plan{}, nil, fmt.Errorf("WithCPUs(%v): the machine's CPUs are not known: %w", c.cpus, err)
			}
			return unpinnedPlan(c.count(), "not pinned: "+err.Error()), nil, nil
		}
	}
	for _, cpu := range c.cpus {
		if why := refusal(machine, cpu); why != "" {
			return topology.Plan{}, nil, fmt.Errorf("WithCPUs(%d): %s", cpu, why)
		}
	}
	inUse.Lock()
	defer inUse.Unlock()
	plan := machine.PlanFor(topology.Request{
		Placement:  c.placement,
		Workers:    c.workers,
		CPUs:       c.cpus,
		Taken:      slices.Collect(maps.Keys(inUse.cpus)),
		GOMAXPROCS: runtime.GOMAXPROCS(0),
	})
	for _, cpu := range plannedCPUs(plan) {
		inUse.cpus[cpu]++
	}
	if len(plan.Workers) == 0 {
		return unpinnedPlan(c.count(), "not pinned: the machine's CPUs are not known"), machine, nil
	}
	return plan, machine, nil
}

// placementName is for Pool.Placement, after place.
func (c *config) placementName() string {
	if c.cpus != nil {
		return "cpus"
	}
	return c.placement.String()
}

func (c *config) count() int {
	if c.workers > 0 {
		return c.workers
	}
	return runtime.GOMAXPROCS(0)
}

// seen is the machine as the last pool of the process found it.
var seen struct {
	sync.Mutex
	machine *topology.Topology
}

// detect returns the machine as it is now. The first call reads all of it, later
// ones only what can change.
func detect() (*topology.Topology, error) {
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

func plannedCPUs(plan topology.Plan) []int {
	var cpus []int
	for _, a := range plan.Workers {
		if a.CPU != topology.Unknown {
			cpus = append(cpus, a.CPU)
		}
	}
	return cpus
}

// giveUp ends the use of CPUs that place noted.
func giveUp(cpus []int) {
	inUse.Lock()
	defer inUse.Unlock()
	for _, cpu := range cpus {
		if inUse.cpus[cpu]--; inUse.cpus[cpu] <= 0 {
			delete(inUse.cpus, cpu)
		}
	}
}
