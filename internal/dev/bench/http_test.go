package bench

import (
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/internal/dev/testenv"
)

// TestAsk checks that an answer which is wrong, or none, does not count as a
// request done.
func TestAsk(t *testing.T) {
	e, err := unpinned()
	if err != nil {
		t.Fatal(err)
	}
	for _, variant := range []string{Ours, Handlers} {
		address, stop, err := startServer(e, variant)
		if err != nil {
			t.Fatal(err)
		}
		c, err := dial(address, 100)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := c.ask(); err != nil {
				t.Errorf("%s: %v", variant, err)
			}
		}
		c.want = "something else"
		if err := c.ask(); err == nil || !strings.Contains(err.Error(), "200 OK") {
			t.Errorf("%s: a wrong answer: %v", variant, err)
		}
		c.request = []byte("GET /x HTTP/1.1\r\nHost: bench\r\n\r\n")
		if err := c.ask(); err == nil || !strings.Contains(err.Error(), "500") {
			t.Errorf("%s: a failed request: %v", variant, err)
		}
		stop()
		if err := c.ask(); err == nil {
			t.Errorf("%s: the server goes on after its end", variant)
		}
	}
}

// TestStartChild checks that a server in a process of its own serves, ends when
// it is told to, and says in one error why it could not start.
func TestStartChild(t *testing.T) {
	testenv.NeedsProcesses(t)
	address, stop, err := startChild(order{Workload: "http-1", Variant: Ours, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	c, err := dial(address, 1)
	if err == nil {
		err = c.ask()
	}
	if err != nil {
		t.Error(err)
	}
	stop()
	if _, err := dial(address, 1); err == nil {
		t.Error("the process goes on")
	}
	if _, _, err := startChild(order{Workload: "http-1", Variant: "cold fusion"}); err == nil || !strings.Contains(err.Error(), `no variant "cold fusion"`) {
		t.Errorf("error %v", err)
	}
}
