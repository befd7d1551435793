package topology

import "fmt"

// exclude lists every present CPU without a worker. Of several reasons the
// first of this order counts: offline, not allowed, isolated, carries another
// pool's worker, not among the CPUs asked for, efficiency core, SMT sibling of
// a used CPU, above the number of workers.
func (b *planner) exclude() {
	for i := range b.t.CPUs {
		if b.state[i].workers == 0 {
			b.plan.Excluded = append(b.plan.Excluded, Exclusion{CPU: b.t.CPUs[i].ID, Why: b.whyNot(i)})
		}
	}
}

func (b *planner) whyNot(i int) string {
	c, s := &b.t.CPUs[i], &b.state[i]
	switch {
	case !c.Online:
		return "offline"
	case !c.Allowed:
		return b.forbidden(i)
	case s.isolated && s.core < 0:
		return "isolated by isolcpus"
	case len(b.plan.Workers) > 0 && b.plan.Workers[0].CPU == Unknown:
		return "open to every worker: none is pinned"
	case s.taken:
		return "used by another pool of this process"
	case b.r.CPUs != nil:
		return "not among the CPUs asked for"
	case b.mixed && b.cores[s.core].kind > 0 && !b.used(s.core):
		return "efficiency core, above the worker cap"
	}
	for _, j := range b.cores[s.core].cpus {
		switch {
		case b.state[j].workers > 0:
			return fmt.Sprintf("SMT sibling of CPU %d, already used", b.t.CPUs[j].ID)
		case b.state[j].taken:
			return fmt.Sprintf("SMT sibling of CPU %d, used by another pool of this process", b.t.CPUs[j].ID)
		}
	}
	return "above the worker cap: " + b.capWhy
}

// used reports whether some CPU of the core has a worker of this plan.
func (b *planner) used(k int) bool {
	for _, i := range b.cores[k].cpus {
		if b.state[i].workers > 0 {
			return true
		}
	}
	return false
}

// forbidden says in words what keeps this process off the online CPU at index
// i. The kernel cuts the affinity mask to the cpuset, so the cpuset comes first.
func (b *planner) forbidden(i int) string {
	switch {
	case b.t.Cpuset != nil && !b.state[i].inCpuset:
		return "outside the cpuset"
	case b.t.Affinity != nil:
		return "outside the affinity mask"
	}
	return "not allowed to this process"
}
