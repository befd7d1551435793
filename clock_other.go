//go:build !linux

package zeropool

import "time"

// monotonic returns a clock that measures time, in nanoseconds.
func monotonic() int64 { return int64(time.Since(started)) }

// tellsBubbles says whether inBubble does.
const tellsBubbles = false

// inBubble would report whether the calling goroutine is in a bubble of
// testing/synctest, which cannot be told here.
func inBubble() bool { return false }
