package bench

import (
	"runtime"
	"runtime/debug"
	"time"
)

// restTasks is how much a variant has done before it has nothing to do.
const restTasks = 1000

// idleCPU and idleMemory are about a pool that has worked and now has nothing to
// do.
func idleCPU() Workload {
	return atRest("idle-cpu", "CPU time of a process with a pool that has nothing to do", CPUTime)
}

func idleMemory() Workload {
	return atRest("idle-memory", "heap and stacks held by a pool that has nothing to do: of eight in a process, each", Memory)
}

// memoryCopies is of how many the memory is read at a time. The runtime takes stacks in
// blocks of 32 KiB, so that of a single one depends on what its blocks held before.
const memoryCopies = 8

func atRest(name, title string, kind Kind) Workload {
	return Workload{
		Name:  name,
		Title: title,
		Kind:  kind,
		Tasks: restTasks,
		Variants: func(e *Env) []Variant {
			cells := make([]cell, restTasks)
			variants := append([]Variant{{Ours, e.Pool(groupCells(cells))}},
				others(e, eachCell(cells), e.Peers.Cells, channelPeer[cell]())...)
			return append(variants, Variant{Nothing, plain(onCells(cells, func() { serialLoop(cells, store) }))})
		},
	}
}

// MemoryUse is what each of memoryCopies started variants that have nothing to do holds,
// two garbage collections after their work: the growth since before their start, divided
// by their number.
type MemoryUse struct {
	Heap       float64 `json:"heap"`       // bytes
	Stacks     float64 `json:"stacks"`     // bytes
	RSS        float64 `json:"rss"`        // bytes of the process that are resident; 0 where the system does not tell
	Goroutines float64 `json:"goroutines"` // how many
	Threads    float64 `json:"threads"`    // how many; 0 where the system does not tell
}

// settle is how long a variant has to come to rest before its memory is read.
const settle = 300 * time.Millisecond

// rest is what was seen of a variant that has nothing to do, or of its start.
type rest struct {
	CPU    float64 // percent of one CPU
	Once   float64 // ns
	Memory MemoryUse
}

// watch starts a variant, gives it something to do once, and looks at the
// process afterwards.
func watch(kind Kind, v Variant, window time.Duration) (r rest, err error) {
	if kind == Memory {
		r.Memory, err = watchMemory(v, window)
		return r, err
	}
	in, err := v.Start()
	if err != nil {
		return rest{}, err
	}
	defer in.Stop()
	if kind == Once {
		return rest{Once: float64(in.Sample())}, nil
	}
	in.wake()
	defer in.rest()
	if err := in.check(); err != nil {
		return rest{}, err
	}
	runtime.GC() // or it might fall into the window
	time.Sleep(20 * time.Millisecond)
	t := time.Now()
	c0, _ := cpuTime()
	time.Sleep(window)
	c1, _ := cpuTime()
	r.CPU = 100 * float64(c1-c0) / float64(time.Since(t))
	return r, nil
}

// watchMemory is watch for the memory.
func watchMemory(v Variant, window time.Duration) (MemoryUse, error) {
	stirThreads()
	time.Sleep(min(settle, window)) // or a pool that was closed just now would count as memory that was in use
	before := memoryUse()
	for range memoryCopies {
		in, err := v.Start()
		if err != nil {
			return MemoryUse{}, err
		}
		defer in.Stop()
		in.wake()
		defer in.rest()
		if err := in.check(); err != nil {
			return MemoryUse{}, err
		}
	}
	time.Sleep(min(settle, window))
	return memoryUse().since(before).each(memoryCopies), nil
}

// stirThreads makes the Go runtime start the threads that it needs anyway.
func stirThreads() {
	before := runtime.NumGoroutine()
	s := make([]spin, runtime.GOMAXPROCS(0))
	for i := range s {
		s[i].turns = 1000 * turnsPerMicrosecond
	}
	goChunks(s, compute, len(s))
	for runtime.NumGoroutine() > before { // those that have said that they are done and not ended
		runtime.Gosched()
	}
}

func memoryUse() MemoryUse {
	runtime.GC() // twice: what a sync.Pool holds survives the first
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	rss, threads := residency()
	return MemoryUse{float64(m.HeapAlloc), float64(m.StackInuse), rss, float64(runtime.NumGoroutine()), threads}
}

func (m MemoryUse) since(before MemoryUse) MemoryUse {
	return MemoryUse{m.Heap - before.Heap, m.Stacks - before.Stacks, m.RSS - before.RSS, m.Goroutines - before.Goroutines, m.Threads - before.Threads}
}

// each divides what n hold by n.
func (m MemoryUse) each(n float64) MemoryUse {
	return MemoryUse{m.Heap / n, m.Stacks / n, m.RSS / n, m.Goroutines / n, m.Threads / n}
}

// held is the memory that Go accounts for, never below 0: a collection may free
// what was in use before.
func (m MemoryUse) held() float64 { return max(m.Heap+m.Stacks, 0) }

// medianOf returns the medians of several readings.
func medianOf(uses []MemoryUse) *MemoryUse {
	if len(uses) == 0 {
		return nil
	}
	median := func(field func(MemoryUse) float64) float64 {
		values := make([]float64, len(uses))
		for i, u := range uses {
			values[i] = field(u)
		}
		return quantile(sorted(values), 0.5)
	}
	return &MemoryUse{
		median(func(m MemoryUse) float64 { return m.Heap }),
		median(func(m MemoryUse) float64 { return m.Stacks }),
		median(func(m MemoryUse) float64 { return m.RSS }),
		median(func(m MemoryUse) float64 { return m.Goroutines }),
		median(func(m MemoryUse) float64 { return m.Threads }),
	}
}
