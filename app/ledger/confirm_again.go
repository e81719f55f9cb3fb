package ledger

import (
	"bytes"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// A record whose key turned out to be in wrong hands when it signed stands again on its signer's word if the signer
// sends the same message once more with a sound key of the same role (LEDGER.md §7). That is possible until the record
// falls (sweep.go), 30 days after the key was marked or a little later.

// again answers a message whose record is there, under key. old is the record's provenance, or that part of it which the
// message made. Other content is id_taken. The same content is already_recorded, unless it confirms the record again:
// then old names the new key, the block and its time, and the record is written. Evidence, origin and all sums stay.
func again[V any, P types.Record[V]](tx *Tx, kind string, key types.Key[V], record P, old *types.Provenance) error {
	_, id, _ := strings.Cut(string(key), "/")
	refusal := tx.fresh(kind, id, old)
	if code, _ := types.CodeOf(refusal); code != types.Code_already_recorded {
		return refusal
	}
	doubtful, err := tx.doubtful(old)
	if err != nil {
		return err
	}
	if !doubtful {
		return refusal
	}
	old.Key, old.Height, old.Unix = tx.Sender.Key.Id, tx.Block.Height, tx.Block.Unix
	return state.Set(tx, key, record)
}

// doubtful tells whether this message, of the same content, may stand in for what made p: p's key is marked, was in
// wrong hands when it signed, and p has not fallen; the signer is the same, with another key of the same role. That key
// is sound: a marked key is revoked, and signs nothing.
func (tx *Tx) doubtful(p *types.Provenance) (bool, error) {
	k := tx.Sender.Key
	if p.Fallen || p.Signer != tx.Sender.ID || p.Key == k.Id || p.Role != k.Role || !bytes.Equal(p.Content, tx.Content()) {
		return false, nil
	}
	old, err := state.Get(tx, types.KeyKey(p.Signer, p.Key))
	if err != nil || old == nil {
		return false, err
	}
	return old.CompromisedSinceUnix != 0 && old.CompromisedSinceUnix <= p.Unix, nil
}
