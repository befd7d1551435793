// Command soak runs mixed load on pools that come and go, while it disturbs the
// process in every way that the Go runtime and the system offer, and checks all
// along that every task runs once or has an error that says why not, that
// counters add up, that nothing hangs, and that memory, goroutines and threads
// stay flat. It exits with 1 if anything is wrong.
//
// The seed determines the choices of each goroutine. How they interleave is the
// machine's, so a seed repeats a load and not every event.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

func main() {
	duration := flag.Duration("for", 10*time.Minute, "how long")
	seed := flag.Uint64("seed", 0, "of the random choices; 0 chooses one")
	flag.Parse()
	if flag.NArg() > 0 || *duration <= 0 {
		flag.Usage()
		os.Exit(2)
	}
	for *seed == 0 {
		*seed = rand.Uint64()
	}
	fmt.Printf("soak: %v, seed %d\n", *duration, *seed)
	w, err := newWorld(os.Stdout, *seed)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	w.run(*duration, restEvery(*duration))
	w.table()
	if n := w.failures.Load(); n > 0 {
		fmt.Printf("soak: FAILED: %d failures\n", n)
		os.Exit(1)
	}
	fmt.Println("soak: passed")
}

// restEvery spreads some sixty rests over a run.
func restEvery(d time.Duration) time.Duration {
	return min(max(d/60, 500*time.Millisecond), 10*time.Second)
}

// statusEvery is how often a line says how things are going: more often where
// somebody may be looking.
func statusEvery() time.Duration {
	if info, err := os.Stdout.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		return 10 * time.Second
	}
	return time.Minute
}
