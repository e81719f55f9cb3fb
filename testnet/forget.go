package testnet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Forget removes the folder that an earlier Make wrote its homes into. A folder that is missing or empty is fine; one that
// holds something else and no network is left alone, and the error says so.
func Forget(dir string) error {
	inside, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(inside) > 0 {
		if _, err := os.Stat(filepath.Join(dir, "node0", "config")); err != nil {
			return fmt.Errorf("%s holds something else than a network: it is not removed; choose another folder", dir)
		}
	}
	return os.RemoveAll(dir)
}
