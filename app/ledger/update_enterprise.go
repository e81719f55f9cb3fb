package ledger

import (
	"bytes"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// UpdateEnterprise: a registrar states anew what changes in the life of an enterprise: its other identifiers, district,
// industry, size, ownership and control group.
//
// Signed by BANK, PLATFORM, CUSTOMS or TAX of another control group than the enterprise, before and after. Writes
// enterprise/<subject>, what stood before as version/enterprise/<subject>/<n>, and the entry log. Status, key, mandates and
// the registration's own provenance stay as they are. A new control group is for what comes: records say for themselves
// whether their parties were related when they were made, and are not judged again.

// checkUpdateEnterprise refuses what no state could make valid; it is what a registration may say of the same things.
func checkUpdateEnterprise(m *types.UpdateEnterprise) error {
	if err := types.CheckSubjectID(m.Subject); err != nil {
		return err
	}
	for _, s := range m.CrossReferences {
		if err := types.CheckSubjectID(s); err != nil {
			return err
		}
	}
	return checkMasterData(restated(&types.RegisterEnterprise{Subject: m.Subject}, m))
}

// restated is a registration with what an update states anew.
func restated(old *types.RegisterEnterprise, m *types.UpdateEnterprise) *types.RegisterEnterprise {
	r := *old
	r.CrossReferences, r.District, r.Industry = m.CrossReferences, m.District, m.Industry
	r.Size_, r.Ownership, r.ControlGroup = m.Size_, m.Ownership, m.ControlGroup
	return &r
}

// updateEnterprise checks the enterprise, whether the update is there, the signer's group, and whether anything changes.
func updateEnterprise(tx *Tx, m *types.UpdateEnterprise) error {
	e, err := tx.enterprise(m.Subject)
	if err != nil {
		return err
	}
	if e.Updated != nil && bytes.Equal(e.Updated.Content, tx.Content()) {
		return types.Refuse(types.Code_already_recorded, "%s stands so since height %d", m.Subject, e.Updated.Height)
	}
	old := e.Registration
	switch {
	case tx.Sender.Group == old.ControlGroup || tx.Sender.Group == m.ControlGroup:
		return types.Refuse(types.Code_confirmer_related, "%s belongs to %s, as the enterprise does", tx.Sender.ID, tx.Sender.Group)
	case sameMasterData(old, m):
		return types.Refuse(types.Code_enterprise_unchanged, "%s stands so already", m.Subject)
	}
	key := types.EnterpriseKey(m.Subject)
	before, err := e.Marshal()
	if err != nil {
		return err
	}
	p := tx.provenance(tx.Block.Today())
	e.Updates++
	err = state.Set(tx, types.VersionKey(string(key), e.Updates), &types.RecordVersion{
		Record: string(key), Value: before, UntilHeight: tx.Block.Height, CorrectedBy: p,
	})
	if err != nil {
		return err
	}
	e.Registration, e.Update, e.Updated = restated(old, m), m, p
	if err := state.Set(tx, key, e); err != nil {
		return err
	}
	return tx.note(m.Subject, types.EntryKind_ENTRY_UPDATED, string(key), p)
}

func sameMasterData(r *types.RegisterEnterprise, m *types.UpdateEnterprise) bool {
	return slices.Equal(r.CrossReferences, m.CrossReferences) && r.District == m.District && r.Industry == m.Industry &&
		r.Size_ == m.Size_ && r.Ownership == m.Ownership && r.ControlGroup == m.ControlGroup
}
