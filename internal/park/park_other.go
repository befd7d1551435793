//go:build !linux

package park

import (
	"os"
	"sync/atomic"
	"time"
)

const hasFutex = false

func futexWait(*atomic.Uint32, uintptr, time.Duration) {}
func futexWake(*atomic.Uint32)                         {}
func newTimer() (*os.File, int)                        { return nil, 0 }
func setTimer(int, time.Duration)                      {}
func fireTimer(int)                                    {}
func waitTimer(*os.File)                               {}
