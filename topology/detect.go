package topology

import (
	"os"
)

// Detect reads the machine this process runs on.
func Detect() (*Topology, error) { return Read(os.DirFS("/")) }
