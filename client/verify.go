package client

import (
	"errors"
	"fmt"
	"time"

	cmt "github.com/cometbft/cometbft/types"

	"tradecredit/types"
	"tradecredit/types/score"
)

// Everything about a report that can fail beyond its file, its header and its state proofs.
var (
	ErrReportSimulation  = errors.New("report comes from a simulated network: its institutions and keys are made up")
	ErrReportChain       = errors.New("report is about another chain than its proofs")
	ErrReportNotice      = errors.New("report does not carry the notice of its network")
	ErrReportReceipt     = errors.New("report has no receipt, or another than its key names")
	ErrReportOpening     = errors.New("report does not open the receipt's commitment: who asked, or for what, is not what was recorded")
	ErrReportModel       = errors.New("report's model is not the one that the receipt was scored by")
	ErrReportImplausible = errors.New("report's result does not follow from its own points and model")
	ErrReportTime        = errors.New("report's times contradict each other")
	ErrReportNotAsked    = errors.New("report is about something else than was asked")
	ErrProofReceipt      = errors.New("receipt is not proved")
	ErrProofChain        = errors.New("the chain's constants are not proved")
	ErrProofModel        = errors.New("model is not proved")
)

// VerifyOptions say what a reader demands of a report.
type VerifyOptions struct {
	Now             time.Time     // the reader's clock, or the day a filed report was received; must be set
	AllowSimulation bool          // accept the report of a simulated network
	MaxAge          time.Duration // refuse a header older than that; 0: any age
	Subject         string        // if set, the enterprise it must be about
	Grantee         string        // if set, the member it must have been given to
	Receipt         string        // if set, the record id of the receipt
}

// Verdict is what a verified report says.
type Verdict struct {
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
}

// NotProved lists what a report of this version cannot show, in the words of the page.
func (v *Verdict) NotProved() []string { return notProved[English] }

// Verify checks a report offline against pinned validators, believing nothing in it: the header follows from trust and
// more than two thirds of the pinned power signed it; receipt, chain constants and model lead to its app hash; the
// receipt's commitment opens to grantee and purpose; the model is the receipt's; and the result follows from the points
// it lists, by that model. It refuses the report of a simulated network unless told otherwise. Every failure has its own
// error. What it does not do: recompute the score, whose entries are not in the file.
func Verify(r *types.Report, trust *Trust, opts VerifyOptions) (*Verdict, error) {
	if opts.Now.IsZero() {
		return nil, errors.New("client: Verify needs the time")
	}
	if r == nil || r.Version != reportVersion {
		return nil, ErrReportVersion
	}
	lb, err := verifyReportHeader(r, trust, opts)
	if err != nil {
		return nil, err
	}
	v := &Verdict{ChainID: r.ChainId, Height: r.Height, HeaderTime: lb.Time.UTC()}
	if v.AppHash, err = appHashOf(lb); err != nil {
		return nil, err
	}
	v.count(lb)
	if err := v.verifyChain(r, opts.AllowSimulation); err != nil {
		return nil, err
	}
	if err := v.verifyReceipt(r); err != nil {
		return nil, err
	}
	if err := v.verifyModel(r); err != nil {
		return nil, err
	}
	if err := v.verifyTimes(r); err != nil {
		return nil, err
	}
	if err := plausible(v.Receipt, v.Model); err != nil {
		return nil, err
	}
	return v, v.asked(opts)
}

func verifyReportHeader(r *types.Report, trust *Trust, opts VerifyOptions) (*cmt.LightBlock, error) {
	lb, err := DecodeLightBlock(r.LightBlock)
	if err != nil {
		return nil, err
	}
	if lb.Height != r.Height+1 {
		return nil, fmt.Errorf("%w: header %d, state %d", ErrHeightSlip, lb.Height, r.Height)
	}
	if normal, err := encodeLightBlock(normalLightBlock(lb)); err != nil || string(normal) != string(r.LightBlock) {
		return nil, fmt.Errorf("%w: it has parts that nobody signed", ErrHeaderEncoding)
	}
	if err := verifyLightBlock(lb, trust, opts.Now, opts.MaxAge, twoThirds); err != nil {
		return nil, err
	}
	// The light client stops at two thirds; in a file that is kept, every signature must be a good one.
	if err := lb.ValidatorSet.VerifyCommit(lb.ChainID, lb.Commit.BlockID, lb.Height, lb.Commit); err != nil {
		return nil, signatureError(err, ErrPowerShort)
	}
	return lb, nil
}

