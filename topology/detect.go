package topology

import (
	"errors"
	"io/fs"
	"os"
)

// Detect reads the machine this process runs on.
func Detect() (*Topology, error) { return Read(os.DirFS("/")) }

// ReadCPUID reads a machine from a directory of CPUID dumps.
func ReadCPUID(dump fs.FS) (*Topology, error) { return nil, errors.New("topology: not available") }
