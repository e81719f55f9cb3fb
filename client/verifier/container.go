package verifier

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A report file (*.tcr), all numbers big-endian:
//
//	8   magic "TCREPORT"
//	2   version, 2
//	2   number of sections, 1–16
//	then the table, a row for each section, in ascending order of kind, none twice:
//	  2   kind
//	  4   length of the content, uncompressed, ≤ 64 MiB
//	  4   length of the stored bytes, ≤ 64 MiB
//	  32  SHA-256 of these ten bytes and of the stored bytes
//	then the stored bytes of each section in the order of the table: the content as one zstd frame (RFC 8878) that
//	declares its content's size
//	and nothing after the last one. The contents together have at most 64 MiB.
//
// FORMAT.md says what the sections hold, whose kinds are in report.go. A reader of version 2 refuses kinds it does not know: what it cannot check it must not show.
// The checksums find damage in transit; what makes a report true are the proofs inside.
const (
	containerMagic   = "TCREPORT"
	containerVersion = 2

	containerHeader = 12
	tableRow        = 42
	maxSections     = 16
	maxSectionSize  = 64 << 20

	// MaxFileSize bounds a report file in bytes.
	MaxFileSize = 64 << 20
)

// section is one part of the file.
type section struct {
	kind    uint16
	content []byte
}

// encodeContainer writes sections in ascending order of kind. The same sections give the same bytes.
func encodeContainer(sections []section) ([]byte, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1),
		zstd.WithSingleSegment(true), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	out := []byte(containerMagic)
	out = binary.BigEndian.AppendUint16(out, containerVersion)
	out = binary.BigEndian.AppendUint16(out, uint16(len(sections)))
	var bodies []byte
	total := 0
	for _, s := range sections {
		if total += len(s.content); total > maxSectionSize {
			return nil, fmt.Errorf("%w: more than %d bytes of content", ErrReportSize, maxSectionSize)
		}
		stored := enc.EncodeAll(s.content, nil)
		row := binary.BigEndian.AppendUint16(nil, s.kind)
		row = binary.BigEndian.AppendUint32(row, uint32(len(s.content)))
		row = binary.BigEndian.AppendUint32(row, uint32(len(stored)))
		sum := sectionSum(row, stored)
		out = append(append(out, row...), sum[:]...)
		bodies = append(bodies, stored...)
	}
	if len(out)+len(bodies) > MaxFileSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrReportSize, len(out)+len(bodies))
	}
	return append(out, bodies...), nil
}

func sectionSum(row, stored []byte) [32]byte {
	h := sha256.New()
	h.Write(row)
	h.Write(stored)
	return [32]byte(h.Sum(nil))
}

// decodeContainer reads what encodeContainer wrote and nothing else.
func decodeContainer(data []byte) ([]section, error) {
	if len(data) > MaxFileSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrReportSize, len(data))
	}
	if len(data) < len(containerMagic) || string(data[:len(containerMagic)]) != containerMagic {
		return nil, ErrReportMagic
	}
	if len(data) < containerHeader {
		return nil, ErrReportCut
	}
	if v := binary.BigEndian.Uint16(data[8:]); v != containerVersion {
		return nil, fmt.Errorf("%w: %d, this program reads %d", ErrReportVersion, v, containerVersion)
	}
	n := int(binary.BigEndian.Uint16(data[10:]))
	if n < 1 || n > maxSections {
		return nil, fmt.Errorf("%w: %d of them", ErrReportSections, n)
	}
	if len(data) < containerHeader+n*tableRow {
		return nil, ErrReportCut
	}
	table, rest := data[containerHeader:containerHeader+n*tableRow], data[containerHeader+n*tableRow:]
	var out []section // with the stored bytes, until all checksums are right
	total := uint64(0)
	for i := range n {
		row := table[i*tableRow : (i+1)*tableRow]
		if total += uint64(binary.BigEndian.Uint32(row[2:])); total > maxSectionSize {
			return nil, fmt.Errorf("%w: more than %d bytes of content", ErrReportSize, maxSectionSize)
		}
		s, after, err := takeSection(row, rest)
		if err != nil {
			return nil, err
		}
		if len(out) > 0 && out[len(out)-1].kind >= s.kind {
			return nil, fmt.Errorf("%w: kind %d after %d", ErrReportSections, s.kind, out[len(out)-1].kind)
		}
		out, rest = append(out, s), after
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%w: %d bytes", ErrReportTrailing, len(rest))
	}
	if err := decompress(out, table); err != nil {
		return nil, err
	}
	return out, nil
}

// takeSection takes the stored bytes of a row of the table and holds them to their checksum.
func takeSection(row, data []byte) (s section, rest []byte, err error) {
	s.kind = binary.BigEndian.Uint16(row)
	if !knownKind(s.kind) {
		return s, nil, fmt.Errorf("%w: kind %d is unknown", ErrReportSections, s.kind)
	}
	stored := uint64(binary.BigEndian.Uint32(row[6:]))
	if uint64(len(data)) < stored {
		return s, nil, ErrReportCut
	}
	s.content = data[:stored:stored]
	if sum := sectionSum(row[:10], s.content); !bytes.Equal(sum[:], row[10:]) {
		return s, nil, ErrReportChecksum
	}
	return s, data[stored:], nil
}

// decompress puts the contents in the place of the stored bytes.
func decompress(sections []section, table []byte) error {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxSectionSize),
		zstd.WithDecoderMaxWindow(maxSectionSize))
	if err != nil {
		return err
	}
	defer dec.Close()
	for i, s := range sections {
		size := binary.BigEndian.Uint32(table[i*tableRow+2:])
		if err := oneFrame(s.content, size); err != nil {
			return err
		}
		content, err := dec.DecodeAll(s.content, make([]byte, 0, size))
		if err != nil {
			return fmt.Errorf("%w: %v", ErrReportFrame, err)
		}
		if uint32(len(content)) != size {
			return fmt.Errorf("%w: a section has %d bytes, not %d", ErrReportFrame, len(content), size)
		}
		sections[i].content = content
	}
	return nil
}

// oneFrame refuses stored bytes that hide something: a zstd stream may hold skippable frames and several frames, and
// then a file could carry more than what is shown. How strongly the frame is compressed is left open, so that files
// stay readable when the compressor gets better.
func oneFrame(frame []byte, size uint32) error {
	var h zstd.Header
	if err := h.Decode(frame); err != nil || h.Skippable || !h.HasFCS || h.FrameContentSize != uint64(size) || h.DictionaryID != 0 {
		return fmt.Errorf("%w: not one plain zstd frame", ErrReportFrame)
	}
	if n, err := frameLength(frame, &h); err != nil || n != len(frame) {
		return fmt.Errorf("%w: something follows the zstd frame", ErrReportFrame)
	}
	return nil
}

// frameLength walks the blocks of a zstd frame (RFC 8878 §3.1.1) and tells where it ends.
func frameLength(frame []byte, h *zstd.Header) (int, error) {
	at := h.HeaderSize
	for {
		if at+3 > len(frame) {
			return 0, io.ErrUnexpectedEOF
		}
		block := int(frame[at]) | int(frame[at+1])<<8 | int(frame[at+2])<<16
		last, kind, size := block&1 == 1, block>>1&3, block>>3
		if kind == 1 { // run of one byte
			size = 1
		}
		at += 3 + size
		if last {
			break
		}
	}
	if h.HasCheckSum {
		at += 4
	}
	return at, nil
}