// count says how many signed; VerifyCommit has verified every signature before.
func (v *Verdict) count(lb *cmt.LightBlock) {
	var signed int64
	for i, s := range lb.Commit.Signatures {
		if s.BlockIDFlag == cmt.BlockIDFlagCommit {
			v.Signed++
			signed += lb.ValidatorSet.Validators[i].VotingPower
		}
	}
	v.Validators = lb.ValidatorSet.Size()
	if bp, err := types.Share(10_000, signed, lb.ValidatorSet.TotalVotingPower()); err == nil {
		v.SignedBp = bp
	}
}

func (v *Verdict) verifyChain(r *types.Report, allowSimulation bool) error {
	chain := new(types.Chain)
	if err := v.leaf(string(types.ChainKey), r.Chain, r.ChainProof, chain, ErrProofChain); err != nil {
		return err
	}
	if chain.ChainId != v.ChainID {
		return fmt.Errorf("%w: %q and %q", ErrReportChain, v.ChainID, chain.ChainId)
	}
	if chain.Notice != r.Notice {
		return ErrReportNotice
	}
	if chain.Simulation && !allowSimulation {
		return ErrReportSimulation
	}
	v.Simulation, v.Notice, v.BaseCurrency = chain.Simulation, chain.Notice, chain.BaseCurrency
	// The header's own day, by the network's calendar; see verifyTimes.
	v.HeaderTime = v.HeaderTime.In(time.FixedZone("", int(chain.DayOffsetS)))
	return nil
}

func (v *Verdict) verifyReceipt(r *types.Report) error {
	id, ok := receiptID(r.ReceiptKey)
	if !ok {
		return fmt.Errorf("%w: key %q", ErrReportReceipt, r.ReceiptKey)
	}
	receipt := new(types.Receipt)
	if err := v.leaf(r.ReceiptKey, r.Receipt, r.ReceiptProof, receipt, ErrProofReceipt); err != nil {
		return err
	}
	if receipt.Id != id || receipt.Result == nil || receipt.Simulation != v.Simulation {
		return ErrReportReceipt
	}
	if types.CheckSalt(r.Salt) != nil {
		return fmt.Errorf("%w: the salt has %d bytes", ErrReportOpening, len(r.Salt))
	}
	purpose := types.Purpose(r.Purpose)
	if types.Purpose_name[int32(purpose)] == "" || string(types.ReceiptCommitment(r.Salt, r.Grantee, purpose)) != string(receipt.Commitment) {
		return ErrReportOpening
	}
	v.Receipt, v.Grantee, v.Purpose = receipt, r.Grantee, purpose
	return nil
}

func (v *Verdict) verifyModel(r *types.Report) error {
	model := new(types.Model)
	if err := v.leaf(string(types.ModelKey(v.Receipt.Model)), r.Model, r.ModelProof, model, ErrProofModel); err != nil {
		return err
	}
	digest, err := score.ModelDigest(model)
	if err != nil || model.Id != v.Receipt.Model || string(digest[:]) != string(v.Receipt.ModelDigest) {
		return ErrReportModel
	}
	if err := score.CheckModel(model); err != nil {
		return fmt.Errorf("%w: %v", ErrReportModel, err)
	}
	v.Model = model
	return nil
}

// verifyTimes holds heights, day and times to their order.
func (v *Verdict) verifyTimes(r *types.Report) error {
	_, offset := v.HeaderTime.Zone()
	switch {
	case r.MadeUnix != v.HeaderTime.Unix():
		return fmt.Errorf("%w: it says it was made at %d, its header at %d", ErrReportTime, r.MadeUnix, v.HeaderTime.Unix())
	case v.Receipt.Height < 1 || v.Receipt.Height > v.Height || v.Receipt.ScoredHeight != v.Receipt.Height-1:
		return fmt.Errorf("%w: scored at %d, given at %d, proved at %d", ErrReportTime, v.Receipt.ScoredHeight, v.Receipt.Height, v.Height)
	case v.Receipt.Day > types.DayOf(v.HeaderTime.Unix(), int64(offset)):
		return fmt.Errorf("%w: scored on %s, after its header", ErrReportTime, types.FormatDay(v.Receipt.Day))
	}
	return nil
}

// leaf proves one record under the header's app hash and decodes it.
func (v *Verdict) leaf(key string, value []byte, ops []*types.ProofOp, into record, what error) error {
	if len(value) == 0 {
		return fmt.Errorf("%w: it is missing", what)
	}
	if err := (&types.Proof{Ops: ops}).Verify(v.AppHash, types.RootState, key, value); err != nil {
		return fmt.Errorf("%w: %w", what, err)
	}
	if err := decodeStrictly(value, into); err != nil {
		return fmt.Errorf("%w: %w: %v", what, ErrValue, err)
	}
	return nil
}

// asked compares with what the reader wants it to be about.
func (v *Verdict) asked(opts VerifyOptions) error {
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
