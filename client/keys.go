package client

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"tradecredit/types"
)

// OpenKeyFile opens the key in one file of a key folder, given by its path, "keys/bank-a.key". passphrase is called only
// for a sealed one.
func OpenKeyFile(path string, passphrase func() ([]byte, error)) (*types.SigningKey, KeyInfo, error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	name, ok := strings.CutSuffix(base, keyFileSuffix)
	if !ok {
		return nil, KeyInfo{}, fmt.Errorf("%s is no key file: its name ends in %s", path, keyFileSuffix)
	}
	f := &KeyFolder{dir: dir, workFactor: scryptWorkFactor}
	if err := refuseWide(dir, keyDirMode); err != nil {
		return nil, KeyInfo{}, err
	}
	return f.Load(name, passphrase)
}

// WriteKeys writes keys named "<holder>/<key id>" into a folder as they are, without a passphrase, under KeyName: for
// demonstrations and tests.
func WriteKeys(dir string, keys map[string]*types.SigningKey) error {
	f, err := OpenKeyFolder(dir)
	if err != nil {
		return err
	}
	var names []string
	for name := range keys {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		holder, id, ok := strings.Cut(name, "/")
		if !ok {
			return fmt.Errorf("client: key %q is not named <holder>/<key id>", name)
		}
		if _, err := f.AddPlain(KeyName(holder, id), holder, id, keys[name]); err != nil {
			return err
		}
	}
	return nil
}

// KeyName is the usual name of a key in a folder: "<holder>-<key id>" in lower case, with "-" for what names cannot hold,
// at most 64 characters.
func KeyName(holder, id string) string {
	name := strings.Map(func(r rune) rune {
		if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') {
			return r
		}
		return '-'
	}, strings.ToLower(holder+"-"+id))
	return name[:min(len(name), 64)]
}
