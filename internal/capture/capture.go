// Package capture takes from a machine the files that detection reads, without
// what tells whose machine it is, and reads such captures again.
package capture

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/zeropool-go/zeropool/internal/report"
	"github.com/zeropool-go/zeropool/topology"
)

// Schema is the version of capture.json.
const Schema = 1

// The files of a capture that are not from the machine.
const (
	manifestFile = "capture.json"
	reportFile   = "report.txt"
	topologyFile = "topology.json"
	planFile     = "plan.json"
)

// Manifest is what a capture tells beside the files of the machine. Of a machine
// that is not the one that runs this program, most of it is not known.
type Manifest struct {
	Schema     int                 `json:"schema"`
	Zeropool   string              `json:"zeropool"`             // version of the program that made the capture
	Go         string              `json:"go,omitempty"`         // version of Go
	OS         string              `json:"os,omitempty"`         // GOOS
	Arch       string              `json:"arch,omitempty"`       // GOARCH
	Kernel     string              `json:"kernel,omitempty"`     // release of the kernel
	GOMAXPROCS int                 `json:"gomaxprocs,omitempty"` // 0 = not known
	Placement  *topology.Placement `json:"placement,omitempty"`  // nil = not known
	Error      string              `json:"error,omitempty"`      // why there is no report
	Unreadable []string            `json:"unreadable,omitempty"` // files that exist and could not be read, with the reason
}

// Options say what a capture has beside the files.
type Options struct {
	Now      bool           // take what changes from second to second
	Manifest Manifest       // Schema, Kernel, Error and Unreadable are filled in
	Dumps    map[int][]byte // CPUID dumps by OS CPU number, beside those of the tree
}

// Capture is what was taken from a machine.
type Capture struct {
	*Tree
	Taken   []Entry // by name
	LeftOut []Entry // by name
	Error   error   // why there is no report, or nil
}

// Entry is one file, or several of which only numbers in the name differ.
type Entry struct {
	Name  string // in the capture; * stands for numbers, where there are several
	Files int
	Words string // what was taken of it, or why it was left out; "" for all of it
}

// Take takes a capture of the machine in root, which has sys/ and proc/. The
// error is for a root without any file that detection reads.
func Take(root fs.FS, o Options) (*Capture, error) {
	rec := newRecorder(root)
	t, err := topology.Read(rec)
	if t != nil {
		topology.ReadConditions(rec, t)
	}
	rec.get("proc/cmdline")
	kernel := rec.get("proc/sys/kernel/osrelease")
	delete(rec.files, "proc/sys/kernel/osrelease")
	if !slices.ContainsFunc(slices.Collect(maps.Keys(rec.files)), func(name string) bool { return name != "proc/cmdline" }) {
		return nil, cmp.Or(err, errNothing)
	}

	c := &Capture{Tree: newTree()}
	x := newRedactor(rec, o.Now)
	taken, left := entries{}, entries{}
	for _, name := range slices.Sorted(maps.Keys(rec.files)) {
		to, _ := x.rename(name)
		text, words, ok := x.keep(name, rec.files[name])
		if !ok {
			left.count(to, words)
			continue
		}
		if err := c.add(to, text); err != nil {
			return nil, err
		}
		taken.count(to, words)
	}
	for _, name := range slices.Sorted(maps.Keys(rec.dirs)) {
		if to, ok := x.directory(name); ok {
			if _, err := c.dir(to); err != nil {
				return nil, err
			}
		}
	}
	for id, text := range o.Dumps {
		name := "cpuid/pu" + strconv.Itoa(id)
		if err := c.add(name, text); err != nil {
			return nil, err
		}
		taken.count(name, "only the leaves that detection asks for")
	}

	m := o.Manifest
	m.Schema, m.Kernel = Schema, kernelRelease(kernel)
	for _, name := range slices.Sorted(maps.Keys(rec.failed)) {
		to, _ := x.rename(name)
		m.Unreadable = append(m.Unreadable, to+": "+rec.failed[name].Error())
		left.count(to, rec.failed[name].Error())
	}
	if err := c.describe(m, taken); err != nil {
		return nil, err
	}
	c.Taken, c.LeftOut = taken.sorted(), left.sorted()
	return c, nil
}

