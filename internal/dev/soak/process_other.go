//go:build !linux

package main

// Only Linux says what the process uses, and binds threads to CPUs.

func threads() []int              { return nil }
func threadCount() int            { return 0 }
func residentBytes() uint64       { return 0 }
func workerThreads() map[int]bool { return nil }

type affinity struct{}

func startAffinity() (*affinity, error)        { return &affinity{}, nil }
func (*affinity) narrow(int, func() bool) bool { return false }
func (*affinity) restore()                     {}
func (*affinity) odd() string                  { return "" }
