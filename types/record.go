package types

import "encoding/hex"

// Hash is a SHA-256 digest.
type Hash [32]byte

// String is the digest in lower-case hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Record is a value kept in the state: a generated message with its deterministic encoding.
type Record[V any] interface {
	*V
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// Key names one entry of the state and carries the type of what is found there,
// so that one declaration serves rules, client, index and tests.
type Key[V any] string

// Prefix names all entries of one kind: every Key[V] that begins with it.
type Prefix[V any] string

// Change is one changed entry of the leaf tree. Value nil means deleted.
type Change struct {
	Key   string
	Value []byte
}
