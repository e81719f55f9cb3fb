package client

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"tradecredit/types"
)

// Modes of a key folder and of the files in it: nobody but the owner.
const (
	keyDirMode  = 0o700
	keyFileMode = 0o600
)

// Bounds of key files.
const (
	keyFileVersion     = 1
	keyFileSuffix      = ".key"
	maxKeyFileBytes    = 64 << 10
	minPassphraseChars = 8
	// scryptWorkFactor is log2 of scrypt's N: about a second to try one passphrase.
	scryptWorkFactor = 18
	// maxWorkFactor is what a file may ask of whoever opens it.
	maxWorkFactor = 20
)

// How the secret of a key file is kept.
const (
	sealedByPassphrase = "age-scrypt"
	notSealed          = "none"
)

// Errors that callers branch on.
var (
	// ErrKeyUnknown: the folder has no key with this name.
	ErrKeyUnknown = errors.New("no such key")
	// ErrPassphraseWrong: the file is as it was written, the passphrase is another.
	ErrPassphraseWrong = errors.New("wrong passphrase")
)

// KeyInfo is what can be told about an account key without its passphrase.
type KeyInfo struct {
	Name      string          // of the file; [a-z0-9-]{1,64}
	Holder    string          // member or subject that signs with it
	KeyID     string          // its id among the holder's keys
	Algorithm types.Algorithm // ED25519 or SM2_SM3
	PublicKey []byte          // as types.SigningKey gives it
	Sealed    bool            // false: the secret is written as it is, for demonstrations and tests
}

// KeyFolder is a folder of account keys: one file a key, named after it. The files are JSON; the secret is an ed25519 seed or
// an SM2 number, 32 bytes, sealed by age (https://age-encryption.org) with a passphrase, so that 'age -d' can open it without this program.
type KeyFolder struct {
	dir        string
	workFactor int
}

// keyFile is the content of a file.
type keyFile struct {
	Version   int    `json:"version"`
	Holder    string `json:"holder"`
	KeyID     string `json:"key_id"`
	Algorithm string `json:"algorithm"`
	PublicKey string `json:"public_key"` // lower-case hexadecimal
	Seal      string `json:"seal"`       // age-scrypt or none
	Secret    string `json:"secret"`     // armoured age file, or hexadecimal if not sealed
}

// OpenKeyFolder opens a folder of keys, or makes it. It refuses one that others can read.
func OpenKeyFolder(dir string) (*KeyFolder, error) {
	if err := os.MkdirAll(dir, keyDirMode); err != nil {
		return nil, fmt.Errorf("make the key folder: %w", err)
	}
	if err := refuseWide(dir, keyDirMode); err != nil {
		return nil, err
	}
	return &KeyFolder{dir: dir, workFactor: scryptWorkFactor}, nil
}

// refuseWide refuses a file or folder with more permissions than mode.
func refuseWide(path string, mode fs.FileMode) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() != (mode == keyDirMode) {
		return fmt.Errorf("%s is not what it should be: a key folder holds files, one a key", path)
	}
	if wide := info.Mode().Perm() &^ mode; wide != 0 {
		return fmt.Errorf("%s can be used by others (mode %04o): run chmod %o %s, and think of what is in it as known if others use this machine",
			path, info.Mode().Perm(), mode, path)
	}
	return nil
}

// Add writes a key that is not there yet, sealed with the passphrase (at least 8 characters).
func (f *KeyFolder) Add(name, holder, keyID string, key *types.SigningKey, passphrase []byte) (KeyInfo, error) {
	if len([]rune(string(passphrase))) < minPassphraseChars {
		return KeyInfo{}, fmt.Errorf("the passphrase must have at least %d characters", minPassphraseChars)
	}
	secret, err := seal(key.Seed(), passphrase, f.workFactor)
	if err != nil {
		return KeyInfo{}, err
	}
	return f.write(name, keyFile{Holder: holder, KeyID: keyID, Seal: sealedByPassphrase, Secret: secret}, key)
}

