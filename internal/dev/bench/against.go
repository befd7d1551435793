package bench

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// oneRun is the rule for one report of each program. What a run does to all of
// its rounds, such as where its memory lies or who else uses the machine, is not
// in their spread. So only a large change counts, what has become slower must be
// so compared with every baseline, and it must be so again when it is measured
// again. ci/benchgate, which gives two programs their turns, sees smaller changes.
var oneRun = Rule{Alpha: 0.01, Least: 0.25}

// measuredAgain is how often.
const measuredAgain = 2

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
// error that names the workloads that are slower, also when they are measured
// again.
func compareWith(name string, old, new *Report, again func(names []string) (*Report, error), w io.Writer) error {
	table := Rounds(old, new)
	if len(table) == 0 {
		return fmt.Errorf("%s: no ratio of it was measured now", name)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "ratios of %s (base) and of this run (new)\n", name)
	if what := otherwise(&old.Machine, &new.Machine); len(what) > 0 {
		fmt.Fprintf(&out, "they were not measured alike: %s\n", strings.Join(what, "; "))
	}
	if _, err := oneRun.Write(&out, table); err != nil {
		return err
	}
	if !oneRun.canTellAny(table) {
		fmt.Fprintf(&out, "so few rounds cannot tell a difference\n")
	}
	if rest := without(new, table); len(rest) > 0 {
		fmt.Fprintf(&out, "not compared: %s\n", strings.Join(rest, ", "))
	}
	slower := slowerThan(old, table)
	for range measuredAgain {
		if len(slower) == 0 {
			break
		}
		fmt.Fprintf(&out, "slower compared with every baseline, measured again: %s\n", strings.Join(slower, ", "))
		r, err := again(slower)
		if err != nil {
			return err
		}
		slower = slowerThan(old, Rounds(old, r))
	}
	if _, err := io.WriteString(w, out.String()); err != nil {
		return err
	}
	if len(slower) > 0 {
		return fmt.Errorf("slower than %s, %d times over: %s", name, 1+measuredAgain, strings.Join(slower, ", "))
	}
	return nil
}

// slowerThan returns the workloads of a table of which every ratio is slower.
// How strict it is depends on how many ratios the old report has.
func slowerThan(old *Report, table []Change) []string {
	rows := len(Rounds(old, old))
	var names []string
	all := map[string]bool{}
	for i := range table {
		c := &table[i]
		slower := oneRun.Judge(c, rows).Slower
		if was, seen := all[c.Workload]; !seen {
			names = append(names, c.Workload)
			all[c.Workload] = slower
		} else {
			all[c.Workload] = was && slower
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return !all[name] })
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
	differ("level", cmp.Or(old.Level, "none"), cmp.Or(new.Level, "none"))
	differ("tags", cmp.Or(old.Tags, "none"), cmp.Or(new.Tags, "none"))
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
