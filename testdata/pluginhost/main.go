// Command pluginhost loads the plugin that its argument names and calls its function
// Run.
package main

import (
	"fmt"
	"os"
	"plugin"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(file string) error {
	p, err := plugin.Open(file)
	if err != nil {
		return err
	}
	run, err := p.Lookup("Run")
	if err != nil {
		return err
	}
	return run.(func() error)()
}
