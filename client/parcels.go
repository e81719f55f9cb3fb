package client

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"tradecredit/types"
)

const (
	// parcelSaltDomain separates parcel salts from every other use of the salt key.
	parcelSaltDomain = "tradecredit/v1/parcel-salt"
	// maxParcels bounds a batch, as record_parcel_batch does.
	maxParcels = 1_000_000
	// maxParcelBytes bounds what is said of one parcel.
	maxParcelBytes = 4096
	// maxParcelProof bounds what is read of a stranger's proof: twice a parcel's bytes, and twenty hashes.
	maxParcelProof = 64 << 10
)

// Errors of batches of parcels.
var (
	ErrParcels     = errors.New("not a batch of parcels")
	ErrParcelProof = errors.New("not a proof of a parcel")
	ErrParcel      = errors.New("the parcel does not belong to the batch")
)

// ParcelBatch is many parcels under one Merkle root, so that each can be shown alone and the others stay hidden. A parcel
// is a text of 1 to 4096 bytes, such as its row in the carrier's file. Its leaf is
//
//	salt (32 bytes) ‖ length of the text (4, big-endian) ‖ text
//
// with salt = HMAC-SHA-256(salt key, "tradecredit/v1/parcel-salt" ‖ 0 ‖ record id of the batch ‖ 0 ‖ index (8, big-endian)):
// the same file gives the same root again, and of two equal parcels one does not give away the other. Leaves stand in the
// order given; root and paths are those of RFC 6962.
type ParcelBatch struct {
	record  string
	saltKey []byte
	parcels []string
	hashes  [][]byte // of the leaves
}

// NewParcelBatch makes the batch of that record id from 1 to 10^6 parcels; ErrParcels. saltKey has 32 bytes and stays with
// the carrier: without it no parcel can be shown any more.
func NewParcelBatch(saltKey []byte, record string, parcels []string) (*ParcelBatch, error) {
	if len(saltKey) != sha256.Size {
		return nil, fmt.Errorf("%w: %w", ErrParcels, errSaltKeyShape)
	}
	if err := types.CheckRecordID(record); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrParcels, err)
	}
	if len(parcels) == 0 || len(parcels) > maxParcels {
		return nil, fmt.Errorf("%w: %d parcels, 1 to %d", ErrParcels, len(parcels), maxParcels)
	}
	b := &ParcelBatch{record: record, saltKey: saltKey, parcels: parcels}
	for i, text := range parcels {
		if len(text) == 0 || len(text) > maxParcelBytes {
			return nil, fmt.Errorf("%w: parcel %d has %d bytes, 1 to %d", ErrParcels, i+1, len(text), maxParcelBytes)
		}
		b.hashes = append(b.hashes, types.LogLeafHash(parcelLeaf(b.salt(i), text)))
	}
	return b, nil
}

func (b *ParcelBatch) salt(index int) []byte {
	mac := hmac.New(sha256.New, b.saltKey)
	mac.Write([]byte(parcelSaltDomain + "\x00" + b.record + "\x00"))
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(index)))
	return mac.Sum(nil)
}

func parcelLeaf(salt []byte, text string) []byte {
	leaf := binary.BigEndian.AppendUint32(bytes.Clone(salt), uint32(len(text)))
	return append(leaf, text...)
}

// Count is the number of parcels, as record_parcel_batch states it.
func (b *ParcelBatch) Count() uint32 { return uint32(len(b.parcels)) }

// Root is what record_parcel_batch states, 32 bytes.
func (b *ParcelBatch) Root() []byte { return rootOf(b.hashes) }

// rootOf is the RFC 6962 root over leaf hashes.
func rootOf(hashes [][]byte) []byte {
	var f types.Frontier
	var err error
	for i, h := range hashes {
		if f, err = f.Append(uint64(i), h); err != nil {
			panic("client: " + err.Error()) // hashes are 32 bytes, and counted from 0
		}
	}
	root, err := f.Root(uint64(len(hashes)))
	if err != nil {
		panic("client: " + err.Error())
	}
	return root
}

