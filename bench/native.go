package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// A native system is a program that bench/native/run builds. bench/native/work.hpp
// says what it is asked, and how it answers.
type native struct {
	bench.PeerInfo
	path string
}

// natives says what the programs are: their names are those of the files.
var natives = []bench.PeerInfo{
	{Name: "oneTBB", Module: "Debian: libtbb-dev",
		How: "C++17, -O3 -DNDEBUG; one by one and forks: task_group; batches and loops: parallel_for; as many threads as workers, the caller among them"},
	{Name: "OpenMP", Module: "Debian: gcc, libgomp",
		How: "C++17, -O3 -DNDEBUG -fopenmp; one by one and forks: task and taskwait in a region of their own; batches and loops: parallel for; as many threads as workers, the caller among them"},
	{Name: "rayon", Module: "Debian: librust-rayon-dev",
		How: "opt-level 3, fat LTO, one codegen unit; one by one: in_place_scope and spawn; forks: install and join, scope for n-queens; batches and loops: par_iter_mut; as many threads as workers, the caller is none of them"},
	{Name: "plain-c++", Module: "Debian: g++",
		How: "C++17, -O3 -DNDEBUG; loops and calls on one thread, without tasks"},
}

// nativeRows are the workloads that all of the programs do.
var nativeRows = []string{"single-1000", "group-1000", "batch-1000", "batch-100000", "foreach-1000", "foreach-100000", "for-100000",
	"fib-22", "fork-tree", "n-queens", "quicksort"}

// findNatives asks each of the programs in the folder for its version.
func findNatives(folder string) ([]native, error) {
	var all []native
	for _, info := range natives {
		n := native{info, filepath.Join(folder, info.Name)}
		p, err := n.start(1)
		if err != nil {
			return nil, err
		}
		n.Version = p.version
		p.stop()
		all = append(all, n)
	}
	return all, nil
}

// addNatives has the programs do their workloads as well.
func addNatives(workloads []bench.Workload, all []native) {
	for i := range workloads {
		w := &workloads[i]
		if !slices.Contains(nativeRows, w.Name) {
			continue
		}
		name, variants := w.Name, w.Variants
		w.Variants = func(e *bench.Env) []bench.Variant {
			list := variants(e)
			for _, n := range all {
				list = append(list, bench.Variant{Name: n.Name, Start: func() (bench.Instance, error) { return n.instance(name, e.Workers) }})
			}
			return list
		}
	}
}

// settle is how long threads of a native system may go on polling when they have
// nothing to do.
const settle = 5 * time.Millisecond

// instance starts the program for one workload.
func (n *native) instance(workload string, workers int) (bench.Instance, error) {
	p, err := n.start(workers)
	if err != nil {
		return bench.Instance{}, err
	}
	leaf := bench.TurnsIn(bench.ForkTreeLeaf)
	times := func(count int) time.Duration {
		ns, err := strconv.ParseInt(p.ask("run %s %d %d", workload, count, leaf), 10, 64)
		must(err)
		return time.Duration(ns)
	}
	return bench.Instance{
		Op:    func() { times(1) },
		Timed: times,
		Verify: func() error {
			if answer := p.ask("check %s %d", workload, leaf); answer != "ok" {
				return errors.New(answer)
			}
			return nil
		},
		Rest: func() { time.Sleep(settle) },
		Stop: p.stop,
	}, nil
}

// process is a program at work.
type process struct {
	version string
	ask     func(format string, args ...any) string
	stop    func()
}

func (n *native) start(workers int) (*process, error) {
	cmd := exec.Command(n.path, strconv.Itoa(workers))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	answer := func() (string, error) {
		if !lines.Scan() {
			return "", fmt.Errorf("%s ended: %w", n.path, errors.Join(lines.Err(), cmd.Wait()))
		}
		return strings.TrimSpace(lines.Text()), nil
	}
	version, err := answer()
	if err != nil {
		return nil, err
	}
	return &process{version,
		func(format string, args ...any) string {
			_, err := fmt.Fprintf(in, format+"\n", args...)
			must(err)
			text, err := answer()
			must(err)
			return text
		},
		func() {
			in.Close()
			must(cmd.Wait())
		}}, nil
}

// addTo adds the programs in the folder to a set, unless the folder is "".
func addTo(s *bench.Set, folder string) error {
	if folder == "" {
		return nil
	}
	all, err := findNatives(folder)
	if err != nil {
		return fmt.Errorf("--native: %w", err)
	}
	addNatives(s.Workloads, all)
	for _, n := range all {
		s.Peers = append(s.Peers, n.PeerInfo)
	}
	return nil
}
