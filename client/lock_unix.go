//go:build linux || darwin || freebsd

package client

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lockFolder keeps other programs of this machine from writing trust stores in a folder until unlock is called; the system
// gives the lock back when a program dies. ErrTrustStoreBusy when it cannot be had in time.
func lockFolder(dir string, patience time.Duration) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(provablePause) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(deadline) {
			f.Close()
			return nil, fmt.Errorf("%w: %s: %v", ErrTrustStoreBusy, dir, err)
		}
	}
}
