package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

// Sides of a divergence, and whether each agrees with the header.
const (
	sideReplay  = "replay"         // what this program came to
	sideState   = "state database" // what the node keeps
	sideResults = "stored results" // what the node, or the archive, keeps of the transactions
	agrees      = "agrees"
	disagrees   = "disagrees"
	unknown     = "unknown" // no header commits to it yet
)

// What a key of a divergence is.
const (
	inLeaf      = "leaf"
	inReference = "reference"
	inLog       = "log row"
	inHead      = "head"
)

// How the transaction of a divergence was found.
const (
	byResults = "results"
	byTrace   = "wrote"
	byContent = "content"
	bySigner  = "signer"
)

// Side is one of those who say what a block came to.
type Side struct {
	Name   string `json:"name"`
	Header string `json:"header"` // agrees, disagrees or unknown
}

// Divergence is the first difference that a replay met.
type Divergence struct {
	Height        int64    `json:"height"` // of the block; 0: the genesis
	HeaderHeight  int64    `json:"header_height"`
	Differs       []string `json:"differs"` // what of the header at header_height is not what the replay came to; may be empty
	HeaderAppHash hexBytes `json:"header_app_hash"`
	ReplayAppHash hexBytes `json:"replay_app_hash"`
	StateAppHash  hexBytes `json:"state_app_hash"`
	Sides         []Side   `json:"sides"`
	// Transaction is the first one whose results differ, or else the one that wrote the key last; null: none did.
	Transaction *DivergedTransaction `json:"transaction"`
	Keys        int64                `json:"keys"` // how many keys differ
	Key         string               `json:"key"`  // the first one, of that transaction if it has one; empty: none is known
	KeyKind     string               `json:"key_kind"`
	// Before is the value before the block, Replay and State what each side has after it; null: no such key.
	Before hexBytes `json:"value_before"`
	Replay hexBytes `json:"value_replay"`
	State  hexBytes `json:"value_state"`
	// Expected and Found name the sides by their value: the one that agrees with the header, and the one that does not.
	Expected string `json:"expected,omitempty"`
	Found    string `json:"found,omitempty"`

	// Validator is the first one whose power the stored outcome changes otherwise; null: none is known.
	Validator *DivergedValidator `json:"validator,omitempty"`

	late bool // found when all blocks had been executed
}

// DivergedTransaction says where a divergence comes from.
type DivergedTransaction struct {
	Index     int    `json:"index"` // in the block; −1: what time alone did before the first transaction
	Hash      string `json:"hash,omitempty"`
	Signer    string `json:"signer,omitempty"`
	Reference string `json:"reference,omitempty"`
	// How it was found: "results" differ, it "wrote" the key last, it holds the message whose "content" the record names,
	// or it alone has the "signer" that the record names.
	How     string `json:"how"`
	Message int    `json:"message"` // the first message whose code differs; −1: none
	Stored  string `json:"stored_code,omitempty"`
	Replay  string `json:"replay_code,omitempty"`
}

// otherChanges is what a node's state says of a block.
type otherChanges struct {
	roots   []types.NamedRoot
	changes []types.Change
}

// otherAt reads the node's state beside the blocks.
func (r *replayer) otherAt() func(int64) (*otherChanges, error) {
	if r.other == nil {
		return nil
	}
	return func(height int64) (*otherChanges, error) {
		roots, changes, err := r.other.Changes(height)
		if errors.Is(err, state.ErrPruned) || errors.Is(err, state.ErrFuture) {
			return nil, nil
		}
		if errors.Is(err, state.ErrCorrupt) { // altered beyond reading: it differs from whatever the block changed
			return &otherChanges{}, nil
		}
		if err != nil {
			return nil, err
		}
		return &otherChanges{roots: roots, changes: changes}, nil
	}
}

// differentKey is a key whose value differs after a block.
type differentKey struct {
	key         string
	kind        string
	mine, other []byte
	writer      int
	how         string // the writer is known by; see DivergedTransaction.How
}

