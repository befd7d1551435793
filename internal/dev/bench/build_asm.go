//go:build (amd64 || arm64) && !purego && !race && !msan && !asan

package bench

// Build says which of the queue's implementations the root package was built
// with; the condition is that of its queue_asm.go.
const Build = "assembly"
