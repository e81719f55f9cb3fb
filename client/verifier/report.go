package verifier

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"

	ics23 "github.com/cosmos/ics23/go"

	"tradecredit/types"
)

// Report is the content of a report file, as it stands there: nothing of it is verified. See Verify.
type Report struct {
	ChainID    string
	ReceiptID  string   // record id of the receipt, <member>/<source id>
	Opening    Opening  // of the receipt's commitment
	State      State    // records proved present or absent in the state of Header's height − 1
	Inputs     []Record // the rows that the receipt was scored from, ascending by key; nil: not in the file
	Entries    *Entries // of the enterprise's log; nil: not in the file
	LightBlock []byte   // header, commit and validators, see LightBlock.Normal
	Chain      [][]byte // light blocks by which trust gets from an older pin to the header, ascending; may be empty
	Anchor     *Anchor  // a later header under which the report's header is proved; nil: none
}

// Opening shows what a receipt's commitment hides: who asked, for what, and the salt of the query.
type Opening struct {
	Grantee string
	Purpose types.Purpose
	Salt    []byte
}

// Record is a key of the state with its value; nil: there is no such record.
type Record struct {
	Key   string
	Value []byte
}

// Entries are rows of an enterprise's entry log from number First on, with the proof that they stand there and none is
// missing between.
type Entries struct {
	First uint64
	Rows  [][]byte
	Proof types.LogRange
}

// Anchor proves that a block is part of a chain by the hash of it that a later state keeps.
type Anchor struct {
	State      State          // holds the head of the log of blocks
	Proof      types.LogRange // of the block's hash in that log
	LightBlock []byte
	Chain      [][]byte
}

// State is a set of records of one height with their proofs.
type State struct {
	Records []Record // ascending by key
	root    []byte   // the operator from the tree's root to the app hash
	tree    *partial
}

// Limits of what a section holds.
const (
	maxKey     = 1024
	maxRecord  = 1 << 20
	maxRecords = 4096
	maxRows    = 1 << 20
	maxRowSize = 64 << 10
	maxHops    = 64
	maxHashes  = 64 // of a log proof, either side
)

// Kinds of sections, in the order of the file.
const (
	sectionAbout   = 1 // chain id, receipt, opening
	sectionState   = 2 // proved records: operator of the app hash, records, partial tree
	sectionInputs  = 3 // rows behind the score
	sectionEntries = 4 // of the enterprise's log
	sectionHeader  = 5 // CometBFT LightBlock, as protobuf
	sectionChain   = 6 // light blocks between
	sectionAnchor  = 7 // state, log proof and light blocks of a later header
)

func knownKind(kind uint16) bool { return kind >= sectionAbout && kind <= sectionAnchor }

// NewState collects proved records into one; answers gives, for each record, the two operators of its proof. All must be
// of one height. ErrReportProof when a proof does not fit the others.
func NewState(records []Record, proofs [][]*types.ProofOp) (State, error) {
	s := State{tree: &partial{}}
	for i, r := range records {
		if len(proofs[i]) != 2 {
			return s, fmt.Errorf("%w: %s has no proof", ErrReportProof, r.Key)
		}
		if s.root == nil {
			s.root = proofs[i][1].Data
		}
		if !bytes.Equal(s.root, proofs[i][1].Data) {
			return s, fmt.Errorf("%w: %s is of another state", ErrReportProof, r.Key)
		}
		p := new(ics23.CommitmentProof)
		if err := p.Unmarshal(proofs[i][0].Data); err != nil {
			return s, fmt.Errorf("%w: %s: %v", ErrReportProof, r.Key, err)
		}
		if err := s.tree.addProof(p); err != nil {
			return s, fmt.Errorf("%w: %s: %v", ErrReportProof, r.Key, err)
		}
		s.Records = append(s.Records, r)
	}
	s.tree.sum()
	slices.SortFunc(s.Records, func(a, b Record) int { return strings.Compare(a.Key, b.Key) })
	s.Records = slices.CompactFunc(s.Records, func(a, b Record) bool { return a.Key == b.Key })
	return s, nil
}