// compare holds the outcome of a block against the next header, the stored results and the node's state. It says whether
// anything differs. The header that decides is verified first.
func (r *replayer) compare(ctx context.Context, cur, next *checkedBlock, e *app.Executed, after *tracker) (bool, error) {
	var differs []string
	if next != nil {
		differs = after.outcome(&next.block.Header)
	}
	mine := app.ResultsOf(e.Response)
	otherResults := cur.known && firstResult(cur.results, mine) >= 0
	keys, err := r.differing(cur)
	if err != nil {
		return false, err
	}
	otherRoots := cur.other != nil && types.AppHash(cur.other.roots) != types.Hash(e.Response.AppHash)
	same := len(differs) == 0 && !otherResults && len(keys) == 0 && !otherRoots
	if next != nil && (!same || cur.height == r.until) {
		if err := r.certify(ctx, next, after); err != nil {
			return false, err
		}
	}
	if same {
		return false, nil
	}
	d := &Divergence{Height: cur.height, Differs: append([]string{}, differs...), ReplayAppHash: hexBytes(e.Response.AppHash)}
	if err := r.sides(d, cur, next); err != nil {
		return false, err
	}
	if err := r.locate(d, cur, mine, keys); err != nil {
		return false, err
	}
	if err := r.elections(d, cur, e); err != nil {
		return false, err
	}
	r.diverge(d)
	return true, nil
}

// diverge enters a difference into the report.
func (r *replayer) diverge(d *Divergence) {
	r.done.Report.Result, r.done.Report.Divergence = replayDiverged, d
}

// certify verifies the commit on the block whose header decides.
func (r *replayer) certify(ctx context.Context, b *checkedBlock, in *tracker) error {
	var beyond *checkedBlock
	if b.height < r.source.last() {
		var err error
		if beyond, err = r.pull(ctx); err != nil {
			return err
		}
		if !beyond.block.LastBlockID.Equals(b.id) {
			return fmt.Errorf("block %d: %w: it names %v, not %v", beyond.height, ErrBlockLink, beyond.block.LastBlockID, b.id)
		}
	}
	commit, err := r.commitOn(b, beyond)
	if err != nil {
		return err
	}
	return committed(r.doc.ChainID, in.Validators, b.id, b.height, commit)
}

// genesisDivergence is a first header that names another genesis state than this program makes.
func (r *replayer) genesisDivergence(first *checkedBlock, differs []string) *Divergence {
	return &Divergence{
		HeaderHeight: first.height, Differs: differs, HeaderAppHash: hexBytes(first.block.AppHash), ReplayAppHash: hexBytes(r.chain.AppHash),
		Sides: []Side{{sideReplay, disagrees}},
	}
}

