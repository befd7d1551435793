// Command bench measures zeropool and other pools and queues side by side: all
// have their turn in every round of one run, on the same data, and must give the
// right answer. What was measured with which version, and how it was set up, is
// at the head of the output. Pools at rest are watched in processes of their
// own.
//
//	cd bench && go run . [--format text|json] [--filter RE] [--peers RE] [--native DIR] [--tree DIR] [-o FILE]
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/panjf2000/ants/v2"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

func main() {
	// The default pool that ants starts at import has timers, which would
	// disturb the others.
	ants.Release()
	prepare := func() (*bench.Env, error) { return newEnv(regexp.MustCompile("")) }
	code, child := bench.Child(prepare, os.Stdout, os.Stderr)
	if !child {
		code = run(os.Args[1:], os.Stdout, os.Stderr)
	}
	os.Exit(code)
}

func newEnv(names *regexp.Regexp) (*bench.Env, error) {
	e, err := bench.NewEnv()
	if err != nil {
		return nil, err
	}
	e.Peers = variants(names)
	return e, nil
}

func run(args []string, stdout, stderr io.Writer) int {
	var names *regexp.Regexp
	var tree, folder string
	c := bench.Command{
		Name:     "bench",
		Synopsis: " [--peers RE] [--native DIR] [--tree DIR]",
		Flags: func(f *flag.FlagSet) {
			bench.RegexpVar(f, &names, "peers", "only the peers whose name matches `RE`")
			f.StringVar(&folder, "native", "", "the programs in `DIR` too, which bench/native/run builds")
			f.StringVar(&tree, "tree", "", "read the files below `DIR` instead of the Go sources")
		},
		Set: func() (*bench.Set, error) {
			e, err := newEnv(names)
			if err != nil {
				return nil, err
			}
			about := infos(names)
			if len(about) == 0 && folder == "" {
				return nil, fmt.Errorf("--peers %q: no peer has such a name", names)
			}
			real, err := onTree(tree, names)
			if err != nil {
				return nil, err
			}
			set := &bench.Set{Env: e, Workloads: append(bench.Workloads(), real...), Peers: about}
			return set, addTo(set, folder)
		},
	}
	return c.Run(args, stdout, stderr)
}
