//go:build !linux

package zeropool

import "errors"

type thread struct{}

// canPin says whether this system can bind a thread to a CPU.
const canPin = false

func (*thread) pin(int) error { return errors.New("threads cannot be bound to a CPU on this system") }
func (*thread) unpin()        {}
func currentCPU() int         { return -1 }
func (*thread) fail()         {}
func (*thread) lost(int) bool { return false }
func setName(string)          {}
func onMainThread() bool      { return false }
