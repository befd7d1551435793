// Package cli is what the commands of this repository have in common.
package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// The exit codes.
const (
	OK    = 0
	Error = 1 // with one line on stderr
	Usage = 2 // a bad command line
)

// WriteTo writes to the named file, or to stdout when there is no name. The
// file is only touched once the whole output is there.
func WriteTo(file string, stdout io.Writer, write func(io.Writer) error) error {
	if file == "" {
		return write(stdout)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// Finish reports the error of the named command in one line and returns the exit
// code.
func Finish(name string, err error, stderr io.Writer) int {
	if err == nil {
		return OK
	}
	fmt.Fprintf(stderr, "%s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", "; "))
	return Error
}
