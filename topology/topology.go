package topology

// Topology is a machine as this process sees it.
type Topology struct {
	CPUs     []CPU
	Nodes    []Node
	Quota    float64 // CPUs of time per second of wall clock that the cgroups allow; 0 = no limit
	Source   string
	Model    string
	Warnings []string
}
