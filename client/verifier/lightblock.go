package verifier

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"tradecredit/types"
)

// A LightBlock is CometBFT's message of that name: a header, the commit on it, and the validators that signed. It is
// written anew here, because CometBFT's own package brings five megabytes into a browser; tests hold both against each
// other.

// MaxLightBlockSize bounds an encoded light block in bytes; 100 validators have less than 40 KiB.
const MaxLightBlockSize = 1 << 20

// blockProtocol is the version of CometBFT's blocks that the hashes here are of.
const blockProtocol = 11

// maxTotalPower is CometBFT's bound on the power of all validators.
const maxTotalPower = math.MaxInt64 / 8

// Flags of a commit's signatures.
const (
	flagAbsent = 1
	flagCommit = 2
	flagNil    = 3
)

// precommit is the type of vote that a commit is made of.
const precommit = 2

const (
	addressSize   = 20
	publicKeySize = 32
	maxChainID    = 50
	signatureSize = 64
)

// LightBlock is a header with what shows that it was agreed on.
type LightBlock struct {
	Header
	Commit     Commit
	Validators []Validator
	proposer   Validator
}

// Header is a block's header.
type Header struct {
	VersionBlock, VersionApp int64
	ChainID                  string
	Height                   int64
	Time                     time.Time
	LastBlock                BlockID
	LastCommitHash, DataHash []byte
	ValidatorsHash           []byte
	NextValidatorsHash       []byte
	ConsensusHash, AppHash   []byte // AppHash is of the state after the height before
	LastResultsHash          []byte
	EvidenceHash             []byte
	ProposerAddress          []byte
}

// BlockID names a block by its header's hash and the root of its parts.
type BlockID struct {
	Hash      []byte
	Parts     int64
	PartsHash []byte
}

// Commit is the votes for a block.
type Commit struct {
	Height, Round int64
	Block         BlockID
	Signatures    []CommitSignature
}

// CommitSignature is one validator's vote, in the place of that validator; without address, time and signature when absent.
type CommitSignature struct {
	Flag      int64
	Address   []byte
	Time      time.Time
	Signature []byte
}

// Validator is a validator of one height.
type Validator struct {
	Address   []byte // the first 20 bytes of the SHA-256 of the key
	PublicKey []byte // ed25519
	Power     int64
	priority  int64 // its turn as proposer, which nobody signs
}

// DecodeLightBlock reads CometBFT's LightBlock and checks its shape; nothing in it is believed yet. Bytes that do not
// encode to themselves are ErrHeaderEncoding.
func DecodeLightBlock(data []byte) (*LightBlock, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: empty", ErrHeaderMalformed)
	}
	if len(data) > MaxLightBlockSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrHeaderMalformed, len(data))
	}
	lb := new(LightBlock)
	err := readInto(data, map[uint64]target{
		1: {each: func(b []byte) error {
			return readInto(b, map[uint64]target{1: {each: lb.Header.read}, 2: {each: lb.Commit.read}})
		}},
		2: {each: lb.readValidators},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrHeaderMalformed, err)
	}
	if err := lb.shape(); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrHeaderMalformed, err)
	}
	if !bytes.Equal(lb.encode(), data) {
		return nil, ErrHeaderEncoding
	}
	return lb, nil
}

func (h *Header) read(b []byte) error {
	return readInto(b, map[uint64]target{
		1: {each: func(b []byte) error {
			return readInto(b, map[uint64]target{1: {number: &h.VersionBlock}, 2: {number: &h.VersionApp}})
		}},
		2: {text: &h.ChainID}, 3: {number: &h.Height}, 4: {time: &h.Time}, 5: {each: h.LastBlock.read},
		6: {bytes: &h.LastCommitHash}, 7: {bytes: &h.DataHash}, 8: {bytes: &h.ValidatorsHash}, 9: {bytes: &h.NextValidatorsHash},
		10: {bytes: &h.ConsensusHash}, 11: {bytes: &h.AppHash}, 12: {bytes: &h.LastResultsHash}, 13: {bytes: &h.EvidenceHash},
		14: {bytes: &h.ProposerAddress},
	})
}

func (id *BlockID) read(b []byte) error {
	return readInto(b, map[uint64]target{1: {bytes: &id.Hash}, 2: {each: func(b []byte) error {
		return readInto(b, map[uint64]target{1: {number: &id.Parts}, 2: {bytes: &id.PartsHash}})
	}}})
}