// Prove shows the parcel of that index, from 0; ErrParcels when there is none.
func (b *ParcelBatch) Prove(index int) (*ParcelProof, error) {
	if index < 0 || index >= len(b.parcels) {
		return nil, fmt.Errorf("%w: no parcel %d of %d", ErrParcels, index+1, len(b.parcels))
	}
	return &ParcelProof{
		Batch: b.record, Parcel: b.parcels[index], Salt: b.salt(index),
		Index: uint64(index), Count: uint64(len(b.parcels)), Path: siblings(b.hashes, index),
	}, nil
}

// siblings lists the path of leaf i, from the leaf upwards.
func siblings(hashes [][]byte, i int) [][]byte {
	if len(hashes) == 1 {
		return nil
	}
	split := 1
	for split*2 < len(hashes) {
		split *= 2
	}
	if i < split {
		return append(siblings(hashes[:split], i), rootOf(hashes[split:]))
	}
	return append(siblings(hashes[split:], i-split), rootOf(hashes[:split]))
}

// ParcelProof shows one parcel of a batch.
type ParcelProof struct {
	Batch  string // record id of the batch: parcels/<Batch> on the chain
	Parcel string
	Salt   []byte   // 32 bytes
	Index  uint64   // of the parcel, from 0
	Count  uint64   // parcels of the batch
	Path   [][]byte // siblings from the leaf upwards, 32 bytes each
}

// Verify checks that a batch of that root and that number of parcels holds the parcel at its index; ErrParcel otherwise.
// Root and count are those of the chain's record, never of the proof's own say.
func (p *ParcelProof) Verify(root []byte, count uint64) error {
	if p.Count != count {
		return fmt.Errorf("%w: the batch has %d parcels, the proof speaks of %d", ErrParcel, count, p.Count)
	}
	if len(p.Salt) != sha256.Size || len(root) != sha256.Size || len(p.Parcel) > maxParcelBytes || count > maxParcels {
		return ErrParcel
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(parcelLeaf(p.Salt, p.Parcel))
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, p.Count, leaf, p.Path, root); err != nil {
		return fmt.Errorf("%w: %v", ErrParcel, err)
	}
	return nil
}

type parcelProofJSON struct {
	Batch  string   `json:"batch"`
	Parcel string   `json:"parcel"`
	Salt   string   `json:"salt"`
	Index  uint64   `json:"index"`
	Count  uint64   `json:"count"`
	Path   []string `json:"path"`
}

// Encode writes the proof as JSON, bytes in hexadecimal.
func (p *ParcelProof) Encode() ([]byte, error) {
	out := parcelProofJSON{Batch: p.Batch, Parcel: p.Parcel, Salt: hex.EncodeToString(p.Salt), Index: p.Index, Count: p.Count, Path: []string{}}
	for _, h := range p.Path {
		out.Path = append(out.Path, hex.EncodeToString(h))
	}
	b, err := json.MarshalIndent(out, "", "  ")
	return append(b, '\n'), err
}

// ParseParcelProof reads what Encode wrote, strictly; ErrParcelProof. It proves nothing yet: see Verify.
func ParseParcelProof(data []byte) (*ParcelProof, error) {
	if len(data) > maxParcelProof {
		return nil, fmt.Errorf("%w: %d bytes", ErrParcelProof, len(data))
	}
	var in parcelProofJSON
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrParcelProof, err)
	}
	if in.Batch == "" || in.Parcel == "" || dec.More() {
		return nil, fmt.Errorf("%w: it names a batch and a parcel", ErrParcelProof)
	}
	p := &ParcelProof{Batch: in.Batch, Parcel: in.Parcel, Index: in.Index, Count: in.Count}
	var err error
	if p.Salt, err = hex.DecodeString(in.Salt); err != nil {
		return nil, fmt.Errorf("%w: salt: %v", ErrParcelProof, err)
	}
	for _, h := range in.Path {
		b, err := hex.DecodeString(h)
		if err != nil {
			return nil, fmt.Errorf("%w: path: %v", ErrParcelProof, err)
		}
		p.Path = append(p.Path, b)
	}
	return p, nil
}
