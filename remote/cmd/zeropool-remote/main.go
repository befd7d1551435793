// Command zeropool-remote shows package remote at work without a program of one's
// own: it hashes the files of a tree, spread over any number of processes.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/zeropool-go/zeropool/internal/cli"
)

func main() { os.Exit(cli.Run("zeropool-remote", run, os.Args[1:], os.Stdout, os.Stderr)) }

const usage = `usage: zeropool-remote COMMAND [flags]

Hashes the files of a tree on the pools of several processes, with NATS JetStream
between them: either a server that runs anyway (--server URL) or one inside the
command, which stores under a directory (--dir DIR).

  serve   run a worker until it is interrupted
  submit  hash the files of a tree, and write what sha256sum would
  status  show what waits, what runs, and what was given up

zeropool-remote COMMAND -h lists the flags of a command, with an example.
`

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return cli.Usage
	}
	switch args[0] {
	case "serve":
		return runServe(args[1:], stdout, stderr)
	case "submit":
		return runSubmit(args[1:], stdout, stderr)
	case "status":
		return runStatus(args[1:], stdout, stderr)
	case "help", "-h", "-help", "--help":
		if len(args) > 1 {
			return run([]string{args[1], "-h"}, stdout, stderr)
		}
		fmt.Fprint(stdout, usage)
		return cli.OK
	}
	fmt.Fprintf(stderr, "zeropool-remote: unknown command %q\n%s", args[0], usage)
	return cli.Usage
}
