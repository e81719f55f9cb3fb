package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RecordAdverse: an authority, an arbiter or a bank states a fact that speaks against an enterprise.
//
// Signed by CUSTOMS, TAX, FOREX, ARBITER or BANK, each with the kinds of its own range. Writes adverse/<id>, the mark that
// scores read if the kind brings a cap (adverse.go), and posts ADVERSE to the enterprise's log. Nobody states one of an
// enterprise of its own control group. The day is that of the confirmation, the listing, the opening or the default; the
// record weighs until five years after its end, see rehabilitate.go. What a bank or a penalty says is shown and caps
// nothing. A LATE one counts as any LATE record does.

// checkRecordAdverse refuses what no state could make valid.
func checkRecordAdverse(m *types.RecordAdverse) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		types.CheckSubjectID(m.Subject),
		types.CheckDigest(m.Commitment),
		required(m.Kind, "kind"),
		checkEventDay(m.Day),
		checkEnd(m.Day, m.EndDay),
	)
}

// recordAdverse checks: days, id, subject, control group, range of kinds, number of marks.
func recordAdverse(tx *Tx, m *types.RecordAdverse) error {
	if err := firstRefusal(tx.eventDay(m.Day), tx.endDay(m.EndDay)); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.AdverseKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "adverse record", types.AdverseKey(id), old, old.Provenance)
	}
	e, err := tx.enterprise(m.Subject)
	if err != nil {
		return err
	}
	if e.Registration.ControlGroup == tx.Sender.Group {
		return types.Refuse(types.Code_same_control_group, "%s belongs to the control group of %s", m.Subject, tx.Sender.ID)
	}
	if role := tx.Sender.Key.Role; adverseRole(m.Kind) != role {
		return types.Refuse(types.Code_adverse_kind_not_of_role, "%s does not state %s", role, m.Kind)
	}
	a := &types.Adverse{Adverse: m, Provenance: tx.provenance(m.Day), EndDay: m.EndDay}
	if err := tx.markAdverse(id, a); err != nil {
		return err
	}
	row := tx.entry(types.EntryKind_ENTRY_ADVERSE, string(types.AdverseKey(id)), "", a.Provenance)
	row.Day, row.DueDay = m.Day, m.EndDay
	n, err := tx.post(m.Subject, row)
	if err != nil {
		return err
	}
	a.Entry = n + 1
	return state.Set(tx, types.AdverseKey(id), a)
}
