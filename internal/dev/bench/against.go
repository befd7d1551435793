package bench

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// oneRun is the rule for two runs of one report each. What a run does to all of
// its rounds, such as where its memory lies or who else uses the machine, is not
// in their spread; so only a large change counts. ci/benchgate, which gives two
// programs their turns, sees smaller ones.
var oneRun = Rule{Alpha: 0.05, Least: 0.5}

// readFile reads a report.
func readFile(name string) (*Report, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r, err := ReadReport(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// compareWith writes how a report differs from an older one, and returns an
// error that names what has become slower.
func compareWith(name string, old, new *Report, w io.Writer) error {
	table := Rounds(old, new)
	if len(table) == 0 {
		return fmt.Errorf("%s: no ratio of it was measured now", name)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "ratios of %s (base) and of this run (new)\n", name)
	if what := otherwise(&old.Machine, &new.Machine); len(what) > 0 {
		fmt.Fprintf(&out, "they were not measured alike: %s\n", strings.Join(what, "; "))
	}
	slower, err := oneRun.Write(&out, table)
	if err != nil {
		return err
	}
	if rest := without(new, table); len(rest) > 0 {
		fmt.Fprintf(&out, "not compared: %s\n", strings.Join(rest, ", "))
	}
	if _, err := io.WriteString(w, out.String()); err != nil {
		return err
	}
	if len(slower) > 0 {
		return errors.New("slower than " + name + ": " + strings.Join(slower, ", "))
	}
	return nil
}

// otherwise says in what two runs differ that ratios depend on.
func otherwise(old, new *Machine) []string {
	var what []string
	differ := func(of string, a, b any) {
		if a != b {
			what = append(what, fmt.Sprintf("%s %v, now %v", of, a, b))
		}
	}
	differ("cpu", old.CPU, new.CPU)
	differ("topology", old.Topology, new.Topology)
	differ("CPUs", old.CPUs, new.CPUs)
	differ("GOMAXPROCS", old.GOMAXPROCS, new.GOMAXPROCS)
	differ("workers", old.Workers, new.Workers)
	differ("pinned workers", old.Pinned, new.Pinned)
	differ("go", old.Go, new.Go)
	differ("platform", old.OS+"/"+old.Arch, new.OS+"/"+new.Arch)
	differ("level", old.Level, new.Level)
	differ("tags", old.Tags, new.Tags)
	differ("emulated", old.Emulated, new.Emulated)
	return what
}

// without returns the names of the workloads that a table leaves out.
func without(r *Report, table []Change) []string {
	var names []string
	for i := range r.Results {
		name := r.Results[i].Name
		if !slices.ContainsFunc(table, func(c Change) bool { return c.Workload == name }) {
			names = append(names, name)
		}
	}
	return names
}
