package verifier

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"tradecredit/types"
	"tradecredit/types/score"
)

// Options say what a reader demands of a report.
type Options struct {
	Now             time.Time     // the reader's clock, or the day a filed report was received; must be set
	ChainID         string        // if set, the network it must be of, beside that of the trust
	TrustPeriod     time.Duration // if > 0, for how long a signature proves anything, instead of the trust's own period
	MaxAge          time.Duration // refuse a state older than that, re-anchored or not; 0: any age
	AllowSimulation bool          // accept the report of a simulated network
	Subject         string        // if set, the enterprise it must be about
	Grantee         string        // if set, the member it must have been given to
	Receipt         string        // if set, the record id of the receipt
}

// Standing says what the signatures behind a verified report are worth on the reader's day.
type Standing int

// The standings of a report, the best first.
const (
	// Fresh: the header was signed within the trust period, by validators that follow from the pin.
	Fresh Standing = iota + 1
	// Reanchored: the header is older, but it is part of the chain of a header that is fresh.
	Reanchored
	// OldTrustOnly: pin or header are older than the trust period. Whoever holds the old keys by now could have made this
	// report: it proves nothing by itself, and can be renewed while the network lives.
	OldTrustOnly
)

// Verdict is what a verified report says.
type Verdict struct {
	Standing     Standing
	Judged       time.Time // the reader's day, UTC
	Until        time.Time // when it stops, or stopped, being fresh or re-anchored, UTC; zero: never
	ChainID      string
	Height       int64 // of the state that was proved
	HeaderTime   time.Time
	AppHash      types.Hash
	Simulation   bool
	Notice       string
	BaseCurrency string
	Receipt      *types.Receipt
	Model        *types.Model
	Grantee      string
	Purpose      types.Purpose
	Signed       int   // validators that signed the header
	Validators   int   // of how many
	SignedBp     int64 // their share of the power, basis points, rounded down

	AnchorHeight int64     // of the later header; 0: none
	AnchorTime   time.Time // zero: none
	Hops         int       // headers between the pin and the newest header

	Recomputed bool            // the score was computed anew from its rows, and every field is the receipt's
	Inputs     int             // rows that it was computed from
	Entries    *EntriesVerdict // nil: no entries in the file
	Objects    []Object        // financed or financeable things that the report speaks of
	Documents  []Document
}

// Verify checks a report offline against pinned validators, believing nothing in it. In this order: header, commit and
// validators belong together, and every signature is a good one; more than two thirds of the pinned power signed, by way
// of the headers in the file where the validators changed, or the header stands in the log of blocks under a later one
// for which that holds; receipt, chain constants, model, and every other record lead to the app hash, absent ones by
// proofs of absence; the receipt's commitment opens to grantee and purpose; the rows are those that the receipt names,
// and the score computed from them is the receipt's in every field; the entries stand in the enterprise's log without a
// gap; and the sums in the rows follow from the entries, as far as they are there. It refuses the report of a simulated
// network unless told otherwise. Every failure has its own error.
//
// A report whose validators can no longer be trusted is no failure: see Verdict.Standing.
func Verify(r *Report, trust *Trust, opts Options) (*Verdict, error) {
	if opts.Now.IsZero() {
		return nil, errors.New("verifier: Verify needs the time")
	}
	if r == nil {
		return nil, ErrReportMalformed
	}
	if err := trust.Check(); err != nil {
		return nil, err
	}
	if opts.TrustPeriod > 0 {
		changed := *trust
		changed.Period, trust = opts.TrustPeriod, &changed
	}
	v := &Verdict{ChainID: r.ChainID, Judged: opts.Now.UTC()}
	if r.ChainID != trust.ChainID || opts.ChainID != "" && opts.ChainID != r.ChainID {
		return nil, fmt.Errorf("%w: it is of %q", ErrOtherChain, r.ChainID)
	}
	if err := v.verifyHeaders(r, trust, opts.Now); err != nil {
		return nil, err
	}
	if age := opts.Now.Sub(v.HeaderTime); opts.MaxAge > 0 && age > opts.MaxAge {
		return nil, fmt.Errorf("%w: the header is %s old", ErrStale, age.Round(time.Second))
	}
	if err := r.State.verify(v.AppHash); err != nil {
		return nil, err
	}
	for _, check := range []func(*Report, Options) error{
		v.verifyChain, v.verifyReceipt, v.verifyModel, v.verifyTimes, v.verifyScore, v.verifyEntries, v.verifyScope,
	} {
		if err := check(r, opts); err != nil {
			return nil, err
		}
	}
	return v, v.asked(opts)
}

