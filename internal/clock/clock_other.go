//go:build !linux

// Package clock reads the clocks of the system.
package clock

import "time"

var started = time.Now()

// Monotonic returns a clock that measures time, in nanoseconds. Here it is that of
// package time.
func Monotonic() int64 { return int64(time.Since(started)) }

// Wall returns the time of day, in nanoseconds since 1970, or 0 if it is not known,
// as here.
func Wall() int64 { return 0 }
