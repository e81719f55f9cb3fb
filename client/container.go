package client

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A report file (*.tcr), all numbers big-endian:
//
//	8   magic "TCREPORT"
//	2   version, 1
//	2   number of sections, 1–16
//	then for each section, in ascending order of kind, none twice:
//	2   kind: 1 report (protobuf tradecredit.v1.Report)
//	4   length of the content, uncompressed, ≤ 8 MiB
//	4   length of the stored bytes, ≤ 8 MiB
//	32  SHA-256 of these ten bytes and of the stored bytes
//	n   stored bytes: the content as one zstd frame (RFC 8878) that declares its content's size
//	and nothing after the last one.
//
// A reader of version 1 refuses kinds it does not know: what it cannot check it must not show. The checksums find
// damage in transit; what makes a report true are the proofs inside.
const (
	containerMagic   = "TCREPORT"
	containerVersion = 1

	sectionReport = 1

	containerHeader  = 12
	sectionHeader    = 42
	maxSections      = 16
	maxSectionSize   = 8 << 20
	maxContainerSize = 16 << 20
)

// Errors of the file as such, before anything in it is looked at.
var (
	ErrReportMagic     = errors.New("not a report file")
	ErrReportVersion   = errors.New("report file of a version that this program cannot read")
	ErrReportSize      = errors.New("report file is too large")
	ErrReportCut       = errors.New("report file ends too early")
	ErrReportTrailing  = errors.New("report file goes on after its end")
	ErrReportSections  = errors.New("report file does not have the sections it must have")
	ErrReportChecksum  = errors.New("report file is damaged: a checksum differs")
	ErrReportFrame     = errors.New("report file is damaged: a section cannot be decompressed")
	ErrReportEncoding  = errors.New("report is not encoded canonically")
	ErrReportMalformed = errors.New("report is malformed")
)

// section is one part of the file.
type section struct {
	kind    uint16
	content []byte
}

// encodeContainer writes sections in ascending order of kind.
func encodeContainer(sections []section) ([]byte, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(true))
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	out := []byte(containerMagic)
	out = binary.BigEndian.AppendUint16(out, containerVersion)
	out = binary.BigEndian.AppendUint16(out, uint16(len(sections)))
	for _, s := range sections {
		if len(s.content) > maxSectionSize {
			return nil, fmt.Errorf("%w: a section has %d bytes", ErrReportSize, len(s.content))
		}
		stored := enc.EncodeAll(s.content, nil)
		head := binary.BigEndian.AppendUint16(nil, s.kind)
		head = binary.BigEndian.AppendUint32(head, uint32(len(s.content)))
		head = binary.BigEndian.AppendUint32(head, uint32(len(stored)))
		sum := sectionSum(head, stored)
		out = append(append(append(out, head...), sum[:]...), stored...)
	}
	return out, nil
}

func sectionSum(head, stored []byte) [32]byte {
	h := sha256.New()
	h.Write(head)
	h.Write(stored)
	return [32]byte(h.Sum(nil))
}

// decodeContainer reads what encodeContainer wrote and nothing else.
func decodeContainer(data []byte) ([]section, error) {
	if len(data) > maxContainerSize {
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
	var out []section
	rest := data[containerHeader:]
	for range n {
		s, after, err := takeSection(rest)
		if err != nil {
			return nil, err
		}
		rest = after
		if len(out) > 0 && out[len(out)-1].kind >= s.kind {
			return nil, fmt.Errorf("%w: kind %d after %d", ErrReportSections, s.kind, out[len(out)-1].kind)
		}
		out = append(out, s)
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%w: %d bytes", ErrReportTrailing, len(rest))
	}
	return out, nil
}

func takeSection(data []byte) (s section, rest []byte, err error) {
	if len(data) < sectionHeader {
		return s, nil, ErrReportCut
	}
	s.kind = binary.BigEndian.Uint16(data)
	size, stored := binary.BigEndian.Uint32(data[2:]), binary.BigEndian.Uint32(data[6:])
	head, sum := data[:10], data[10:sectionHeader]
	if s.kind != sectionReport {
		return s, nil, fmt.Errorf("%w: kind %d is unknown", ErrReportSections, s.kind)
	}
	if size > maxSectionSize || stored > maxSectionSize {
		return s, nil, fmt.Errorf("%w: a section has %d bytes", ErrReportSize, max(size, stored))
	}
	data = data[sectionHeader:]
	if uint32(len(data)) < stored {
		return s, nil, ErrReportCut
	}
	if got := sectionSum(head, data[:stored]); !bytes.Equal(got[:], sum) {
		return s, nil, ErrReportChecksum
	}
	if err := oneFrame(data[:stored], size); err != nil {
		return s, nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxSectionSize), zstd.WithDecoderMaxWindow(maxSectionSize))
	if err != nil {
		return s, nil, err
	}
	defer dec.Close()
	if s.content, err = dec.DecodeAll(data[:stored], make([]byte, 0, size)); err != nil {
		return s, nil, fmt.Errorf("%w: %v", ErrReportFrame, err)
	}
	if uint32(len(s.content)) != size {
		return s, nil, fmt.Errorf("%w: a section has %d bytes, not %d", ErrReportFrame, len(s.content), size)
	}
	return s, data[stored:], nil
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
