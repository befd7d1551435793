package topology

import (
	"io/fs"
	"testing"
)

// LoadCapture opens a captured tree for tests outside the package.
func LoadCapture(t *testing.T, archive string) fs.FS { return loadTar(t, archive) }

// Captures returns the archives of the corpus, or skips the test.
func Captures(t *testing.T) []string { return corpusCases(t, "sysfs", "fsroot.tar.gz") }
