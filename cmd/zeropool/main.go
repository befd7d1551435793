// Command zeropool shows the machine, where a pool's workers sit on it, and what
// a task costs there.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/zeropool-go/zeropool/internal/cli"
	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

func main() {
	code, child := bench.Child(func() (*bench.Env, error) { return bench.NewEnv() }, os.Stdout, os.Stderr)
	if !child {
		code = cli.Run("zeropool", run, os.Args[1:], os.Stdout, os.Stderr)
	}
	os.Exit(code)
}

const usage = `usage: zeropool [COMMAND [flags]]

Without a command: what this machine is, where a pool's workers sit on it, and
what a task costs, in a few seconds.

  topo     report the hardware topology and the plan on it
  plan     show where the workers sit, and why
  capture  pack what a bug report needs of this machine, without secrets
  bench    run the benchmark set
  matrix   merge the JSON results of several runs into one document

zeropool COMMAND -h lists the flags of a command, with an example.
`

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		return runDemo(stdout, stderr)
	}
	switch args[0] {
	case "topo":
		return runTopo(args[1:], stdout, stderr)
	case "plan":
		return runPlan(args[1:], stdout, stderr)
	case "capture":
		return runCapture(args[1:], stdout, stderr)
	case "bench":
		return runBench(args[1:], stdout, stderr)
	case "matrix":
		return runMatrix(args[1:], stdout, stderr)
	case "help", "-h", "-help", "--help":
		if len(args) > 1 {
			return run([]string{args[1], "-h"}, stdout, stderr)
		}
		fmt.Fprint(stdout, usage)
		return cli.OK
	}
	fmt.Fprintf(stderr, "zeropool: unknown command %q\n%s", args[0], usage)
	return cli.Usage
}
