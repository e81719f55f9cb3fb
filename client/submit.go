package client

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tradecredit/types"
)

// Bounds of one request to the ingress.
const (
	maxRequestBytes = 1 << 20
	maxRequestTxs   = 256
)

// DefaultWait is how long a node is asked to hold a request until its transactions are final.
const DefaultWait = 10 * time.Second

// Result is what became of one transaction.
type Result struct {
	Status    types.SubmitStatus // FINAL or SUBMIT_REFUSED; ADMITTED or SUBMIT_UNSPECIFIED: not final in time
	Code      types.Code         // of a refusal at authentication: nothing was written
	Detail    string             // words for Code; not consensus
	Reference string
	Height    int64        // FINAL only
	Index     uint32       // in its block, FINAL only
	Codes     []types.Code // one a message, FINAL only
	Earlier   bool         // another transaction with this reference had been final before; these are its codes
}

// Accepted counts the messages that hold: accepted now, or recorded before with the same content.
func (r *Result) Accepted() int {
	n := 0
	for _, c := range r.Codes {
		if c == types.Code_ok || c == types.Code_already_recorded {
			n++
		}
	}
	return n
}

// Err is nil when the transaction is final and every message holds; a *types.Error for a refusal, the first one's of
// its messages; ErrNotFinal otherwise.
func (r *Result) Err() error {
	switch r.Status {
	case types.SubmitStatus_FINAL:
		for i, c := range r.Codes {
			if c != types.Code_ok && c != types.Code_already_recorded {
				return types.Refuse(c, "message %d; accepted %d of %d", i+1, r.Accepted(), len(r.Codes))
			}
		}
		return nil
	case types.SubmitStatus_SUBMIT_REFUSED:
		return &types.Error{Code: r.Code, Detail: r.Detail}
	}
	return ErrNotFinal
}

// SubmitOptions bound one submission in time.
type SubmitOptions struct {
	Wait     time.Duration // how long a node may hold each request; 0: DefaultWait
	RetryFor time.Duration // how long to keep trying while nothing becomes final; 0: the client's
}

// Submit sends encoded transactions until each is FINAL or refused, and returns one result for each, in order. What a
// node has admitted may be lost with it, so the same bytes are sent again, to another node if need be: their reference
// makes that harmless. Busy nodes (HTTP 429 and 503, node-local codes) are given time. ErrNotFinal, with the results so
// far, means that some are still open: they may or may not happen until they expire.
func (c *Client) Submit(ctx context.Context, txs [][]byte, opts SubmitOptions) ([]*Result, error) {
	if opts.Wait == 0 {
		opts.Wait = DefaultWait
	}
	if opts.RetryFor == 0 {
		opts.RetryFor = c.retryFor
	}
	s, err := newSubmission(txs)
	if err != nil {
		return nil, err
	}
	pause := pauses()
	last := time.Now()
	for {
		open := len(s.open())
		err := c.submitOnce(ctx, s, opts.Wait)
		left := len(s.open())
		if err == nil && left == 0 {
			return s.results, nil
		}
		if ctx.Err() != nil {
			return s.results, errors.Join(ErrNotFinal, ctx.Err())
		}
		var busy *temporary
		if err != nil && !errors.As(err, &busy) {
			return s.results, err
		}
		if left < open {
			last = time.Now()
			pause.Reset()
		}
		if time.Since(last) > opts.RetryFor {
			return s.results, errors.Join(fmt.Errorf("%w (%d of %d transactions)", ErrNotFinal, left, len(txs)), err)
		}
		next := pause.NextBackOff()
		if busy != nil && busy.after > 0 {
			next = busy.after
		}
		select {
		case <-ctx.Done():
			return s.results, errors.Join(ErrNotFinal, ctx.Err())
		case <-time.After(next):
		}
	}
}

// SubmitMessages signs messages into one transaction and submits it. Without a reference in tx its content gives one, and
// when an earlier transaction with that reference had a message refused, it is tried anew under the next one: what was
// wrong then may have been put right. The result comes with the transaction that it belongs to; see Submit for errors.
func (c *Client) SubmitMessages(ctx context.Context, s *Signer, messages []*types.Message, tx TxOptions, opts SubmitOptions) (*Result, *types.Tx, error) {
	derived := tx.Reference == ""
	for attempt := uint32(0); ; attempt++ {
		if derived {
			var err error
			if tx.Reference, err = ContentReference(c.chainID, s.ID, messages, attempt); err != nil {
				return nil, nil, err
			}
		}
		raw, err := s.SignTx(c.chainID, messages, tx)
		if err != nil {
			return nil, nil, err
		}
		decoded, err := types.Decode(raw)
		if err != nil {
			return nil, nil, err
		}
		results, err := c.Submit(ctx, [][]byte{raw}, opts)
		if len(results) != 1 {
			return nil, decoded, err
		}
		if r := results[0]; err != nil || !derived || !r.Earlier || r.Accepted() == len(messages) || attempt >= maxAttempts {
			return r, decoded, err
		}
	}
}

// submission is a set of transactions on their way.
type submission struct {
	txs     []*types.Tx
	results []*Result
}

func newSubmission(raws [][]byte) (*submission, error) {
	s := &submission{}
	for i, raw := range raws {
		tx, err := types.Decode(raw)
		if err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i+1, err)
		}
		s.txs = append(s.txs, tx)
		s.results = append(s.results, &Result{Reference: tx.Body.Reference})
	}
	return s, nil
}

func (s *submission) open() []int {
	var out []int
	for i, r := range s.results {
		if r.Status != types.SubmitStatus_FINAL && r.Status != types.SubmitStatus_SUBMIT_REFUSED {
			out = append(out, i)
		}
	}
	return out
}