func (c *Commit) read(b []byte) error {
	return readInto(b, map[uint64]target{1: {number: &c.Height}, 2: {number: &c.Round}, 3: {each: c.Block.read},
		4: {each: func(b []byte) error {
			var s CommitSignature
			err := readInto(b, map[uint64]target{1: {number: &s.Flag}, 2: {bytes: &s.Address}, 3: {time: &s.Time}, 4: {bytes: &s.Signature}})
			c.Signatures = append(c.Signatures, s)
			return err
		}}})
}

func (lb *LightBlock) readValidators(b []byte) error {
	var total int64 // CometBFT leaves it 0; see encode
	return readInto(b, map[uint64]target{
		1: {each: func(b []byte) error {
			v, err := readValidator(b)
			lb.Validators = append(lb.Validators, v)
			return err
		}},
		2: {each: func(b []byte) (err error) {
			lb.proposer, err = readValidator(b)
			return err
		}},
		3: {number: &total},
	})
}

func readValidator(b []byte) (v Validator, err error) {
	err = readInto(b, map[uint64]target{1: {bytes: &v.Address}, 2: {each: func(b []byte) error {
		return readInto(b, map[uint64]target{1: {bytes: &v.PublicKey}})
	}}, 3: {number: &v.Power}, 4: {number: &v.priority}})
	return v, err
}

// shape is what CometBFT's ValidateBasic demands of the parts.
func (lb *LightBlock) shape() error {
	h := &lb.Header
	switch {
	case h.VersionBlock != blockProtocol:
		return fmt.Errorf("block protocol %d, not %d", h.VersionBlock, blockProtocol)
	case len(h.ChainID) > maxChainID:
		return errors.New("the chain id is too long")
	case h.Height < 1:
		return fmt.Errorf("height %d", h.Height)
	case len(h.ProposerAddress) != addressSize:
		return errors.New("the proposer's address")
	case lb.Commit.Height < 1 || lb.Commit.Round < 0 || lb.Commit.Round > math.MaxInt32:
		return errors.New("the commit's height or round")
	case len(lb.Commit.Block.Hash) == 0 && lb.Commit.Block.Parts == 0 && len(lb.Commit.Block.PartsHash) == 0:
		return errors.New("a commit for no block")
	case len(lb.Commit.Signatures) == 0:
		return errors.New("no signatures")
	}
	for _, hash := range [][]byte{h.LastCommitHash, h.DataHash, h.ValidatorsHash, h.NextValidatorsHash, h.ConsensusHash,
		h.LastResultsHash, h.EvidenceHash, h.LastBlock.Hash, h.LastBlock.PartsHash, lb.Commit.Block.Hash, lb.Commit.Block.PartsHash} {
		if len(hash) != 0 && len(hash) != sha256.Size {
			return fmt.Errorf("a hash of %d bytes", len(hash))
		}
	}
	for _, parts := range []int64{h.LastBlock.Parts, lb.Commit.Block.Parts} {
		if parts < 0 || parts > math.MaxUint32 {
			return fmt.Errorf("a block of %d parts", parts)
		}
	}
	for i, s := range lb.Commit.Signatures {
		if err := s.shape(); err != nil {
			return fmt.Errorf("signature %d: %w", i, err)
		}
	}
	return lb.validatorShape()
}

func (s *CommitSignature) shape() error {
	switch s.Flag {
	case flagAbsent:
		if len(s.Address) != 0 || !s.Time.IsZero() || len(s.Signature) != 0 {
			return errors.New("an absent one says something")
		}
	case flagCommit, flagNil:
		if len(s.Address) != addressSize || len(s.Signature) != signatureSize {
			return errors.New("address or signature has a wrong length")
		}
	default:
		return fmt.Errorf("flag %d", s.Flag)
	}
	return nil
}

func (lb *LightBlock) validatorShape() error {
	total, seen, proposes := int64(0), make(map[string]bool, len(lb.Validators)), false
	for i, v := range lb.Validators {
		if len(v.PublicKey) != publicKeySize || !bytes.Equal(v.Address, addressOf(v.PublicKey)) {
			return fmt.Errorf("validator %d: address or key", i)
		}
		if v.Power < 0 || v.Power > maxTotalPower-total {
			return fmt.Errorf("validator %d: power %d", i, v.Power)
		}
		if seen[string(v.PublicKey)] {
			return fmt.Errorf("validator %d stands there twice", i)
		}
		seen[string(v.PublicKey)] = true
		total += v.Power
		proposes = proposes || bytes.Equal(v.PublicKey, lb.proposer.PublicKey)
	}
	if !proposes || lb.proposer.Power < 0 || !bytes.Equal(lb.proposer.Address, addressOf(lb.proposer.PublicKey)) {
		return errors.New("the proposer is no validator")
	}
	return nil
}

