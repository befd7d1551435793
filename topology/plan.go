package topology

// Plan places workers on the machine; workers 0 means choose the number.
func (t *Topology) Plan(p Placement, workers int) Plan {
	return t.PlanFor(Request{Placement: p, Workers: workers})
}

// PlanFor is Plan with every input of the decision.
func (t *Topology) PlanFor(r Request) Plan { return Plan{} }

// Distance returns how far apart two CPUs are.
func (t *Topology) Distance(a, b int) int { return 0 }
