package topology

// refresher reads again what can change of a running system.
type refresher interface {
	refresh(t *Topology) (*Topology, error)
}

// Refresh returns t as it is now. A process's affinity mask, cpuset and CPU quota
// can change while it runs (taskset, a pod that is resized, systemd), and so can
// the online and the isolated CPUs; Refresh looks at these alone. If none of them
// has changed it returns t itself, so that comparing pointers tells; else a new
// Topology, and t stays as it was.
//
// It is made for looking now and then, not for every task: it reads about five
// small files, more below a deep cgroup. On a virtual machine with two CPUs that
// takes 49 µs and 3.7 kB of garbage, 71 µs if the mask is a single CPU, where
// Detect takes 860 µs. When a CPU went on or off line, or the mask names one that
// was never seen, the machine is detected anew.
//
// A mount of a cgroup file system is noticed only together with a change of the
// process's cgroups. What Read or ReadCPUID returned does not change: Refresh
// returns t for it, as it does on systems other than Linux. The error is that of
// Detect. Refresh is safe for concurrent use.
func (t *Topology) Refresh() (*Topology, error) {
	if t == nil || t.live == nil {
		return t, nil
	}
	return t.live.refresh(t)
}
