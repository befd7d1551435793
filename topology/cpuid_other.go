//go:build linux && (!amd64 || purego)

package topology

import (
	"errors"
	"time"
)

func scanCPUID([]int, time.Duration) ([]cpuidCPU, error) {
	return nil, errors.New("topology: this build does not execute CPUID")
}
