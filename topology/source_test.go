package topology

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// strangeFS gives every file the same odd behaviour.
type strangeFS struct {
	*memFS
	read func(b []byte) (int, error)
}

func (s strangeFS) Open(name string) (fs.File, error) {
	f, err := s.memFS.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return f, nil
	}
	return strangeFile{f, s.read}, nil
}

type strangeFile struct {
	fs.File
	read func(b []byte) (int, error)
}

func (f strangeFile) Read(b []byte) (int, error) { return f.read(b) }

// Files that never end, never progress or fail give an error or a warning, and
// no CPU that does not exist.
func TestStrangeFiles(t *testing.T) {
	for name, read := range map[string]func([]byte) (int, error){
		"endless zeros": func(b []byte) (int, error) { return len(b), nil },
		"endless lines": func(b []byte) (int, error) { return copy(b, strings.Repeat("0-1\n", len(b)/4+1)), nil },
		"no progress":   func(b []byte) (int, error) { return 0, nil },
		"failing":       func(b []byte) (int, error) { return 0, errors.New("input/output error") },
		"byte by byte":  func(b []byte) (int, error) { b[0] = '1'; return 1, nil },
	} {
		t.Run(name, func(t *testing.T) {
			top, err := Read(strangeFS{smallMachine.write(), read})
			if err == nil && len(top.Warnings) == 0 {
				t.Error("neither an error nor a warning")
			}
			if err == nil && len(top.CPUs) > 8 {
				t.Errorf("%d CPUs", len(top.CPUs))
			}
		})
	}
}

// A link that leads to itself does not hang the reader nor hide the other CPUs.
func TestLinkLoop(t *testing.T) {
	fsys := smallMachine.write()
	dir := fsys.dir(cpuDir + "/cpu0")
	dir.children["topology"] = &memNode{name: "topology", link: "../cpu0/topology"}
	top := mustRead(t, fsys)
	if len(top.CPUs) != 8 {
		t.Errorf("%d CPUs", len(top.CPUs))
	}
}

// Many warnings of a kind are cut short, with how many there were, and do not
// hide other kinds.
func TestWarningsAreBounded(t *testing.T) {
	r := newReader(fsSource{newMemFS()})
	for i := range 1000 {
		r.warn("W-BAD-FILE", "file %d", i)
	}
	r.warn("W-CGROUP", "once")
	got := r.flush()
	if len(got) != maxPerKind+2 || got[len(got)-1] != fmt.Sprintf("W-BAD-FILE %d more of this kind", 1000-maxPerKind) {
		t.Errorf("%q", got)
	}
}

// A tree that makes the reader open files without end is refused.
func TestReadsAreBounded(t *testing.T) {
	r := newReader(fsSource{newMemFS()})
	r.reads = maxReads
	if _, err := r.text("x"); !errors.Is(err, errTooManyReads) {
		t.Errorf("%v", err)
	}
}
