package main

import (
	"regexp"
	"slices"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// peers says what is measured, and how it was set up. All have as many workers
// as zeropool's pool, where they have a number of workers.
var peers = []bench.PeerInfo{
	{Name: "ants", Module: "github.com/panjf2000/ants/v2",
		How: "NewPool(workers), Submit of a closure; one WaitGroup"},
	{Name: "ants-1024", Module: "github.com/panjf2000/ants/v2",
		How: "NewPool(1024): as many goroutines as zeropool's queue has places, so that Submit seldom blocks"},
	{Name: "ants-func", Module: "github.com/panjf2000/ants/v2",
		How: "NewPoolWithFuncGeneric(workers), Invoke of a struct of 24 bytes, no closure; one WaitGroup"},
	{Name: "pond", Module: "github.com/alitto/pond/v2",
		How: "NewPool(workers), Go with a closure; one WaitGroup, which is faster than a group"},
	{Name: "pond-task", Module: "github.com/alitto/pond/v2",
		How: "NewPool(workers), Submit of a closure, Wait for each Task: what comes nearest to a Future"},
	{Name: "conc", Module: "github.com/sourcegraph/conc",
		How: "pool.New().WithMaxGoroutines(workers) for each set of tasks, as Wait ends it; iter.ForEach where a slice is at hand; WaitGroup.Go for one task"},
	{Name: "tunny", Module: "github.com/Jeffail/tunny",
		How: "NewCallback(workers); Process waits for its task, so 2*workers goroutines call it in turn for the next; a goroutine of its own where the submitter goes on"},
	{Name: "workerpool", Module: "github.com/gammazero/workerpool",
		How: "New(workers), Do with a closure; one WaitGroup"},
	{Name: "gopool", Module: "github.com/bytedance/gopkg",
		How: "util/gopool: NewPool(workers, NewConfig()), Go with a closure; one WaitGroup"},
	{Name: "errgroup", Module: "golang.org/x/sync",
		How: "a Group with SetLimit(workers) for each set of tasks; Wait"},
	{Name: "xsync-mpmc", Module: "github.com/puzpuzpuz/xsync/v4",
		How: "one MPMCQueue of 1024 structs of 24 bytes; workers and submitters poll it with Gosched, as it cannot block; one WaitGroup"},
	{Name: "xsync-spsc", Module: "github.com/puzpuzpuz/xsync/v4",
		How: "one SPSCQueue of 1024 for each worker, served in turn, otherwise as xsync-mpmc; not for several submitters"},
	{Name: "disruptor", Module: "github.com/smarty/go-disruptor",
		How: "a ring of 1024 structs of 24 bytes, one Handler for each worker in one group, each takes every workers-th; waits with Gosched, as the default strategy sleeps; one writer, with several submitters the shared one; one WaitGroup"},
}

// makers returns how each peer is made, in the order of peers.
func makers[T any]() []bench.Peer[T] {
	return []bench.Peer[T]{
		closures[T]("ants", startAnts(0)),
		closures[T]("ants-1024", startAnts(1024)),
		antsFunc[T](),
		closures[T]("pond", startPond),
		pondTask[T](),
		concPool[T](),
		tunnyPool[T](),
		closures[T]("workerpool", startWorkerpool),
		closures[T]("gopool", startGopool),
		errGroup[T](),
		xsyncMPMC[T](),
		xsyncSPSC[T](),
		disruptorPool[T](),
	}
}

// chosen returns the peers whose name matches, but for some.
func chosen[T any](names *regexp.Regexp, but ...string) []bench.Peer[T] {
	return slices.DeleteFunc(makers[T](), func(p bench.Peer[T]) bool {
		return !names.MatchString(p.Name) || slices.Contains(but, p.Name)
	})
}

// variants are the peers for the workloads that come with the benchmark set.
// Tasks to wait for one by one only differ from a WaitGroup where tasks are tiny.
func variants(names *regexp.Regexp) bench.Peers {
	return bench.Peers{
		Cells:  chosen[bench.Cell](names),
		Spins:  chosen[bench.Spin](names, "pond-task"),
		Stamps: chosen[bench.Stamp](names, "pond-task"),
		Spans:  chosen[bench.Span](names, "pond-task"),
	}
}

// infos describes the peers whose name matches.
func infos(names *regexp.Regexp) []bench.PeerInfo {
	var list []bench.PeerInfo
	for _, p := range peers {
		if names.MatchString(p.Name) {
			p.Version = bench.ModuleVersion(p.Module)
			list = append(list, p)
		}
	}
	return list
}
