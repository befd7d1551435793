package bench

import (
	"os"
	"strconv"
	"strings"
)

// residency returns the bytes of the process that are resident, and how many
// threads it has.
func residency() (rss, threads float64) {
	status, _ := os.ReadFile("/proc/self/status")
	// The kernel's sum over the mappings is exact; the counters in status lag
	// behind by some pages for each CPU.
	rollup, err := os.ReadFile("/proc/self/smaps_rollup")
	if rss = 1024 * procField(rollup, "Rss:"); err != nil {
		rss = 1024 * procField(status, "VmRSS:")
	}
	return rss, procField(status, "Threads:")
}

// procField returns the number in the line that begins with the key; 0: there is
// none.
func procField(text []byte, key string) float64 {
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, key); ok {
			if f := strings.Fields(value); len(f) > 0 {
				n, _ := strconv.ParseFloat(f[0], 64)
				return n
			}
		}
	}
	return 0
}
