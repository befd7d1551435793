// Command library is built as a shared library for C, and as a plugin.
package main

import "C"

import (
	"fmt"
	"os"

	"github.com/zeropool-go/zeropool/testdata/tasks"
)

// Run is what the plugin exports.
func Run() error { return tasks.Run() }

//export run
func run() C.int {
	if err := Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func main() {}
