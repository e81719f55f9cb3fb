package client

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"tradecredit/types"
)

// saltDomain separates field salts from every other use of the salt key.
const saltDomain = "tradecredit/v1/field-salt"

// maxCommitted bounds the fields of one commitment, as AnchorDocument does.
const maxCommitted = 256

// Errors of disclosures.
var (
	ErrDisclosure   = errors.New("disclosed field does not belong to the commitment")
	ErrNoSuchField  = errors.New("the commitment has no such field")
	errSaltKeyShape = errors.New("a salt key has 32 bytes, written as 64 hexadecimal digits")
)

// Commitment is a Merkle root over the named fields of a paper, each leaf with a salt of its own: a holder shows one
// field and hides the rest, and nobody can guess what is hidden.
//
// Fields stand in ascending order of their names. The leaf of a field is
//
//	salt (32 bytes) ‖ length of name (4, big-endian) ‖ name ‖ length of value (4, big-endian) ‖ value
//
// with salt = HMAC-SHA-256(salt key, "tradecredit/v1/field-salt" ‖ 0 ‖ record id ‖ 0 ‖ name), so that the same paper
// loaded again has the same root. Root and paths are those of RFC 6962.
type Commitment struct {
	fields [][2]string
	leaves [][]byte
	salts  [][]byte
}

// Commit makes the commitment of a record's fields {name, value}. saltKey has 32 bytes and stays with the importer. It
// panics on a mistake of the caller: another length of key, no field or more than 256, or two fields of one name.
func Commit(saltKey []byte, recordID string, fields [][2]string) *Commitment {
	if len(saltKey) != sha256.Size {
		panic("client: " + errSaltKeyShape.Error())
	}
	if len(fields) == 0 || len(fields) > maxCommitted {
		panic(fmt.Sprintf("client: a commitment of %d fields", len(fields)))
	}
	c := &Commitment{fields: slices.Clone(fields)}
	slices.SortFunc(c.fields, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	for i, f := range c.fields {
		if i > 0 && c.fields[i-1][0] == f[0] {
			panic(fmt.Sprintf("client: a commitment with two fields %q", f[0]))
		}
		mac := hmac.New(sha256.New, saltKey)
		for _, s := range []string{saltDomain, recordID} {
			mac.Write([]byte(s))
			mac.Write([]byte{0})
		}
		mac.Write([]byte(f[0]))
		salt := mac.Sum(nil)
		c.salts = append(c.salts, salt)
		c.leaves = append(c.leaves, leafOf(salt, f[0], f[1]))
	}
	return c
}

func leafOf(salt []byte, name, value string) []byte {
	b := slices.Clone(salt)
	for _, s := range []string{name, value} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return b
}

// Root is what stands on the chain, 32 bytes.
func (c *Commitment) Root() []byte {
	h := types.MerkleRoot(c.leaves)
	return h[:]
}

// Size is the number of fields.
func (c *Commitment) Size() int { return len(c.fields) }

// Disclosure shows one field of a commitment.
type Disclosure struct {
	Name  string
	Value string
	Salt  []byte   // 32 bytes
	Index uint64   // of the leaf
	Size  uint64   // number of leaves
	Path  [][]byte // siblings from the leaf upwards, 32 bytes each
}

// Disclose shows the field of that name; ErrNoSuchField.
func (c *Commitment) Disclose(name string) (*Disclosure, error) {
	for i, f := range c.fields {
		if f[0] == name {
			return &Disclosure{Name: f[0], Value: f[1], Salt: c.salts[i], Index: uint64(i), Size: uint64(len(c.leaves)), Path: path(c.leaves, i)}, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrNoSuchField, name)
}

// path lists the siblings of leaf i, from the leaf upwards.
func path(leaves [][]byte, i int) [][]byte {
	if len(leaves) == 1 {
		return nil
	}
	split := 1
	for split*2 < len(leaves) {
		split *= 2
	}
	if i < split {
		h := types.MerkleRoot(leaves[split:])
		return append(path(leaves[:split], i), h[:])
	}
	h := types.MerkleRoot(leaves[:split])
	return append(path(leaves[split:], i-split), h[:])
}

// Verify checks that root commits to the field, at its place and with its number of fields. ErrDisclosure otherwise.
func (d *Disclosure) Verify(root []byte) error {
	if len(d.Salt) != sha256.Size || len(root) != sha256.Size || d.Size > maxCommitted {
		return ErrDisclosure
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(leafOf(d.Salt, d.Name, d.Value))
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, d.Index, d.Size, leaf, d.Path, root); err != nil {
		return fmt.Errorf("%w: %v", ErrDisclosure, err)
	}
	return nil
}

// NewSaltKey writes a new salt key, 64 hexadecimal digits, to a file that only its owner can read. Whoever loses it can
// neither disclose fields of what was imported nor load the same papers again under the same ids.
func NewSaltKey(path string) ([]byte, error) {
	key := make([]byte, sha256.Size)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return key, writeKeyFile(path, []byte(hex.EncodeToString(key)+"\n"))
}

// ReadSaltKey reads what NewSaltKey wrote, and refuses a file that others can read.
func ReadSaltKey(path string) ([]byte, error) {
	if err := refuseWide(path, keyFileMode); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != sha256.Size {
		return nil, fmt.Errorf("%s: %w", path, errSaltKeyShape)
	}
	return key, nil
}

// ReceiptSalt derives the salt of a query from the asking key's seed, so that whoever holds the key can open the receipt
// later without having kept anything: HMAC-SHA-256(seed, "tradecredit/v1/receipt-salt" ‖ 0 ‖ receipt id).
func ReceiptSalt(key *types.SigningKey, receiptID string) []byte {
	mac := hmac.New(sha256.New, key.Seed())
	mac.Write([]byte("tradecredit/v1/receipt-salt\x00" + receiptID))
	return mac.Sum(nil)
}