// verifyHeaders gets from the pin to the report's header, straight or by its anchor.
func (v *Verdict) verifyHeaders(r *Report, trust *Trust, now time.Time) error {
	lb, err := decodeNormal(r.LightBlock)
	if err != nil {
		return err
	}
	newest := lb
	if r.Anchor == nil {
		err = v.follow(trust, r.Chain, lb, now)
	} else {
		newest, err = v.verifyAnchor(r, lb, trust, now)
	}
	if err != nil {
		return err
	}
	if len(lb.AppHash) != len(v.AppHash) {
		return fmt.Errorf("%w: the app hash has %d bytes", ErrHeaderMalformed, len(lb.AppHash))
	}
	v.Height, v.HeaderTime, v.AppHash = lb.Height-1, lb.Time, types.Hash(lb.AppHash)
	v.Signed, v.Validators = lb.signers(), len(lb.Validators)
	signed, all := lb.power()
	if bp, err := types.Share(10_000, signed, all); err == nil {
		v.SignedBp = bp
	}
	if trust.Period > 0 {
		if v.Until = trust.Since.Add(trust.Period).UTC(); newest.Time.Before(trust.Since) {
			v.Until = newest.Time.Add(trust.Period).UTC()
		}
	}
	switch {
	case !v.Until.IsZero() && !v.Until.After(now):
		v.Standing = OldTrustOnly
	case r.Anchor != nil:
		v.Standing = Reanchored
	default:
		v.Standing = Fresh
	}
	return nil
}

// decodeNormal reads a light block of a report: without what nobody signed.
func decodeNormal(data []byte) (*LightBlock, error) {
	lb, err := DecodeLightBlock(data)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(lb.Normal(), data) {
		return nil, fmt.Errorf("%w: it has parts that nobody signed", ErrHeaderEncoding)
	}
	return lb, nil
}

// follow gets from a pin to a header by headers between. Those that are not newer than the pin have nothing to say; they
// are held to their own signatures all the same, so that nothing in the file goes unchecked.
func (v *Verdict) follow(trust *Trust, chain [][]byte, target *LightBlock, now time.Time) error {
	last := int64(0)
	for _, data := range chain {
		lb, err := decodeNormal(data)
		if err != nil {
			return err
		}
		if lb.Height <= last || lb.Height >= target.Height {
			return fmt.Errorf("%w: a header of height %d between %d and %d", ErrHeaderMalformed, lb.Height, last, target.Height)
		}
		last = lb.Height
		if lb.Height <= trust.Height {
			if err = lb.check(trust.ChainID); err == nil {
				err = lb.signatures()
			}
		} else if err = VerifyLightBlock(lb, trust, now, TwoThirds); err == nil {
			trust, v.Hops = TrustFrom(lb, trust.Period), v.Hops+1
		}
		if err != nil {
			return fmt.Errorf("header %d on the way: %w", lb.Height, err)
		}
	}
	return VerifyLightBlock(target, trust, now, TwoThirds)
}

// verifyAnchor shows that a header, whose validators need not be trusted any more, is part of the chain of a later one.
func (v *Verdict) verifyAnchor(r *Report, lb *LightBlock, trust *Trust, now time.Time) (*LightBlock, error) {
	if len(r.Chain) > 0 {
		return nil, fmt.Errorf("%w: an anchored report needs no headers on the way to its own", ErrReportSections)
	}
	if err := lb.check(trust.ChainID); err != nil {
		return nil, err
	}
	if err := lb.signatures(); err != nil {
		return nil, err
	}
	later, err := decodeNormal(r.Anchor.LightBlock)
	if err != nil {
		return nil, err
	}
	if later.Height <= lb.Height+1 || !later.Time.After(lb.Time) {
		return nil, fmt.Errorf("%w: header %d is not after %d", ErrReportAnchor, later.Height, lb.Height)
	}
	if err := v.follow(trust, r.Anchor.Chain, later, now); err != nil {
		return nil, fmt.Errorf("the header that anchors it: %w", err)
	}
	if err := r.Anchor.holds(later, lb); err != nil {
		return nil, err
	}
	v.AnchorHeight, v.AnchorTime = later.Height, later.Time
	return later, nil
}

