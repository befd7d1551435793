package zeropool

import "github.com/zeropool-go/zeropool/topology"

// A submitter's home is the worker whose ring it tries first. Where the CPU tells
// its number for next to nothing, that is the worker nearest to the submitter's
// CPU: submitters that run at the same time then seldom share a ring, and what a
// submitter runs itself stays in its core's caches. Elsewhere the goroutine's stack
// stands for it: always the same home for one goroutine, as long as the stack stays
// put, and seldom the same for two.

// maxHomes is how many CPU numbers have a home of their own; Linux keeps the
// number in the 12 lower bits of what RDPID reads, and the node above them.
const maxHomes = 4096

// setHomes finds a home for each CPU: its own worker, else one of the same core,
// L3 domain or node.
func (p *Pool) setHomes(machine *topology.Topology) {
	if !hasCPUNumber {
		return
	}
	n := len(p.workers)
	if machine != nil {
		for i := range machine.CPUs {
			n = max(n, machine.CPUs[i].ID+1)
		}
	}
	p.homes = make([]*worker, nextPowerOfTwo(min(n, maxHomes)))
	for i := range p.homes {
		p.homes[i] = p.workers[i%len(p.workers)]
	}
	if machine == nil {
		return
	}
	owner := map[int]*worker{}
	for _, w := range p.workers {
		owner[w.cpu] = w
	}
	// Groups from the smallest to the largest; the workers of one take turns.
	groups := []func(*topology.CPU) int{
		func(c *topology.CPU) int { return c.ID },
		func(c *topology.CPU) int { return c.Core },
		func(c *topology.CPU) int { return c.L3 },
		func(c *topology.CPU) int { return c.Node },
	}
	members := make([]map[int][]*worker, len(groups))
	for g, group := range groups {
		members[g] = map[int][]*worker{}
		for i := range machine.CPUs {
			c := &machine.CPUs[i]
			if w := owner[c.ID]; w != nil && group(c) != topology.Unknown {
				members[g][group(c)] = append(members[g][group(c)], w)
			}
		}
	}
	for i := range machine.CPUs {
		c := &machine.CPUs[i]
		if c.ID >= len(p.homes) {
			continue
		}
		for g, group := range groups {
			if ws := members[g][group(c)]; len(ws) > 0 {
				p.homes[c.ID] = ws[c.ID%len(ws)]
				break
			}
		}
	}
}

// home returns the worker whose ring the calling goroutine tries first.
func (p *Pool) home() *worker {
	if hasCPUNumber {
		return p.homes[cpuNumber()&uint64(len(p.homes)-1)]
	}
	return p.workers[uint64(stackHash())*uint64(len(p.workers))>>32]
}
