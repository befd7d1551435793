// Package testenv tells tests what they cannot have where they run.
package testenv

import (
	"os"
	"testing"
)

// Emulated reports whether an emulator of the user's instructions alone runs the
// test; ci/qemu, which starts it so, says that.
func Emulated() bool {
	return os.Getenv("ZEROPOOL_TEST_EMULATED") != ""
}

// NeedsProcesses skips a test that starts a process where that cannot be trusted.
// An emulator has locks of its own, and the copy that fork makes of it has only the
// thread that asked: if another held such a lock, the copy waits for ever. Nor may
// the kernel be able to run programs for the emulated architecture.
func NeedsProcesses(t testing.TB) {
	t.Helper()
	if Emulated() {
		t.Skip("an emulator cannot start processes for certain")
	}
}
