package verifier

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// This file reads reports once more, by FORMAT.md alone and with none of the verifier's code, so that what the document says
// is enough to read a report in many years.

// plainReader takes parts off a section.
type plainReader struct {
	t    testing.TB
	rest []byte
}

func (r *plainReader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	require.Positive(r.t, size)
	r.rest = r.rest[size:]
	return n
}

func (r *plainReader) take(n uint64) []byte {
	require.LessOrEqual(r.t, n, uint64(len(r.rest)))
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *plainReader) bytes() []byte { return r.take(r.number()) }

func (r *plainReader) list(part func() []byte) (out [][]byte) {
	for range r.number() {
		out = append(out, part())
	}
	return out
}

func (r *plainReader) hash() []byte { return r.take(32) }

// plainSections reads the container.
func plainSections(t testing.TB, file []byte) map[uint16]*plainReader {
	require.Equal(t, "TCREPORT\x00\x02", string(file[:10]))
	n := int(binary.BigEndian.Uint16(file[10:]))
	table, stored := file[12:12+42*n], file[12+42*n:]
	out := map[uint16]*plainReader{}
	dec, err := zstd.NewReader(nil)
	require.NoError(t, err)
	defer dec.Close()
	for ; len(table) > 0; table = table[42:] {
		size := binary.BigEndian.Uint32(table[6:])
		sum := sha256.Sum256(slices.Concat(table[:10], stored[:size]))
		require.Equal(t, table[10:42], sum[:])
		content, err := dec.DecodeAll(stored[:size], nil)
		require.NoError(t, err)
		require.Len(t, content, int(binary.BigEndian.Uint32(table[2:])))
		out[binary.BigEndian.Uint16(table)], stored = &plainReader{t, content}, stored[size:]
	}
	require.Empty(t, stored)
	return out
}

func sumOf(parts ...[]byte) []byte {
	h := sha256.Sum256(slices.Concat(parts...))
	return h[:]
}

// plainTree is the root of a partial tree; present are the records that are there, by their path.
func (r *plainReader) plainTree(present *[][2][]byte) []byte {
	leaf := func(key, value []byte) []byte { return sumOf([]byte{0}, sumOf(key), sumOf(value)) }
	switch kind := r.take(1)[0]; kind {
	case 0:
		return r.hash()
	case 1:
		left := r.plainTree(present)
		return sumOf([]byte{1}, left, r.plainTree(present))
	case 2:
		next := (*present)[0]
		*present = (*present)[1:]
		return leaf(next[0], next[1])
	case 3:
		key := r.hash()
		return leaf(key, r.hash())
	case 4:
		return make([]byte, 32)
	default:
		require.Fail(r.t, "a node of another kind", "%d", kind)
		return nil
	}
}

// plainState reads records and the root that they lead to.
func (r *plainReader) plainState() (records map[string][]byte, root []byte) {
	require.NotEmpty(r.t, r.bytes(), "the operator")
	records = map[string][]byte{}
	var present [][2][]byte
	for range r.number() {
		key := string(r.bytes())
		records[key] = nil
		if r.number() == 1 {
			records[key] = r.bytes()
			present = append(present, [2][]byte{sumOf([]byte(key)), sumOf(records[key])})
		}
	}
	slices.SortFunc(present, func(a, b [2][]byte) int { return bytes.Compare(sumOf(a[0]), sumOf(b[0])) })
	root = r.plainTree(&present)
	require.Empty(r.t, present)
	return records, root
}

// plainLog is the RFC 6962 root over leaf rows.
func plainLog(rows [][]byte) []byte {
	switch n := len(rows); n {
	case 0:
		return sumOf()
	case 1:
		return sumOf([]byte{0}, rows[0])
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		return sumOf([]byte{1}, plainLog(rows[:k]), plainLog(rows[k:]))
	}
}

// TestFormat reads the golden reports by the document.
func TestFormat(t *testing.T) {
	for _, name := range []string{"report", "renewed", "index"} {
		s := plainSections(t, readFile(t, "testdata/"+name+".tcr"))
		about := s[1]
		chain, receiptID, grantee := string(about.bytes()), string(about.bytes()), string(about.bytes())
		purpose, salt := about.number(), about.bytes()
		require.Empty(t, about.rest)
		require.Equal(t, testChain, chain)
		records, root := s[2].plainState()
		require.Empty(t, s[2].rest)
		receipt := new(types.Receipt)
		require.NoError(t, receipt.Unmarshal(records["receipt/"+receiptID]))
		require.Equal(t, receipt.Commitment, sumOf([]byte("tradecredit/v1/receipt\x00"), salt, []byte(grantee), []byte{0}, []byte{byte('0' + purpose)}))

		// The root stands in the app hash of the header, together with the one of the references.
		named := func(name string, root []byte) []byte {
			return slices.Concat([]byte{byte(len(name))}, []byte(name), []byte{32}, sumOf(root))
		}
		references := sha256.Sum256([]byte("references"))
		appHash := plainLog([][]byte{named("references", references[:]), named("state", root)})
		require.True(t, bytes.Contains(s[5].rest, appHash), "%s: the header does not have app hash %x", name, appHash)

		if e := s[4]; e != nil {
			first, left, right := e.number(), e.list(e.hash), e.list(e.hash)
			rows := e.list(e.bytes)
			require.Empty(t, e.rest)
			head := new(types.SubjectHead)
			require.NoError(t, head.Unmarshal(records["subject/"+receipt.Subject]))
			require.Equal(t, head.Entries, first+uint64(len(rows)))
			if first == 0 {
				require.Empty(t, left)
				require.Empty(t, right)
				require.Equal(t, head.Root, plainLog(rows))
			}
		}
		if a := s[7]; a != nil {
			require.Positive(t, len(a.bytes()))
			a.list(a.hash)
			a.list(a.hash)
			require.Empty(t, a.list(a.bytes))
			later, _ := a.plainState()
			require.Len(t, later, 1)
			require.Contains(t, later, "block-log")
			require.Empty(t, a.rest)
		}
		if in := s[3]; in != nil {
			digest := sha256.New()
			digest.Write([]byte("tradecredit/v1/score-inputs\x00"))
			for range in.number() {
				for range 2 { // key, then value
					part := in.bytes()
					digest.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
					digest.Write(part)
				}
			}
			require.Empty(t, in.rest)
			require.Equal(t, receipt.InputsDigest, digest.Sum(nil))
		}
	}
}
