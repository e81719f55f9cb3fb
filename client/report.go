package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"tradecredit/client/verifier"
	"tradecredit/types"
)

// Opening shows what a receipt's commitment hides.
type Opening = verifier.Opening

// ReportOptions say what goes into a report, beside the receipt, the model and the chain's constants.
type ReportOptions struct {
	Opening   Opening    // must open the receipt's commitment
	Entries   EntryRange // of the enterprise's log; a receipt without a score has none
	Objects   []string   // state keys, such as receivable/<id>: whether they are pledged
	Documents []string   // record ids
}

// EntryRange picks entries of a log: all of them, none, or the last so many.
type EntryRange struct {
	None bool
	Last uint64 // 0: all
}

// MakeReport collects a receipt and everything that a reader needs to check it, all proved under one header: the chain's
// constants and the model, the rows that were scored, the entries with the proof that none is missing, the documents and
// locks asked for, present or absent, and the headers that lead from the pinned validators to that header. The finished
// report is verified once more, as its reader will. Rows that the nodes keep no more are left out, and the report then
// says that it does not recompute the score.
func (c *Client) MakeReport(ctx context.Context, receiptID string, opts ReportOptions) (*verifier.Report, error) {
	receipt, first, err := Get(ctx, c, types.ReceiptKey(receiptID), GetOptions{})
	if err != nil {
		return nil, err
	}
	if receipt == nil {
		return nil, fmt.Errorf("%w: there is no receipt %s at height %d (proved)", verifier.ErrReportReceipt, receiptID, first.Height)
	}
	lb, err := verifier.DecodeLightBlock(first.LightBlock)
	if err != nil {
		return nil, err
	}
	m := &reportMaker{c: c, ctx: ctx, height: first.Height, seen: map[string]bool{}}
	m.take(first)
	m.fetch(string(types.ChainKey))
	m.fetch(string(types.ModelKey(receipt.Model)))
	r := &verifier.Report{ChainID: c.chainID, ReceiptID: receiptID, Opening: opts.Opening, LightBlock: lb.Normal()}
	if receipt.Output == types.Output_SCORE {
		m.history(r, receipt, opts.Entries)
	}
	for _, key := range opts.Objects {
		m.object(key)
	}
	for _, id := range opts.Documents {
		m.fetch(string(types.DocumentKey(id)))
	}
	if m.err != nil {
		return nil, m.err
	}
	if r.State, err = verifier.NewState(m.records, m.proofs); err != nil {
		return nil, err
	}
	if r.Chain, err = c.chainTo(ctx, lb); err != nil {
		return nil, err
	}
	return r, c.recheck(r)
}

// recheck verifies a report as its reader will.
func (c *Client) recheck(r *verifier.Report) error {
	v, err := verifier.Verify(r, c.oldestPin(), verifier.Options{Now: c.now(), AllowSimulation: true})
	if err != nil {
		return fmt.Errorf("the report does not verify: %w", err)
	}
	if v.Standing == verifier.OldTrustOnly {
		return fmt.Errorf("%w: nothing can be proved with it", ErrTrustExpired)
	}
	return nil
}

// reportMaker collects proved records of one height; after the first error it does nothing.
type reportMaker struct {
	c       *Client
	ctx     context.Context
	height  int64
	records []verifier.Record
	proofs  [][]*types.ProofOp
	seen    map[string]bool
	err     error
}

func (m *reportMaker) take(p *Proven) {
	if m.seen[p.Key] {
		return
	}
	m.seen[p.Key] = true
	m.records = append(m.records, verifier.Record{Key: p.Key, Value: p.Value})
	m.proofs = append(m.proofs, p.Proof.Ops)
}

// fetch adds a record, or the proof that there is none, and returns its value.
func (m *reportMaker) fetch(key string) []byte {
	if m.err != nil {
		return nil
	}
	p, err := m.c.GetRaw(m.ctx, key, GetOptions{Height: m.height})
	if err != nil {
		m.err = fmt.Errorf("%s: %w", key, err)
		return nil
	}
	m.take(p)
	return p.Value
}

