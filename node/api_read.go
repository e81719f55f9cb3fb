package node

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"

	"github.com/cosmos/gogoproto/proto"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Bounds of lists.
const (
	maxEntries     = 200
	defaultEntries = 100
)

func parseQuery(raw string) (map[string][]string, error) { return url.ParseQuery(raw) }

func contains(list []string, s string) bool { return slices.Contains(list, s) }

// record reads one record: GET /v1/record?key=KEY&height=H&prove=1&light=1. The answer is a types.RecordResponse; an empty
// value means that there is none, which is as good an answer.
//
// Without a height it is the newest: with prove or light the newest that can be proved (the header that follows a height
// holds its app hash), otherwise the newest committed. prove adds the proof, light the CometBFT LightBlock of height + 1.
func (a *api) record(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, "key", "height", "prove", "light")
	key := q.need("key", state.MaxKeySize)
	height := q.number("height", 0, 1, math.MaxInt64-1)
	prove, light := q.flag("prove"), q.flag("light")
	if q.err != nil {
		return q.err
	}
	if height == 0 && (prove || light) {
		var err error
		if height, err = a.chain.provable(); err != nil {
			return err
		}
	}
	view, err := a.viewAt(height)
	if err != nil {
		return err
	}
	defer func() { _ = view.Close() }() // never fails
	answer := &types.RecordResponse{Key: key, Height: view.Height()}
	if prove {
		var proof *types.Proof
		if answer.Value, proof, err = view.Prove(key); err != nil {
			return err
		}
		answer.Proof = proof.Ops
	} else if answer.Value, err = view.Get(key); err != nil {
		return err
	}
	if light {
		if answer.LightBlock, err = a.chain.lightBlock(view.Height() + 1); err != nil {
			return err
		}
	}
	return answerMessage(w, r, answer)
}

// viewAt opens a height, 0 for the newest.
func (a *api) viewAt(height int64) (*state.View, error) {
	if height == 0 {
		return a.chain.state.View(), nil
	}
	return a.chain.state.At(height)
}

// entries lists the entries of a subject in their order: GET /v1/entries?subject=ID&after=N&limit=M. The answer is a
// types.EntriesResponse at the newest height: entries after, after+1, … and how many there are. The list comes without proof;
// the client proves it against the subject's head.
func (a *api) entries(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, "subject", "after", "limit")
	subject := q.need("subject", state.MaxKeySize/2)
	after := uint64(q.number("after", 0, 0, math.MaxInt64))
	limit := uint64(q.number("limit", defaultEntries, 1, maxEntries))
	if q.err != nil {
		return q.err
	}
	view := a.chain.state.View()
	defer func() { _ = view.Close() }() // never fails
	head, err := state.Get(view, types.SubjectKey(subject))
	if err != nil {
		return err
	}
	answer := &types.EntriesResponse{Subject: subject, Height: view.Height()}
	if head != nil {
		answer.Total = head.Entries
	}
	if after > answer.Total {
		return problemf(http.StatusBadRequest, "after is %d, but %s has %d entries", after, subject, answer.Total)
	}
	answer.Next = min(after+limit, answer.Total)
	for n := after; n < answer.Next; n++ {
		row, err := view.Entry(types.EntryLog(subject), n)
		if err != nil {
			return err
		}
		entry := &types.Entry{}
		if row == nil || entry.Unmarshal(row) != nil {
			return fmt.Errorf("entry %d of %s is damaged or missing", n, subject)
		}
		answer.Entries = append(answer.Entries, entry)
	}
	return answerMessage(w, r, answer)
}

// reference tells what became of a transaction: GET /v1/reference?signer=ID&reference=REF. The answer is a types.Reference, or
// 404 while it is not final (or never was, or was forgotten because it can no longer be valid).
func (a *api) reference(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, "signer", "reference")
	signer, name := q.need("signer", state.MaxKeySize/2), q.need("reference", state.MaxKeySize/2)
	if q.err != nil {
		return q.err
	}
	found, err := a.referenceOf(signer, name)
	if err != nil {
		return err
	}
	if found == nil {
		return problemf(http.StatusNotFound, "no transaction of %s with the reference %s is final", signer, name)
	}
	return answerMessage(w, r, found)
}

// referenceOf reads what became of a transaction; nil if nothing is known.
func (a *api) referenceOf(signer, name string) (*types.Reference, error) {
	view := a.chain.state.View()
	defer func() { _ = view.Close() }() // never fails
	row, err := view.Reference(types.ReferenceKey(signer, name))
	if err != nil || row == nil {
		return nil, err
	}
	found := &types.Reference{}
	if err := proto.Unmarshal(row, found); err != nil {
		return nil, fmt.Errorf("the reference %s of %s is damaged: %w", name, signer, err)
	}
	return found, nil
}

// light gives the header of a height with its commit and validators: GET /v1/light?height=H, the newest without a height. The
// answer is CometBFT's LightBlock as protobuf.
func (a *api) light(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, "height", "turns")
	height := q.number("height", a.chain.blocks.Height(), 1, math.MaxInt64)
	turns := q.flag("turns")
	if q.err != nil {
		return q.err
	}
	read := a.chain.lightBlock
	if turns {
		read = a.chain.lightBlockWithTurns
	}
	block, err := read(height)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentProtobuf)
	_, _ = w.Write(block)
	return nil
}
