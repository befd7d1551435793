// Command zeropool shows the machine, and where a pool's workers sit on it.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const usage = `usage: zeropool COMMAND [flags]

  topo   report the hardware topology and the plan on it
  plan   show where the workers sit, and why

zeropool COMMAND -h lists the flags of a command.
`

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "topo":
		return runTopo(args[1:], stdout, stderr)
	case "plan":
		return runPlan(args[1:], stdout, stderr)
	case "bench":
		return runBench(args[1:], stdout, stderr)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return exitOK
	}
	fmt.Fprintf(stderr, "zeropool: unknown command %q\n%s", args[0], usage)
	return exitUsage
}
