package verifier

import (
	"encoding/binary"
	"errors"
	"time"
)

// This file reads and writes the part of protobuf (proto3, as gogoproto orders it) that CometBFT's headers, commits and
// validators use. Whatever is read is written again and compared, so that there is one encoding of everything; the reader
// itself may be simple.

var errWire = errors.New("not the protobuf encoding of this message")

// Wire types of protobuf.
const (
	wireVarint = 0
	wireFixed  = 1
	wireBytes  = 2
)

func appendTag(b []byte, field, wire uint64) []byte { return binary.AppendUvarint(b, field<<3|wire) }

// appendNumber writes a whole number, and nothing for 0.
func appendNumber(b []byte, field uint64, v int64) []byte {
	if v == 0 {
		return b
	}
	return binary.AppendUvarint(appendTag(b, field, wireVarint), uint64(v))
}

// appendFixed writes an sfixed64, and nothing for 0.
func appendFixed(b []byte, field uint64, v int64) []byte {
	if v == 0 {
		return b
	}
	return binary.LittleEndian.AppendUint64(appendTag(b, field, wireFixed), uint64(v))
}

// appendBytes writes bytes or text, and nothing for none.
func appendBytes[T []byte | string](b []byte, field uint64, v T) []byte {
	if len(v) == 0 {
		return b
	}
	return appendMessage(b, field, []byte(v))
}

// appendMessage writes a message, an empty one too.
func appendMessage(b []byte, field uint64, v []byte) []byte {
	b = binary.AppendUvarint(appendTag(b, field, wireBytes), uint64(len(v)))
	return append(b, v...)
}

// encodeTime is google.protobuf.Timestamp.
func encodeTime(t time.Time) []byte {
	return appendNumber(appendNumber(nil, 1, t.Unix()), 2, int64(t.Nanosecond()))
}

// wireField is one field as it was read: a number, or bytes.
type wireField struct {
	field  uint64
	number int64
	bytes  []byte
	isText bool
}

// fields calls fn for each field of a message in its order. A wire type that no message here has is an error.
func fields(b []byte, fn func(f wireField) error) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return errWire
		}
		b = b[n:]
		f := wireField{field: tag >> 3}
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return errWire
		}
		b = b[n:]
		switch tag & 7 {
		case wireVarint:
			f.number = int64(v)
		case wireBytes:
			if v > uint64(len(b)) {
				return errWire
			}
			f.bytes, f.isText, b = b[:v:v], true, b[v:]
		default:
			return errWire
		}
		if err := fn(f); err != nil {
			return err
		}
	}
	return nil
}

// target says where a field goes: one of the pointers is set.
type target struct {
	number *int64
	bytes  *[]byte
	text   *string
	time   *time.Time
	each   func([]byte) error // a message, or one of several
}

// readInto reads a message whose fields are those of the table. An unknown field, or one of the other kind, is an error.
func readInto(b []byte, table map[uint64]target) error {
	return fields(b, func(f wireField) error {
		to, known := table[f.field]
		if !known || f.isText == (to.number != nil) {
			return errWire
		}
		switch {
		case to.number != nil:
			*to.number = f.number
		case to.bytes != nil:
			*to.bytes = f.bytes
		case to.text != nil:
			*to.text = string(f.bytes)
		case to.time != nil:
			return readTime(f.bytes, to.time)
		default:
			return to.each(f.bytes)
		}
		return nil
	})
}

// Bounds of google.protobuf.Timestamp: the years 1 to 9999.
const (
	firstSecond = -62135596800
	afterLast   = 253402300800
)

func readTime(b []byte, into *time.Time) error {
	var seconds, nanos int64
	if err := readInto(b, map[uint64]target{1: {number: &seconds}, 2: {number: &nanos}}); err != nil {
		return err
	}
	if seconds < firstSecond || seconds >= afterLast || nanos < 0 || nanos >= int64(time.Second) {
		return errWire
	}
	*into = time.Unix(seconds, nanos).UTC()
	return nil
}