// submitOnce sends what is still open, in requests within the bounds, and takes in the answers.
func (c *Client) submitOnce(ctx context.Context, s *submission, wait time.Duration) error {
	open := s.open()
	for len(open) > 0 {
		n, size := 0, 0
		for n < len(open) && n < maxRequestTxs && (n == 0 || size+len(s.txs[open[n]].Raw) <= maxRequestBytes) {
			size += len(s.txs[open[n]].Raw) + 4
			n++
		}
		if err := c.post(ctx, s, open[:n], wait); err != nil {
			return err
		}
		open = open[n:]
	}
	return nil
}

// post sends some transactions as one stream: a big-endian length of four bytes before each.
func (c *Client) post(ctx context.Context, s *submission, which []int, wait time.Duration) error {
	var body []byte
	for _, i := range which {
		body = binary.BigEndian.AppendUint32(body, uint32(len(s.txs[i].Raw)))
		body = append(body, s.txs[i].Raw...)
	}
	q := url.Values{"wait": {strconv.FormatInt(int64(wait/time.Second), 10)}}
	data, err := c.once(ctx, http.MethodPost, "/v1/tx?"+q.Encode(), body, typeProtobuf)
	if err != nil {
		return err
	}
	resp := new(types.SubmitResponse)
	if err := resp.Unmarshal(data); err != nil {
		return fmt.Errorf("%w: %v", ErrAnswer, err)
	}
	if len(resp.Results) != len(which) {
		return fmt.Errorf("%w: %d for %d", ErrNotAll, len(resp.Results), len(which))
	}
	for k, i := range which {
		if err := c.take(ctx, s, i, resp.Results[k]); err != nil {
			return err
		}
	}
	return nil
}

// take decides what an answer about one transaction means.
func (c *Client) take(ctx context.Context, s *submission, i int, said *types.SubmitResult) error {
	r, tx := s.results[i], s.txs[i]
	if err := sameTransaction(said, tx); err != nil {
		return err
	}
	code := types.Code(said.Code)
	switch {
	case said.Status == types.SubmitStatus_FINAL:
		return r.final(said, len(tx.Body.Messages))
	case said.Status == types.SubmitStatus_ADMITTED, code.Transient():
		r.Status = types.SubmitStatus_ADMITTED
		return nil
	case said.Status != types.SubmitStatus_SUBMIT_REFUSED || code == types.Code_ok:
		return fmt.Errorf("%w: status %d", ErrAnswer, said.Status)
	case code == types.Code_reference_used, code == types.Code_reference_conflict, code == types.Code_tx_expired:
		// It may be our own, that was final while an answer was lost, or one of an earlier run.
		stored, err := c.Reference(ctx, tx.Body.Signer, tx.Body.Reference)
		if err != nil {
			return err
		}
		if stored != nil && bytes.Equal(stored.BodyDigest, tx.BodyDigest[:]) {
			return r.final(&types.SubmitResult{Height: stored.Height, Index: stored.Index, Codes: stored.Codes}, len(tx.Body.Messages))
		}
		if stored != nil {
			r.Status, r.Height, r.Index, r.Codes = types.SubmitStatus_FINAL, stored.Height, stored.Index, codes(stored.Codes)
			r.Earlier = true
			return nil
		}
	}
	r.Status, r.Code, r.Detail = types.SubmitStatus_SUBMIT_REFUSED, code, strings.TrimPrefix(said.Detail, code.String()+": ")
	return nil
}

// sameTransaction refuses an answer that names another transaction than the one at its place.
func sameTransaction(said *types.SubmitResult, tx *types.Tx) error {
	if said == nil {
		return fmt.Errorf("%w: a result is missing", ErrAnswer)
	}
	if (said.Signer != "" && said.Signer != tx.Body.Signer) || (said.Reference != "" && said.Reference != tx.Body.Reference) {
		return fmt.Errorf("%w: it is about %s/%s, sent was %s/%s", ErrAnswer, said.Signer, said.Reference, tx.Body.Signer, tx.Body.Reference)
	}
	return nil
}

// final takes the codes of a transaction of ours; there must be one for each message.
func (r *Result) final(said *types.SubmitResult, messages int) error {
	if len(said.Codes) != messages {
		return fmt.Errorf("%w: %d codes for %d messages", ErrAnswer, len(said.Codes), messages)
	}
	if said.Height <= 0 {
		return fmt.Errorf("%w: final at height %d", ErrAnswer, said.Height)
	}
	r.Status, r.Code, r.Detail = types.SubmitStatus_FINAL, types.Code_ok, ""
	r.Height, r.Index, r.Codes = said.Height, said.Index, codes(said.Codes)
	return nil
}

func codes(in []uint32) []types.Code {
	out := make([]types.Code, len(in))
	for i, c := range in {
		out[i] = types.Code(c)
	}
	return out
}

// Reference asks what became of a signer's reference; nil when the nodes know nothing final of it, or have forgotten
// it because its transaction can no longer be valid. It is the word of a node.
func (c *Client) Reference(ctx context.Context, signer, reference string) (*types.Reference, error) {
	data, err := c.get(ctx, "/v1/reference", url.Values{"signer": {signer}, "reference": {reference}}, typeProtobuf)
	var refused *APIError
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	stored := new(types.Reference)
	if err := stored.Unmarshal(data); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrAnswer, err)
	}
	if stored.Height <= 0 || len(stored.BodyDigest) != len(types.Hash{}) {
		return nil, fmt.Errorf("%w: a reference without height or digest", ErrAnswer)
	}
	return stored, nil
}
