package types

import (
	"encoding/binary"
	"errors"
)

// codesTag is the tag of "repeated uint32 codes = 1", packed.
const codesTag = 1<<3 | 2

var errCodes = errors.New("types: result data is not a packed list of codes")

// EncodeCodes is the Data of a transaction's result: a protobuf message with the field "repeated uint32 codes = 1",
// packed, one code a message in their order. No codes, as when authentication failed, are no bytes.
func EncodeCodes(codes []Code) []byte {
	if len(codes) == 0 {
		return nil
	}
	var packed []byte
	for _, c := range codes {
		packed = binary.AppendUvarint(packed, uint64(uint32(c)))
	}
	b := binary.AppendUvarint([]byte{codesTag}, uint64(len(packed)))
	return append(b, packed...)
}

// DecodeCodes reads what EncodeCodes wrote, and nothing else; nil for no bytes.
func DecodeCodes(data []byte) ([]Code, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if data[0] != codesTag {
		return nil, errCodes
	}
	size, n := shortUvarint(data[1:])
	packed := data[1+n:]
	if n == 0 || size == 0 || size != uint64(len(packed)) {
		return nil, errCodes
	}
	var codes []Code
	for len(packed) > 0 {
		c, n := shortUvarint(packed)
		if n == 0 || c > 1<<31-1 {
			return nil, errCodes
		}
		codes = append(codes, Code(c))
		packed = packed[n:]
	}
	return codes, nil
}

// shortUvarint reads a varint that is written in the fewest bytes; n is 0 when it is none.
func shortUvarint(b []byte) (value uint64, n int) {
	value, n = binary.Uvarint(b)
	if n <= 0 || (n > 1 && b[n-1] == 0) {
		return 0, 0
	}
	return value, n
}
