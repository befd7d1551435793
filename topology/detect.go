package topology

import (
	"errors"
	"io/fs"
)

// Detect reads the machine this process runs on.
func Detect() (*Topology, error) { return nil, errors.New("topology: not available") }

// Read reads a captured machine from a tree that holds sys/ and proc/.
func Read(root fs.FS) (*Topology, error) { return nil, errors.New("topology: not available") }

// ReadCPUID reads a machine from a directory of CPUID dumps.
func ReadCPUID(dump fs.FS) (*Topology, error) { return nil, errors.New("topology: not available") }
