package topology

import (
	"runtime"
	"testing"
)

// The machine that the test runs on is read without contradiction, with at
// least one CPU allowed and its source named.
func TestDetect(t *testing.T) {
	top, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	checkInvariants(t, top)
	if allowedList(top) == "" {
		t.Error("no CPU is allowed")
	}
	if top.Source == "" {
		t.Error("no source is named")
	}
	allowed := 0
	for _, c := range top.CPUs {
		if c.Allowed {
			allowed++
		}
	}
	if allowed != runtime.NumCPU() {
		t.Errorf("%d CPUs are allowed, the runtime counts %d", allowed, runtime.NumCPU())
	}
}

func BenchmarkDetect(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Detect(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead1920(b *testing.B) {
	fsys := machine{packages: 16, nodesPerPackage: 1, l3PerNode: 1, coresPerL3: 60, threads: 2}.write()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(fsys); err != nil {
			b.Fatal(err)
		}
	}
}
