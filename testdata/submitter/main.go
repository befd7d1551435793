// Command submitter ends with status 0 if every task has run once.
package main

import (
	"fmt"
	"os"

	"github.com/zeropool-go/zeropool/testdata/tasks"
)

func main() {
	if err := tasks.Run(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
