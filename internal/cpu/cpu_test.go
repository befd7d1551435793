package cpu

import (
	"testing"
	"time"
)

// Durations and ticks are two units of the same: there and back is the same, within a
// tick.
func TestTicksAndDurations(t *testing.T) {
	tick := DurationOf(1) + time.Nanosecond
	for _, d := range []time.Duration{0, time.Microsecond, 50 * time.Millisecond, time.Hour} {
		if got := DurationOf(TicksOf(d)); got > d || d-got > tick+d/1e9 {
			t.Errorf("%v is %d ticks, and these are %v", d, TicksOf(d), got)
		}
	}
}

// Both forms of Relax end, for every number of turns that they promise, and both forms
// of Ticks go forward.
func TestTwins(t *testing.T) {
	for n := uint64(1); n <= 64; n++ {
		Relax(n)
		relaxGeneric(n)
	}
	for name, ticks := range map[string]func() int64{"Ticks": Ticks, "ticksGeneric": ticksGeneric} {
		for first := ticks(); ticks() <= first; {
			SpinTurn() // for ever, if it stands still
		}
		t.Logf("%s goes forward", name)
	}
}