func addressOf(publicKey []byte) []byte {
	sum := sha256.Sum256(publicKey)
	return sum[:addressSize]
}

// encode is the one encoding that DecodeLightBlock accepts of this light block.
func (lb *LightBlock) encode() []byte {
	signed := appendMessage(appendMessage(nil, 1, lb.Header.encode()), 2, lb.Commit.encode())
	var set []byte
	for _, v := range lb.Validators {
		set = appendMessage(set, 1, v.encode())
	}
	set = appendMessage(set, 2, lb.proposer.encode())
	return appendMessage(appendMessage(nil, 1, signed), 2, set)
}

// Normal encodes the light block without what no signature covers, the validators' turns as proposers. So every bit of
// what a report holds is bound.
func (lb *LightBlock) Normal() []byte {
	normal := *lb
	normal.Validators = nil
	for _, v := range lb.Validators {
		v.priority = 0
		normal.Validators = append(normal.Validators, v)
	}
	normal.proposer = normal.Validators[0]
	return normal.encode()
}

func (h *Header) encode() []byte {
	b := appendMessage(nil, 1, h.encodeVersion())
	b = appendBytes(b, 2, h.ChainID)
	b = appendNumber(b, 3, h.Height)
	b = appendMessage(b, 4, encodeTime(h.Time))
	b = appendMessage(b, 5, h.LastBlock.encode())
	for i, v := range h.hashes() {
		b = appendBytes(b, uint64(6+i), v)
	}
	return b
}

func (h *Header) encodeVersion() []byte {
	return appendNumber(appendNumber(nil, 1, h.VersionBlock), 2, h.VersionApp)
}

// hashes are the fields 6 to 14.
func (h *Header) hashes() [][]byte {
	return [][]byte{h.LastCommitHash, h.DataHash, h.ValidatorsHash, h.NextValidatorsHash, h.ConsensusHash, h.AppHash,
		h.LastResultsHash, h.EvidenceHash, h.ProposerAddress}
}

// Hash is the block's hash: the RFC 6962 root over the header's fields, each as protobuf (text, numbers and hashes in
// their wrapper messages).
func (h *Header) Hash() types.Hash {
	leaves := [][]byte{h.encodeVersion(), appendBytes(nil, 1, h.ChainID), appendNumber(nil, 1, h.Height),
		encodeTime(h.Time), h.LastBlock.encode()}
	for _, v := range h.hashes() {
		leaves = append(leaves, appendBytes(nil, 1, v))
	}
	return types.MerkleRoot(leaves)
}

func (id *BlockID) encode() []byte {
	parts := appendBytes(appendNumber(nil, 1, id.Parts), 2, id.PartsHash)
	return appendMessage(appendBytes(nil, 1, id.Hash), 2, parts)
}

func (c *Commit) encode() []byte {
	b := appendNumber(appendNumber(nil, 1, c.Height), 2, c.Round)
	b = appendMessage(b, 3, c.Block.encode())
	for _, s := range c.Signatures {
		sig := appendBytes(appendNumber(nil, 1, s.Flag), 2, s.Address)
		sig = appendMessage(sig, 3, encodeTime(s.Time))
		b = appendMessage(b, 4, appendBytes(sig, 4, s.Signature))
	}
	return b
}

// signBytes is what the i-th validator signed: CometBFT's CanonicalVote, with its length before it.
func (c *Commit) signBytes(chainID string, i int) []byte {
	s := c.Signatures[i]
	b := appendFixed(appendFixed(appendNumber(nil, 1, precommit), 2, c.Height), 3, c.Round)
	if s.Flag == flagCommit {
		b = appendMessage(b, 4, c.Block.encode())
	}
	b = appendMessage(b, 5, encodeTime(s.Time))
	b = appendBytes(b, 6, chainID)
	return append(binary.AppendUvarint(nil, uint64(len(b))), b...)
}

func (v *Validator) encode() []byte {
	b := appendMessage(appendBytes(nil, 1, v.Address), 2, appendBytes(nil, 1, v.PublicKey))
	return appendNumber(appendNumber(b, 3, v.Power), 4, v.priority)
}

// validatorsHash is the hash of a set as a header names it: the RFC 6962 root over key and power of each.
func validatorsHash(set []Validator) types.Hash {
	leaves := make([][]byte, len(set))
	for i, v := range set {
		leaves[i] = appendNumber(appendMessage(nil, 1, appendBytes(nil, 1, v.PublicKey)), 2, v.Power)
	}
	return types.MerkleRoot(leaves)
}
