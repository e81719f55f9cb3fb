package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
)

// Modes of what only the operator may read.
const (
	secretDirMode  = 0o700
	secretFileMode = 0o600
)

// Identity is who a home is: to its peers, and as a signer of blocks.
type Identity struct {
	NodeID           string // 40 hexadecimal digits; peers write it before '@' in p2p.persistent_peers
	ValidatorAddress string // 40 hexadecimal digits, upper case, as commits show it
	ValidatorKey     []byte // ed25519 public key, 32 bytes
}

// CreateHome makes the folders, the node key, the validator key with its state, and ledgerd.toml of a new home. It refuses a
// home that has any of them: keys are never overwritten.
func CreateHome(c Config) (Identity, error) {
	for _, path := range []string{c.File(), c.NodeKeyFile(), c.ValidatorKeyFile(), c.ValidatorStateFile(), c.GenesisFile()} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return Identity{}, fmt.Errorf("%s exists already: a home is made once, and its keys are never overwritten; "+
				"choose another --home, or remove this one if nothing in it is needed", path)
		}
	}
	for _, dir := range []string{c.Home, c.ConfigDir(), c.DataDir()} {
		if err := os.MkdirAll(dir, secretDirMode); err != nil {
			return Identity{}, fmt.Errorf("make the home: %w", err)
		}
	}
	nodeKey := p2p.NodeKey{PrivKey: ed25519.GenPrivKey()}
	text, err := cmtjson.MarshalIndent(nodeKey, "", "  ")
	if err != nil {
		return Identity{}, err
	}
	if err := writeNew(c.NodeKeyFile(), text); err != nil {
		return Identity{}, err
	}
	validator := privval.NewFilePV(ed25519.GenPrivKey(), c.ValidatorKeyFile(), c.ValidatorStateFile())
	if text, err = cmtjson.MarshalIndent(validator.Key, "", "  "); err != nil {
		return Identity{}, err
	}
	if err := writeNew(c.ValidatorKeyFile(), text); err != nil {
		return Identity{}, err
	}
	if text, err = cmtjson.MarshalIndent(&validator.LastSignState, "", "  "); err != nil {
		return Identity{}, err
	}
	if err := writeNew(c.ValidatorStateFile(), text); err != nil {
		return Identity{}, err
	}
	if err := writeNew(c.File(), c.Text()); err != nil {
		return Identity{}, err
	}
	return identityOf(&nodeKey, validator), nil
}

// ReadIdentity reads the keys of a home.
func ReadIdentity(c Config) (Identity, error) {
	nodeKey, validator, err := loadKeys(&c)
	if err != nil {
		return Identity{}, err
	}
	return identityOf(nodeKey, validator), nil
}

func identityOf(nodeKey *p2p.NodeKey, validator *privval.FilePV) Identity {
	return Identity{
		NodeID:           string(nodeKey.ID()),
		ValidatorAddress: validator.Key.Address.String(),
		ValidatorKey:     validator.Key.PubKey.Bytes(),
	}
}

// loadKeys reads the keys of a home. CometBFT's own loader ends the process when a file is bad, so each file is read first.
func loadKeys(c *Config) (*p2p.NodeKey, *privval.FilePV, error) {
	if err := readSecret(c.NodeKeyFile(), &p2p.NodeKey{}); err != nil {
		return nil, nil, err
	}
	nodeKey, err := p2p.LoadNodeKey(c.NodeKeyFile())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", c.NodeKeyFile(), err)
	}
	var key privval.FilePVKey
	if err := readSecret(c.ValidatorKeyFile(), &key); err != nil {
		return nil, nil, err
	}
	if _, ok := key.PrivKey.(ed25519.PrivKey); !ok {
		return nil, nil, fmt.Errorf("%s: the validator key must be ed25519", c.ValidatorKeyFile())
	}
	if !key.PrivKey.PubKey().Equals(key.PubKey) {
		return nil, nil, fmt.Errorf("%s: the public key does not belong to the private key", c.ValidatorKeyFile())
	}
	err = readSecret(c.ValidatorStateFile(), &privval.FilePVLastSignState{})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s is missing: it notes what this validator signed last and keeps it from signing twice. "+
			"Restore it together with the key; only if the key has never signed, write {\"height\":\"0\",\"round\":0,\"step\":0} into it",
			c.ValidatorStateFile())
	}
	if err != nil {
		return nil, nil, err
	}
	return nodeKey, privval.LoadFilePV(c.ValidatorKeyFile(), c.ValidatorStateFile()), nil
}

// readSecret reads a JSON file of CometBFT into v, and refuses one that others can read.
func readSecret(path string, v any) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing: is this a home made by 'ledgerd init'? %w", path, err)
	}
	if err != nil {
		return err
	}
	if info.Mode().Perm()&^secretFileMode != 0 {
		return fmt.Errorf("%s can be read by others (mode %04o): run chmod 600 %s, and consider the key as known if others use this machine",
			path, info.Mode().Perm(), path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := cmtjson.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s cannot be read: %w; restore it from a copy", path, err)
	}
	return nil
}

// writeNew writes a file that must not exist, readable by its owner only.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, secretFileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}
