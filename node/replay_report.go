package node

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmttypes "github.com/cometbft/cometbft/types"

	"tradecredit/types"
)

const replayReportFormat = "tradecredit replay report 1"

// Results of a replay.
const (
	replayMatch    = "MATCH"
	replayDiverged = "DIVERGED"
)

// ReplayReport is what a replay found. It holds nothing of the machine or the moment: whoever replays the same blocks
// writes the same report, byte for byte (see Bytes).
type ReplayReport struct {
	Format        string `json:"format"`
	ChainID       string `json:"chain_id"`
	GenesisSHA256 string `json:"genesis_sha256"` // of the file
	First         int64  `json:"first_height"`
	Last          int64  `json:"last_height"` // the last block that was executed and found right
	// AppHash is the app hash after the last block. A header commits to it only if the certified height is that block:
	// the outcome of a history's newest block stands in no header yet.
	AppHash          hexBytes    `json:"app_hash"`
	LastBlockHash    hexBytes    `json:"last_block_hash"`
	CertifiedHeight  int64       `json:"certified_height"`   // the newest block whose outcome stands in a header that was verified
	CertifiedAppHash hexBytes    `json:"certified_app_hash"` // after that block
	Transactions     int64       `json:"transactions"`
	Records          int64       `json:"records"` // messages
	BlockBytes       int64       `json:"block_bytes"`
	ValidatorChanges int64       `json:"validator_changes"` // blocks that changed the validators
	Result           string      `json:"result"`            // MATCH or DIVERGED
	Divergence       *Divergence `json:"divergence,omitempty"`
}

// Bytes is the canonical form of the report: JSON with the fields in their order, two spaces of indentation and a line
// feed at the end.
func (p *ReplayReport) Bytes() ([]byte, error) {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// Statement is the message attest_replay that the report bears out, as JSON for 'ledgerctl tx attest_replay'. A match is
// stated of the certified height: no header says what the block after it came to.
func (p *ReplayReport) Statement(id string) ([]byte, error) {
	if err := types.CheckSourceID(id); err != nil {
		return nil, err
	}
	report, err := p.Bytes()
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(report)
	s := struct {
		ID             string `json:"id"`
		Height         int64  `json:"height,string"`
		AppHash        string `json:"app_hash"`
		Result         string `json:"result"`
		DivergedHeight int64  `json:"diverged_height,string,omitempty"`
		ReportDigest   string `json:"report_digest"`
	}{ID: id, Height: p.CertifiedHeight, AppHash: p.CertifiedAppHash.String(), Result: types.ReplayResult_REPLAY_MATCH.String(),
		ReportDigest: hex.EncodeToString(digest[:])}
	if d := p.Divergence; d != nil {
		s.Height, s.DivergedHeight, s.Result, s.AppHash = d.Height, d.Height, types.ReplayResult_REPLAY_DIVERGED.String(), d.ReplayAppHash.String()
	}
	if s.Height < 1 {
		return nil, errors.New("there is nothing to state: no header commits to the outcome of a block yet")
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// hexBytes are bytes in a report: lower-case hexadecimal, null if there are none.
type hexBytes []byte

// String is the hexadecimal form.
func (b hexBytes) String() string { return hex.EncodeToString(b) }

// MarshalJSON implements json.Marshaler.
func (b hexBytes) MarshalJSON() ([]byte, error) {
	if b == nil {
		return []byte("null"), nil
	}
	return []byte(`"` + b.String() + `"`), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (b *hexBytes) UnmarshalJSON(text []byte) error {
	var s *string
	if err := json.Unmarshal(text, &s); err != nil || s == nil {
		return err
	}
	raw, err := hex.DecodeString(*s)
	*b = raw
	return err
}

// ReplayTimes is what a replay took. Seconds is by the clock; the parts are added up over all processors, so that
// their sum may be more.
type ReplayTimes struct {
	Seconds    float64
	PerSecond  float64 // records a second
	Read       float64 // seconds: the blocks, from disk or over the network, decompression included
	Headers    float64 // decoding of blocks, their hashes, commits
	Decode     float64 // of transactions
	Signatures float64 // of transactions
	Rules      float64
	Tree       float64 // roots
	Store      float64 // commits of the state
}

// ReplayPart is what one part of a replay took, in seconds, added up over all processors.
type ReplayPart struct {
	Name    string
	Seconds float64
}

// Parts lists the parts in the order in which a block passes through them.
func (t *ReplayTimes) Parts() []ReplayPart {
	return []ReplayPart{
		{"read", t.Read}, {"headers", t.Headers}, {"decode", t.Decode}, {"signatures", t.Signatures}, {"rules", t.Rules}, {"tree", t.Tree}, {"store", t.Store},
	}
}

// times adds up.
func (s *spent) times(took time.Duration, records int64) ReplayTimes {
	in := func(nanoseconds int64) float64 { return time.Duration(nanoseconds).Seconds() }
	return ReplayTimes{
		Seconds: took.Seconds(), PerSecond: float64(records) / max(took.Seconds(), 1e-9),
		Read: in(s.read.Load()), Headers: in(s.headers.Load()), Decode: in(s.decode.Load()), Signatures: in(s.signatures.Load()),
		Rules: in(s.rules.Load()), Tree: in(s.tree.Load()), Store: in(s.store.Load()),
	}
}

// decodeCommit decodes CometBFT's Commit and checks its form.
func decodeCommit(b []byte) (*cmttypes.Commit, error) {
	var p cmtproto.Commit
	if err := p.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCommit, err)
	}
	commit, err := cmttypes.CommitFromProto(&p)
	if err == nil {
		err = commit.ValidateBasic()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCommit, err)
	}
	return commit, nil
}
