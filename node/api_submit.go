package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"time"

	"tradecredit/app"
	"tradecredit/types"
)

// Bounds of one submission.
const (
	maxSubmitWait  = 30 * time.Second
	maxSubmitCount = 10_000 // transactions in one body
)

// submit takes transactions: POST /v1/tx?wait=SECONDS.
//
// The body is a stream of transactions, each as its length (4 bytes, big-endian) and its bytes (an encoded SignedTx). If the
// framing is wrong nothing is taken. Otherwise the answer, a types.SubmitResponse, has one result a transaction, in their order:
// FINAL with height, index and codes; ADMITTED when this node has it, which it may lose (send it again with the same
// reference); SUBMIT_REFUSED with a code, of which those from 32000 up are temporary.
//
// With wait=0, or none, the answer comes at once; with up to 30 it comes when all are FINAL or the seconds are over. A
// transaction that was sent before is answered as if it had been sent now: FINAL if it is.
func (a *api) submit(w http.ResponseWriter, r *http.Request, t *ticket) error {
	q := queryOf(r, "wait")
	wait := time.Duration(q.number("wait", 0, 0, int64(maxSubmitWait/time.Second))) * time.Second
	if q.err != nil {
		return q.err
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	raw, err := splitTransactions(body)
	if err != nil {
		return err
	}
	response := &types.SubmitResponse{Results: make([]*types.SubmitResult, len(raw))}
	for i, admission := range a.node.app.Submit(r.Context(), raw) {
		if response.Results[i], err = a.admitted(raw[i], admission); err != nil {
			return err
		}
	}
	if wait > 0 {
		t.release() // it does no more work: room for one that does
		if err := a.awaitAll(r.Context(), wait, response.Results); err != nil {
			return err
		}
	}
	return answerMessage(w, r, response)
}

// readBody reads as much as the limit allows, with room made once.
func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > 0 {
		body := make([]byte, 0, min(r.ContentLength, maxBodyBytes)+1) // one more, so that the end is found without growing
		return appendAll(body, r.Body)
	}
	return appendAll(nil, r.Body)
}

func appendAll(b []byte, from io.Reader) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := from.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the body: %w", err)
		}
	}
}

// splitTransactions cuts the body into transactions. Each has memory of its own: one that waits for long must not keep the
// whole body.
func splitTransactions(body []byte) ([][]byte, error) {
	var out [][]byte
	for at := 0; at < len(body); {
		if len(body)-at < 4 {
			return nil, problemf(http.StatusBadRequest, "byte %d: %d bytes are left, too few for a length (4 bytes, big-endian)", at, len(body)-at)
		}
		n := int64(binary.BigEndian.Uint32(body[at:]))
		switch left := int64(len(body) - at - 4); {
		case n == 0:
			return nil, problemf(http.StatusBadRequest, "byte %d: transaction %d has length 0", at, len(out))
		case n > types.MaxTxBytes:
			return nil, problemf(http.StatusBadRequest, "byte %d: transaction %d has length %d, at most %d (is the body a stream of length and transaction?)",
				at, len(out), n, types.MaxTxBytes)
		case n > left:
			return nil, problemf(http.StatusBadRequest, "byte %d: transaction %d has length %d, but %d bytes are left", at, len(out), n, left)
		}
		if len(out) == maxSubmitCount {
			return nil, problemf(http.StatusBadRequest, "more than %d transactions in one request", maxSubmitCount)
		}
		end := at + 4 + int(n)
		out = append(out, bytes.Clone(body[at+4:end]))
		at = end
	}
	if len(out) == 0 {
		return nil, problemf(http.StatusBadRequest, "the body is empty; it is a stream of transactions, each as length (4 bytes, big-endian) and bytes")
	}
	return out, nil
}

// admitted is the answer to a transaction at admission. What was sent before is not refused for it.
func (a *api) admitted(raw []byte, admission app.Admission) (*types.SubmitResult, error) {
	result := &types.SubmitResult{
		Code: uint32(admission.Code), Detail: admission.Detail, Signer: admission.Signer, Reference: admission.Reference,
	}
	switch admission.Code {
	case types.Code_ok, types.NodeCodeDuplicate:
		result.Status, result.Code, result.Detail = types.SubmitStatus_ADMITTED, 0, ""
	case types.Code_reference_used:
		reference, err := a.referenceOf(admission.Signer, admission.Reference)
		if err != nil {
			return result, err
		}
		tx, err := types.Decode(raw)
		if reference == nil || err != nil || string(reference.BodyDigest) != string(tx.BodyDigest[:]) {
			result.Status = types.SubmitStatus_SUBMIT_REFUSED
			break
		}
		makeFinal(result, reference)
	default:
		result.Status = types.SubmitStatus_SUBMIT_REFUSED
	}
	return result, nil
}

func makeFinal(result *types.SubmitResult, reference *types.Reference) {
	result.Status, result.Code, result.Detail = types.SubmitStatus_FINAL, 0, ""
	result.Height, result.Index, result.Codes = reference.Height, reference.Index, reference.Codes
}

// awaitAll waits until what was admitted is final, or the time is over, or the caller gave up.
func (a *api) awaitAll(ctx context.Context, wait time.Duration, results []*types.SubmitResult) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for _, result := range results {
		if result.Status != types.SubmitStatus_ADMITTED {
			continue
		}
		reference, err := a.node.app.Await(ctx, result.Signer, result.Reference)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if reference != nil {
			makeFinal(result, reference)
		}
	}
	return nil
}