// holds tells whether a header's hash stands in the log of blocks under a later header.
func (a *Anchor) holds(later, lb *LightBlock) error {
	if len(later.AppHash) != len(types.Hash{}) {
		return fmt.Errorf("%w: the app hash has %d bytes", ErrHeaderMalformed, len(later.AppHash))
	}
	if err := a.State.verify(types.Hash(later.AppHash)); err != nil {
		return err
	}
	value, _ := a.State.record(string(types.BlockLogKey))
	if len(a.State.Records) != 1 || value == nil {
		return fmt.Errorf("%w: it needs the log of blocks, and nothing else", ErrReportAnchor)
	}
	log := new(types.BlockLog)
	if err := DecodeRecord(value, log); err != nil {
		return fmt.Errorf("%w: %w", ErrReportAnchor, err)
	}
	hash := lb.Hash()
	root, err := a.Proof.Root(log.Blocks, uint64(lb.Height-log.FirstHeight), [][]byte{hash[:]})
	if err != nil || lb.Height < log.FirstHeight || !bytes.Equal(root, log.Root) {
		return fmt.Errorf("%w: header %d", ErrReportAnchor, lb.Height)
	}
	return nil
}

// record is a generated message.
type record interface {
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// DecodeRecord reads a record of the state, and refuses with ErrValue bytes that do not encode to themselves.
func DecodeRecord(data []byte, into record) error {
	if err := into.Unmarshal(data); err != nil {
		return fmt.Errorf("%w: %v", ErrValue, err)
	}
	if again, err := into.Marshal(); err != nil || !bytes.Equal(again, data) {
		return fmt.Errorf("%w: it does not encode to itself", ErrValue)
	}
	return nil
}

// need decodes a record that the report must have.
func (r *Report) need(key string, into record, what error) error {
	value, _ := r.State.record(key)
	if value == nil {
		return fmt.Errorf("%w: %s is missing", what, key)
	}
	if err := DecodeRecord(value, into); err != nil {
		return fmt.Errorf("%w: %w", what, err)
	}
	return nil
}

func (v *Verdict) verifyChain(r *Report, opts Options) error {
	chain := new(types.Chain)
	if err := r.need(string(types.ChainKey), chain, ErrReportChain); err != nil {
		return err
	}
	if chain.ChainId != v.ChainID {
		return fmt.Errorf("%w: %q and %q", ErrReportChain, v.ChainID, chain.ChainId)
	}
	if chain.Simulation && !opts.AllowSimulation {
		return ErrReportSimulation
	}
	v.Simulation, v.Notice, v.BaseCurrency = chain.Simulation, chain.Notice, chain.BaseCurrency
	// The header's own day, by the network's calendar; see verifyTimes.
	zone := time.FixedZone("", int(chain.DayOffsetS))
	v.HeaderTime = v.HeaderTime.In(zone)
	if v.AnchorHeight > 0 {
		v.AnchorTime = v.AnchorTime.In(zone)
	}
	return nil
}

func (v *Verdict) verifyReceipt(r *Report, _ Options) error {
	if types.CheckRecordID(r.ReceiptID) != nil {
		return fmt.Errorf("%w: %q", ErrReportReceipt, r.ReceiptID)
	}
	receipt := new(types.Receipt)
	if err := r.need(string(types.ReceiptKey(r.ReceiptID)), receipt, ErrReportReceipt); err != nil {
		return err
	}
	if receipt.Id != r.ReceiptID || receipt.Result == nil || receipt.Simulation != v.Simulation {
		return ErrReportReceipt
	}
	open := r.Opening
	if types.CheckSalt(open.Salt) != nil {
		return fmt.Errorf("%w: the salt has %d bytes", ErrReportOpening, len(open.Salt))
	}
	if types.Purpose_name[int32(open.Purpose)] == "" || !bytes.Equal(types.ReceiptCommitment(open.Salt, open.Grantee, open.Purpose), receipt.Commitment) {
		return ErrReportOpening
	}
	v.Receipt, v.Grantee, v.Purpose = receipt, open.Grantee, open.Purpose
	return nil
}

func (v *Verdict) verifyModel(r *Report, _ Options) error {
	model := new(types.Model)
	if err := r.need(string(types.ModelKey(v.Receipt.Model)), model, ErrReportModel); err != nil {
		return err
	}
	digest, err := score.ModelDigest(model)
	if err != nil || model.Id != v.Receipt.Model || !bytes.Equal(digest[:], v.Receipt.ModelDigest) {
		return ErrReportModel
	}
	if err := score.CheckModel(model); err != nil {
		return fmt.Errorf("%w: %v", ErrReportModel, err)
	}
	v.Model = model
	return nil
}

// verifyTimes holds heights, day and times to their order.
func (v *Verdict) verifyTimes(*Report, Options) error {
	_, offset := v.HeaderTime.Zone()
	switch r := v.Receipt; {
	case r.Height < 1 || r.Height > v.Height || r.ScoredHeight != r.Height-1:
		return fmt.Errorf("%w: scored at %d, given at %d, proved at %d", ErrReportTime, r.ScoredHeight, r.Height, v.Height)
	case r.Day > types.DayOf(v.HeaderTime.Unix(), int64(offset)):
		return fmt.Errorf("%w: scored on %s, after its header", ErrReportTime, types.FormatDay(r.Day))
	}
	return nil
}

// asked compares with what the reader wants it to be about.
func (v *Verdict) asked(opts Options) error {
	for _, c := range []struct{ what, want, got string }{
		{"subject", opts.Subject, v.Receipt.Subject},
		{"grantee", opts.Grantee, v.Grantee},
		{"receipt", opts.Receipt, v.Receipt.Id},
	} {
		if c.want != "" && c.want != c.got {
			return fmt.Errorf("%w: %s %s, not %s", ErrReportNotAsked, c.what, c.got, c.want)
		}
	}
	return nil
}

// verifyScore computes the score anew when its rows are in the file; otherwise the result must at least follow from the
// points that it lists.
func (v *Verdict) verifyScore(r *Report, _ Options) error {
	if err := plausible(v.Receipt, v.Model); err != nil {
		return err
	}
	if r.Inputs == nil {
		return nil
	}
	if v.Receipt.Output != types.Output_SCORE {
		return fmt.Errorf("%w: rows behind a score, for a receipt without one", ErrReportScope)
	}
	rows, err := loadRows(r.Inputs, v.Receipt)
	if err != nil {
		return err
	}
	result, err := score.Compute(rows, v.Model, v.Receipt.Day)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrReportScore, err)
	}
	got, err := score.Restrict(result, v.Receipt.Output).Marshal()
	want, err2 := v.Receipt.Result.Marshal()
	if err != nil || err2 != nil || !bytes.Equal(got, want) {
		return fmt.Errorf("%w: %d and %d", ErrReportScore, result.Score, v.Receipt.Result.Score)
	}
	v.Recomputed, v.Inputs = true, len(r.Inputs)
	return nil
}

// loadRows reads the rows of a receipt as the score does, and holds them to the digest in the receipt.
func loadRows(inputs []Record, receipt *types.Receipt) (*score.Rows, error) {
	rows, err := readRows(inputs, receipt.Subject, receipt.Day)
	if err != nil {
		return nil, err
	}
	if digest := rows.Digest(); !bytes.Equal(digest[:], receipt.InputsDigest) || rows.Len() != len(inputs) {
		return nil, fmt.Errorf("%w: their digest differs", ErrReportInputs)
	}
	return rows, nil
}

// readRows reads rows, ascending by key, as the score does.
func readRows(inputs []Record, subject string, day int32) (*score.Rows, error) {
	state := State{Records: inputs}
	get := func(key string) ([]byte, error) {
		value, _ := state.record(key)
		return value, nil
	}
	scan := func(prefix string, fn func(string, []byte) error) error {
		for _, row := range inputs {
			if !strings.HasPrefix(row.Key, prefix) {
				continue
			}
			if err := fn(row.Key, row.Value); err != nil {
				return err
			}
		}
		return nil
	}
	rows, err := score.Load(get, scan, subject, day)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrReportInputs, err)
	}
	return rows, nil
}
