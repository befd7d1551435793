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
		if i := slices.IndexFunc(machine.CPUs, func(m topology.CPU) bool { return m.ID == cpu }); i < 0 || !machine.CPUs[i].Allowed {
			return topology.Plan{}, nil, fmt.Errorf("WithCPUs(%d): this process may not use that CPU, only %s", cpu, allowedList(machine))
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

func (c *config) count() int {
	if c.workers > 0 {
		return c.workers
	}
	return runtime.GOMAXPROCS(0)
}

// detect reads the machine once for all pools of the process.
var detect = sync.OnceValues(topology.Detect)

func allowedList(t *topology.Topology) string {
	var ids []string
	for _, cpu := range t.CPUs {
		if cpu.Allowed {
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
