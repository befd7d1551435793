//go:build !linux

package zeropool

import "errors"

type thread struct{}

// canPin says whether this system can bind a thread to a CPU.
const canPin = false

func (*thread) pin(int, bool, string) error {
	return errors.New("threads cannot be bound to a CPU on this system")
}
func (*thread) unpin(int) bool { return true }
func (*thread) has(int) bool   { return true }
func (*thread) cpuTime() int64 { return 0 }
func (*thread) number() int    { return 0 }
func currentCPU() int          { return -1 }
func onMainThread() bool       { return false }
