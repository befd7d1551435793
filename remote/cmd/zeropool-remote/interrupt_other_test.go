//go:build !unix

package main

import (
	"errors"
	"os"
)

func interrupt(*os.Process) error { return errors.New("a process cannot be interrupted here") }
