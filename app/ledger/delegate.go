package ledger

import (
	"bytes"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Delegate: an enterprise lets a member act for it, for some messages, up to an amount, until a day.
//
// Signed with the enterprise's own key. Writes delegation/<subject>/<delegate>, in the place of what that delegate had,
// and the entry log. It needs no paper: the key is the enterprise's own word.

// checkDelegate refuses what no state could make valid.
func checkDelegate(m *types.Delegate) error { return checkMandate(mandateOf(m)) }

func mandateOf(m *types.Delegate) *types.Mandate {
	return &types.Mandate{
		Delegate: m.Delegate, Messages: m.Messages, AmountLimitMinor: m.AmountLimitMinor, UntilDay: m.UntilDay, Consent: m.Consent,
	}
}

// delegate checks whether it stands already, the term, and the delegate.
func delegate(tx *Tx, m *types.Delegate) error {
	subject := tx.Sender.ID
	key := types.DelegationKey(subject, m.Delegate)
	old, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	if old != nil && old.Status == types.DelegationStatus_DELEGATION_LIVE && bytes.Equal(old.Provenance.Content, tx.Content()) {
		return types.Refuse(types.Code_already_recorded, "%s has it since height %d", m.Delegate, old.Provenance.Height)
	}
	if err := tx.expiry(m.UntilDay, maxExpiry); err != nil {
		return err
	}
	if _, err := liveMember(tx, m.Delegate); err != nil {
		return err
	}
	d := &types.Delegation{
		Subject: subject, Mandate: mandateOf(m), Status: types.DelegationStatus_DELEGATION_LIVE,
		Provenance: tx.provenance(tx.Block.Today()),
	}
	if err := state.Set(tx, key, d); err != nil {
		return err
	}
	return tx.note(subject, types.EntryKind_ENTRY_DELEGATION, string(key), d.Provenance)
}
