//go:build !linux

// Package clock reads the monotonic clock of the system.
package clock

import "time"

var started = time.Now()

// Monotonic returns a clock that measures time, in nanoseconds. Here it is that of
// package time.
func Monotonic() int64 { return int64(time.Since(started)) }
