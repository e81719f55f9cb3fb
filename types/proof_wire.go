package types

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Protobuf tags of crypto.ProofOps{repeated ProofOp ops = 1} and
// crypto.ProofOp{string type = 1; bytes key = 2; bytes data = 3}.
const (
	tagOps    = 1<<3 | 2
	tagOpType = 1<<3 | 2
	tagOpKey  = 2<<3 | 2
	tagOpData = 3<<3 | 2
)

// Marshal encodes the proof as CometBFT's crypto.ProofOps. The error is always nil.
func (p *Proof) Marshal() ([]byte, error) {
	var out []byte
	for _, op := range p.Ops {
		var b []byte
		b = appendField(b, tagOpType, []byte(op.Type))
		b = appendField(b, tagOpKey, op.Key)
		b = appendField(b, tagOpData, op.Data)
		out = append(out, tagOps)
		out = binary.AppendUvarint(out, uint64(len(b)))
		out = append(out, b...)
	}
	return out, nil
}

// Unmarshal decodes what Marshal made and nothing else: unknown, repeated or unordered
// fields, padded lengths and more than MaxProofSize bytes are refused.
func (p *Proof) Unmarshal(data []byte) error {
	if len(data) > MaxProofSize {
		return ErrProofSize
	}
	p.Ops = nil
	for len(data) > 0 {
		if len(p.Ops) == 2 {
			return ErrProofOperators
		}
		body, rest, err := takeField(data, tagOps)
		if err != nil {
			return err
		}
		op, err := unmarshalOp(body)
		if err != nil {
			return err
		}
		p.Ops, data = append(p.Ops, op), rest
	}
	return nil
}

func unmarshalOp(data []byte) (*ProofOp, error) {
	op := new(ProofOp)
	var kind []byte
	for _, f := range []struct {
		tag  byte
		into *[]byte
	}{{tagOpType, &kind}, {tagOpKey, &op.Key}, {tagOpData, &op.Data}} {
		if len(data) == 0 || data[0] != f.tag {
			continue // proto3 leaves an empty field out
		}
		v, rest, err := takeField(data, f.tag)
		if err != nil {
			return nil, err
		}
		data = rest
		if len(v) == 0 {
			return nil, fmt.Errorf("%w: an empty field is written", ErrProofEncoding)
		}
		*f.into = slices.Clone(v)
	}
	if len(data) != 0 {
		return nil, fmt.Errorf("%w: unexpected field", ErrProofEncoding)
	}
	op.Type = string(kind)
	return op, nil
}

func appendField(b []byte, tag byte, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	b = append(b, tag)
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

func takeField(b []byte, tag byte) (v, rest []byte, err error) {
	if b[0] != tag {
		return nil, nil, fmt.Errorf("%w: unexpected field", ErrProofEncoding)
	}
	n, size := binary.Uvarint(b[1:])
	if size <= 0 || n > uint64(len(b)-1-size) || size != len(binary.AppendUvarint(nil, n)) {
		return nil, nil, fmt.Errorf("%w: length", ErrProofEncoding)
	}
	start, end := 1+size, 1+size+int(n)
	return b[start:end], b[end:], nil
}