var errNothing = errors.New("there is no file that describes a machine")

// describe adds the manifest, the report and the plan, made from the capture
// itself: they can tell no more than it does.
func (c *Capture) describe(m Manifest, taken entries) error {
	put := func(name, words string, write func(io.Writer) error) error {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return err
		}
		taken.count(name, words)
		return c.add(name, b.Bytes())
	}
	q := topology.Request{GOMAXPROCS: m.GOMAXPROCS}
	if m.Placement != nil {
		q.Placement = *m.Placement
	}
	r, err := read(c.Tree, q)
	if err != nil {
		c.Error, m.Error = err, err.Error()
	}
	errs := []error{put(manifestFile, "versions, GOMAXPROCS, files that cannot be read", func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(m)
	})}
	if r != nil {
		errs = append(errs,
			put(reportFile, "what zeropool topo says of the files below", r.Text),
			put(topologyFile, "the same as JSON", r.JSON),
			put(planFile, "what zeropool plan says", r.PlanJSON))
	}
	return errors.Join(errs...)
}

// read is the report on the machine in root.
func read(root fs.FS, q topology.Request) (*report.Report, error) {
	t, err := topology.Read(root)
	if err != nil {
		return nil, err
	}
	r := report.New(t, q)
	r.Conditions = topology.ReadConditions(root, t)
	return r, nil
}

// Report is the report on the machine in root: a tree with sys/ and proc/, or a
// capture. GOMAXPROCS of the request is that of the capture, and so is the
// placement unless one was chosen.
func Report(root fs.FS, q topology.Request, chosen bool) (*report.Report, error) {
	m, err := manifest(root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	q.GOMAXPROCS = m.GOMAXPROCS
	if m.Placement != nil && !chosen {
		q.Placement = *m.Placement
	}
	return read(root, q)
}

// maxGOMAXPROCS is far above what a machine has.
const maxGOMAXPROCS = 1 << 20

// manifest reads that of a capture; a tree without one has an empty one.
func manifest(root fs.FS) (m Manifest, err error) {
	f, err := root.Open(manifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, ofCaptures.file)).Decode(&m); err != nil {
		return Manifest{}, err
	}
	switch {
	case m.Schema != Schema:
		err = fmt.Errorf("schema %d, this program reads %d", m.Schema, Schema)
	case m.GOMAXPROCS < 0 || m.GOMAXPROCS > maxGOMAXPROCS:
		err = fmt.Errorf("gomaxprocs %d", m.GOMAXPROCS)
	}
	return m, err
}

var release = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*`)

// kernelRelease keeps the numbers of a release: what follows them may be the name
// of who built it.
func kernelRelease(text []byte) string { return string(release.Find(text)) }

// get reads a file that detection does not.
func (r *recorder) get(name string) []byte {
	f, err := r.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	io.Copy(io.Discard, io.LimitReader(f, 1<<16))
	return r.files[name]
}

// entries counts files under the pattern of their names.
type entries map[string]*Entry

var number = regexp.MustCompile(`[0-9]+`)

func (e entries) count(name, words string) {
	pattern := name
	if strings.HasPrefix(name, "sys/devices/") || strings.HasPrefix(name, "cpuid/") || strings.HasPrefix(name, "sys/class/") {
		pattern = number.ReplaceAllString(name, "*")
	}
	if e[pattern] == nil {
		e[pattern] = &Entry{Name: name, Words: words}
	} else {
		e[pattern].Name = pattern
	}
	e[pattern].Files++
}

func (e entries) sorted() []Entry {
	out := make([]Entry, 0, len(e))
	for _, pattern := range slices.Sorted(maps.Keys(e)) {
		out = append(out, *e[pattern])
	}
	return out
}
