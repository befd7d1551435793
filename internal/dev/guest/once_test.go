//go:build linux

package guest

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// rounds multiplies n by ZEROPOOL_STRESS.
func rounds(t *testing.T, n int) int {
	t.Helper()
	if v := os.Getenv("ZEROPOOL_STRESS"); v != "" {
		factor, err := strconv.Atoi(v)
		if err != nil || factor < 1 {
			t.Fatalf("ZEROPOOL_STRESS=%q: a whole number from 1 on is needed", v)
		}
		n *= factor
	}
	return n
}

// ticket is a task that counts how often it ran.
type ticket struct {
	pool *zeropool.Pool
	runs atomic.Int32
	sub  []ticket // submitted and waited for from inside
}

func (k *ticket) run() {
	k.runs.Add(1)
	if k.sub != nil {
		batch := zeropool.SubmitBatch(k.pool, k.sub[1:], (*ticket).run)
		one := zeropool.Submit(k.pool, &k.sub[0], (*ticket).run)
		for _, f := range []zeropool.Future{one, batch} {
			if err := f.Wait(); err != nil {
				panic(err)
			}
		}
	}
}

// Everything that submitters put in, in every way there is, runs exactly once:
// with as many workers as cores, and as CPUs.
func TestExactlyOnce(t *testing.T) {
	m := theMachine(t)
	for _, placement := range []topology.Placement{topology.PerCore, topology.PerThread} {
		t.Run(placement.String(), func(t *testing.T) {
			workers := len(m.allowed)
			if placement == topology.PerCore {
				workers = count(m.allowed, m.coreOf)
			}
			p, err := zeropool.New(zeropool.WithPlacement(placement), zeropool.WithWorkers(workers), zeropool.WithQueueCapacity(16))
			if err != nil {
				t.Fatal(err)
			}
			var submitters sync.WaitGroup
			var total atomic.Uint64
			for s := range max(workers/2, 2) {
				submitters.Go(func() { total.Add(submitAll(t, p, uint64(s), rounds(t, 60))) })
			}
			submitters.Wait()
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			s := p.Stats().Total
			if s.Submitted != total.Load() || s.Completed != total.Load() || s.Queued != 0 || s.Running != 0 {
				t.Errorf("%d tasks, counted are %+v", total.Load(), s)
			}
			t.Logf("%d workers, %d submitters, %d tasks, %d queue entries stolen, GOMAXPROCS %d", workers, max(workers/2, 2), s.Completed, s.Stolen, runtime.GOMAXPROCS(0))
		})
	}
}

// submitAll submits rounds times, waits, checks, and returns how many tasks
// there were.
func submitAll(t *testing.T, p *zeropool.Pool, seed uint64, rounds int) (total uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	g := p.NewGroup()
	for range rounds {
		ks := make([]ticket, 1+r.IntN(40))
		for i := range ks {
			ks[i].pool = p
			if r.IntN(16) == 0 {
				ks[i].sub = make([]ticket, 2+r.IntN(4))
				total += uint64(len(ks[i].sub))
			}
		}
		total += uint64(len(ks))
		var futures []zeropool.Future
		form := r.IntN(5)
		switch form {
		case 0:
			for i := range ks {
				futures = append(futures, zeropool.Submit(p, &ks[i], (*ticket).run))
			}
		case 1:
			futures = append(futures, zeropool.SubmitBatch(p, ks, (*ticket).run))
		case 2:
			tasks := make([]zeropool.Task, len(ks))
			for i := range ks {
				tasks[i] = zeropool.Bind(&ks[i], (*ticket).run)
			}
			futures = append(futures, p.SubmitMixed(tasks))
		case 3:
			for i := range ks {
				zeropool.SubmitTo(g, &ks[i], (*ticket).run)
			}
			if err := g.Wait(); err != nil {
				t.Errorf("group: %v", err)
			}
		case 4:
			if err := zeropool.ForEach(p, ks, (*ticket).run); err != nil {
				t.Errorf("loop: %v", err)
			}
		}
		for _, f := range futures {
			if err := f.Wait(); err != nil {
				t.Errorf("form %d: %v", form, err)
			}
		}
		for i := range ks {
			if n := ks[i].runs.Load(); n != 1 {
				t.Errorf("form %d: task %d of %d ran %d times", form, i, len(ks), n)
			}
			for j := range ks[i].sub {
				if n := ks[i].sub[j].runs.Load(); n != 1 {
					t.Errorf("form %d: task %d inside task %d ran %d times", form, j, i, n)
				}
			}
		}
	}
	return total
}
