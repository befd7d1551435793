package main

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// hangTicks is how many ticks of the watchdog, a second each, an actor may go
// without a beat.
const hangTicks = 60

// An actor is a goroutine that must make progress.
type actor struct {
	name  string
	beats atomic.Uint64
	seen  uint64 // beats at the watchdog's last tick
	quiet int    // ticks since the last new beat
}

// A watchdog looks after actors. It goes by its own ticks, of which a process
// that is stopped as a whole has none.
type watchdog struct {
	mu     sync.Mutex
	actors []*actor
	stop   chan struct{}
}

// startWatchdog calls hang, once, with the name of an actor that has made no
// progress for hangTicks ticks.
func startWatchdog(tick time.Duration, hang func(name string)) *watchdog {
	d := &watchdog{stop: make(chan struct{})}
	go func() {
		t := time.NewTicker(tick)
		defer t.Stop()
		for {
			select {
			case <-d.stop:
				return
			case <-t.C:
			}
			if name, hung := d.tick(); hung {
				hang(name)
				return
			}
		}
	}()
	return d
}

func (d *watchdog) tick() (name string, hung bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.actors {
		if n := a.beats.Load(); n != a.seen {
			a.seen, a.quiet = n, 0
		} else if a.quiet++; a.quiet >= hangTicks {
			return a.name, true
		}
	}
	return "", false
}

// add returns a new actor to look after. When several hang, the one that was
// added first is named.
func (d *watchdog) add(name string) *actor {
	a := &actor{name: name}
	d.watch(a)
	return a
}

func (d *watchdog) watch(a *actor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.actors = append(d.actors, a)
}

func (d *watchdog) remove(a *actor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.actors = slices.DeleteFunc(d.actors, func(b *actor) bool { return a == b })
}

// stacks returns what every goroutine is doing.
func stacks() string {
	buf := make([]byte, 16<<20)
	return string(buf[:runtime.Stack(buf, true)])
}
