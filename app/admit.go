package app

import (
	"context"
	"crypto/sha256"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/app/ledger"
	"tradecredit/types"
)

// Admission is the answer to one submitted transaction.
type Admission struct {
	Code      types.Code // ok: ADMITTED, it waits for a block and may still be lost. ≥ 32000: temporary, send it again
	Detail    string     // words for Code
	Signer    string     // with Reference, what Await is asked for; empty if the transaction does not decode
	Reference string
	Hash      types.Hash // SHA-256 of the bytes
}

// Submit takes transactions from the node's own clients: it authenticates them against the newest committed state,
// verifies signatures together with those of other calls, and puts what is good into the pool. The answers are in the order of raw, which must not be changed afterwards.
// types.NodeCodeDuplicate says that the same transaction waits already, types.Code_reference_used that it is FINAL.
// If ctx ends first, what was not verified by then is answered with types.NodeCodeFull.
func (a *App) Submit(ctx context.Context, raw [][]byte) []Admission {
	return a.enter(ctx, raw, fromClient)
}

// CheckTx is Submit for one transaction that came over CometBFT's RPC.
func (a *App) CheckTx(ctx context.Context, req *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	r := a.enter(ctx, [][]byte{req.Tx}, fromClient)[0]
	return &abci.ResponseCheckTx{Code: uint32(r.Code), Log: r.Detail}, nil
}

// source says where a transaction came from.
type source uint8

const (
	fromClient source = iota
	fromPeer
)

func (s source) String() string { return [...]string{"client", "peer"}[s] }

const stoppingDetail = "the node is shutting down"

// enter is the gate for all sources: it decodes, authenticates, verifies and inserts.
func (a *App) enter(ctx context.Context, raw [][]byte, from source) []Admission {
	answers := make([]Admission, len(raw))
	if !a.begin() {
		for i := range answers {
			answers[i] = Admission{Code: types.NodeCodeStopping, Detail: stoppingDetail, Hash: sha256.Sum256(raw[i])}
		}
		return answers
	}
	defer a.busy.Done()
	waiting, places := a.screen(raw, answers)
	verdicts, verified := a.signatures.verify(ctx, a.quit, waiting)
	for j, t := range waiting {
		r := &answers[places[j]]
		switch {
		case !verified && a.quitting():
			r.Code, r.Detail = types.NodeCodeStopping, stoppingDetail
		case !verified:
			r.Code, r.Detail = types.NodeCodeFull, "the request ended before the signature was verified"
		case !verdicts[j]:
			r.Code, r.Detail = types.Code_signature_invalid, "signer "+t.Body.Signer+", key "+t.Body.Key
		default:
			r.Code, r.Detail = a.pool.insert(t, from)
		}
	}
	a.metrics.entered(from, answers)
	return answers
}

// screen does what goes without signatures: it decodes, looks for the transaction in the pool, authenticates it as every
// proposal and block will (ledger.Authenticate), and asks whether there is room. It returns the transactions that are left
// with their places, and fills in the answers of the others.
func (a *App) screen(raw [][]byte, answers []Admission) (left []*types.Tx, places []int) {
	tip := a.tip.Load()
	view := a.db.View()
	defer release(view)
	for i := range raw {
		r := &answers[i]
		t, err := types.Decode(raw[i])
		if err != nil {
			r.Hash = sha256.Sum256(raw[i])
			r.Code, r.Detail = a.refusal(tip, err)
			continue
		}
		r.Hash, r.Signer, r.Reference = t.Hash, t.Body.Signer, t.Body.Reference
		if tip == nil {
			r.Code, r.Detail = types.NodeCodeBehind, "no block since the node started"
			continue
		}
		if r.Code, r.Detail = a.pool.waits(t); r.Code != types.Code_ok {
			continue
		}
		if _, err := ledger.Authenticate(view, &tip.Moment, t); err != nil {
			r.Code, r.Detail = a.refusal(tip, err)
			continue
		}
		if r.Code, r.Detail = a.pool.room(t); r.Code != types.Code_ok {
			continue
		}
		left, places = append(left, t), append(places, i)
	}
	return left, places
}

// refusal is the answer for an error of Decode or Authenticate. What rests on a state that is long past is temporary.
func (a *App) refusal(tip *tip, err error) (types.Code, string) {
	code, refused := types.CodeOf(err)
	if !refused {
		a.log.Error("the store failed while a transaction was admitted", "error", err)
		return types.NodeCodeBehind, "the node's store failed"
	}
	if restsOnState(code) && a.stale(tip) {
		return types.NodeCodeBehind, "the node is behind; by what it knows: " + err.Error()
	}
	return code, types.DetailOf(err)
}

// restsOnState tells whether a newer block could change a refusal for the better.
func restsOnState(c types.Code) bool {
	switch c {
	case types.Code_valid_until_too_far, types.Code_signer_unknown, types.Code_member_suspended, types.Code_key_unknown,
		types.Code_key_not_live, types.Code_public_key_differs, types.Code_quota_messages_exceeded, types.Code_quota_bytes_exceeded:
		return true
	}
	return false
}

func (a *App) stale(t *tip) bool {
	return t != nil && a.options.Now().Unix()-t.Unix > int64(staleAfter.Seconds())
}
