package bench

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestElsewhere: of a variant that another process does, the time is the one that
// it returns and nothing is said of allocations and efficiency; such a report can
// be written, read and shown.
func TestElsewhere(t *testing.T) {
	const each = 7 * time.Microsecond
	times := 0
	w := Workload{Name: "w", Title: "w", Tasks: 7, Heavy: true, Variants: func(*Env) []Variant {
		return []Variant{
			{Ours, plain(Instance{Op: func() { time.Sleep(time.Microsecond) }})},
			{Serial, plain(Instance{Op: func() { time.Sleep(time.Microsecond) }})},
			{"elsewhere", plain(Instance{Op: func() {}, Timed: func(n int) time.Duration {
				times += n
				return time.Duration(n) * each
			}})},
		}
	}}
	r, err := Measure(w, &Env{CPUs: 2, Workers: 2}, tiny, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := r.Samples[2]
	if s.Min != 1000 || s.Max != 1000 || s.Allocs != nil || s.Bytes != nil || s.Efficiency != nil {
		t.Errorf("%+v, want 1000 ns a task and nothing else", s)
	}
	if least := int(tiny.Slice/each) * tiny.Rounds; times < least {
		t.Errorf("done %d times, want %d at least: turns are filled", times, least)
	}
	report := &Report{Schema: Schema, Results: []Result{r}}
	var text, shown bytes.Buffer
	if err := report.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadReport(&text); err != nil {
		t.Errorf("the report cannot be read: %v", err)
	}
	if err := report.WriteText(&shown); err != nil || !strings.Contains(shown.String(), "elsewhere") {
		t.Errorf("shown as %q, %v", shown.String(), err)
	}
}