// AddPlain writes a key that is not there yet as it is: whoever reads the file can sign. For demonstrations and tests.
func (f *KeyFolder) AddPlain(name, holder, keyID string, key *types.SigningKey) (KeyInfo, error) {
	return f.write(name, keyFile{Holder: holder, KeyID: keyID, Seal: notSealed, Secret: hex.EncodeToString(key.Seed())}, key)
}

func (f *KeyFolder) write(name string, file keyFile, key *types.SigningKey) (KeyInfo, error) {
	if err := checkKeyName(name); err != nil {
		return KeyInfo{}, err
	}
	if err := types.CheckKeyID(file.KeyID); err != nil {
		return KeyInfo{}, fmt.Errorf("key id %q: %w", file.KeyID, err)
	}
	if err := checkHolder(file.Holder); err != nil {
		return KeyInfo{}, err
	}
	file.Version = keyFileVersion
	file.Algorithm = key.Algorithm().String()
	file.PublicKey = hex.EncodeToString(key.PublicKey())
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return KeyInfo{}, err
	}
	if err := writeKeyFile(f.path(name), append(text, '\n')); err != nil {
		return KeyInfo{}, err
	}
	return file.info(name)
}

// writeKeyFile writes a file that must not exist, so that it is there whole or not at all.
func writeKeyFile(path string, text []byte) error {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, keyFileMode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already: keys are never overwritten; choose another name", path)
	}
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// List tells of the keys in the folder, by name.
func (f *KeyFolder) List() ([]KeyInfo, error) {
	entries, err := os.ReadDir(f.dir) // sorted by name
	if err != nil {
		return nil, err
	}
	var out []KeyInfo
	for _, e := range entries {
		name, isKey := strings.CutSuffix(e.Name(), keyFileSuffix)
		if !isKey || e.IsDir() {
			continue
		}
		info, err := f.Info(name)
		if err != nil {
			return nil, err
		}
		out = append(out, info)
	}
	return out, nil
}

// Info tells of one key; ErrKeyUnknown if it is not there.
func (f *KeyFolder) Info(name string) (KeyInfo, error) {
	file, err := f.read(name)
	if err != nil {
		return KeyInfo{}, err
	}
	return file.info(name)
}

// Load opens a key. passphrase is called only for a sealed one. ErrKeyUnknown, ErrPassphraseWrong.
func (f *KeyFolder) Load(name string, passphrase func() ([]byte, error)) (*types.SigningKey, KeyInfo, error) {
	file, err := f.read(name)
	if err != nil {
		return nil, KeyInfo{}, err
	}
	info, err := file.info(name)
	if err != nil {
		return nil, KeyInfo{}, fmt.Errorf("%s: %w", f.path(name), err)
	}
	seed, err := file.seed(passphrase)
	if err != nil {
		return nil, KeyInfo{}, fmt.Errorf("%s: %w", f.path(name), err)
	}
	key, err := types.NewSigningKeyFor(info.Algorithm, seed)
	if err != nil {
		return nil, KeyInfo{}, fmt.Errorf("%s: %w", f.path(name), err)
	}
	if !bytes.Equal(key.PublicKey(), info.PublicKey) {
		return nil, KeyInfo{}, fmt.Errorf("%s: the public key does not belong to the secret; the file was changed", f.path(name))
	}
	return key, info, nil
}

func (f *KeyFolder) path(name string) string { return filepath.Join(f.dir, name+keyFileSuffix) }

// read reads a file strictly.
func (f *KeyFolder) read(name string) (*keyFile, error) {
	if err := checkKeyName(name); err != nil {
		return nil, err
	}
	path := f.path(name)
	err := refuseWide(path, keyFileMode)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s in %s; 'ledgerctl keys list' shows what there is, 'ledgerctl keys add' makes one", ErrKeyUnknown, name, f.dir)
	}
	if err != nil {
		return nil, err
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxKeyFileBytes+1))
	if err != nil {
		return nil, err
	}
	file, err := parseKeyFile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// parseKeyFile reads the content of a key file strictly: unknown fields, other versions and other algorithms are refused.
