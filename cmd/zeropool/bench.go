package main

import (
	"io"

	"github.com/zeropool-go/zeropool/internal/dev/bench"
)

// runBench is the command "zeropool bench".
func runBench(args []string, stdout, stderr io.Writer) int {
	c := bench.Command{Name: "zeropool bench", Set: func() (*bench.Set, error) {
		e, err := bench.NewEnv()
		return &bench.Set{Env: e, Workloads: bench.Workloads()}, err
	}}
	return c.Run(args, stdout, stderr)
}
