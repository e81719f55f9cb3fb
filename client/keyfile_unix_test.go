//go:build unix

package client

import (
	"os"
	"syscall"
)

// dup gives a descriptor of its own, which whoever reads it closes.
func dup(f *os.File) (int, error) { return syscall.Dup(int(f.Fd())) }
