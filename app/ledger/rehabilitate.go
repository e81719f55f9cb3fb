package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// Rehabilitate: what an adverse record states has ended.
//
// Signed by who stated it, with a key of the same role, or by an ARBITER; nobody says so of an enterprise of its own control
// group. Changes adverse/<id> and its mark, posts REHABILITATED to the enterprise's log. The record leaves the scores five
// years after the end, the term that the Regulation on the Administration of the Credit Reporting Industry (征信业管理条例,
// art. 16) sets for the adverse information of individuals, kept here for enterprises. It is never deleted. An end is
// stated once; however late it is told, it is the end.

// checkRehabilitate refuses what no state could make valid.
func checkRehabilitate(m *types.Rehabilitate) error {
	return firstRefusal(types.CheckRecordID(m.Adverse), checkEventDay(m.EndDay))
}

// rehabilitate checks: day, record, whether this signer said so before, signer, control group, end before the fact, state.
func rehabilitate(tx *Tx, m *types.Rehabilitate) error {
	if err := tx.eventDay(m.EndDay); err != nil {
		return err
	}
	key := types.AdverseKey(m.Adverse)
	a, err := state.Get(tx, key)
	switch {
	case err != nil:
		return err
	case a == nil:
		return types.Refuse(types.Code_adverse_unknown, "%s", m.Adverse)
	case a.Ended != nil && tx.reported(a.Ended):
		return again(tx, "rehabilitation of", key, a, a.Ended)
	}
	if err := tx.mayRehabilitate(m, a); err != nil {
		return err
	}
	if err := checkEnd(a.Adverse.Day, m.EndDay); err != nil {
		return err
	}
	if a.EndDay != 0 {
		return types.Refuse(types.Code_adverse_ended, "%s ended on %s", m.Adverse, types.FormatDay(a.EndDay))
	}
	a.EndDay, a.Ended, a.EndedReason = m.EndDay, tx.provenance(m.EndDay), m.Reason
	if err := tx.markAdverse(m.Adverse, a); err != nil {
		return err
	}
	e := tx.entry(types.EntryKind_ENTRY_REHABILITATED, string(key), "", a.Ended)
	e.Day = m.EndDay
	if _, err := tx.post(a.Adverse.Subject, e); err != nil {
		return err
	}
	return state.Set(tx, key, a)
}

// mayRehabilitate refuses whoever neither stated the fact nor is an arbiter, and the enterprise's own control group.
func (tx *Tx) mayRehabilitate(m *types.Rehabilitate, a *types.Adverse) error {
	group, err := tx.groupOf(a.Adverse.Subject)
	if err != nil {
		return err
	}
	role, p := tx.Sender.Key.Role, a.Provenance
	switch {
	case role != types.Role_ARBITER && (p.Signer != tx.Sender.ID || p.Role != role):
		return types.Refuse(types.Code_not_the_original_signer, "%s stated %s as %s", p.Signer, m.Adverse, p.Role)
	case group == tx.Sender.Group:
		return types.Refuse(types.Code_same_control_group, "%s belongs to the control group of %s", a.Adverse.Subject, tx.Sender.ID)
	}
	return nil
}