// object adds something that can be financed, its lock and that of its trade.
func (m *reportMaker) object(key string) {
	value := m.fetch(key)
	if m.err != nil {
		return
	}
	trade, err := verifier.TradeOf(key, value)
	if err != nil {
		m.err = err
		return
	}
	m.fetch(string(types.EncumbranceKey(key)))
	if trade != "" {
		m.fetch(string(types.EncumbranceKey(trade)))
	}
}

// history adds the rows behind the score and the entries.
func (m *reportMaker) history(r *verifier.Report, receipt *types.Receipt, which EntryRange) {
	if m.err != nil {
		return
	}
	if r.Inputs, m.err = m.c.inputs(m.ctx, receipt.Id); m.err != nil || which.None {
		return
	}
	value := m.fetch(string(types.SubjectKey(receipt.Subject)))
	if m.err == nil && value == nil {
		m.err = fmt.Errorf("%w: %s has a receipt and no log", verifier.ErrReportEntries, receipt.Subject)
	}
	if m.err != nil {
		return
	}
	head := new(types.SubjectHead)
	if m.err = head.Unmarshal(value); m.err != nil {
		return
	}
	e := &verifier.Entries{}
	if which.Last > 0 && which.Last < head.Entries {
		e.First = head.Entries - which.Last
	}
	if e.Rows, m.err = m.c.entryRows(m.ctx, receipt.Subject, e.First, head.Entries); m.err != nil {
		return
	}
	var proof *types.LogRange
	if proof, m.err = m.c.logProof(m.ctx, types.EntryLog(receipt.Subject), e.First, head.Entries, m.height); m.err == nil {
		e.Proof, r.Entries = *proof, e
	}
}

// inputs fetches what a receipt was scored from; nil when no node keeps it any more. The receipt's digest proves it.
func (c *Client) inputs(ctx context.Context, receipt string) ([]verifier.Record, error) {
	data, err := c.get(ctx, "/v1/inputs", url.Values{"receipt": {receipt}}, typeProtobuf)
	var gone *APIError
	if errors.As(err, &gone) && gone.Status == http.StatusGone {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	resp := new(types.InputsResponse)
	if err := resp.Unmarshal(data); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrAnswer, err)
	}
	out := []verifier.Record{}
	for _, row := range resp.Rows {
		out = append(out, verifier.Record{Key: row.Key, Value: row.Value})
	}
	return out, nil
}

// entryRows fetches rows first … end−1 of an entry log, as they were hashed.
func (c *Client) entryRows(ctx context.Context, subject string, first, end uint64) ([][]byte, error) {
	rows := [][]byte{}
	for at := first; at < end; {
		page, err := c.Entries(ctx, subject, at, int(min(end-at, maxListRows)))
		if err != nil {
			return nil, err
		}
		if len(page.Entries) == 0 {
			return nil, fmt.Errorf("%w: entry %d of %s is missing", ErrEntriesMissing, at, subject)
		}
		for _, e := range page.Entries {
			row, err := e.Marshal()
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
		at = page.Next
	}
	return rows[:end-first], nil
}

// logProof fetches the proof of rows of a log at a height.
func (c *Client) logProof(ctx context.Context, log string, begin, end uint64, height int64) (*types.LogRange, error) {
	data, err := c.get(ctx, "/v1/log-proof", url.Values{"log": {log}, "begin": {strconv.FormatUint(begin, 10)},
		"end": {strconv.FormatUint(end, 10)}, "height": {strconv.FormatInt(height, 10)}}, typeProtobuf)
	if err != nil {
		return nil, err
	}
	resp := new(types.LogProofResponse)
	if err := resp.Unmarshal(data); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrAnswer, err)
	}
	return &types.LogRange{Left: resp.Left, Right: resp.Right}, nil
}

