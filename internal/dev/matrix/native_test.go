package matrix

import (
	"strings"
	"testing"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// TestNatives: systems of other languages are shown in a table of their own, with
// versions and flags, and are not the best other, however fast they are.
func TestNatives(t *testing.T) {
	m := New([]*bench.Report{report(func(r *bench.Report) {
		r.Peers = []bench.PeerInfo{{Name: "oneTBB", Module: "Debian: libtbb-dev", Version: "oneTBB 1.2", How: "-O3"}}
		q := &r.Results[0]
		q.Samples = append(q.Samples, bench.Sample{Name: "oneTBB", Spread: bench.Spread{Median: 4}})
		q.Ratios = append(q.Ratios, bench.Ratio{To: "oneTBB", Spread: bench.Spread{Median: 10}})
	})})
	text := render(t, m.text)
	for _, want := range []string{"## Beside native systems", "| 40 ns | 4 ns (10.0×) |", "| oneTBB | Debian: libtbb-dev | oneTBB 1.2 | -O3 |", "| single | 40 ns (0.40× channel) |"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if text := render(t, New([]*bench.Report{report(nil)}).text); strings.Contains(text, "Beside native") {
		t.Error("a table of native systems without any")
	}
}
