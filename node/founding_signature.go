package node

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"tradecredit/types"
)

const (
	signatureVersion  = 1
	maxSignatureBytes = 4096
)

// seatSignature is the file in which a seat of the council approves a genesis. The seat's key stands in the genesis.
type seatSignature struct {
	Version   int    `json:"version"`
	ChainID   string `json:"chain_id"`
	Genesis   string `json:"genesis_sha256"` // of the whole genesis file
	Member    string `json:"member"`
	Key       string `json:"key"`       // its id in the genesis
	Signature string `json:"signature"` // over types.GenesisSignBytes, lower-case hexadecimal
}

// seatKey is the council key of a member that satisfies is.
func (f *Founding) seatKey(member string, is func(types.GenesisKey) bool) (types.GenesisKey, error) {
	m := f.State.MemberNamed(member)
	if m == nil {
		return types.GenesisKey{}, fmt.Errorf("%s is no member of this genesis", member)
	}
	i := slices.IndexFunc(m.Keys, func(k types.GenesisKey) bool { return k.Role == types.Role_COUNCIL && is(k) })
	if i < 0 {
		return types.GenesisKey{}, fmt.Errorf("this is no COUNCIL key of %s in this genesis", member)
	}
	return m.Keys[i], nil
}

// Sign approves the genesis with a council key of a member and returns the text of a signature file. The same key gives
// the same text.
func (f *Founding) Sign(member string, key *types.SigningKey) ([]byte, error) {
	k, err := f.seatKey(member, func(k types.GenesisKey) bool { return bytes.Equal(k.PublicKey, key.PublicKey()) })
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(seatSignature{
		Version: signatureVersion, ChainID: f.ChainID, Genesis: f.Digest.String(), Member: member, Key: k.ID,
		Signature: hex.EncodeToString(key.Sign(types.GenesisSignBytes(f.Digest))),
	}, "", "  ")
	return append(text, '\n'), err
}

// Verify checks a signature file and says whose approval it is.
func (f *Founding) Verify(text []byte) (member string, err error) {
	if len(text) > maxSignatureBytes {
		return "", fmt.Errorf("a signature file has at most %d bytes", maxSignatureBytes)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var s seatSignature
	if err := d.Decode(&s); err != nil {
		return "", fmt.Errorf("no signature file: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("no signature file: something follows the object")
	}
	if s.Version != signatureVersion {
		return "", fmt.Errorf("signature file of version %d; this program reads version %d", s.Version, signatureVersion)
	}
	if s.ChainID != f.ChainID || s.Genesis != f.Digest.String() {
		return "", fmt.Errorf("%.40s signed another genesis, %.50q with SHA-256 %.64s: compare the files, and let the seat sign this one", s.Member, s.ChainID, s.Genesis)
	}
	k, err := f.seatKey(s.Member, func(k types.GenesisKey) bool { return k.ID == s.Key })
	if err != nil {
		return "", err
	}
	signature, err := hex.DecodeString(s.Signature)
	if err != nil || !types.VerifySignature(k.Algorithm, k.PublicKey, types.GenesisSignBytes(f.Digest), signature) {
		return "", fmt.Errorf("the signature of %s does not verify", s.Member)
	}
	return s.Member, nil
}
