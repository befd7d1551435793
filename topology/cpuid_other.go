//go:build linux && (!amd64 || purego)

package topology

import "time"

func scanCPUID([]int, time.Duration) ([]cpuidCPU, error) { return nil, errNoCPUID }
