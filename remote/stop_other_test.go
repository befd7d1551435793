//go:build !unix

package remote

import "syscall"

const (
	sigStop = syscall.Signal(0)
	sigCont = syscall.Signal(0)
)