// Encode writes the report file; the same report gives the same bytes.
func (r *Report) Encode() ([]byte, error) {
	about := putBytes(putBytes(putBytes(nil, r.ChainID), r.ReceiptID), r.Opening.Grantee)
	about = putBytes(putNumber(about, uint64(r.Opening.Purpose)), r.Opening.Salt)
	sections := []section{{sectionAbout, about}, {sectionState, r.State.encode(nil)}}
	if r.Inputs != nil {
		sections = append(sections, section{sectionInputs, encodeRows(r.Inputs)})
	}
	if e := r.Entries; e != nil {
		b := putHashes(putHashes(putNumber(nil, e.First), e.Proof.Left), e.Proof.Right)
		b = putNumber(b, uint64(len(e.Rows)))
		for _, row := range e.Rows {
			b = putBytes(b, row)
		}
		sections = append(sections, section{sectionEntries, b})
	}
	sections = append(sections, section{sectionHeader, r.LightBlock})
	if len(r.Chain) > 0 {
		sections = append(sections, section{sectionChain, encodeChain(nil, r.Chain)})
	}
	if a := r.Anchor; a != nil {
		b := putHashes(putHashes(putBytes(nil, a.LightBlock), a.Proof.Left), a.Proof.Right)
		sections = append(sections, section{sectionAnchor, a.State.encode(encodeChain(b, a.Chain))})
	}
	return encodeContainer(sections)
}

func encodeRows(rows []Record) []byte {
	b := putNumber(nil, uint64(len(rows)))
	for _, row := range rows {
		b = putBytes(putBytes(b, row.Key), row.Value)
	}
	return b
}

func encodeChain(b []byte, chain [][]byte) []byte {
	b = putNumber(b, uint64(len(chain)))
	for _, lb := range chain {
		b = putBytes(b, lb)
	}
	return b
}

// encode appends the records, a byte before each value telling whether there is one, and the tree.
func (s *State) encode(b []byte) []byte {
	b = putNumber(putBytes(b, s.root), uint64(len(s.Records)))
	for _, r := range s.Records {
		b = putBytes(b, r.Key)
		if r.Value == nil {
			b = append(b, 0)
			continue
		}
		b = putBytes(append(b, 1), r.Value)
	}
	return s.tree.encode(b)
}

// Decode reads a report file of at most MaxFileSize bytes. It checks the file, not what the report says: see Verify.
func Decode(data []byte) (*Report, error) {
	sections, err := decodeContainer(data)
	if err != nil {
		return nil, err
	}
	return decodeSections(sections)
}

func decodeSections(sections []section) (*Report, error) {
	r := &Report{}
	seen := 0
	for _, s := range sections {
		seen |= 1 << s.kind
		if err := r.decodeSection(s.kind, &reader{rest: s.content}); err != nil {
			return nil, err
		}
	}
	const needed = 1<<sectionAbout | 1<<sectionState | 1<<sectionHeader
	if seen&needed != needed {
		return nil, fmt.Errorf("%w: one is missing", ErrReportSections)
	}
	return r, nil
}

func (r *Report) decodeSection(kind uint16, in *reader) error {
	switch kind {
	case sectionAbout:
		r.ChainID, r.ReceiptID, r.Opening.Grantee = in.text(maxKey), in.text(maxKey), in.text(maxKey)
		r.Opening.Purpose = types.Purpose(in.number(math.MaxInt32))
		r.Opening.Salt = in.bytes(maxKey)
	case sectionState:
		r.State.decode(in)
	case sectionInputs:
		r.Inputs = decodeRows(in)
	case sectionEntries:
		r.Entries = decodeEntries(in)
	case sectionHeader:
		r.LightBlock = in.take(len(in.rest))
	case sectionChain:
		if r.Chain = decodeChain(in); len(r.Chain) == 0 {
			in.fail("a chain of no headers")
		}
	case sectionAnchor:
		a := &Anchor{LightBlock: in.bytes(MaxLightBlockSize)}
		a.Proof.Left, a.Proof.Right = in.hashes(maxHashes), in.hashes(maxHashes)
		a.Chain = decodeChain(in)
		a.State.decode(in)
		r.Anchor = a
	}
	return in.end()
}

