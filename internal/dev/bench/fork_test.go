package bench

import "testing"

// TestFibonacci checks that the row computes what it says, by as many forks.
func TestFibonacci(t *testing.T) {
	for _, c := range []struct {
		n, forks int
		want     uint64
	}{{0, 0, 0}, {1, 0, 1}, {2, 1, 1}, {10, 88, 55}, {22, 28656, 17711}} {
		g := fibonacci(c.n)
		calls(&g.all[0])
		if g.forks != c.forks || g.all[0].sum != c.want || len(g.all) != 2*c.forks+1 {
			t.Errorf("fib(%d) = %d by %d forks and %d calls, want %d by %d", c.n, g.all[0].sum, g.forks, len(g.all), c.want, c.forks)
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