// chainTo finds the headers by which two thirds of the oldest pin's power, and then of each next set, vouch for a header:
// whoever pinned later needs fewer of them.
func (c *Client) chainTo(ctx context.Context, target *verifier.LightBlock) ([][]byte, error) {
	from, now := c.oldestPin(), c.now()
	pending := []*verifier.LightBlock{target}
	var chain [][]byte
	for range maxSteps {
		next := pending[len(pending)-1]
		err := verifier.VerifyLightBlock(next, from, now, verifier.TwoThirds)
		switch {
		case err == nil && len(pending) == 1:
			return chain, nil
		case err == nil:
			chain, from = append(chain, next.Normal()), verifier.TrustFrom(next, from.Period)
			pending = pending[:len(pending)-1]
		case errors.Is(err, verifier.ErrTrustOverlap) && next.Height > from.Height+1:
			height := from.Height + (next.Height-from.Height)/2
			data, err := c.get(ctx, "/v1/light", url.Values{"height": {strconv.FormatInt(height, 10)}}, typeProtobuf)
			if err != nil {
				return nil, err
			}
			middle, err := verifier.DecodeLightBlock(data)
			if err != nil {
				return nil, err
			}
			if middle.Height != height {
				return nil, fmt.Errorf("%w: header %d, asked was %d", ErrOtherHeight, middle.Height, height)
			}
			pending = append(pending, middle)
		default:
			return nil, err
		}
	}
	return nil, ErrTooManyHeaders
}

// RenewReport proves an old report's header under the newest one, by the log of block hashes that the state keeps: the
// report is believed again for as long as that one is, though the validators that signed it are long gone. What the
// report says stays as it was, of its own height and time. An anchor that it had before is replaced.
func (c *Client) RenewReport(ctx context.Context, old *verifier.Report) (*verifier.Report, error) {
	lb, err := verifier.DecodeLightBlock(old.LightBlock)
	if err != nil {
		return nil, err
	}
	log, proven, err := Get(ctx, c, types.BlockLogKey, GetOptions{})
	if err != nil {
		return nil, err
	}
	if log == nil || lb.Height < log.FirstHeight || uint64(lb.Height-log.FirstHeight) >= log.Blocks {
		return nil, fmt.Errorf("%w: the log of blocks does not reach to header %d", verifier.ErrReportAnchor, lb.Height)
	}
	later, err := verifier.DecodeLightBlock(proven.LightBlock)
	if err != nil {
		return nil, err
	}
	row := uint64(lb.Height - log.FirstHeight)
	proof, err := c.logProof(ctx, types.BlockLogName, row, row+1, proven.Height)
	if err != nil {
		return nil, err
	}
	a := &verifier.Anchor{Proof: *proof, LightBlock: later.Normal()}
	if a.State, err = verifier.NewState([]verifier.Record{{Key: proven.Key, Value: proven.Value}}, [][]*types.ProofOp{proven.Proof.Ops}); err != nil {
		return nil, err
	}
	if a.Chain, err = c.chainTo(ctx, later); err != nil {
		return nil, err
	}
	renewed := *old
	renewed.Chain, renewed.Anchor = nil, a
	return &renewed, c.recheck(&renewed)
}

// WriteReportFile writes a report file in one step: whole, or not at all.
func WriteReportFile(path string, r *verifier.Report) error {
	data, err := r.Encode()
	if err != nil {
		return err
	}
	return writeFileAtomic(path, data, 0o644)
}

// ReadReportFile reads a report file. It checks the file, not what the report says: see verifier.Verify.
func ReadReportFile(path string) (*verifier.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, verifier.MaxFileSize+1))
	if err != nil {
		return nil, err
	}
	return verifier.Decode(data)
}

// record is a generated message.
type record interface {
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// decodeStrictly refuses bytes that do not encode to themselves.
func decodeStrictly(data []byte, into record) error { return verifier.DecodeRecord(data, into) }
