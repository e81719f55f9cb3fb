package node

import (
	"bytes"
	"math"
	"net/http"
	"slices"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// inputs gives what a receipt was scored from: GET /v1/inputs?receipt=ID. The answer is a types.InputsResponse: every row
// that the score read in the committed state of the height before the receipt's, ascending by key. It needs no proof, as
// the receipt holds a digest of the rows. 410 when the node does not keep that height any more.
func (a *api) inputs(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, "receipt")
	id := q.need("receipt", state.MaxKeySize/2)
	if q.err != nil {
		return q.err
	}
	receipt, err := a.receipt(id)
	if err != nil {
		return err
	}
	view, err := a.chain.state.At(receipt.ScoredHeight)
	if err != nil {
		return err
	}
	defer func() { _ = view.Close() }() // never fails
	answer := &types.InputsResponse{Receipt: id, Height: receipt.ScoredHeight}
	note := func(key string, value []byte) {
		if value != nil {
			answer.Rows = append(answer.Rows, &types.StateRow{Key: key, Value: value})
		}
	}
	get := func(key string) ([]byte, error) {
		value, err := view.Get(key)
		note(key, value)
		return value, err
	}
	scan := func(prefix string, fn func(string, []byte) error) error {
		return view.Scan(prefix, func(key string, value []byte) error {
			note(key, bytes.Clone(value))
			return fn(key, value)
		})
	}
	if _, err := score.Load(get, scan, receipt.Subject, receipt.Day); err != nil {
		return err
	}
	slices.SortFunc(answer.Rows, func(a, b *types.StateRow) int { return strings.Compare(a.Key, b.Key) })
	return answerMessage(w, r, answer)
}

func (a *api) receipt(id string) (*types.Receipt, error) {
	view := a.chain.state.View()
	defer func() { _ = view.Close() }() // never fails
	receipt, err := state.Get(view, types.ReceiptKey(id))
	if err == nil && receipt == nil {
		err = problemf(http.StatusNotFound, "there is no receipt %s", id)
	}
	return receipt, err
}

// logProof proves that rows begin … end−1 stand in a log at a height: GET /v1/log-proof?log=NAME&begin=N&end=M&height=H. The
// log is that of a subject, or the block-log, whose row n is the hash of block n from the first on. The answer is a
// types.LogProofResponse, without the rows; /v1/record proves the head of the log that it leads to.
func (a *api) logProof(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, "log", "begin", "end", "height")
	name := q.need("log", state.MaxKeySize/2)
	begin, end := uint64(q.number("begin", 0, 0, math.MaxInt64)), uint64(q.number("end", 0, 0, math.MaxInt64))
	height := q.number("height", 0, 1, math.MaxInt64-1)
	if q.err != nil {
		return q.err
	}
	view, err := a.viewAt(height)
	if err != nil {
		return err
	}
	defer func() { _ = view.Close() }() // never fails
	answer := &types.LogProofResponse{Log: name, Height: view.Height(), Begin: begin, End: end}
	if answer.Rows, err = rowsOfLog(view, name); err != nil {
		return err
	}
	if begin > end || end > answer.Rows {
		return problemf(http.StatusBadRequest, "%s has %d rows at height %d: %d to %d are none of them", name, answer.Rows, view.Height(), begin, end)
	}
	proof, err := types.ProveLogRange(answer.Rows, begin, end, func(level uint, index uint64) ([]byte, error) {
		return a.logs.node(view, name, level, index)
	})
	if err != nil {
		return err
	}
	answer.Left, answer.Right = proof.Left, proof.Right
	return answerMessage(w, r, answer)
}

// rowsOfLog is how many rows a log has.
func rowsOfLog(view *state.View, name string) (uint64, error) {
	if name == types.BlockLogName {
		head, err := state.Get(view, types.BlockLogKey)
		if err != nil || head == nil {
			return 0, err
		}
		return head.Blocks, nil
	}
	head, err := state.Get(view, types.SubjectKey(name))
	if err != nil || head == nil {
		return 0, err
	}
	return head.Entries, nil
}