func decodeRows(in *reader) []Record {
	out := []Record{}
	for range in.number(maxRecords) {
		row := Record{Key: in.text(maxKey), Value: in.bytes(maxRecord)}
		if len(out) > 0 && out[len(out)-1].Key >= row.Key {
			in.fail("rows out of order")
		}
		if in.err != nil {
			return nil
		}
		out = append(out, row)
	}
	return out
}

func decodeEntries(in *reader) *Entries {
	e := &Entries{First: in.number(math.MaxInt64)}
	e.Proof.Left, e.Proof.Right = in.hashes(maxHashes), in.hashes(maxHashes)
	n := in.number(min(maxRows, uint64(len(in.rest))))
	e.Rows = make([][]byte, 0, n)
	for range n {
		e.Rows = append(e.Rows, in.bytes(maxRowSize))
	}
	return e
}

func decodeChain(in *reader) [][]byte {
	var out [][]byte
	for range in.number(maxHops) {
		out = append(out, in.bytes(MaxLightBlockSize))
	}
	return out
}

// decode reads records and tree, and refuses a tree that shows more or less than the records need.
func (s *State) decode(in *reader) {
	s.root = in.bytes(types.MaxProofSize)
	var present []*partial
	for range in.number(maxRecords) {
		r := Record{Key: in.text(maxKey)}
		if in.number(1) == 1 {
			r.Value = in.bytes(maxRecord)
			present = append(present, recordNode(r))
		}
		if n := len(s.Records); n > 0 && s.Records[n-1].Key >= r.Key {
			in.fail("records out of order")
		}
		if in.err != nil {
			return
		}
		s.Records = append(s.Records, r)
	}
	slices.SortFunc(present, func(a, b *partial) int { return comparePaths(a.key, b.key) })
	tree := newTreeReader(in, len(s.Records), present)
	if s.tree = tree.decode(0); len(tree.records) > 0 {
		in.fail("a record that the tree does not show")
	}
	if in.err != nil {
		return
	}
	s.tree.sum()
	again, err := s.rebuilt()
	if err != nil || !bytes.Equal(again.encode(nil), s.tree.encode(nil)) {
		in.fail("the tree shows something that no record needs")
	}
}

// rebuilt is the tree made anew from the proofs that are taken out of it.
func (s *State) rebuilt() (*partial, error) {
	leaves, again := s.tree.leafProofs(), &partial{}
	for _, r := range s.Records {
		p, err := commitment(leaves, r.Key, r.Value != nil)
		if err != nil {
			return nil, err
		}
		if err := again.addProof(p); err != nil {
			return nil, err
		}
	}
	again.sum()
	return again, nil
}

// proofs are the ICS-23 proofs of the records, in their order.
func (s *State) proofs() ([]*types.Proof, error) {
	leaves := s.tree.leafProofs()
	var out []*types.Proof
	for _, r := range s.Records {
		p, err := commitment(leaves, r.Key, r.Value != nil)
		if err != nil {
			return nil, err
		}
		data, err := p.Marshal()
		if err != nil {
			return nil, err
		}
		out = append(out, &types.Proof{Ops: []*types.ProofOp{
			{Type: types.ProofOpSMT, Key: []byte(r.Key), Data: data},
			{Type: types.ProofOpSimple, Key: []byte(types.RootState), Data: s.root},
		}})
	}
	return out, nil
}

// verify holds every record to the app hash.
func (s *State) verify(appHash types.Hash) error {
	proofs, err := s.proofs()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrReportProof, err)
	}
	for i, r := range s.Records {
		if err := proofs[i].Verify(appHash, types.RootState, r.Key, r.Value); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrReportProof, r.Key, err)
		}
	}
	return nil
}

// record finds a record; shown tells whether the report says anything about it.
func (s *State) record(key string) (value []byte, shown bool) {
	i, ok := slices.BinarySearchFunc(s.Records, key, func(r Record, key string) int { return strings.Compare(r.Key, key) })
	if !ok {
		return nil, false
	}
	return s.Records[i].Value, true
}
