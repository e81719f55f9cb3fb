package state

import (
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Durable is a file system on which Pebble's markers never outlive what they stand for. Pebble v2.1.7 names its newest MANIFEST
// by the name of a marker file, makes the new marker, removes the old one, and syncs the folder once, after both. ext4 and XFS
// keep that order; POSIX does not promise it, and a power cut that kept the marker without the MANIFEST, or neither marker, would
// leave a store that cannot be opened, or that is taken for an empty one. Here the folder is synced before each of these steps.
func Durable(fs vfs.FS) vfs.FS { return durable{fs} }

type durable struct{ vfs.FS }

// markerPrefix begins the names of Pebble's markers (its package vfs/atomicfs).
const markerPrefix = "marker."

// Create implements vfs.FS.
func (d durable) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.settle(name); err != nil {
		return nil, err
	}
	return d.FS.Create(name, category)
}

// Remove implements vfs.FS.
func (d durable) Remove(name string) error {
	if err := d.settle(name); err != nil {
		return err
	}
	return d.FS.Remove(name)
}

// Unwrap implements vfs.FS.
func (d durable) Unwrap() vfs.FS { return d.FS }

// settle syncs the folder of a marker.
func (d durable) settle(name string) error {
	if !strings.HasPrefix(d.PathBase(name), markerPrefix) {
		return nil
	}
	dir, err := d.OpenDir(d.PathDir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
