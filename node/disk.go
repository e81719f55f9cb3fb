package node

import (
	"errors"
	"fmt"
	"time"
)

// ErrDiskFull is what Wait gives when the node ended because the disk is nearly full. A store that meets a full disk ends the
// process at once; this ends it before, with everything closed and room left to clean up.
var ErrDiskFull = errors.New("the disk is nearly full; the node stopped while its stores are whole")

// diskInterval is how often the free space is looked at.
const diskInterval = 5 * time.Second

// errNoFreeSpace: this system does not tell.
var errNoFreeSpace = errors.New("the free space of the disk is not known on this system")

// checkDisk refuses a disk with less free space than least. A system that does not tell is trusted.
func checkDisk(c *Config, free func(string) (int64, error)) error {
	left, err := free(c.Home)
	if c.State.MinFreeBytes == 0 || errors.Is(err, errNoFreeSpace) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("free space of %s: %w", c.Home, err)
	}
	if left < c.State.MinFreeBytes {
		return fmt.Errorf("%w: %d MiB are free at %s, and state.min_free_bytes wants %d MiB. Make room or move the home to a larger disk",
			ErrDiskFull, left>>20, c.Home, c.State.MinFreeBytes>>20)
	}
	return nil
}

// watchDisk ends the node before the disk is full.
func (n *Node) watchDisk() {
	tick := time.NewTicker(diskInterval)
	defer tick.Stop()
	for {
		select {
		case <-n.quit:
			return
		case <-tick.C:
		}
		if err := checkDisk(&n.cfg, freeSpace); errors.Is(err, ErrDiskFull) {
			n.fail(err)
			return
		}
	}
}