func parseKeyFile(text []byte) (*keyFile, error) {
	if len(text) > maxKeyFileBytes {
		return nil, fmt.Errorf("a key file has at most %d bytes", maxKeyFileBytes)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var file keyFile
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("no key file: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("no key file: something follows the object")
	}
	if file.Version != keyFileVersion {
		return nil, fmt.Errorf("key file of version %d; this program reads version %d", file.Version, keyFileVersion)
	}
	if file.Seal != sealedByPassphrase && file.Seal != notSealed {
		return nil, fmt.Errorf("the seal %q is unknown", file.Seal)
	}
	return &file, checkHolder(file.Holder)
}

// info is the public part of a file.
func (file *keyFile) info(name string) (KeyInfo, error) {
	public, err := hex.DecodeString(file.PublicKey)
	if err != nil {
		return KeyInfo{}, errors.New("the public key is not hexadecimal")
	}
	algorithm, err := types.AlgorithmNamed(file.Algorithm)
	if err != nil {
		return KeyInfo{}, fmt.Errorf("the algorithm cannot be used for signing by this version: %w", err)
	}
	if err := types.CheckPublicKey(algorithm, public); err != nil {
		return KeyInfo{}, err
	}
	if err := types.CheckKeyID(file.KeyID); err != nil {
		return KeyInfo{}, err
	}
	return KeyInfo{
		Name: name, Holder: file.Holder, KeyID: file.KeyID, Algorithm: algorithm, PublicKey: public,
		Sealed: file.Seal == sealedByPassphrase,
	}, nil
}

func (file *keyFile) seed(passphrase func() ([]byte, error)) ([]byte, error) {
	if file.Seal == notSealed {
		seed, err := hex.DecodeString(file.Secret)
		if err != nil {
			return nil, errors.New("the secret is not hexadecimal")
		}
		return seed, nil
	}
	p, err := passphrase()
	if err != nil {
		return nil, err
	}
	return unseal(file.Secret, p)
}

// seal encrypts with a passphrase; the result is an armoured age file.
func seal(secret, passphrase []byte, workFactor int) (string, error) {
	recipient, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return "", err
	}
	recipient.SetWorkFactor(workFactor)
	var text bytes.Buffer
	armoured := armor.NewWriter(&text)
	sealed, err := age.Encrypt(armoured, recipient)
	if err != nil {
		return "", err
	}
	if _, err := sealed.Write(secret); err != nil {
		return "", err
	}
	if err := errors.Join(sealed.Close(), armoured.Close()); err != nil {
		return "", err
	}
	return text.String(), nil
}

func unseal(text string, passphrase []byte) ([]byte, error) {
	identity, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, ErrPassphraseWrong // an empty one
	}
	identity.SetMaxWorkFactor(maxWorkFactor)
	plain, err := age.Decrypt(armor.NewReader(strings.NewReader(text)), identity)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return nil, ErrPassphraseWrong
	}
	if err != nil {
		return nil, fmt.Errorf("the sealed secret cannot be read: %w", err)
	}
	return io.ReadAll(io.LimitReader(plain, maxKeyFileBytes))
}

// checkKeyName keeps names to what every file system takes and no path can be made of.
func checkKeyName(name string) error {
	ok := len(name) >= 1 && len(name) <= 64 && !slices.ContainsFunc([]byte(name), func(c byte) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-'
	})
	if !ok {
		return fmt.Errorf("the name of a key has 1 to 64 characters a-z 0-9 -, but this is %q", name)
	}
	return nil
}

// checkHolder wants a member id or a subject id.
func checkHolder(holder string) error {
	if types.CheckMemberID(holder) == nil || types.CheckSubjectID(holder) == nil {
		return nil
	}
	return fmt.Errorf("the holder must be a member id (2 to 32 characters a-z 0-9 -) or a subject id, but is %q", holder)
}