// firstResult is the first transaction whose code or data differ, −1 if there is none.
func firstResult(a, b []app.TxResult) int {
	for i := range min(len(a), len(b)) {
		if a[i].Code != b[i].Code || !bytes.Equal(a[i].Data, b[i].Data) {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}

// sides finds out who agrees with the header.
func (r *replayer) sides(d *Divergence, cur, next *checkedBlock) error {
	say := func(name string, same bool) {
		s := Side{name, disagrees}
		if next == nil {
			s.Header = unknown
		} else if same {
			s.Header = agrees
		}
		d.Sides = append(d.Sides, s)
	}
	if next != nil {
		d.HeaderHeight, d.HeaderAppHash = next.height, hexBytes(next.block.AppHash)
	}
	say(sideReplay, len(d.Differs) == 0)
	if cur.other != nil {
		hash := types.AppHash(cur.other.roots)
		d.StateAppHash = hash[:]
		root, err := r.app.RootWith(cur.height, cur.other.changes)
		if err != nil && !errors.Is(err, state.ErrInvalid) && !errors.Is(err, state.ErrEmptyState) {
			return err
		}
		whole := false
		for _, named := range cur.other.roots {
			whole = whole || named.Name == types.RootState && named.Root == root
		}
		say(sideState, whole && next != nil && bytes.Equal(next.block.AppHash, hash[:]))
	}
	if cur.known {
		say(sideResults, next != nil && bytes.Equal(next.block.LastResultsHash, app.ResultsHash(cur.results)))
	}
	return nil
}

// differing lists the keys whose values differ between the executed block and the node's state, in their order.
func (r *replayer) differing(cur *checkedBlock) ([]differentKey, error) {
	if cur.other == nil {
		return nil, nil
	}
	mine, other := r.app.Staged().Changes(), cur.other.changes
	view := r.app.View()
	defer func() { _ = view.Close() }()
	var keys []differentKey
	for len(mine) > 0 || len(other) > 0 {
		k := differentKey{kind: inLeaf, writer: app.ByNone}
		var err error
		switch c := compareHeads(mine, other); {
		case c == 0:
			k.key, k.mine, k.other = mine[0].Key, mine[0].Value, other[0].Value
			mine, other = mine[1:], other[1:]
		case c < 0:
			k.key, k.mine = mine[0].Key, mine[0].Value
			k.other, err = view.Get(k.key)
			mine = mine[1:]
		default:
			k.key, k.other = other[0].Key, other[0].Value
			k.mine, err = view.Get(k.key)
			other = other[1:]
		}
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(k.mine, k.other) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// compareHeads orders two lists by the keys that they begin with; an empty one comes last.
func compareHeads(a, b []types.Change) int {
	switch {
	case len(a) == 0:
		return 1
	case len(b) == 0:
		return -1
	}
	return strings.Compare(a[0].Key, b[0].Key)
}

// values enters what each side has of a key.
func (r *replayer) values(d *Divergence, k *differentKey) error {
	d.Key, d.KeyKind, d.Replay, d.State = k.key, k.kind, k.mine, k.other
	if k.kind == inLeaf {
		view := r.app.View()
		defer func() { _ = view.Close() }()
		before, err := view.Get(k.key)
		if err != nil {
			return err
		}
		d.Before = before
	}
	d.name()
	return nil
}

// name says whose value was to be expected.
func (d *Divergence) name() {
	for _, s := range d.Sides {
		switch {
		case s.Name == sideResults:
		case s.Header == agrees:
			d.Expected = s.Name
		case s.Header == disagrees:
			d.Found = s.Name
		}
	}
}

// transactionAt names a transaction of a block.
func transactionAt(b *checkedBlock, i int, how string) *DivergedTransaction {
	if i == app.ByNone {
		return nil
	}
	t := &DivergedTransaction{Index: i, How: how, Message: -1}
	if i < 0 || i >= b.txs.Len() {
		return t
	}
	if tx := b.txs.Tx(i); tx != nil {
		t.Hash, t.Signer, t.Reference = tx.Hash.String(), tx.Body.Signer, tx.Body.Reference
	}
	return t
}

// results enters the first message whose codes differ.
func (t *DivergedTransaction) results(stored, mine []app.TxResult) {
	if t.Index >= len(stored) || t.Index >= len(mine) {
		return
	}
	a, b := stored[t.Index], mine[t.Index]
	t.Stored, t.Replay = types.Code(a.Code).String(), types.Code(b.Code).String()
	x, errX := types.DecodeCodes(a.Data)
	y, errY := types.DecodeCodes(b.Data)
	if errX != nil || errY != nil {
		return
	}
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			t.Message, t.Stored, t.Replay = i, x[i].String(), y[i].String()
			return
		}
	}
	if len(x) != len(y) {
		t.Message = min(len(x), len(y))
	}
}

// writerOf names the transaction of an executed, uncommitted block that wrote a key last.
func (r *replayer) writerOf(cur *checkedBlock, key string) (*DivergedTransaction, error) {
	writers, err := r.app.Trace(r.decided(cur), []string{key})
	if err != nil {
		return nil, err
	}
	return transactionAt(cur, writers[0], byTrace), nil
}
