package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	cmt "github.com/cometbft/cometbft/types"

	"tradecredit/types"
)

// reportVersion is the version of the Report message inside a file.
const reportVersion = 1

// Opening shows what a receipt's commitment hides: who asked, for what, and the salt of the query.
type Opening struct {
	Grantee string
	Purpose types.Purpose
	Salt    []byte
}

// MakeReport collects a receipt, the chain's constants and the model, all proved under one header, and returns them as
// a report. Everything is verified on the way, and the finished report once more against two thirds of the pinned
// validators. opening must open the receipt's commitment.
func (c *Client) MakeReport(ctx context.Context, receiptID string, opening Opening) (*types.Report, error) {
	receipt, first, err := Get(ctx, c, types.ReceiptKey(receiptID), GetOptions{})
	if err != nil {
		return nil, err
	}
	if receipt == nil {
		return nil, fmt.Errorf("%w: there is no receipt %s at height %d (proved)", ErrReportReceipt, receiptID, first.Height)
	}
	at := GetOptions{Height: first.Height}
	chain, second, err := Get(ctx, c, types.ChainKey, at)
	if err != nil {
		return nil, err
	}
	model, third, err := Get(ctx, c, types.ModelKey(receipt.Model), at)
	if err != nil {
		return nil, err
	}
	if chain == nil || model == nil {
		return nil, fmt.Errorf("%w: the chain's constants or the model %s are missing", ErrReportModel, receipt.Model)
	}
	lb, err := DecodeLightBlock(first.LightBlock)
	if err != nil {
		return nil, err
	}
	light, err := encodeLightBlock(normalLightBlock(lb))
	if err != nil {
		return nil, err
	}
	r := &types.Report{
		Version: reportVersion, ChainId: c.chainID, Notice: chain.Notice,
		ReceiptKey: first.Key, Receipt: first.Value, ReceiptProof: first.Proof.Ops,
		Chain: second.Value, ChainProof: second.Proof.Ops,
		Model: third.Value, ModelProof: third.Proof.Ops,
		Height: first.Height, LightBlock: light, MadeUnix: lb.Time.Unix(),
		Grantee: opening.Grantee, Purpose: uint32(opening.Purpose), Salt: opening.Salt,
	}
	_, err = Verify(r, c.trustBelow(lb.Height), VerifyOptions{Now: c.now(), AllowSimulation: true, MaxAge: DefaultMaxAge})
	if err != nil {
		return nil, fmt.Errorf("the report does not verify: %w", err)
	}
	return r, nil
}

// normalLightBlock drops from a light block what no signature covers: the validators' turns as proposers. So every bit
// of what a report holds is bound.
func normalLightBlock(lb *cmt.LightBlock) *cmt.LightBlock {
	set := &cmt.ValidatorSet{}
	for _, v := range lb.ValidatorSet.Validators {
		w := v.Copy()
		w.ProposerPriority = 0
		set.Validators = append(set.Validators, w)
	}
	set.Proposer = set.Validators[0].Copy()
	return &cmt.LightBlock{SignedHeader: lb.SignedHeader, ValidatorSet: set}
}

// WriteReport writes a report file; the same report gives the same bytes.
func WriteReport(w io.Writer, r *types.Report) error {
	content, err := r.Marshal()
	if err != nil {
		return err
	}
	data, err := encodeContainer([]section{{sectionReport, content}})
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// WriteReportFile writes a report file in one step: whole, or not at all.
func WriteReportFile(path string, r *types.Report) error {
	var b bytes.Buffer
	if err := WriteReport(&b, r); err != nil {
		return err
	}
	return writeFileAtomic(path, b.Bytes(), 0o644)
}

// ReadReport reads a report file of at most 16 MiB. It checks the file, not what the report says: see Verify.
func ReadReport(r io.Reader) (*types.Report, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxContainerSize+1))
	if err != nil {
		return nil, err
	}
	sections, err := decodeContainer(data)
	if err != nil {
		return nil, err
	}
	if len(sections) != 1 || sections[0].kind != sectionReport {
		return nil, ErrReportSections
	}
	return decodeReport(sections[0].content)
}

// ReadReportFile reads a report file.
func ReadReportFile(path string) (*types.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadReport(f)
}

func decodeReport(content []byte) (*types.Report, error) {
	r := new(types.Report)
	if err := decodeStrictly(content, r); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrReportMalformed, err)
	}
	if r.Version != reportVersion {
		return nil, fmt.Errorf("%w: report %d", ErrReportVersion, r.Version)
	}
	return r, nil
}

// record is a generated message.
type record interface {
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// decodeStrictly refuses bytes that do not encode to themselves.
func decodeStrictly(data []byte, into record) error {
	if err := into.Unmarshal(data); err != nil {
		return err
	}
	again, err := into.Marshal()
	if err != nil {
		return err
	}
	if !bytes.Equal(again, data) {
		return ErrReportEncoding
	}
	return nil
}

// ReceiptID is the record id of a receipt's key.
func receiptID(key string) (string, bool) {
	id, ok := strings.CutPrefix(key, string(types.Receipts))
	return id, ok && types.CheckRecordID(id) == nil
}
