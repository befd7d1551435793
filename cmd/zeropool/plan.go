package main

import (
	"io"

	"github.com/zeropool-go/zeropool/internal/cli"
)

// runPlan is the command "zeropool plan".
func runPlan(args []string, stdout, stderr io.Writer) int {
	f := newMachineFlags("plan", "[--root DIR|FILE.tar.gz | --cpuid DIR] [--placement P] [--workers N] [--format text|json]", `Shows on which CPU each worker of a pool sits and why, and why the others have none.

Example: zeropool plan --placement compact --workers 8
`, "text", "json")
	if code, done := f.parse(args, stdout, stderr); done {
		return code
	}
	r, err := f.report()
	if err == nil {
		write := r.PlanText
		if f.format == "json" {
			write = r.PlanJSON
		}
		err = write(stdout)
	}
	return cli.Finish("zeropool plan", err, stderr)
}
