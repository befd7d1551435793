package bench

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/zeropool-go/zeropool"
	"github.com/zeropool-go/zeropool/topology"
)

// TestFibonacci checks that the row computes what it says, by as many forks.
func TestFibonacci(t *testing.T) {
	for _, c := range []struct {
		n, forks int
		want     uint64
	}{{0, 0, 0}, {1, 0, 1}, {2, 1, 1}, {10, 88, 55}, {22, 28656, 17711}} {
		g := fibonacci(c.n)
		calls(&g.all[0])
		if fibForks(c.n) != c.forks || g.all[0].sum != c.want || len(g.all) != 2*c.forks+1 {
			t.Errorf("fib(%d) = %d by %d forks and %d calls, want %d by %d", c.n, g.all[0].sum, fibForks(c.n), len(g.all), c.want, c.forks)
		}
	}
}

// TestGroveVerify checks that a fork which is not run is found out.
func TestGroveVerify(t *testing.T) {
	g := fibonacci(5)
	half := func(c *call) {
		c.prepare()
		calls(c.b)
		c.sum = 5
	}
	if err := onGrove(g, half).Verify(); err == nil {
		t.Error("a fork that was not run went unnoticed")
	}
	if err := onGrove(g, calls).Verify(); err != nil {
		t.Error(err)
	}
}

// TestByWorkers checks that a speed-up is that of workers: the goroutine that
// measures does no task, and with one worker there is nothing to compare.
func TestByWorkers(t *testing.T) {
	e, err := NewEnv(zeropool.WithWorkers(1), zeropool.WithPlacement(topology.Unpinned))
	if err != nil {
		t.Fatal(err)
	}
	g := balanced(4, 1)
	if n := len(byWorkers(e, g)); n != 1 {
		t.Errorf("%d variants with one worker", n)
	}
	e.SetWorkers(2)
	if n := len(byWorkers(e, g)); n != 2 || e.Workers != 2 {
		t.Errorf("%d variants, %d workers", n, e.Workers)
	}
	p, err := zeropool.New(e.Options...)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := onGrove(g, onWorkers(p, forks(p))).Verify(); err != nil {
		t.Error(err)
	}
}

// TestSplit checks what the recursion of the sort relies on: both parts are
// shorter, and in order as parts. Few values make many equal ones.
func TestSplit(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		d := make([]int, 3+random.IntN(30))
		for k := range d {
			d[k] = random.IntN(1 + i%40)
		}
		given := slices.Clone(d)
		n := split(d)
		if n < 1 || n >= len(d) || slices.Max(d[:n]) > slices.Min(d[n:]) {
			t.Fatalf("%v became %v and %v", given, d[:n], d[n:])
		}
		slices.Sort(d)
		if slices.Sort(given); !slices.Equal(d, given) {
			t.Fatal("split lost an element")
		}
	}
}

// TestQueens checks the count that the results of the row are compared with by a
// search without tasks.
func TestQueens(t *testing.T) {
	root := board{rows: boardSize}
	if n := root.search(); n != solutions {
		t.Errorf("%d solutions, want %d", n, solutions)
	}
	if got, next := len(root.next()), queensTasks(); got != boardSize || next < boardSize*(boardSize-3) {
		t.Errorf("%d places on the first row, %d tasks in all", got, next)
	}
}
