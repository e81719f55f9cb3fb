package verifier

import (
	"encoding/binary"
	"fmt"
)

// Sections are written from three kinds of parts: numbers as unsigned varints, texts and bytes with their length before
// them as such a number, and hashes of 32 bytes. Padded numbers are refused, so there is one encoding of everything.

func putNumber(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }

func putBytes[T []byte | string](b []byte, v T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// reader takes parts from a section; after the first error it gives nothing.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err, r.rest = fmt.Errorf("%w: %s", ErrReportMalformed, what), nil
	}
}

// number reads a number of at most highest.
func (r *reader) number(highest uint64) uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || size > 1 && r.rest[size-1] == 0 {
		r.fail("a number")
		return 0
	}
	if n > highest {
		r.fail(fmt.Sprintf("%d where at most %d may stand", n, highest))
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// bytes reads at most limit bytes; they are part of the section.
func (r *reader) bytes(limit int) []byte {
	n := r.number(uint64(limit))
	return r.take(int(n))
}

func (r *reader) text(limit int) string { return string(r.bytes(limit)) }

func (r *reader) take(n int) []byte {
	if r.err != nil || n > len(r.rest) {
		r.fail("it ends too early")
		return nil
	}
	v := r.rest[:n:n]
	r.rest = r.rest[n:]
	return v
}

// end refuses what goes on.
func (r *reader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		r.fail("it goes on after its end")
	}
	return r.err
}

// hashes reads a list of at most limit hashes.
func (r *reader) hashes(limit int) [][]byte {
	var out [][]byte
	for range r.number(uint64(limit)) {
		out = append(out, r.take(32))
	}
	return out
}

func putHashes(b []byte, hashes [][]byte) []byte {
	b = putNumber(b, uint64(len(hashes)))
	for _, h := range hashes {
		b = append(b, h...)
	}
	return b
}
