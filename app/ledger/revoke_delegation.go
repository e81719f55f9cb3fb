package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RevokeDelegation: an enterprise ends what a member may do for it, whether it granted that itself or a registration
// carried it as a mandate.
//
// Signed with the enterprise's own key. Writes delegation/<subject>/<delegate> and the entry log. What the delegate did
// until then stands.

// checkRevokeDelegation refuses what no state could make valid.
func checkRevokeDelegation(m *types.RevokeDelegation) error { return types.CheckMemberID(m.Delegate) }

// revokeDelegation checks that there is something to end.
func revokeDelegation(tx *Tx, m *types.RevokeDelegation) error {
	subject := tx.Sender.ID
	key := types.DelegationKey(subject, m.Delegate)
	d, err := state.Get(tx, key)
	switch {
	case err != nil:
		return err
	case d == nil:
		return types.Refuse(types.Code_delegation_missing, "%s may do nothing for %s", m.Delegate, subject)
	case d.Status == types.DelegationStatus_DELEGATION_REVOKED:
		return types.Refuse(types.Code_already_recorded, "%s may do nothing for %s any more", m.Delegate, subject)
	}
	d.Status = types.DelegationStatus_DELEGATION_REVOKED
	if err := state.Set(tx, key, d); err != nil {
		return err
	}
	return tx.note(subject, types.EntryKind_ENTRY_DELEGATION, string(key), tx.provenance(tx.Block.Today()))
}
