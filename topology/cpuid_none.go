//go:build !linux || !amd64 || purego

package topology

import "errors"

var errNoCPUID = errors.New("topology: this build does not execute CPUID")

func dumpCPUID([]int) (map[int][]byte, error) { return nil, errNoCPUID }
