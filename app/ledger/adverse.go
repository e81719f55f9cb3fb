package ledger

import (
	"slices"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// An adverse record is read by a score as a mark: one small row a subject holds those of its records that bring a cap
// (score.CapOf), so that a score reads one row whatever a subject did. A mark is there while its record counts, has not
// fallen with its signer's key and was not taken out by a dispute. It weighs by the day alone (score.Left); marks that weigh no more are pruned
// when the row is next written.

// maxMarks bounds the marks of a subject. Only authorities and arbiters sign kinds that leave one.
const maxMarks = 64

// adverseRole is the role whose range an adverse kind lies in: hundred by hundred (types.proto).
func adverseRole(kind types.AdverseKind) types.Role {
	switch kind / 100 {
	case 1:
		return types.Role_CUSTOMS
	case 2:
		return types.Role_TAX
	case 3:
		return types.Role_FOREX
	case 4:
		return types.Role_ARBITER
	case 5:
		return types.Role_BANK
	}
	return types.Role_ROLE_UNSPECIFIED
}

// markOf is the mark of an adverse record on a day, nil when it leaves none.
func markOf(id string, a *types.Adverse, today int32) *types.AdverseMark {
	p := a.Provenance
	if a.Suppressed || p.Fallen || !p.Counted || score.CapOf(a.Adverse.Kind) == types.Cap_CAP_NONE {
		return nil
	}
	m := &types.AdverseMark{Record: id, Kind: a.Adverse.Kind, Day: a.Adverse.Day, EndDay: a.EndDay}
	if score.Left(m, today) {
		return nil
	}
	return m
}

// markAdverse brings the marks of a subject into line with one of its adverse records, and prunes what has left. It
// refuses one mark too many.
func (tx *Tx) markAdverse(id string, a *types.Adverse) error {
	key, today := types.AdverseMarksKey(a.Adverse.Subject), tx.Block.Today()
	row, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	if row == nil {
		row = &types.AdverseMarks{}
	}
	had := len(row.Marks)
	row.Marks = slices.DeleteFunc(row.Marks, func(m *types.AdverseMark) bool { return m.Record == id || score.Left(m, today) })
	if m := markOf(id, a, today); m != nil {
		i, _ := slices.BinarySearchFunc(row.Marks, id, func(m *types.AdverseMark, id string) int { return strings.Compare(m.Record, id) })
		row.Marks = slices.Insert(row.Marks, i, m)
	}
	switch {
	case len(row.Marks) > maxMarks:
		return types.Refuse(types.Code_too_many_adverse, "%s has %d that weigh", a.Adverse.Subject, maxMarks)
	case len(row.Marks) > 0:
		return state.Set(tx, key, row)
	case had > 0:
		tx.Delete(string(key))
	}
	return nil
}

// checkEnd refuses an end before the fact.
func checkEnd(day, end int32) error {
	if end != 0 && end < day {
		return types.Refuse(types.Code_due_before_issue, "it ended on %s, before %s", types.FormatDay(end), types.FormatDay(day))
	}
	return nil
}

// endDay refuses an end after tomorrow.
func (tx *Tx) endDay(end int32) error {
	if end == 0 {
		return nil
	}
	return tx.eventDay(end)
}

// fallAdverse: an authority's word that its key did not give is nobody's: the mark goes. A rehabilitation that falls is
// none; the record ends as it said itself.
func fallAdverse(tx *Tx, m mark, key string, value []byte) (int, error) {
	a, err := decode[types.Adverse](key, value)
	if err != nil {
		return 0, err
	}
	record, ended := m.covers(a.Provenance), m.covers(a.Ended)
	if !record && !ended {
		return 0, nil
	}
	if record {
		fell(a.Provenance)
	}
	if ended {
		fell(a.Ended)
		a.EndDay = a.Adverse.EndDay
	}
	if err := tx.markAdverse(strings.TrimPrefix(key, string(types.Adverses)), a); err != nil {
		return 0, err
	}
	return 1, state.Set(tx, types.Key[types.Adverse](key), a)
}

// fallDispute: nobody is forgiven by a stolen key. An adverse record that the key conceded or expunged weighs again, and
// may not be disputed again without leave. Whatever else left the scores by it stays out: it had its place in sums that
// went on without it.
func fallDispute(tx *Tx, m mark, key string, value []byte) (int, error) {
	d, err := decode[types.Dispute](key, value)
	if err != nil {
		return 0, err
	}
	responded, resolved := m.covers(d.Responded), m.covers(d.Resolved)
	if !responded && !resolved {
		return 0, nil
	}
	if responded {
		fell(d.Responded)
	}
	if resolved {
		fell(d.Resolved)
	}
	work := 0
	if expungedByFallen(d) {
		if work, err = tx.unforgive(d.Dispute.Item); err != nil {
			return 0, err
		}
	}
	return work, state.Set(tx, types.Key[types.Dispute](key), d)
}

// expungedByFallen tells whether a dispute expunged its item by a signature that fell.
func expungedByFallen(d *types.Dispute) bool {
	by := d.Resolved
	if by == nil {
		by = d.Responded
	}
	return d.Outcome == types.DisputeOutcome_ITEM_EXPUNGED && by != nil && by.Fallen
}

// unforgive lets an adverse record that left the scores weigh again; other items stay out.
func (tx *Tx) unforgive(item string) (work int, err error) {
	id, ok := strings.CutPrefix(item, string(types.Adverses))
	if !ok {
		return 0, nil
	}
	a, err := state.Get(tx, types.AdverseKey(id))
	if err != nil {
		return 0, err
	}
	row, err := state.Get(tx, types.DisputedItemKey(item))
	if err != nil {
		return 0, err
	}
	if a == nil || row == nil {
		return 0, missing(item)
	}
	a.Suppressed, row.Left = false, false
	if err := tx.markAdverse(id, a); err != nil {
		return 0, err
	}
	if err := state.Set(tx, types.AdverseKey(id), a); err != nil {
		return 0, err
	}
	return 2, state.Set(tx, types.DisputedItemKey(item), row)
}
