//go:build !linux

package zeropool

import "time"

// Workers are not locked to their threads here, so they sleep on channels.

func (*parker) futexWait(time.Duration) {}
func (*parker) futexWake()              {}
