package node

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	cmttypes "github.com/cometbft/cometbft/types"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

// tracedKeys is how many keys are traced at most.
const tracedKeys = 10_000

// locate finds the first transaction and the first key.
func (r *replayer) locate(d *Divergence, cur *checkedBlock, mine []app.TxResult, keys []differentKey) error {
	if len(keys) == 0 && cur.other != nil {
		var err error
		if keys, err = r.references(cur); err != nil {
			return err
		}
	}
	d.Keys = int64(len(keys))
	keys = keys[:min(len(keys), tracedKeys)]
	first := app.ByNone
	if cur.known {
		if i := firstResult(cur.results, mine); i >= 0 {
			first = i
			d.Transaction = transactionAt(cur, i, byResults)
			d.Transaction.results(cur.results, mine)
		}
	}
	if err := r.trace(cur, keys, first); err != nil {
		return err
	}
	var key *differentKey
	for i := range keys {
		if k := &keys[i]; key == nil || k.before(key) {
			key = k
		}
	}
	if key == nil {
		return nil
	}
	if key.writer < first {
		d.Transaction = transactionAt(cur, key.writer, key.how)
	}
	return r.values(d, key)
}

// before orders keys by who wrote them; of the same transaction's keys the records that messages make come before what is
// derived from them.
func (k *differentKey) before(o *differentKey) bool {
	if k.writer != o.writer {
		return k.writer < o.writer
	}
	return isRecord(k.key) && !isRecord(o.key)
}

// isRecord tells whether a key is that of a record that says who signed it.
func isRecord(key string) bool {
	kind := types.KindOf(key)
	if kind == nil {
		return false
	}
	_, ok := kind.New().(interface{ GetProvenance() *types.Provenance })
	return ok
}

// trace finds the writers of keys; first is the first transaction whose results differ, or ByNone.
func (r *replayer) trace(cur *checkedBlock, keys []differentKey, first int) error {
	names := make([]string, 0, len(keys))
	for i := range keys {
		names = append(names, keys[i].key)
	}
	if len(keys) == 0 || keys[0].kind != inLeaf {
		return nil
	}
	writers, err := r.app.Trace(r.decided(cur), names)
	if err != nil {
		return err
	}
	for i := range keys {
		k := &keys[i]
		if k.writer, k.how = writers[i], byTrace; k.writer == app.ByNone {
			k.writer, k.how = r.origin(cur, k, first)
		}
	}
	return nil
}

// origin finds the transaction that a record says it comes from, which the replay did not write: the one that holds the
// message which the record was made from; or else the first one whose results differ, if the record's signer signed it; or
// else the only one that this signer signed. ByNone if there is none.
func (r *replayer) origin(cur *checkedBlock, k *differentKey, first int) (writer int, how string) {
	kind := types.KindOf(k.key)
	if kind == nil || k.other == nil || k.mine != nil {
		return app.ByNone, ""
	}
	record := kind.New()
	if record.Unmarshal(k.other) != nil {
		return app.ByNone, ""
	}
	made, ok := record.(interface{ GetProvenance() *types.Provenance })
	if !ok || made.GetProvenance() == nil {
		return app.ByNone, ""
	}
	p := made.GetProvenance()
	if i := holderOf(cur, p.Content); i != app.ByNone {
		return i, byContent
	}
	if p.Height != cur.height {
		return app.ByNone, ""
	}
	signed := func(i int) bool { b := cur.txs.Tx(i).Body; return b.Signer == p.Signer && b.Key == p.Key }
	if first < cur.txs.Len() && signed(first) {
		return first, byResults
	}
	found := app.ByNone
	for i := range cur.txs.Len() {
		switch {
		case !signed(i):
		case found != app.ByNone:
			return app.ByNone, ""
		default:
			found = i
		}
	}
	return found, bySigner
}

// holderOf is the first transaction that holds the message with this content; ByNone if there is none.
func holderOf(cur *checkedBlock, content []byte) int {
	if len(content) == 0 {
		return app.ByNone
	}
	for i := range cur.txs.Len() {
		for _, m := range cur.txs.Tx(i).Body.Messages {
			if bytes.Equal(types.ContentDigest(m.OnBehalfOf, m.Get()), content) {
				return i
			}
		}
	}
	return app.ByNone
}

// references lists the rows of replay protection of a block that differ; they stand outside of the tree of leaves.
func (r *replayer) references(cur *checkedBlock) (keys []differentKey, err error) {
	mine := r.app.Staged().References()
	found := make(map[string][]byte)
	err = r.other.EachReference(func(_ int64, key string, value []byte) error {
		var row types.Reference
		if row.Unmarshal(value) != nil || row.Height == cur.height {
			found[key] = value
		}
		return nil
	})
	if err != nil && !errors.Is(err, state.ErrCorrupt) {
		return nil, err
	}
	index := func(value []byte) int {
		var row types.Reference
		if row.Unmarshal(value) != nil || int(row.Index) >= cur.txs.Len() {
			return app.ByNone
		}
		return int(row.Index)
	}
	for _, m := range mine {
		if !bytes.Equal(found[m.Key], m.Value) {
			keys = append(keys, differentKey{m.Key, inReference, m.Value, found[m.Key], index(m.Value), byTrace})
		}
		delete(found, m.Key)
	}
	for _, key := range slices.Sorted(maps.Keys(found)) { // the report is the same whenever it is written
		keys = append(keys, differentKey{key, inReference, nil, found[key], index(found[key]), byTrace})
	}
	return keys, nil
}

// DivergedValidator is a validator that two outcomes of a block treat otherwise: the power that each gives it, 0 to remove
// it; null: it leaves it as it is.
type DivergedValidator struct {
	PublicKey hexBytes `json:"public_key"`
	Replay    *int64   `json:"power_replay"`
	Stored    *int64   `json:"power_stored"`
}

// elections finds the first validator that the stored outcome of the block treats otherwise, by public key, and, where
// nothing else is known, the transaction that elected it.
func (r *replayer) elections(d *Divergence, cur *checkedBlock, e *app.Executed) error {
	if !cur.known || cur.elected == nil || !slices.Contains(d.Differs, sameValidator) {
		return nil
	}
	changes, err := cmttypes.PB2TM.ValidatorUpdates(e.Response.ValidatorUpdates)
	if err != nil {
		return err
	}
	powers := map[string]*DivergedValidator{}
	at := func(v *cmttypes.Validator) *DivergedValidator {
		key := string(v.PubKey.Bytes())
		if powers[key] == nil {
			powers[key] = &DivergedValidator{PublicKey: v.PubKey.Bytes()}
		}
		return powers[key]
	}
	for _, v := range changes {
		at(v).Replay = &v.VotingPower
	}
	for _, v := range *cur.elected {
		at(v).Stored = &v.VotingPower
	}
	for _, key := range slices.Sorted(maps.Keys(powers)) {
		v := powers[key]
		if v.Replay != nil && v.Stored != nil && *v.Replay == *v.Stored {
			continue
		}
		d.Validator = v
		if v.Replay != nil && d.Transaction == nil {
			d.Transaction, err = r.writerOf(cur, string(types.ValidatorsKey))
		}
		return err
	}
	return nil
}
