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
