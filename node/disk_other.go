//go:build !linux && !darwin && !freebsd

package node

// freeSpace is not known here.
func freeSpace(string) (int64, error) { return 0, errNoFreeSpace }
